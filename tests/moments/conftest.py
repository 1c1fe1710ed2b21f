"""A table that several files of these tests share."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def data():
    """Two exogenous and two endogenous regressors, four more instruments, unequal variances."""
    rng = np.random.default_rng(0)
    n = 300
    W, Z, v = rng.normal(size=(n, 2)) * [1, 30] + [0, 5], rng.normal(size=(n, 4)), rng.normal(
        size=(n, 2))
    E = Z @ rng.normal(size=(4, 2)) + W @ [[0.2, 0.1], [0.01, 0.02]] + v
    u = (v @ [0.7, 0.3] + rng.normal(size=n)) * np.sqrt(0.5 + 0.5 * Z[:, 0] ** 2)
    y = 1 + W @ [0.5, 0.1] + E @ [1, -2] + u
    return {"y": y, "W": W, "E": E, "Z": Z, "X": np.c_[W, E], "I": np.c_[W, Z],
            "groups": rng.integers(0, 30, n), "weights": rng.uniform(0.5, 2, n)}


@pytest.fixture
def frame(data):
    """The same with names."""
    columns = ["y", "w1", "w2", "e1", "e2", "z1", "z2", "z3", "z4"]
    return pd.DataFrame(np.c_[data["y"], data["W"], data["E"], data["Z"]], columns=columns)

