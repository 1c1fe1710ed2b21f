"""The longest way from any row to its nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from divest._neighbors import TIE, NeighborIndex
from divest._resampling import generators, resampling_pvalue, root_sequence, run_tasks
from divest._results import Diagnostic, _Table
from divest._validation import check_integer, check_option, check_sample
from divest.sample_complexity._uniform_links import expected_in_box, expected_in_torus

METHOD = "largest nearest-neighbour link"


@dataclass(frozen=True)
class LinkResult(_Table):
    """The largest distance from a row to its k-th neighbour, and whether it is too large.

    Attributes
    ----------
    link : float
        The distance.
    row : int
        The row it belongs to; the first of several.
    n_components : int
        Connected parts of the graph that joins each row to its k nearest, all ties counted.
    expected : float
        Expected number of rows with their k-th neighbour farther away than `link`, were the rows
        uniform; NaN where no region is given.
    pvalue : float
        Probability that uniform rows have so large a link or a larger one; NaN likewise.
    n_neighbors : int
        The number k.
    n_samples : tuple of int
        Rows of the sample.
    diagnostics : tuple of Diagnostic
        Empty: the link is a fact about the rows.
    method : str, default "largest nearest-neighbour link"
        What was computed.

    See Also
    --------
    largest_neighbor_link : The function that gives it.

    Examples
    --------
    >>> from divest.sample_complexity import LinkResult
    >>> result = LinkResult(0.2, 17, 3, 0.01, 0.00995, 1, (200,))
    >>> result.to_frame()["pvalue"].item()
    0.00995
    """

    link: float
    row: int
    n_components: int
    expected: float
    pvalue: float
    n_neighbors: int
    n_samples: tuple[int, ...]
    diagnostics: tuple[Diagnostic, ...] = field(default=(), repr=False)
    method: str = METHOD

    def _row(self) -> dict[str, Any]:
        return {"link": self.link, "row": self.row, "n_neighbors": self.n_neighbors,
                "n": self.n_samples[0], "n_components": self.n_components,
                "expected": self.expected, "pvalue": self.pvalue}


def largest_neighbor_link(X: Any, n_neighbors: int = 1, *, region: str | None = None,
                          bounds: Any = (0.0, 1.0), n_resamples: int = 0, random_state: Any = None,
                          n_jobs: int | None = None, progress: bool = False) -> LinkResult:
    r"""Largest distance L from any row to its k-th nearest neighbour: how empty a gap there is.

    It tells an outlying row, or a part of space that the sample covers thinly. In a region that is
    given, it tests whether the rows are uniform [1]_: with n uniform rows in A,

    .. math:: P(L > r) \approx 1 - e^{-E(r)}, \qquad E(r) = n \int_A P\big(\mathrm{Bin}(n - 1,
        |B_r(x) \cap A| / |A|) < k\big) \frac{dx}{|A|},

    where E is the expected number of rows with their k-th neighbour beyond r. The limit law for
    large n is not used: it is far from the truth even with 20,000 rows.

    Parameters
    ----------
    X : array-like of shape (n, d) or (n,)
        The sample. Distances are Euclidean.
    n_neighbors : int, default 1
        The number k.
    region : {None, "box", "torus"}, default None
        Where the rows are uniform under the null hypothesis. None: no p-value. ``"box"``: within
        `bounds`. ``"torus"``: within `bounds`, opposite edges of which are joined, so that
        distances wrap around.
    bounds : tuple or list of tuples, default (0.0, 1.0)
        Edges of the region: a pair (lower, upper) for every column, or a list of one pair per
        column.
    n_resamples : int, default 0
        Uniform samples to compare with, for an exact p-value: 0 takes the formula, which there is
        for a torus and for boxes of one and two columns.
    random_state : int, Generator, RandomState or None, default None
        Source of one random stream per uniform sample.
    n_jobs : int, optional
        Workers, through joblib.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    LinkResult
        The link, its row, the number of components, and the p-value.

    Raises
    ------
    ValueError
        When `X` or a parameter is not valid, rows lie outside the region, or there is no formula
        and `n_resamples` is 0: a box of three columns or more, or a link of half the shortest side
        of a torus or more.

    See Also
    --------
    sample_size_report : How fast the distance between two samples falls with their size.

    Notes
    -----
    The formula takes rows with long links as independent. With few columns and a large k they
    cluster, and its p-values are too large: where the true one is .05, it gives .07 with k = 5 and
    .08 with k = 10 in one column, at most .07 in two, and .05 with k = 1 or 2 (1500 uniform samples
    of 200 rows).

    References
    ----------
    .. [1] M. Penrose and X. Yang, "Fluctuations of the connectivity threshold and largest
       nearest-neighbour link", Annals of Applied Probability 35 (2025), arXiv 2406.00647.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import largest_neighbor_link
    >>> X = np.random.default_rng(1).random((200, 2))
    >>> bool(largest_neighbor_link(X, region="box").pvalue > 0.05)
    True
    >>> hole = X[np.hypot(*(X - 0.5).T) > 0.3]
    >>> lonely = np.vstack([hole, [[0.5, 0.5]]])
    >>> result = largest_neighbor_link(lonely, region="box")
    >>> result.row == len(hole), bool(result.pvalue < 0.001)
    (True, True)
    """
    rows, columns = check_sample(X, "X")
    k = _check_neighbors(n_neighbors, len(rows))
    check_option("region", region, (None, "box", "torus"))
    n_resamples = check_integer("n_resamples", n_resamples, 0)
    if region is None:
        if n_resamples:
            raise ValueError("n_resamples needs a region in which the rows are uniform: "
                             "region='box' or 'torus'.")
        links = _links(rows, k, None)
        return _result(links, k, np.nan, np.nan)
    low, sides = _check_bounds(bounds, rows, columns)
    links = _links(rows - low, k, sides if region == "torus" else None)
    task = _Uniform(len(rows), k, sides, region == "torus")
    if not n_resamples:
        expected = task.expected(float(links.lengths.max()))
        return _result(links, k, expected, float(-np.expm1(-expected)))
    seeds = root_sequence(random_state).spawn(n_resamples)
    found = run_tasks(task.draw, ((links.lengths.max(), seed) for seed in seeds), n_resamples,
                      n_jobs=n_jobs, progress=progress, unit="sample")
    null, beyond = np.array(list(found)).T
    return _result(links, k, float(beyond.mean()), resampling_pvalue(links.lengths.max(), null))


class _Links(NamedTuple):
    """The distance of each row to its k-th neighbour, and the graph's number of components."""

    lengths: np.ndarray
    n_components: int


