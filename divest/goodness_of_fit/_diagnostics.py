"""When the result of a kernel Stein test can be trusted, and what to do when it cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.integrate import cumulative_trapezoid
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform
from scipy.special import ndtri

from divest._results import Diagnostic
from divest.goodness_of_fit._boundary import EDGE_LIMIT, edge_ratio, evenly_spaced
from divest.goodness_of_fit._mixture_scores import GaussianMixtureDensity, KernelMixture
from divest.goodness_of_fit._score_model import ScoreModel

VALLEY = 3.0  # nats
_EXACT, _BOTH = 1e-4, 0.05  # limits of one estimating equation, and of two at once, in errors
_BEYOND = 5.0  # rows; by chance there are none of 5 in less than one of 100 samples
_ROWS = 64  # between which valleys are looked for
_BLOCK = 1 << 21  # entries of a block of points on lines
_PLACES = np.linspace(0.0, 1.0, 10)  # on the line between two rows, both ends included
_STEPS = np.linspace(0.0, 1.0, 33)  # the same, where a score is integrated


# ------------------------------------------------------------------------------ dependent rows
def autocorrelation_time(S: np.ndarray) -> float:
    """Largest integrated autocorrelation time of a column of scores, at least 1."""
    return max(1.0, *(_integrated_time(_autocorrelations(column)) for column in S.T))


def autocorrelation(S: np.ndarray, ways_on: str) -> Diagnostic:
    """Whether rows depend on their neighbours.

    Two estimates of the time, each with its limit, of which the one that is further up counts: the
    sum over a window of lags, and that of a first-order autoregression, of smaller variance.
    """
    first = max(_autocorrelations(column)[1] for column in S.T)
    limit, first_limit = _time_limits(*S.shape)
    found = [(autocorrelation_time(S), limit), ((1 + first) / (1 - first), first_limit)]
    time, limit = max(found, key=lambda pair: pair[0] / pair[1])
    return Diagnostic("autocorrelation", float(time), limit, bool(time <= limit),
                      f"rows depend on their neighbours, so the test rejects too often; {ways_on}")


def _autocorrelations(column: np.ndarray) -> np.ndarray:
    """At lags 0 to n - 1; 0 beyond lag 0 for a column that is constant up to rounding."""
    n, centred = len(column), column - column.mean()
    if np.abs(centred).max() <= 1e-12 * np.abs(column).max():
        return np.eye(1, n)[0]
    centred = centred / np.abs(centred).max()
    size = next_fast_len(2 * n, real=True)
    covariances = irfft(np.abs(rfft(centred, size)) ** 2, size)[:n]
    return covariances / covariances[0]


def _integrated_time(correlations: np.ndarray) -> float:
    """``1 + 2 sum_{l <= k} rho_l`` at the first lag k of at least 5 times that."""
    times = 2 * np.cumsum(correlations) - 1
    return float(times[np.argmax(np.arange(len(times)) >= 5 * times)])


def _time_limits(n: int, d: int, level: float = 0.005) -> tuple[float, float]:
    """What both estimates exceed by chance, for independent rows, in one of 1 / `level` samples.

    Each autocorrelation has variance 1 / n. A sum over the window of a time c has at most 5 c + 1
    of them, so that ``(c - 1)^2 = 4 z^2 (5 c + 1) / n``.
    """
    z = -ndtri(level / d)
    a = 20 * z**2 / n
    first = min(z / np.sqrt(n), 0.99)
    return (max(2.0, float(1 + a / 2 + np.sqrt(1.2 * a + a**2 / 4))),
            max(2.0, float((1 + first) / (1 - first))))


# ------------------------------------------------------------------------------ heavy tails
def dominating_row(diagonal: np.ndarray) -> Diagnostic:
    """Share of the largest diagonal entry of the Stein kernel in the sum of all."""
    total, limit = float(np.sum(diagonal)), max(0.2, 5.0 / len(diagonal))
    share = float(np.max(diagonal)) / total if total > 0 else 0.0
    return Diagnostic("dominating_row", share, limit, share <= limit,
                      f"row {int(np.argmax(diagonal))} has a large part of the sum, so the scores "
                      "are heavy-tailed, or the row is an outlier, and the p-value is doubtful; "
                      "look at the row, use boundary='tilt' if it lies near an edge, or a weight")


# ------------------------------------------------------------------------------ fitted models
def fitted_model(X: np.ndarray, S: np.ndarray, model: ScoreModel | None = None) -> Diagnostic:
    """Whether the model was fitted to these rows, of which its estimating equations tell.

    The value is the distance from solving them, relative to the limit; 0 where the model holds the
    rows themselves, or their means.
    """
    value = 0.0 if model is not None and _holds(model, X) else _distance_from_fit(X, S, model)
    return Diagnostic("fitted_model", value, 1.0, value >= 1.0,
                      "the parameters seem to be estimated from the same rows, which makes the "
                      "test conservative; use CompositeSteinTest, or fit on other rows")


def _holds(model: ScoreModel, X: np.ndarray) -> bool:
    """Whether a density is made of these rows, or a normal mixture has their mean exactly."""
    density = getattr(getattr(model.score, "function", None), "__self__", None)
    if isinstance(density, KernelMixture):
        return _share_rows(X, density.points)
    if isinstance(density, GaussianMixtureDensity):  # as after each step of EM
        mean = np.exp(density.log_weights) @ density.means
        return bool((np.abs(mean - X.mean(axis=0)) <= 1e-7 * X.std(axis=0)).all())
    return False


def _share_rows(X: np.ndarray, points: np.ndarray) -> bool:
    """Whether a tenth of the rows are among the points; all, where values repeat by nature."""
    rows, others = ([row.tobytes() for row in np.ascontiguousarray(part + 0.0)]
                    for part in (X, points))
    known = set(others)
    if len(known) < 0.95 * len(others):
        return sorted(rows) == sorted(others)
    return bool(np.mean([row in known for row in rows]) >= 0.1)


def _distance_from_fit(X: np.ndarray, S: np.ndarray, model: ScoreModel | None) -> float:
    """How nearly location and scale are those of greatest likelihood; below 1 is no chance.

    A scale that is not measured from the middle counts alone: far from there its equation is that
    of the location once more.
    """
    moves = _standardised(S)
    repeated = [len(np.unique(np.abs(column))) <= len(X) / 2 for column in S.T]
    moves[repeated] = np.inf  # as for laplace, where the sum of signs is 0 by chance
    with np.errstate(over="ignore", invalid="ignore"):
        scaling = _standardised((X - np.median(X, axis=0)) * S + 1)
        from_edge = _standardised((X - _edge(X, model)) * S + 1)
    return float(min(moves.max() / _EXACT, scaling.max() / _EXACT, from_edge.max() / _EXACT,
                     max(moves.max(), scaling.max()) / _BOTH))


def _standardised(terms: np.ndarray) -> np.ndarray:
    """Absolute sum of each column over the root of its sum of squares; infinite where all are 0.

    It has no unit, so that each column is taken in units of its largest entry.
    """
    top = np.abs(terms).max(axis=0)
    terms = np.divide(terms, top, out=np.zeros_like(terms), where=(top > 0) & np.isfinite(top))
    sums, squares = np.abs(terms.sum(axis=0)), (terms**2).sum(axis=0)
    return np.divide(sums, np.sqrt(squares), out=np.full(len(sums), np.inf), where=squares > 0)


def _edge(X: np.ndarray, model: ScoreModel | None) -> np.ndarray:
    """Where scales are measured from, if not from the middle: an edge of the support, or 0."""
    if model is None:
        return np.zeros(X.shape[1])
    lower, upper = model.bounds(X.shape[1])
    return np.where(np.isfinite(lower), lower, np.where(np.isfinite(upper), upper, 0.0))


# ------------------------------------------------------------------------------ separated modes
def separated_modes(model: ScoreModel, X: np.ndarray, pvalue: float) -> Diagnostic:
    """Number of groups of rows with a valley of density, 3 nats deep, between any two."""
    try:
        modes = float(_count_modes(model, X[evenly_spaced(len(X), _ROWS)]))
    except (ArithmeticError, ValueError):  # from a model that takes no points between the rows
        modes = float("nan")
    return Diagnostic("modes", modes, 1.0, not (modes > 1 and pvalue > 0.05),
                      "the model has separated modes, and the test hardly sees how the mass is "
                      "divided between them; use PerturbedSteinTest")


def _count_modes(model: ScoreModel, rows: np.ndarray) -> int:
    """By the lines of a spanning tree; by all lines, where those show more than one mode."""
    rows = np.unique(rows, axis=0)
    values = _along_lines(model, rows, np.zeros(len(rows), dtype=int), np.arange(len(rows)))[:, -1]
    rows, heights = rows[np.isfinite(values)], values[np.isfinite(values)]
    tree = minimum_spanning_tree(squareform(pdist(rows))).tocoo()
    modes = _modes_linked(heights, _valleys(model, rows, tree.row, tree.col), tree.row, tree.col)
    if modes == 1:
        return modes
    i, j = np.triu_indices(len(rows), 1)
    return _modes_linked(heights, _valleys(model, rows, i, j), i, j)


def _modes_linked(heights: np.ndarray, depths: np.ndarray, i: np.ndarray, j: np.ndarray) -> int:
    """Groups joined from the highest pass down; a mode is one that rises 3 nats above its pass."""
    passes = np.minimum(heights[i], heights[j]) - depths
    groups, peaks, modes = np.arange(len(heights)), heights.copy(), 1
    for line in np.argsort(-passes):
        a, b = groups[i[line]], groups[j[line]]
        if a != b:
            modes += int(min(peaks[a], peaks[b]) - passes[line] >= VALLEY)
            groups[groups == b] = a
            peaks[a] = max(peaks[a], peaks[b])
    return modes


def _valleys(model: ScoreModel, rows: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """How far the log density falls below both ends on each line; infinite where it is -inf."""
    size = max(1, _BLOCK // (len(_STEPS) * rows.shape[1]))
    depths = np.empty(len(i))
    for start in range(0, len(i), size):
        part = slice(start, start + size)
        values = _along_lines(model, rows, i[part], j[part])
        depths[part] = np.minimum(values[:, 0], values[:, -1]) - values.min(axis=1)
    return depths


def _along_lines(model: ScoreModel, rows: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Log density at places on lines from rows i to rows j, up to a constant of each first row."""
    ways = (rows[j] - rows[i])[:, None]
    places = _STEPS if model.log_density is None else _PLACES
    points = rows[i][:, None] + places[:, None] * ways
    shape, points = points.shape, points.reshape(-1, rows.shape[1])
    with np.errstate(all="ignore"):
        if model.log_density is not None:
            values = np.reshape(_unchecked(model.log_density)(points), shape[:2])
        else:
            slopes = (np.reshape(_unchecked(model.score)(points), shape) * ways).sum(axis=2)
            values = cumulative_trapezoid(slopes, places, initial=0.0)
    return np.where(np.isnan(values), -np.inf, values)


