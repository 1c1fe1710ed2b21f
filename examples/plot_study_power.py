"""
Which of three tests sees a mixture?
====================================

Two samples of numbers: one from a normal law, the other from two normal laws in equal parts, three
standard deviations apart, which together have the same mean and variance as the first. How often
does each test notice, at level 5 %?
"""

# %%
# The study stands in a file, ``study_power.toml``. A class is one of divest, and any function that
# gives a p-value is a test:

from pathlib import Path

import pandas as pd
from matplotlib import pyplot as plt

print(Path("study_power.toml").read_text())

# %%
# In each replication the three tests see the same two samples. The command ``divest study
# study_power.toml --summary data/study_power.csv`` took half a minute on one core, and gave:

summary = pd.read_csv("data/study_power.csv")
columns = ["n", "method", "rejections", "rejections_low", "rejections_high", "seconds"]
print(summary[columns].round(4).to_string(index=False))

# %%
# Bars are 95 % Wilson limits.

styles = {"divergence": ("#0072b2", "o-", "permutation test of divest"),
          "kolmogorov_smirnov": ("#d55e00", "s--", "Kolmogorov-Smirnov"),
          "epps_singleton": ("#009e73", "D-.", "Epps-Singleton")}
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for i, (method, (color, style, label)) in enumerate(styles.items()):
    rows = summary[summary["method"] == method]
    ax.errorbar(rows["n"] * 1.02**(i - 1), rows["rejections"],
                [rows["rejections"] - rows["rejections_low"],
                 rows["rejections_high"] - rows["rejections"]],
                fmt=style, color=color, capsize=3, label=label)
ax.axhline(0.05, color="0.5", linewidth=1, linestyle=":")
sizes = summary["n"].unique()
ax.set(xscale="log", xticks=sizes, xticklabels=sizes, xlabel="rows per sample", ylim=(0, 1.02),
       ylabel="share of rejections at level 5 %")
ax.minorticks_off()
ax.legend(loc="upper left")

# %%
# Kolmogorov and Smirnov look at the largest gap between two distribution functions, and here it is
# small. The characteristic functions that Epps and Singleton compare differ most of all, and in one
# column their test is the one to take for such alternatives, and the quickest after Kolmogorov's.
# The permutation test is not made for this alternative, nor for one column; it takes any number of
# columns as it stands, which the other two do not.
#
# How many rows would give it a power of 80 %? `sample_size_for_power
# <divest.sample_complexity.sample_size_for_power>` searches for them; the figure says: about 400.
