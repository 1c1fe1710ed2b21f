"""Measure the bias, spread and coverage of moment estimators that the user guide quotes, as CSV.

Run ``python docs/measure_moments.py`` (about ten minutes on two cores). Seeds are fixed.
"""

import csv
import warnings
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from divest.moments import KernelIVRegressor, KernelMethodOfMoments, LinearIVRegressor

FOLDER = Path(__file__).parent / "user_guide"
LINEAR = ["instruments", "method", "median bias", "root mean square error", "normal interval holds",
          "S set holds"]
RISKS = ["rows", "estimator", "mean risk", "standard error", "median risk"]
CURVES = ["curve", "risk", "standard error", "ordinary regression", "band holds"]
HINGE = np.array([2.0, 3.0, -0.5, 3.0])
SHAPES = {"abs(x)": np.abs, "1 if x > 0": lambda x: (x > 0).astype(float), "x": lambda x: x}


# ------------------------------------------------------------ a line; weak instruments
def line(method, n_instruments, strength, seed, n=300):
    """Error of the slope, and whether its interval and its S set hold the truth."""
    rng = np.random.default_rng(seed)
    Z, v = rng.standard_normal((n, n_instruments)), rng.standard_normal(n)
    u = (0.8 * v + 0.6 * rng.standard_normal(n)) * np.sqrt(0.5 + 0.5 * Z[:, 0] ** 2)
    x = Z @ np.full(n_instruments, np.sqrt(strength / n)) + v
    model = LinearIVRegressor(method, fit_intercept=False, random_state=0)
    model.fit(x.reshape(-1, 1), x + u, Z)
    low, high = model.confidence_interval().loc[0, ["low", "high"]]
    pieces = model.confidence_set("x0").intervals
    return (model.coef_[0] - 1, low < 1 < high, any(start < 1 < end for start, end in pieces))


def lines(repeats=200):
    """Rows of the first table."""
    for name, count, strength in (("3, F about 50", 3, 50), ("10, F about 2", 10, 2)):
        for method in ("2sls", "liml", "gmm", "cue", "el", "kmm"):
            error, normal, robust = np.array(run(line, repeats, method, count, strength)).T
            yield (name, method, np.median(error), np.sqrt(np.mean(error**2)), normal.mean(),
                   robust.mean())


# ------------------------------------------------------------ four parameters, kernel instruments
def hinge(t, theta):
    bend = np.logaddexp(0, 2 * (t - theta[0])) / 2
    return theta[1] + theta[2] * (t - theta[0]) + (theta[3] - theta[2]) * bend


def residual(data, theta):
    return data.y - hinge(data.X[:, 0], theta)


def kinked(n, rng):
    """Treatment, outcome and instruments of Kremer et al.; `rng` a RandomState."""
    z = rng.uniform(-5, 5, (n, 2))
    h, eta = 5 * rng.randn(n), 0.2 * rng.randn(n)
    s = z[:, 0] + np.abs(z[:, 1])
    t = 0.75 * s + 0.25 * (h + eta)
    return t[:, None], hinge(t, HINGE) + h + 0.1 * rng.randn(n) * np.logaddexp(0, s), z


def risk(n, settings, seed):
    """Mean squared error of the fitted function on new rows."""
    rng = np.random.RandomState(12345 + seed)
    X, y, Z = kinked(n, rng)
    t = kinked(20000, rng)[0][:, 0]
    model = KernelMethodOfMoments(residual, theta0=[0.0, 0.0, 0.0, 1.0], random_state=seed,
                                  **settings).fit(X, y, Z)
    return np.mean((hinge(t, model.params_.to_numpy()) - hinge(t, HINGE)) ** 2)


def risks(repeats=20):
    """Rows of the second table."""
    settings = {"mmr": {"estimator": "mmr"}, "vmm": {"estimator": "vmm"},
                "fgel": {"estimator": "fgel"}, "kmm": {},
                "kmm, selection=None": {"selection": None}}
    for n in (500, 1000, 2000):
        for name, chosen in settings.items():
            found = np.array(run(risk, repeats, n, chosen))
            yield n, name, found.mean(), found.std(ddof=1) / repeats**0.5, np.median(found)


# ------------------------------------------------------------ curves
def curve(shape, seed, n=1000):
    """Risk with and without instruments, and the share of the band that holds the truth."""
    rng = np.random.default_rng(seed)
    e, z = rng.standard_normal(n), rng.uniform(-3, 3, (n, 2))
    x = z[:, 0] + e + 0.1 * rng.standard_normal(n)
    y = shape(x) + e + 0.1 * rng.standard_normal(n)
    X = x.reshape(-1, 1)
    model = KernelIVRegressor(random_state=seed).fit(X, y, z)
    ordinary = KernelIVRegressor(random_state=seed).fit(X, y)
    inner = np.linspace(-2.5, 2.5, 51)
    band = model.predict_interval(inner.reshape(-1, 1))
    truth = shape(inner)
    return (np.mean((model.predict(X) - shape(x)) ** 2),
            np.mean((ordinary.predict(X) - shape(x)) ** 2),
            np.mean((band["low"] < truth) & (truth < band["high"])))


def curves(repeats=50):
    """Rows of the third table."""
    for name, shape in SHAPES.items():
        ours, ordinary, held = np.array(run(curve, repeats, shape)).T
        yield (name, ours.mean(), ours.std(ddof=1) / repeats**0.5, ordinary.mean(), held.mean())


def run(function, repeats, *arguments):
    """Results for seeds 0, 1, ..., without warnings."""
    def quiet(seed):
        with warnings.catch_warnings(action="ignore"), threadpool_limits(1):
            return function(*arguments, seed)

    return Parallel(n_jobs=2)(delayed(quiet)(seed) for seed in range(repeats))


def write(name, columns, rows):
    """A CSV file of rounded numbers."""
    rows = [[f"{value:.3f}" if isinstance(value, float) else value for value in row]
            for row in rows]
    with (FOLDER / f"measured_moments_{name}.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


if __name__ == "__main__":
    write("curves", CURVES, curves())
    write("lines", LINEAR, lines())
    write("risks", RISKS, risks())
