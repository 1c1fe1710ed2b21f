"""
Learning curves: how many rows until a distance settles
=======================================================

Two samples of the same law are never at distance 0. How large that noise is, how fast it falls, and
how many rows bring it down to a target can be read off one sample.
"""

# %%
# Images of handwritten digits have 64 pixels each. The Wasserstein distance W1 between pairs of
# subsamples that share no row falls slowly: with images it always does.

import warnings

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

from divest import TrustWarning, divergence_two_sample_test, estimate_divergence
from divest.plotting import plot_learning_curve, plot_power_curve
from divest.sample_complexity import (
    intrinsic_dimension,
    sample_size_for_power,
    sample_size_report,
)

images = load_digits().data
images = np.random.default_rng(0).permutation(images)
report = sample_size_report(images, target=18.0, n_repeats=6, random_state=0)
print(report.summary())

# %%
# The points are measured, the line is what is inferred. The number of rows comes with an interval,
# always.

fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
plot_learning_curve(report, ax)

# %%
# Why so slow? W1 falls as n to the power of minus one over the dimension. That is not the number of
# pixels, but the number of directions in which the rows really vary. That is 7 or more: so few rows
# cannot tell more dimensions apart than six or seven, as the result says.

with warnings.catch_warnings(action="ignore", category=TrustWarning):  # it is printed here
    dimension = intrinsic_dimension(images)
print(f"intrinsic dimension {dimension.estimate:.1f} of 64, of which one can tell "
      f"{dimension.diagnostics[1].threshold:.1f}; "
      f"one over it {1 / dimension.estimate:.3f}, exponent of the curve {report.exponent:.3f}")

# %%
# Does the forecast hold? From 450 of the images the error at 898 per sample is predicted, and then
# measured with all of them.

few = sample_size_report(images[:450], random_state=0)
predicted = few.predict(898)
print(predicted.round(2))
print(f"measured at {report.curve['n'].iloc[-1]}: {report.curve['error'].iloc[-1]:.2f}")

# %%
# The maximum mean discrepancy falls by the root of n in any dimension, and its error is known in
# closed form; the price is that it sees little where dimensions are many. Divergences of the
# package can be planned as well. Here are all three in two columns, which are easy: 1,000 rows
# of a normal law, and the rows per sample at which the error meets a target. Single values of the
# Kullback-Leibler estimate vary much, so it gets more pairs of subsamples.

normals = np.random.default_rng(2).normal(size=(1000, 2))


def kullback_leibler(A, B):
    """Its absolute value, for an estimate of 0 may come out negative."""
    return abs(estimate_divergence(A, B, "kl").estimate)


targets = {"wasserstein": 0.1, "mmd": 0.02, kullback_leibler: 0.0125}
found = []
for measure, target in targets.items():
    pairs = 20 if callable(measure) else 10
    found.append(sample_size_report(normals, measure, target=target, n_repeats=pairs,
                                    random_state=0).to_frame())
table = pd.concat(found).set_index("measure")
print(table[["exponent", "exponent_se", "n_required", "n_required_low", "n_required_high"]]
      .round(2).T)

# %%
# A test needs fewer rows than an estimate. At which n does the nearest-neighbour test see a
# correlation of one half between two columns, with a power of 80 %?


def sampler(rng, n):
    """Rows with the correlation, and rows without."""
    return (rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=n), rng.normal(size=(n, 2)))


def test(P, Q):
    return divergence_two_sample_test(P, Q, n_resamples=59, random_state=0)


power = sample_size_for_power(test, sampler, sizes=[60, 120, 240], n_trials=40, random_state=0)
print(power.summary())
fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
plot_power_curve(power, ax)
