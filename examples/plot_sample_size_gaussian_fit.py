"""
How many rows does a Gaussian need? Not p parameters' worth
===========================================================

A Gaussian is fitted to a table: as a reference for outliers, as a class in discriminant analysis,
or as the law that new rows are drawn from. A textbook says that it costs p / 2n nats, with p
parameters and n rows. On real tables that is wrong by a factor, for the Gaussian does not hold.
"""

# %%
# The p-n criterion counts *effective* parameters ``p_star`` instead, from the fourth moments of the
# rows, and adds the second order in 1/n. Four tables:

import warnings

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from divest import TrustWarning
from divest.datasets import load_penguins
from divest.plotting import plot_risk
from divest.sample_complexity import pn_criterion

penguins = load_penguins().select_dtypes("number").drop(columns="year").dropna()
tumours = load_breast_cancer(as_frame=True).data[["radius error", "area error", "concavity error"]]
tables = {
    "penguins": penguins,
    "wine, 5 columns": load_wine(as_frame=True).data.iloc[:, :5],
    "diabetes, blood": load_diabetes(as_frame=True).data[["s1", "s2", "s3", "s4", "s5", "s6"]],
    "tumours, errors": tumours,
}
with warnings.catch_warnings(action="ignore", category=TrustWarning):  # they are printed below
    results = {name: pn_criterion(table, delta=0.1) for name, table in tables.items()}
frame = pd.concat([result.to_frame() for result in results.values()], keys=list(results))
frame = frame.droplevel(1).assign(textbook=lambda f: f["p"] / (2 * f["n"]))
print(frame[["n", "p", "p_star", "p_star_se", "textbook", "risk_second", "n_rows"]].round(3))

# %%
# ``n_rows`` is the number of rows at which even the best rule would tell the fitted Gaussian from
# the best possible one with an error of at least 40 % (``delta=0.1``) on a new row. The verdicts:

for name, result in results.items():
    failed = [d.name for d in result.diagnostics if not d.passed]
    print(f"{name}: {'enough' if result.accept else 'not enough'} rows; doubts: {failed}")

# %%
# Is that better than p / 2n? The table can be asked. Take its rows for the whole truth, draw
# samples from them, fit Gaussians, and see how far these are from the Gaussian of all rows.


def resampled_risk(table, n, repeats, rng):
    """Mean divergence KL(best || fitted) over samples of n rows, and its standard error."""
    rows = table.to_numpy(float)
    rows = (rows - rows.mean(axis=0)) @ np.linalg.cholesky(np.linalg.inv(np.cov(rows.T, ddof=0)))
    found = np.empty(repeats)
    for i in range(repeats):
        sample = rows[rng.integers(len(rows), size=n)]
        mean, covariance = sample.mean(axis=0), np.cov(sample.T, ddof=0)
        inverse = np.linalg.inv(covariance)
        found[i] = (np.trace(inverse) + mean @ inverse @ mean - len(mean)
                    + np.linalg.slogdet(covariance)[1]) / 2
    return found.mean(), found.std(ddof=1) / repeats**0.5


rng = np.random.default_rng(0)
name = "diabetes, blood"
table, result = tables[name], results[name]
sizes = np.array([80, 120, 180, 270, 442])
risks, errors = np.array([resampled_risk(table, n, 600, rng) for n in sizes]).T

n = np.geomspace(70, 500)
fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
ax.loglog(n, result.p / (2 * n), ":", color="black", linewidth=2, label="textbook, p / 2n")
ax.loglog(n, result.p_star / (2 * n), "--", color="#d55e00", linewidth=2,
          label="first order, p_star / 2n")
ax.loglog(n, result.p_star / (2 * n) + result.c2 / n**2, color="#0072b2", linewidth=2,
          label="second order")
ax.errorbar(sizes, risks, 2 * errors, fmt="o", color="black", label="resampled, ± 2 errors")
ax.axhline(result.threshold, color="0.5", linewidth=1)
ax.annotate("accepted below this", (70, result.threshold), (0, -12), color="0.35",
            textcoords="offset points")
ax.set(xlabel="rows n", ylabel="divergence, nats", title=f"Gaussian fitted to {name}",
       xticks=sizes, xticklabels=sizes, yticks=[0.03, 0.1, 0.3], yticklabels=[0.03, 0.1, 0.3])
ax.minorticks_off()
ax.legend()

# %%
# At all n the textbook is more than a third too low. The first order is close where rows are many,
# and the second also where they are few.

# %%
# The measurement errors of the tumours are the worst case: heavy tails make ten parameters out of
# one, and single rows decide. `plot_risk` shows how many rows would do, and how sure that is.

fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
plot_risk(results["tumours, errors"], ax)

# %%
# Two of these columns are positive and skewed. Their logarithms are nearly Gaussian, and most of
# the price is gone.

size = tumours[["radius error", "area error"]]
with warnings.catch_warnings(action="ignore", category=TrustWarning):
    found = {"as they are": pn_criterion(size, delta=0.1),
             "logarithms": pn_criterion(np.log(size), delta=0.1)}
print(pd.concat([result.to_frame() for result in found.values()], keys=list(found))
      .droplevel(1)[["p", "p_star", "p_star_se", "n_rows", "n_required_se"]].round(1))