def _result(links: _Links, k: int, expected: float, pvalue: float) -> LinkResult:
    row = int(links.lengths.argmax())
    return LinkResult(float(links.lengths[row]), row, links.n_components, expected, pvalue, k,
                      (len(links.lengths),))


@dataclass(frozen=True)
class _Uniform:
    """n uniform rows in a box or torus with a corner at 0."""

    n: int
    k: int
    sides: np.ndarray
    wraps: bool

    def expected(self, r: float) -> float:
        """E(r), where there is a formula."""
        if r == 0:  # the rows coincide
            return float(self.n)
        if self.wraps:
            if r >= self.sides.min() / 2:
                raise ValueError(f"the link is {r:.4g}, half the shortest side of the torus or "
                                 "more, for which there is no formula; pass n_resamples=999.")
            return expected_in_torus(self.n, self.k, r, self.sides)
        if len(self.sides) > 2:
            raise ValueError(f"region='box' has a formula for 1 or 2 columns, and X has "
                             f"{len(self.sides)}; pass n_resamples=999.")
        return expected_in_box(self.n, self.k, r, self.sides)

    def draw(self, r: float, seed: np.random.SeedSequence) -> tuple[float, float]:
        """The largest link of a sample, and how many of its rows have one above r."""
        (rng,) = generators([seed])
        rows = rng.random((self.n, len(self.sides))) * self.sides
        lengths = _lengths(rows, self.k, self.sides if self.wraps else None)
        return float(lengths.max()), float(np.count_nonzero(lengths > r))