def _unchecked(function: Any) -> Any:
    """A function of a model without its checks: between the rows it may well give NaN."""
    return getattr(function, "function", function)


# ------------------------------------------------------------------------------ edges
def support_unknown(model: ScoreModel | None, X: np.ndarray, S: np.ndarray) -> Diagnostic:
    """Rows that the model would put beyond an edge of the data, where the support is not known.

    Edges are 0, where all values of a column are on one side of it, and 1, where they are in
    [0, 1] besides; but not where the density vanishes.
    """
    value, where = 0.0, ""
    for column, x in enumerate(X.T if model is None or model.support is None else ()):
        for edge, side in _edges_of_data(x):
            distances, slopes = side * (x - edge), side * S[:, column]
            beyond = _rows_beyond(distances, slopes)
            if beyond <= max(value, _BEYOND):
                continue
            if (_turns_back(distances, slopes) if model is None
                    else _vanishes(model, X, column, (edge, side))):
                continue
            value, where = beyond, f" (column {column} seems to end at {edge:g})"
    return Diagnostic("support_unknown", value, _BEYOND, value <= _BEYOND,
                      f"the data end where the model does not{where}, and at such an edge the test "
                      "rejects true models; pass support=, with infinite edges if there are none")


def _edges_of_data(x: np.ndarray) -> list[tuple[float, float]]:
    """Possible edges, with the direction inwards."""
    if x.min() < 0:
        return [(0.0, -1.0)] if x.max() <= 0 else []
    return [(0.0, 1.0), (1.0, -1.0)] if x.max() <= 1 else [(0.0, 1.0)]


