"""Measure the size and power of the goodness-of-fit tests that the user guide quotes, as CSV.

Run ``python docs/measure_goodness_of_fit.py`` (about ten minutes on two cores). Seeds are fixed.
"""

from pathlib import Path

import numpy as np
from _measuring import share, write
from scipy import stats

from divest import AggregatedSteinTest, CompositeSteinTest, FiniteSetSteinTest, KernelSteinTest

FILE = Path(__file__).parent / "user_guide" / "measured_goodness_of_fit.csv"
NORMAL = stats.norm()


class StandardNormal:
    """Of any number of columns."""

    def score(self, X):
        return -X

    def log_density(self, X):
        return -0.5 * (X**2).sum(axis=1)


def normal(n, d=1, scale=1.0, shift=0.0):
    return lambda rng: rng.normal(shift, scale, size=(n, d))


def laplace(n, d=1):
    return lambda rng: rng.laplace(scale=0.5**0.5, size=(n, d))


def student(n, df=5):
    return lambda rng: rng.standard_t(df, size=(n, 1)) / np.sqrt(df / (df - 2))


def shifted(n, d):
    return lambda rng: rng.normal(size=(n, d)) + 0.2 * np.eye(d)[0]


def skew_normal(n):
    return lambda rng: stats.skewnorm.rvs(5, size=(n, 1), random_state=rng)


def autoregression(n, phi):
    def draw(rng):
        noise, x = rng.normal(size=n) * np.sqrt(1 - phi**2), [rng.normal()]
        for e in noise[1:]:
            x.append(phi * x[-1] + e)
        return np.array(x)[:, None]
    return draw


def mixture(n, share):
    return lambda rng: rng.normal(size=(n, 1)) + 6.0 * (rng.random((n, 1)) >= share)


class Mixture:
    """Two standard normal laws 6 apart, equal shares."""

    def log_density(self, X):
        return np.logaddexp(-0.5 * X[:, 0]**2, -0.5 * (X[:, 0] - 6)**2)

    def score(self, X):
        share = 1 / (1 + np.exp(18 - 6 * X))
        return -(1 - share) * X - share * (X - 6)


def stein(model=None, **options):
    return lambda: KernelSteinTest(model or StandardNormal(), n_resamples=199, **options)


def composite(**options):
    return lambda: CompositeSteinTest(stats.norm, n_resamples=99, **options)


def of_column(test, *parameters):
    """A test of scipy on the one column."""
    return lambda: lambda X, seed: test(X[:, 0], *parameters).pvalue


def sizes():
    """True models."""
    for d in (1, 2, 10):
        yield f"normal, d = {d}, n = 200", "default", stein(), normal(200, d), 1000
        for kernel in ("imq", "rbf", "matern32", "matern52", "log_inverse"):
            yield (f"normal, d = {d}, n = 200", f"median bandwidth, {kernel}",
                   stein(kernel=kernel, bandwidth="median"), normal(200, d), 1000)
    for null in ("efron", "parametric", "linear"):
        yield ("normal, d = 1, n = 100", f"null={null!r}", stein(NORMAL, null=null),
               normal(100), 200 if null == "parametric" else 500)
    yield ("Exp(1), n = 200", "support given: tilted", stein(stats.expon(), support=(0, np.inf)),
           lambda rng: rng.exponential(size=(200, 1)), 500)
    yield ("Exp(1), n = 200", "boundary='ignore'", stein(stats.expon(), boundary="ignore"),
           lambda rng: rng.exponential(size=(200, 1)), 200)
    for phi in (0.5, 0.9):
        yield (f"autoregression {phi}, n = 300", "dependence='auto'", stein(dependence="auto"),
               autoregression(300, phi), 500)
        yield (f"autoregression {phi}, n = 300", "independent signs", stein(),
               autoregression(300, phi), 200)
    yield ("normal, d = 3, n = 20,000", "method='nystrom', null='spectral'",
           stein(method="nystrom", null="spectral"), normal(20_000, 3), 200)
    for null in ("parametric", "standardize", "wild"):
        yield ("normal, n = 100, parameters estimated", f"CompositeSteinTest, null={null!r}",
               composite(null=null), normal(100), 400)
    yield ("normal, d = 2, n = 200", "FiniteSetSteinTest", lambda: FiniteSetSteinTest(
        StandardNormal()), normal(200, 2), 500)
    yield ("normal, d = 2, n = 200", "AggregatedSteinTest", lambda: AggregatedSteinTest(
        StandardNormal(), n_resamples=199), normal(200, 2), 500)


def powers():
    """Wrong models: the normal law, where nothing else is said."""
    contestants = {
        "default": stein(), "median bandwidth": stein(bandwidth="median"),
        "FiniteSetSteinTest": lambda: FiniteSetSteinTest(StandardNormal()),
        "AggregatedSteinTest, ksdagg": lambda: AggregatedSteinTest(
            StandardNormal(), method="ksdagg", n_resamples=199),
        "Kolmogorov-Smirnov (scipy)": of_column(stats.kstest, "norm"),
        "Cramer-von Mises (scipy)": of_column(stats.cramervonmises, "norm")}
    samples = {"Laplace, variance 1, n = 200": laplace(200),
               "t with 5 degrees, variance 1, n = 500": student(500),
               "mean 0.2, n = 200": normal(200, shift=0.2),
               "Laplace, d = 5, n = 300": laplace(300, 5),
               "Laplace, d = 10, n = 500": laplace(500, 10),
               "mean 0.2 in one of 10 columns, n = 500": shifted(500, 10)}
    for sample, draw in samples.items():
        several = "d = " in sample or "columns" in sample
        for name, make in contestants.items():
            if not (several and "scipy" in name):
                yield sample, name, make, draw, 100
    for name, make in (("default", stein(Mixture())), ):
        yield ("shares .8 and .2 for .5 and .5, modes 6 apart, n = 200", name, make,
               mixture(200, 0.8), 100)
    families = {"t with 3 degrees": student(100, 3), "Laplace": laplace(100),
                "skew normal, shape 5": skew_normal(100)}
    for sample, draw in families.items():
        for null in ("parametric", "standardize"):
            yield (f"{sample}, n = 100, normal with parameters estimated",
                   f"CompositeSteinTest, null={null!r}", composite(null=null), draw, 100)
        yield (f"{sample}, n = 100, normal with parameters estimated", "Shapiro-Wilk (scipy)",
               of_column(stats.shapiro), draw, 100)


if __name__ == "__main__":
    write(FILE, [share("size", *row) for row in sizes()]
          + [share("power", *row) for row in powers()])
