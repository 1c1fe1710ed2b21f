"""Calls that make value objects: generators, kernels, groups; and simulated and real data."""

import re

import numpy as np
from fuzz_calls import method_of, of
from fuzz_calls_samples import X, pair, rows

from divest import datasets, generators, groups, kernels

NO_LOG = {"may_be_nan": re.compile("")}  # NaN where there is no logarithm
AS_GIVEN = {"share": 0.1, "may_be_nan": re.compile("")}  # made by divest, and taken as given
DRAWS = {"rng": 0, "n": 5, "m": None}


def four() -> groups.FiniteGroup:
    return groups.cyclic(4)


def integral() -> generators.PowerIntegral:
    return generators.PowerIntegral(2.0, 1.0, True)


def kernel() -> kernels.Kernel:
    return kernels.rbf(1.0)


def two_kernels() -> kernels.KernelSum:
    return kernels.rbf(1.0) + kernels.imq(bandwidth=1.0)


GENERATORS = [
    *(of(getattr(generators, name), extra={"share": 0.05}) for name in (
        "bhattacharyya", "chi_square", "hellinger", "jeffreys", "jensen_shannon", "kl", "le_cam",
        "neyman_chi_square", "reverse_kl", "total_variation")),
    *(of(getattr(generators, name), alpha=0.5) for name in ("power", "renyi", "tsallis")),
    of(generators.resolve_generator, divergence="kl"),
    of(generators.Generator, name="mine", f=lambda r: (r - 1)**2,
       derivative=lambda r: 2 * (r - 1),
       extra={"share": 0.2}),
    of(generators.Constant, scale=1.0, extra=AS_GIVEN),
    of(generators.Function, function=np.log, extra=AS_GIVEN),
    of(generators.Log, scale=1.0, extra=AS_GIVEN),
    of(generators.Sign, scale=1.0, extra=AS_GIVEN),
    of(generators.Power, scale=1.0, exponent=0.5, extra=AS_GIVEN),
    of(generators.PowerIntegral, alpha=0.5, scale=1.0, logarithmic=True, extra=AS_GIVEN),
    method_of(integral, "value", called="PowerIntegral.value", integral=1.0, extra=NO_LOG),
    method_of(integral, "slope", called="PowerIntegral.slope", integral=1.0, extra=NO_LOG),
]
KERNELS = [
    of(kernels.rbf), of(kernels.imq), of(kernels.log_inverse), of(kernels.matern32),
    of(kernels.matern52), of(kernels.resolve_kernel, kernel="rbf"),
    of(kernels.KernelSum, kernels=(kernels.rbf(), kernels.imq())),
    of(kernels.median_bandwidth, lambda: {"X": rows(0)}, X),
    method_of(kernel, "profile", lambda: {"u": np.array([0.0, 1.0])}, {"u": "column"},
              "Kernel.profile"),
    method_of(two_kernels, "profile", lambda: {"u": np.array([0.0, 1.0])}, {"u": "column"},
              "KernelSum.profile"),
    method_of(kernel, "with_bandwidth", called="Kernel.with_bandwidth", ell=2.0),
    method_of(two_kernels, "with_bandwidth", called="KernelSum.with_bandwidth", ell=2.0),
]
GROUPS = [
    of(groups.cyclic, order=4), of(groups.dihedral, order=3), of(groups.sign_flips, d=2),
    of(groups.permutations, blocks=3), of(groups.product, a=groups.cyclic(2),
                                          b=groups.sign_flips(1)),
    of(groups.FiniteGroup, lambda: {"matrices": np.stack([np.eye(2), -np.eye(2)])},
       {"matrices": "object"}),
    of(groups.FiniteGroup, matrices=[np.eye(2)], called="FiniteGroup of anything"),
    of(groups.FiniteGroup.from_callables, called="FiniteGroup.from_callables",
       functions=[np.positive, np.negative], n_features=2),
    of(groups.FiniteGroup.from_permutations, called="FiniteGroup.from_permutations",
       perms=[[0, 1], [1, 0]]),
    of(groups.FiniteGroup.random_subset, called="FiniteGroup.random_subset",
       draw=lambda rng: np.diag(rng.choice([-1, 1], 3)), size=4),
    method_of(four, "apply", lambda: {"X": rows(0)}, X, "FiniteGroup.apply", index=1),
    method_of(four, "orbit", lambda: {"X": rows(0)}, X, "FiniteGroup.orbit"),
    method_of(four, "symmetrize", lambda: {"X": rows(0)}, X, "FiniteGroup.symmetrize"),
    method_of(four, "min_distances", pair, {"P": "rows", "Q": "rows"},
              "FiniteGroup.min_distances"),
]
DATASETS = [
    of(datasets.load_anes96, extra={"share": 0.05}),
    of(datasets.load_penguins, extra={"share": 0.05, "may_be_nan": re.compile("_mm|_g")}),
    of(datasets.atoms, called="atoms", k=3, **DRAWS),
    of(datasets.gaussian_mixture, called="gaussian_mixture", d=2, separation=3.0, **DRAWS),
    of(datasets.plane, called="plane", d=3, shift=1.0, seed=0, **DRAWS),
    of(datasets.ring, called="ring", d=2, **DRAWS),
    of(datasets.shifted_gaussians, called="shifted_gaussians", d=2, shift=1.0, **DRAWS),
    of(datasets.truncated_gaussians, called="truncated_gaussians", d=2, lower=0.0, **DRAWS),
    of(datasets.shifted_gaussians.truth, called="Simulator.truth", divergence="kl", shift=1.0),
]
CALLS = [*GENERATORS, *KERNELS, *GROUPS, *DATASETS]
