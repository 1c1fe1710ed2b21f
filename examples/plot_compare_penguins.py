"""
Two years of penguins: what has changed?
========================================

The penguins near Palmer Station were measured in 2007 and again in 2009. Are the birds of 2009
distributed as those of 2007 were, and which columns drive the difference if not?
"""

# %%
# One call compares the two tables: the joint distribution of the numeric columns, and each column.

# sphinx_gallery_start_ignore
import sys

# sphinx_gallery_end_ignore
from matplotlib import pyplot as plt

from divest import compare
from divest.datasets import load_penguins
from divest.plotting import plot_comparison, plot_null_distribution

penguins = load_penguins()
reference = penguins[penguins["year"] == 2007].drop(columns="year")
current = penguins[penguins["year"] == 2009].drop(columns="year")
result = compare(reference, current, random_state=0)
print(result.verdict)

# %%
# The joint test rejects; once the p-values are adjusted for seven tests, flipper length does so by
# itself. Its interval is wide: a difference is sure, how large it is much less so.

ax = plot_comparison(result)

# sphinx_gallery_start_ignore
# python examples/plot_compare_penguins.py docs/_static/compare_penguins.png
# makes the picture of README.md anew.
if len(sys.argv) > 1:
    ax.figure.savefig(sys.argv[1], dpi=130)
# sphinx_gallery_end_ignore

# %%
# How sure is the test? It draws labels at random on one fixed neighbour graph; none of the 999
# labellings gives a statistic as large as that of the years themselves.

plot_null_distribution(result.test)

# %%
# What moved? A look afterwards, not a test: within each species and sex the mean flipper is longer
# in 2009.

flippers = penguins[penguins["year"] != 2008].groupby(
    ["species", "sex", "year"], observed=True)["flipper_length_mm"].mean().unstack("year")
print(flippers.round(1))

# %%
# The shift of a few millimetres is small next to the 25 mm between the species, which widen the
# column as a whole. Among rows alike in bill and mass, as neighbours in four columns are, it stands
# out more.

names = [f"{species}, {sex}" for species, sex in flippers.index]
fig, ax = plt.subplots(figsize=(7.5, 3), layout="constrained")
ax.hlines(names, flippers[2007], flippers[2009], color="0.45", zorder=0)
ax.plot(flippers[2007], names, "o", color="#0072b2", label="2007")
ax.plot(flippers[2009], names, "D", color="#d55e00", label="2009")
ax.set_xlabel("mean flipper length, mm")
ax.legend()
