"""Measure errors and coverage of the estimators that the user guide quotes, as CSV.

Run ``python docs/measure_unnormalized.py`` (about three minutes on one core). Seeds are fixed.
"""

import csv
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from divest import KernelSteinTest, SteinEstimator, TruncatedSteinEstimator, TrustWarning
from divest.unnormalized import exponential_family, gaussian_score, polygon_points

FOLDER = Path(__file__).parent / "user_guide"
COLUMNS = ["sample", "estimator", "repetitions", "mean error", "standard error", "coverage"]
TRIANGLE = np.array([[0, 0], [2, 0], [0, 2.0]])
ROWS = 300


# ---------------------------------------------------------------- samples
def kept(rng, n, d, inside, mean=0.5):
    """Rows of N(mean, I) of which `inside` says yes."""
    rows = np.empty((0, d))
    while len(rows) < n:
        draws = rng.normal(mean, 1.0, (20 * n, d))
        rows = np.vstack([rows, draws[inside(draws)]])
    return rows[:n]


def ball(d):
    return lambda rng: kept(rng, ROWS, d, lambda X: (X**2).sum(axis=1) < d**1.06)


def triangle(rng):
    return kept(rng, ROWS, 2, lambda X: (X > 0).all(axis=1) & (X.sum(axis=1) < 2))


def sphere(m, d):
    points = np.random.default_rng(m).normal(size=(m, d))
    return d**0.53 * points / np.linalg.norm(points, axis=1, keepdims=True)


# ---------------------------------------------------------------- estimators: estimate and error
def stein(family=None, **settings):
    def estimate(X):
        fitted = SteinEstimator(family or gaussian_score(1.0), **settings).fit(X)
        return fitted.coef_, fitted.standard_error_
    return estimate


def truncated(points):
    def estimate(X):
        fitted = TruncatedSteinEstimator(gaussian_score(1.0), points).fit(X)
        return fitted.coef_, fitted.standard_error_
    return estimate


def mean(X):
    return X.mean(axis=0), X.std(axis=0, ddof=1) / len(X)**0.5


def score_matching(X):
    """Weighted with the distance to the sphere, which has to be known; without standard errors."""
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    weight, slope = X.shape[1]**0.53 - lengths, -X / lengths
    return (weight * X - slope).sum(axis=0) / weight.sum(), None


def likelihood(places):
    """Greatest likelihood; the constant is a sum over many `places` inside the region."""
    def estimate(X):
        theta = X.mean(axis=0)
        for _ in range(30):
            log = places @ theta - 0.5 * (places**2).sum(axis=1)
            weights = np.exp(log - log.max())
            weights /= weights.sum()
            center = weights @ places
            away = places - center
            spread = (weights[:, None] * away).T @ away
            theta = theta + np.linalg.solve(spread, X.mean(axis=0) - center)
        return theta, np.sqrt(np.diag(np.linalg.inv(spread)) / len(X))
    return estimate


def grid(inside, low, high):
    ticks = np.linspace(low, high, 161)
    places = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    return places[inside(places)]


# ---------------------------------------------------------------- tables
def gamma_family():
    return exponential_family(lambda X: np.hstack([np.log(X), -X]))


def cases():
    """Sample, truth, draws, number of them, and the contestants."""
    def whole(rng):
        return rng.normal(0.5, 1.0, (ROWS, 2))

    yield ("normal, d = 2, unit covariance known", 0.5, whole, 500, {
        "SteinEstimator": stein(), "greatest likelihood": mean})
    yield ("normal, d = 1, mean and variance", [0.5, 1.0], lambda rng: rng.normal(
        0.5, 1.0, (ROWS, 1)), 500, {
        "SteinEstimator": stein(gaussian_score()),
        "SteinEstimator, statistic='u'": stein(gaussian_score(), statistic="u")})
    yield ("gamma, shape 4 and rate 2", [3.0, 2.0], lambda rng: rng.gamma(
        4.0, 0.5, (ROWS, 1)), 500, {"SteinEstimator": stein(gamma_family())})
    disc = grid(lambda P: (P**2).sum(axis=1) < 2**1.06, -1.5, 1.5)
    corner = grid(lambda P: P.sum(axis=1) < 2, 0.0, 2.0)
    for d, counts, runs in ((2, (4, 8, 16, 64), 300), (6, (8, 32, 288), 100)):
        contestants = {f"TruncatedSteinEstimator, {m} points": truncated(sphere(m, d))
                       for m in counts}
        contestants |= {"score matching, edge by formula": score_matching, "edge ignored": mean}
        if d == 2:
            contestants |= {"greatest likelihood": likelihood(disc)}
        yield f"normal cut to a ball, d = {d}", 0.5, ball(d), runs, contestants
    contestants = {f"TruncatedSteinEstimator, {m} points": truncated(polygon_points(TRIANGLE, m))
                   for m in (12, 32, 96)}
    yield ("normal cut to a triangle", 0.5, triangle, 300, contestants | {
        "greatest likelihood": likelihood(corner), "edge ignored": mean})


def accuracy(sample, truth, draw, runs, contestants):
    """One row of the table for each contestant."""
    samples = [draw(np.random.default_rng(run)) for run in range(runs)]
    for name, estimate in contestants.items():
        found = [estimate(X) for X in samples]
        away = np.array([theta for theta, _ in found]) - truth
        errors = np.linalg.norm(away, axis=1)
        coverage = ""
        if found[0][1] is not None:
            reach = 1.96 * np.array([error for _, error in found])
            coverage = f"{np.mean(np.abs(away) < reach):.3f}"
        yield [sample, name, runs, f"{errors.mean():.3f}",
               f"{errors.std(ddof=1) / runs**0.5:.3f}", coverage]


def peaked(rng):
    """A density on the triangle that falls off from the long side, as exp(-6 (2 - x - y))."""
    rows = np.empty((0, 2))
    while len(rows) < ROWS:
        draws = rng.dirichlet(np.ones(3), 20 * ROWS)[:, :2] * 2
        rows = np.vstack([rows, draws[rng.random(len(draws)) < np.exp(6 * (draws.sum(1) - 2))]])
    return rows[:ROWS]


def sizes():
    """Share of true laws that the test of fit rejects at the level of 5 %, by number of points."""
    laws = {"normal cut to a triangle": (triangle, lambda X: 0.5 - X),
            "density that is highest at a side": (peaked, lambda X: np.full(X.shape, 6.0))}
    for name, (draw, score) in laws.items():
        for m in (32, 96, 200, 400):
            points, rejected = polygon_points(TRIANGLE, m), []
            for bandwidth in ("auto", "median"):
                rejected.append(np.mean([KernelSteinTest(
                    score, boundary_points=points, bandwidth=bandwidth, n_resamples=199,
                    random_state=run).fit(draw(np.random.default_rng(run))).pvalue_ <= 0.05
                    for run in range(100)]))
            yield [name, m, 100, *(f"{share:.2f}" for share in rejected)]


def write(name, rows):
    with (FOLDER / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    warnings.simplefilter("ignore", TrustWarning)
    with threadpool_limits(1):
        write("measured_unnormalized.csv",
              [COLUMNS, *(row for case in cases() for row in accuracy(*case))])
        write("measured_unnormalized_sizes.csv",
              [["law", "points", "repetitions", "five bandwidths", "median bandwidth"], *sizes()])
