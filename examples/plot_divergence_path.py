"""
How many neighbours, and when to doubt the answer
=================================================

A nearest-neighbour estimate depends on the number of neighbours, k. With few the noise is large,
with many the balls are too wide to follow the densities. Here the truth is known, so that one can
see what the default does about it, and where no number of neighbours helps.
"""

# %%
# The path over k
# ---------------
# Wide balls lower the estimate: a little where the logarithm of the density ratio is a straight
# line (left), much where P is a ring (right). The default therefore reads the estimate off at
# k = 0. On the right this moves it by so much that the diagnostics call it doubtful.

import warnings

import numpy as np
from matplotlib import pyplot as plt

from divest import NearestNeighborRatioDivergence, TrustWarning
from divest.datasets import ring, shifted_gaussians
from divest.plotting import plot_path


def fit(P, Q):
    """The default estimate; what the warnings say is in the figures."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrustWarning)
        return NearestNeighborRatioDivergence("kl").fit_samples(P, Q)


fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, simulator in zip(axes, (shifted_gaussians, ring), strict=True):
    plot_path(fit(*simulator(3, n=2000, d=3)), ax)
    truth = simulator.truth("kl", d=3)
    ax.axhline(truth, color="black", linestyle=":", label="truth")
    ax.set(title=simulator.name, ylim=(0, 0.8))
    ax.legend(loc="lower right")
    ax.label_outer()

# %%
# When the divergence is too large
# --------------------------------
# The farther P from Q, the fewer rows of Q lie where those of P are, until there are none left to
# count; all that can be said then is that the divergence is at least so large. The diagnostics see
# this without the truth. Here crosses are estimates that they call doubtful.

results = {True: [], False: []}  # rows of truth, estimate, half the interval
for seed, shift in enumerate(np.arange(0.25, 3.6, 0.25)):
    P, Q = shifted_gaussians(seed, n=500, d=2, shift=shift)
    result = fit(P, Q).result_
    truth = shifted_gaussians.truth("kl", shift=shift)
    reach = result.estimate - result.confidence_interval()[0]
    results[result.trusted].append((truth, result.estimate, reach))

fig, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
ax.plot([0, 6], [0, 6], color="0.45", linestyle=":", label="truth")
ax.errorbar(*np.transpose(results[True]), fmt="o", color="C0", label="trusted")
ax.errorbar(*np.transpose(results[False]), fmt="X", color="C1", label="doubtful")
ax.set(xlabel="true kl, nats", ylabel="estimate with 95 % interval, nats")
ax.legend()

# %%
# The last of them says why, and what to do:

print(result.summary())

# %%
# A bounded divergence of the same samples comes from the same neighbour graph. It is nearer to its
# truth, but no less doubtful here: most rows have no neighbour from the other sample.

names = ["kl", "hellinger", "jensen_shannon"]
with warnings.catch_warnings():
    warnings.simplefilter("ignore", TrustWarning)
    table = fit(P, Q).estimates(names)
table["truth"] = [shifted_gaussians.truth(name, shift=shift) for name in names]
print(table[["divergence", "estimate", "low", "high", "truth", "trusted"]].round(3))
