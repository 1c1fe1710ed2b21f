"""A small study that other processes can import."""

import os
import time

import numpy as np
from scipy.special import ndtr

from divest.study import Study

PAUSE = float(os.environ.get("STUDY_PAUSE", 0))  # seconds, to be killed in


def normal(rng, n, shift=0.0):
    if PAUSE:
        time.sleep(PAUSE)
    return rng.normal(shift, 1, n)


def mean(x):
    return {"estimate": x.mean(), "standard_error": x.std(ddof=1) / len(x) ** 0.5}


def z_test(x):
    statistic = x.mean() * len(x) ** 0.5
    return {"statistic": statistic, "pvalue": 2 * ndtr(-abs(statistic))}


def jittered(x, random_state=None):
    return x.mean() + np.random.default_rng(random_state).normal()


def fragile(x):
    if x[0] > 1:
        raise ArithmeticError(f"too large: {x[0]:.3f}")
    return x[0]


METHODS = {"mean": mean, "z": z_test, "jittered": jittered, "fragile": fragile}


def study(grid=None, **settings):
    """2,000 replications in all, unless told otherwise."""
    settings = {"n_replications": 1000, "seed": 3, "truth": 0.0} | settings
    grid = {"n": [5, 8]} if grid is None else grid
    return Study(normal, settings.pop("methods", METHODS), grid, **settings)


def main(store, n_replications):
    """What a process does that is to be killed."""
    print("ready", flush=True)
    study(n_replications=int(n_replications)).run(store=store)
