"""
Data that end at an edge
========================

Incomes, waiting times and concentrations end at zero, often where they are most frequent. A plain
kernel estimate spreads over such an edge: it puts mass where there can be none, and has half of the
density where there is most.
"""

# %%
# The 117 Belgian households of 1857 with incomes above the median, and by how much they exceed it,
# in francs. Nobody has told the estimate of the edge; its diagnostics find it.

import warnings

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from scipy import stats
from statsmodels.datasets import engel

from divest import KernelDensity, TrustWarning
from divest.plotting import plot_density

income = engel.load_pandas().data["income"]
excess = (income[income > income.median()] - income.median()).to_frame("excess")

with warnings.catch_warnings(action="ignore", category=TrustWarning):  # it is printed below
    plain = KernelDensity(bandwidth="robust").fit(excess)
for failed in plain.diagnostics_.query("not passed").itertuples():
    print(f"{failed.name} = {failed.value:.1f}: {failed.advice}")

# %%
# With ``bounds`` the mass beyond the edge is reflected, and the rule "isj", the default for one
# column, knows that the density goes on there as in a mirror.

density = KernelDensity(bounds=(0, None)).fit(excess)
ax = plot_density(density)
x = plain.evaluate_grid()
ax.plot(x["excess"], x["density"], "--", color="#d55e00", label="without bounds")
ax.set(xlim=(-400, 3000), xlabel="income above the median, francs")
ax.legend()

# %%
# What is right at an edge? For exponential rows we know. "reflect" makes the estimate flat there,
# "linear" follows the slope, but may become negative; "positive" is its form that does not.

rows = np.random.default_rng(0).exponential(size=(1000, 1))
truth = stats.expon
grid = np.linspace(0, 12, 2001)
errors, curves = {}, {}
for name in ("none", "reflect", "renormalize", "linear", "positive"):
    settings = {} if name == "none" else {"bounds": (0, None), "boundary": name}
    with warnings.catch_warnings(action="ignore", category=TrustWarning):
        fitted = KernelDensity(bandwidth="robust", **settings).fit(rows)
    curves[name] = fitted.pdf(grid[:, None])
    errors[name] = {
        "squared_error": 1000 * np.trapezoid((curves[name] - truth.pdf(grid)) ** 2, grid),
        "at_the_edge": curves[name][0], "boundary_mass": fitted.boundary_mass_}
print(pd.DataFrame(errors).T.round(2))

# %%
# The true density is 1 at the edge.

fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
ax.plot(grid, truth.pdf(grid), color="0.6", linewidth=5, label="truth")
styles = {"none": ("#d55e00", "--"), "reflect": ("#0072b2", "-"), "linear": ("black", ":")}
for name, (color, style) in styles.items():
    ax.plot(grid, curves[name], style, color=color, linewidth=2, label=name)
ax.set(xlim=(0, 2), ylim=(0, 1.2), xlabel="x", ylabel="density")
ax.legend(title="boundary")
