"""
Is it a random walk? Steps of three economic series
===================================================

In a random walk what happened last says nothing about the next step. Here the steps of three
American series, up, down or the same from one quarter to the next, are set against that: one
sequence of four steps for each year from 1960 to 2008.
"""

# %%
# The 49 sequences of each series. ``u`` is up, ``d`` is down, ``s`` is the same.

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from divest.goodness_of_fit import IndependentTokens, SequenceSteinTest

data = Path("data") if Path("data").is_dir() else Path("examples/data")
years = pd.read_csv(data / "us_quarterly_steps.csv", index_col="year")
print(years.head(3))

# %%
# The model is a symmetric walk: independent steps, up as likely as down. Only the share of quarters
# without a change is taken from the series.


def walk(sequences):
    same = np.mean([step == "s" for year in sequences for step in year])
    return IndependentTokens([(1 - same) / 2, same, (1 - same) / 2], length=4, alphabet="dsu")


tests = {name: SequenceSteinTest(walk(years[name]), random_state=0).fit(years[name])
         for name in years}
for name, test in tests.items():
    print(f"{name:14s} p = {test.pvalue_:.3f}, trusted: {test.result_.trusted}")

# %%
# None of them is such a walk. In what way, the witness says: for each pair of steps, whether the
# walk would have more of it (above 0) or less (below 0). Lines are two standard errors.

pairs = ["uu", "dd", "ud", "du"]
fig, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for shift, (name, marker, test) in enumerate(zip(tests, "os^", tests.values(), strict=True)):
    found = test.witness_.set_index(test.witness_["substring"].map("".join)).loc[pairs]
    ax.errorbar(np.arange(4) + 0.15 * (shift - 1), found["mean"], 2 * found["standard_error"],
                fmt=marker, label=name.replace("_", " "))
ax.axhline(0, color="0.6", linewidth=1)
ax.set(xticks=range(4), xticklabels=["up, up", "down, down", "up, down", "down, up"],
       ylabel="walk would have less     walk would have more")
ax.legend()

# %%
# Unemployment and the rate of Treasury bills go on as they went: the walk would have fewer pairs of
# one direction and more turns. Inflation is the other way round: it turns too often, as a series
# does whose level comes back.
#
# The test takes the 49 years as independent, which neighbouring years are not quite, and the
# frequency of "same" as known. It speaks of the directions only, not of the sizes of the steps.
