"""
How many components does this mixture need?
===========================================

Penguins of three species were measured near Palmer Station. Say that the species were not recorded:
how many normal components does the law of two bill measurements need? The information criteria rank
mixtures against one another; the Stein test says whether one of them fits at all.
"""

# %%
# The parameters of each mixture come from the same rows that it is tested on, so this is a case for
# the composite test: it draws samples from each fitted mixture and fits them anew.

import pandas as pd
from matplotlib import pyplot as plt
from sklearn.mixture import GaussianMixture

from divest import CompositeSteinTest
from divest.datasets import load_penguins
from divest.plotting import plot_influence, plot_witness

penguins = load_penguins().dropna().sample(frac=1, random_state=0)  # the file is sorted by species
bills = penguins[["bill_length_mm", "bill_depth_mm"]]
bills = (bills - bills.mean()) / bills.std()

# %%
# One and two components are rejected. With three there is no evidence of a misfit, and the Bayes
# information criterion agrees.

tests, rows = {}, []
for count in (1, 2, 3):
    mixture = GaussianMixture(count, random_state=0)
    test = CompositeSteinTest(mixture, bandwidth="median", n_resamples=49, random_state=0)
    tests[count] = test.fit(bills)
    rows.append({"components": count, "pvalue": test.pvalue_,
                 "bic": test.fitted_.bic(bills.to_numpy())})
print(pd.DataFrame(rows).round(3).to_string(index=False))

# %%
# Where does one component misfit? Arrows show where mass of the sample must move for the model to
# fit: from the three clouds that are there into the gaps between them.

fig, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained", sharex=True, sharey=True)
for ax, count in zip(axes, (1, 3), strict=True):
    plot_witness(tests[count], bills, ax=ax)
    ax.set_title(f"{count} component{'s' if count > 1 else ''}, p = {tests[count].pvalue_:.2f}")

# %%
# Which rows speak against one component? Mostly those in the middle of a cloud, where the sample is
# denser than a single normal law.

plot_influence(tests[1])

# %%
# A large p-value is no proof that the mixture is right, and the shares of its components are what
# the test sees least. Here the components are nearly the species.

found = tests[3].fitted_.predict(bills.to_numpy())
print(pd.crosstab(penguins["species"], found, colnames=["component"]))