def _rows_beyond(distances: np.ndarray, slopes: np.ndarray) -> float:
    """Rows expected beyond an edge, if the density went on as it does at the nearest rows.

    With k of n rows up to the distance t its height is k / (n t); with a slope s of the logarithm,
    inwards, the mass beyond is that divided by s. None, where no row is near; all, for s <= 0.
    """
    n, k = len(distances), min(5, len(distances))
    nearest = np.argsort(distances, kind="stable")[:k]
    if distances[nearest[0]] > 10 * np.std(distances) / n:
        return 0.0
    decay = float(np.mean(slopes[nearest]) * distances[nearest[-1]])
    return float(min(n, k / decay)) if decay > 0 else float(n)


def _vanishes(model: ScoreModel, X: np.ndarray, column: int, end: tuple[float, float]) -> bool:
    """Whether the density falls to 0 on the way to an edge, as it can between edge and rows."""
    try:
        return edge_ratio(model, X, column, *end) <= EDGE_LIMIT
    except ValueError:  # no score there
        return False


def _turns_back(distances: np.ndarray, slopes: np.ndarray) -> bool:
    """Whether the density falls like ``t^(1/2)`` or faster at the row nearest to an edge."""
    nearest = np.argmin(distances)
    return bool(slopes[nearest] * distances[nearest] >= 0.5)


def boundary_ignored(ratio: float) -> Diagnostic:
    """What `edge_density` found, where the test was done all the same."""
    return Diagnostic("boundary", ratio, EDGE_LIMIT, ratio <= EDGE_LIMIT,
                      "the density does not vanish at an edge of the support, so the test rejects "
                      "true models; use boundary='tilt' or boundary='project'")


# ------------------------------------------------------------------------------ bandwidth
def median_in_high_dimension(d: int) -> Diagnostic:
    """Whether the median bandwidth suits the number of columns."""
    return Diagnostic("bandwidth_high_dimension", float(d), 4.0, d < 5,
                      "the median bandwidth is far from the best in many columns, and the test has "
                      "little power; use bandwidth='auto'")
