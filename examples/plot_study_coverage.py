"""
Do the intervals for a divergence hold what they promise?
=========================================================

An interval with 95 % confidence should hold the truth in 95 of 100 samples. Whether it does is
found out by simulating from laws whose divergence is known, here normal laws one standard deviation
apart, whose Kullback-Leibler divergence is 0.5 nats in any number of columns.
"""

# %%
# The study stands in a file, ``study_coverage.toml``:

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt

print(Path("study_coverage.toml").read_text())

# %%
# The command ``divest study study_coverage.toml --summary data/study_coverage.csv`` ran 200
# replications of each of its nine settings, within a minute on one core. The same file gives the
# same numbers anywhere, so that its result can be stored beside it:

summary = pd.read_csv("data/study_coverage.csv")
columns = ["n", "d", "method", "bias", "bias_mcse", "rmse", "rmse_mcse", "se_ratio"]
print(summary[columns].round(3).to_string(index=False))

# %%
# Bars are 95 % Wilson limits: what 200 replications leave open.


def draw(ax, rows, shift, **style):
    """Coverage against n with its limits; shifted a little, so that bars do not overlap."""
    limits = [rows["coverage"] - rows["coverage_low"], rows["coverage_high"] - rows["coverage"]]
    ax.errorbar(rows["n"] * shift, rows["coverage"], limits, capsize=3, **style)


styles = {"ratio": {"color": "#0072b2", "marker": "o"},
          "distance": {"color": "#d55e00", "marker": "s", "linestyle": "--"}}
fig, axes = plt.subplots(1, 3, figsize=(8, 3.4), sharey=True, layout="constrained")
for ax, (d, rows) in zip(axes, summary.groupby("d"), strict=True):
    for method, style in styles.items():
        shift = 0.98 if method == "ratio" else 1.02
        draw(ax, rows[rows["method"] == method], shift, label=method, **style)
    ax.axhline(0.95, color="0.5", linewidth=1, linestyle=":")
    ax.set(xscale="log", title=f"{d} column{'s' * (d > 1)}", xlabel="rows per sample",
           xticks=rows["n"].unique(), xticklabels=rows["n"].unique(), ylim=(0.55, 1.01))
    ax.minorticks_off()
axes[0].set_ylabel("coverage of the 95 % interval")
axes[0].legend(loc="lower left", title="nearest neighbours by")

# %%
# `NearestNeighborRatioDivergence <divest.NearestNeighborRatioDivergence>` holds its level, with
# intervals that are rather too long in five columns. The plain distance estimator is biased towards
# 0; in five columns its standard error shrinks faster than its bias, so that its interval gets
# worse with more rows.
#
# The diagnostics should say where a number is doubtful. They do for both in five columns and 100
# rows, where all replications fail one, and not for the distance estimator elsewhere: its bias
# cannot be seen in a single sample. That is what studies are for.

columns = ["n", "d", "method", "coverage", "trusted_share", "coverage_trusted"]
print(summary[columns].round(3).to_string(index=False))
