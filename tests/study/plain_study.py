"""A small study that other processes can import, and how to start one."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from pandas.testing import assert_frame_equal
from scipy.special import ndtr

import divest
from divest.study import Study

MAIN = "import sys, plain_study; plain_study.main(*sys.argv[1:])"
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


# ------------------------------------------------------------ on the other side
def without_time(results):
    return results.frame.drop(columns="seconds")


def assert_same(one, two):
    assert_frame_equal(without_time(one), without_time(two), check_exact=True)


def start(store, pause, n_replications=1000):
    """The study in its own process, ready to begin."""
    folders = [str(Path(divest.__file__).parents[1]), str(Path(__file__).parent)]
    env = os.environ | {"STUDY_PAUSE": str(pause), "OPENBLAS_NUM_THREADS": "1",
                        "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", MAIN, store, str(n_replications)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def rows_in(store):
    """What the store holds; nothing where it was killed while it was made."""
    try:
        return Study.load(store).frame
    except (FileNotFoundError, ValueError, OSError):
        return None
