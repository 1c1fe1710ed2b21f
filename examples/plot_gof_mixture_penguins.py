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
from divest.plotting import plot_witness

penguins = load_penguins().dropna().sample(frac=1, random_state=0)  # the file is sorted by species
bills = penguins[["bill_length_mm", "bill_depth_mm"]]
bills = (bills - bills.mean()) / bills.std()
bills.columns = ["bill length, standardised", "bill depth, standardised"]

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

plot_witness(tests[1], bills)

# %%
# Which rows speak against one component? Those in the middle of the clouds of which the model knows
# nothing.

fig, ax = plt.subplots(figsize=(7.5, 5), layout="constrained")
dots = ax.scatter(*bills.to_numpy().T, c=tests[1].influence_, cmap="cividis", s=18)
ax.set(xlabel=bills.columns[0], ylabel=bills.columns[1])
fig.colorbar(dots, label="influence: above 0, against the model")

# %%
# A large p-value is no proof that the mixture is right, and the shares of its components are what
# the test sees least. Here the components are nearly the species.

found = tests[3].fitted_.predict(bills.to_numpy())
print(pd.crosstab(penguins["species"], found, colnames=["component"]))
