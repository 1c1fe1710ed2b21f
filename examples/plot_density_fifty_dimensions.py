"""
Fifty columns: when a density is a handful of rows
==================================================

In many columns every row is far from every other. A kernel sum then rests on the few rows that
happen to be nearest: it is *condensed*. It still gives a number, and only the regimes of Biroli and
Mezard say what the number is worth.
"""

# %%
# For normal rows in many columns theory says at which bandwidths this happens: below ``h_g`` the
# sum is condensed, above ``h_clt`` it is a mean of many rows and fluctuates like a normal variable,
# and in between it has heavy tails. The largest likelihood is at ``h_kl``.

import warnings

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from divest import KernelDensity, TrustWarning, condensation_bandwidths
from divest.plotting import plot_regimes

n = 2000
table = pd.DataFrame({d: condensation_bandwidths(n, d)._asdict() for d in (20, 50, 100)}).T
print(table.rename_axis("columns").round(3))

# %%
# The best likelihood is *below* ``h_g``: no bandwidth has both a good fit and many rows to rest on.
# More rows help little, and the more columns the less.

sizes = np.geomspace(100, 1e9, 50).astype(int)
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for d, color in ((20, "#0072b2"), (100, "#d55e00")):
    found = np.array([condensation_bandwidths(int(size), d) for size in sizes])
    ax.fill_between(sizes, found[:, 0], found[:, 1], color=color, alpha=0.2, linewidth=0,
                    label=f"{d} columns: heavy tails, between h_g and h_clt")
    ax.plot(sizes, found[:, 2], color=color, linewidth=2, label=f"{d} columns: h_kl")
ax.set(xscale="log", xlabel="rows", ylabel="bandwidth, standard deviations")
ax.legend()

# %%
# Fifty normal columns, 2000 rows. The rule with the best likelihood says itself that its estimate
# is condensed.

rows = np.random.default_rng(0).normal(size=(n, 50))
with warnings.catch_warnings(action="ignore", category=TrustWarning):  # it is printed below
    density = KernelDensity(bandwidth="loo_kl").fit(rows)
for failed in density.diagnostics_.query("not passed").itertuples():
    print(f"{failed.name} = {failed.value:.2f}: {failed.advice}")
print(f"bandwidth {density.bandwidth_factor_:.3f}, theory {table.loc[50, 'h_kl']:.3f}")

# %%
# The map: each point is a row, and where the others stand to it. Right of the line fewer than five
# of the 2000 rows decide its density.

plot_regimes(density)

# %%
# At ``h_clt`` the map is calm, and the price is bias: the estimate is far too wide. In nats, the
# mean log density of new rows:

new = np.random.default_rng(1).normal(size=(1000, 50))
best = -0.5 * (new**2).sum(axis=1).mean() - 25 * np.log(2 * np.pi)
losses = {}
for name in ("h_kl", "h_g", "h_clt"):
    with warnings.catch_warnings(action="ignore", category=TrustWarning):
        fitted = KernelDensity(bandwidth=float(table.loc[50, name])).fit(rows)
    losses[name] = {"bandwidth": fitted.bandwidth_,
                    "lost_nats": best - fitted.score_samples(new).mean(),
                    **fitted.regime(new).shares}
print(pd.DataFrame(losses).T.drop(columns="empty").round(2))

# %%
# In five columns the same number of rows is enough.

plot_regimes(KernelDensity(bandwidth="loo_kl").fit(rows[:, :5]))
