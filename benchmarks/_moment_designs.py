"""Problems with known truth for moment estimators, and what was published about them."""

import numpy as np

TRUE = np.array([2.0, 3.0, -0.5, 3.0])

# mean risk of 20 runs and its standard error, as printed in the public notebooks of the authors
HETEROSKEDASTIC = {
    200: {"mmr": (2.46, 0.57), "vmm": (2.44, 0.46), "fgel": (2.52, 0.65), "kmm": (1.69, 0.46)},
    500: {"mmr": (1.12, 0.12), "vmm": (0.82, 0.09), "fgel": (0.76, 0.12), "kmm": (0.45, 0.12)},
    1000: {"mmr": (1.12, 0.11), "vmm": (0.53, 0.08), "fgel": (0.44, 0.09), "kmm": (0.15, 0.02)},
    2000: {"mmr": (1.13, 0.08), "vmm": (0.20, 0.04), "fgel": (0.14, 0.02), "kmm": (0.11, 0.02)},
}
# 10 x mean risk with 1,000 rows, and its standard error, by curve
NETWORK = {"abs": (0.32, 0.06), "step": (0.35, 0.02), "linear": (0.43, 0.11)}

CURVES = {"abs": np.abs, "step": lambda x: (x > 0).astype(float), "linear": lambda x: x}


def linear_rows(n, seed):
    """Two endogenous regressors, five instruments, errors that differ in size."""
    rng = np.random.default_rng([n, seed])
    Z, e = rng.standard_normal((n, 5)), rng.standard_normal((n, 2))
    X = Z[:, :2] + 0.5 * Z[:, 2:4] + e
    u = (0.5 * e[:, 0] + rng.standard_normal(n)) * np.sqrt(0.5 + 0.5 * Z[:, 0]**2)
    return X, 1 + X @ [1.0, -0.5] + u, Z


def softplus(x, s=1.0):
    return np.logaddexp(0, s * x) / s


def hinge(t, theta):
    """A smooth hinge: place, height, slope to the left and to the right."""
    bend = softplus(t - theta[0], 2.0)
    return theta[1] + theta[2] * (t - theta[0]) + (theta[3] - theta[2]) * bend


def heteroskedastic(n, rng):
    """Treatment, outcome, two instruments; `rng` is a RandomState, and the order matters."""
    z = rng.uniform(-5, 5, (n, 2))
    h, eta = 5 * rng.randn(n), 0.2 * rng.randn(n)
    s = z[:, 0] + np.abs(z[:, 1])
    t = 0.75 * s + 0.25 * (h + eta)
    return t[:, None], hinge(t, TRUE) + h + 0.1 * rng.randn(n) * softplus(s), z


def heteroskedastic_sample(n, seed):
    """Rows to fit and 20,000 to judge by, drawn as the public scripts do."""
    rng = np.random.RandomState(12345 + seed)
    rows = heteroskedastic(n, rng)
    heteroskedastic(max(n, 1000), rng)  # their validation rows
    return rows, heteroskedastic(20_000, rng)[0][:, 0]


def network(n, name, seed):
    """One endogenous regressor with a curve; the second instrument has nothing to do with it."""
    rng, curve = np.random.default_rng(seed), CURVES[name]
    e, z = rng.standard_normal(n), rng.uniform(-3, 3, (n, 2))
    t = z[:, 0] + e + 0.1 * rng.standard_normal(n)
    return t[:, None], curve(t) + e + 0.1 * rng.standard_normal(n), z
