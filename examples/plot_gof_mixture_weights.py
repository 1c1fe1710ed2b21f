"""
Are the shares of a mixture right?
==================================

A kernel Stein test sees the shape of every mode of a density, and next to nothing of how the mass
is divided between modes that are far apart: the score, all that the test knows of the model, does
not depend on it. The perturbed test carries rows from mode to mode first, and sees it.
"""

# %%
# Penguins of three species were measured near Palmer Station. By bill and flipper they form two
# groups: Gentoo penguins, and all others. Half of the penguins, chosen at random, give a mixture of
# two normal laws; the species are not used. The other half is the sample to be tested.

import warnings

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.mixture import GaussianMixture

from divest import KernelSteinTest, TrustWarning
from divest.datasets import load_penguins
from divest.goodness_of_fit import PerturbedSteinTest

penguins = load_penguins().dropna().sample(frac=1, random_state=1)  # the file is sorted by species
names = ["bill_depth_mm", "flipper_length_mm"]
sizes = (penguins[names] - penguins[names].mean()) / penguins[names].std()
fitted, tested = sizes.iloc[::2], sizes.iloc[1::2]
mixture = GaussianMixture(2, random_state=0).fit(fitted.to_numpy())
long_flippers = int(np.argmax(mixture.means_[:, 1]))

# %%
# Now the shares of the two groups are swapped, as if the mixture came from a colony with many
# Gentoo penguins. The rest of the model stays as it is. What do the tests say of the fitted model,
# and of the one with swapped shares?


def both_tests(share):
    """The two tests, of a mixture with some share of penguins with long flippers."""
    mixture.weights_ = np.where(np.arange(2) == long_flippers, share, 1 - share)
    plain = KernelSteinTest(mixture, random_state=0)
    perturbed = PerturbedSteinTest(mixture, box=(-4, 4), n_resamples=199, random_state=0)
    with warnings.catch_warnings():  # the plain test warns that it is blind; see below
        warnings.simplefilter("ignore", TrustWarning)
        return plain.fit(tested), perturbed.fit(tested)


share = mixture.weights_[long_flippers]
rows = []
for name, value in (("fitted", share), ("swapped", 1 - share)):
    plain, perturbed = both_tests(value)
    rows.append({"shares": name, "long_flippers": value, "pvalue_plain": plain.pvalue_,
                 "pvalue_perturbed": perturbed.pvalue_})
print(pd.DataFrame(rows).round(3).to_string(index=False))

# %%
# The plain test says yes to both. It says itself that this means little, as the model has separated
# modes and is not rejected:

print(plain.diagnostics_.query("name == 'modes'").iloc[0]["advice"])

# %%
# The perturbed test says no to the swapped shares. Its table of modes tells why: the shares of the
# model and those of the rows are far apart.

print(perturbed.modes_.drop(columns=["log_density", "n_reached"]).round(2).to_string(index=False))

# %%
# The p-values of both tests for other shares. The line of the plain test is flat: it cannot tell
# shares apart. That of the perturbed test is high only near the share among the rows.

shares = np.arange(0.1, 0.95, 0.1)
curves = np.array([[test.pvalue_ for test in both_tests(value)] for value in shares])
seen = (penguins["species"].iloc[1::2] == "Gentoo").mean()

fig, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
left.scatter(*fitted.to_numpy().T, s=14, label="fitted to", color="0.6")
left.scatter(*tested.to_numpy().T, s=14, label="tested on")
left.plot(*mixture.means_.T, "k+", markersize=12, markeredgewidth=2, label="modes")
left.set(xlabel="bill depth, standardised", ylabel="flipper length, standardised")
left.legend()
right.plot(shares, curves[:, 0], "o-", label="plain")
right.plot(shares, curves[:, 1], "s-", label="perturbed")
right.axhline(0.05, color="0.5", linewidth=0.8, linestyle="--")
right.axvline(seen, color="0.5", linewidth=0.8, linestyle=":", label="Gentoo among the rows")
right.set(xlabel="share of long flippers in the model", ylabel="p-value", ylim=(0, 1))
right.legend()