# ------------------------------------------------------------ the graph
def _links(rows: np.ndarray, k: int, sides: np.ndarray | None) -> _Links:
    """Lengths, and components of the graph that joins rows to all within their length."""
    blocks = _balls(rows, k) if sides is None else _periodic_balls(rows, k, sides)
    lengths, heads, tails = np.empty(len(rows)), [], []
    for members, reach, head, tail in blocks:
        lengths[members] = reach
        heads.append(head)
        tails.append(tail)
    edges = np.concatenate(heads), np.concatenate(tails)
    graph = csr_array((np.ones(len(edges[0]), np.int8), edges), shape=(len(rows), len(rows)))
    return _Links(lengths, int(connected_components(graph, directed=False)[0]))


def _lengths(rows: np.ndarray, k: int, sides: np.ndarray | None) -> np.ndarray:
    """The distance of each row to its k-th neighbour, without the graph."""
    if sides is not None:
        return KDTree(_wrapped(rows, sides), boxsize=sides).query(rows, [k + 1])[0][:, 0]
    index = NeighborIndex(rows)
    if len(index.points) == len(rows):
        return index.query(index.points, k + 1)[0][:, k] * index.unit
    return _links(rows, k, None).lengths


def _balls(rows: np.ndarray, k: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Rows, their lengths, and edges to a row at each point of their balls, block by block."""
    index = NeighborIndex(rows)
    at = index.points
    first = np.unique(index.point_of_row, return_index=True)[1]  # a row at each point
    others = np.arange(len(rows))
    yield others, np.zeros(len(rows)), others, first[index.point_of_row]  # copies are joined
    for points, near, ends in index.balls(at, np.array([k]), own=1):
        last = near[np.arange(len(points)), ends[:, 0] - 1]
        reach = np.zeros(len(at))
        reach[points] = np.linalg.norm(at[points] - at[last], axis=1) * index.unit
        inside = np.arange(near.shape[1]) < ends
        members = np.flatnonzero(np.isin(index.point_of_row, points))
        yield (members, reach[index.point_of_row[members]],
               np.repeat(first[points], ends[:, 0]), first[near[inside]])


def _periodic_balls(rows: np.ndarray, k: int,
                    sides: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """The same where opposite edges are joined."""
    tree = KDTree(_wrapped(rows, sides), boxsize=sides)
    lengths = tree.query(tree.data, [k + 1])[0][:, 0]
    everyone = np.arange(len(rows))
    near = tree.query_ball_point(tree.data, lengths * (1 + TIE))
    heads = np.repeat(everyone, [len(members) for members in near])
    yield everyone, lengths, heads, np.concatenate(near).astype(np.int64)


def _wrapped(rows: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Rows in [0, side): the upper edge is the lower one."""
    return np.where(rows >= sides, 0.0, rows)


# ------------------------------------------------------------ checks
def _check_neighbors(n_neighbors: Any, n_rows: int) -> int:
    if n_rows < 2:
        raise ValueError(f"X must have at least 2 rows, got {n_rows}.")
    return check_integer("n_neighbors", n_neighbors, 1, n_rows - 1)


def _check_bounds(bounds: Any, rows: np.ndarray,
                  columns: list[Any] | None) -> tuple[np.ndarray, np.ndarray]:
    """Lower edges and lengths of the sides of a region that holds all rows."""
    wrong = (f"bounds must be a pair (lower, upper) of finite numbers, lower < upper, or a list of "
             f"one pair for each of the {rows.shape[1]} columns; got {bounds!r}.")
    try:
        edges = np.broadcast_to(np.asarray(bounds, dtype=float), (rows.shape[1], 2))
    except (TypeError, ValueError):
        raise ValueError(wrong) from None
    low, high = edges.T
    if not np.isfinite(edges).all() or not (low < high).all():
        raise ValueError(wrong)
    outside = (rows < low) | (rows > high)
    if outside.any():
        row, column = np.argwhere(outside)[0]
        name = columns[column] if columns else column
        raise ValueError(f"every row must lie within bounds; row {row} has {rows[row, column]:g} "
                         f"in column {name!r}, whose edges are {low[column]:g} and "
                         f"{high[column]:g}.")
    return low, high - low
