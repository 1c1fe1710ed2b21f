"""Divergences of samples that are too large for one computation: by random blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from math import sqrt
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import clone

from divest._parts import Parts, computed, part_rows
from divest._resampling import generators, root_sequence, run_tasks, with_progress
from divest._results import Diagnostic, EstimateResult, told_elsewhere, warn_if_doubtful
from divest._samples import match_columns
from divest._validation import check_integer, check_number
from divest.divergence.nearest_neighbor_ratio import NearestNeighborRatioDivergence
from divest.generators import Generator

BLOCK = 20_000  # rows of the smaller sample in a block
FEWEST = 10  # blocks from which a standard error can be had
SMALLEST = 50  # rows of each sample in a block
AT_ONCE = 100  # blocks in memory, of those that wait to be computed

Pair = tuple[Parts, Parts]
Pieces = tuple[Any, ...]  # of a block: tables of P, and of Q
Estimate = Callable[[np.ndarray, np.ndarray], EstimateResult]


def block_divergence(P: Any, Q: Any, estimator: Any = "kl", *, n_blocks: int | None = None,
                     random_partitions: bool = False, confidence_level: float = 0.95,
                     random_state: Any = None, n_jobs: int | None = None,
                     progress: bool = False) -> EstimateResult:
    r"""Divergence of two large samples: the mean over random blocks of rows.

    The rows of both samples are dealt at random to B blocks. With :math:`\hat D_b` the estimate
    from block b, the result is the mean of these and its standard error :math:`sd(\hat D_b) /
    \sqrt B`, which holds for any estimator, as blocks of independent rows are independent. Its
    bias is that of a block. To see it, each block is estimated from two halves of its rows as well;
    a bias that does not fall with the number of rows, as with a fixed number of neighbours, does
    not show.

    Parameters
    ----------
    P : array-like, Dask DataFrame or Dask array of shape (n_p, d)
        The sample in question. One-dimensional input is one column.
    Q : array-like, Dask DataFrame or Dask array of shape (n_q, d)
        The reference sample; data frames must have the columns of `P`, in any order.
    estimator : str, Generator, estimator or callable, default "kl"
        What to compute in each block: a divergence, by
        `NearestNeighborRatioDivergence`; an estimator with ``fit_samples(P, Q)``; or a function
        ``f(P, Q)`` of two float arrays that gives an `EstimateResult` or a number.
    n_blocks : int, optional
        Number of blocks, 10 or more; by default one for every 20,000 rows of the smaller sample.
        Both samples are dealt to all blocks, so that those of a larger sample are larger.
    random_partitions : bool, default False
        Take partitions of Dask as they are for blocks, so that no rows need be dealt.
        That is wrong unless rows were dealt to partitions at random: in sorted data every partition
        is another part of the sample.
    confidence_level : float, default 0.95
        Level of the interval.
    random_state : int, Generator, RandomState or None, default None
        Source of the deal. The same number gives the same result from arrays and from any
        partitions, and for any `n_jobs`.
    n_jobs : int, optional
        Threads for tables in memory, through joblib. Tables of Dask go where Dask computes.
    progress : bool, default False
        Show a progress bar over the blocks.

    Returns
    -------
    EstimateResult
        Mean, standard error, interval, and `block_bias` among the diagnostics: the estimate less
        that from half blocks.

    Raises
    ------
    ValueError
        When a sample has fewer than 50 rows for each block, a block fails, or there are fewer than
        10 partitions to take for blocks.
    TypeError
        When `estimator` is none of the above, or gives something else.

    Warns
    -----
    TrustWarning
        When the bias may be larger than a standard error, or a diagnostic fails in most blocks.

    See Also
    --------
    estimate_divergence : From all rows at once; better wherever they fit into memory.

    Notes
    -----
    A worker holds one block or one partition at a time; where rows are dealt, 100 blocks at a time
    wait in the memory of the cluster, and the data are read again for the next 100. Intervals are
    those of Student's t with B - 1 degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.divergence import block_divergence
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(20_000, 1)) + 1, rng.normal(size=(20_000, 1))
    >>> result = block_divergence(P, Q, n_blocks=20, random_state=0)  # the truth is 0.5
    >>> low, high = result.confidence_interval()
    >>> bool(low < 0.5 < high)
    True
    """
    estimate = _as_estimate(estimator)
    check_number("confidence_level", confidence_level, 0, 1)
    *deal, blocks = root_sequence(random_state).spawn(3)
    pair = _matched(P, Q)
    B = _partition_count(pair, n_blocks) if random_partitions else _block_count(pair, n_blocks)
    pieces = _partitions(pair, B) if random_partitions else _dealt_pieces(pair, B, deal)
    task = partial(_block, estimate=estimate)
    with told_elsewhere():  # once, for all blocks
        results = _run(task, pieces, blocks.spawn(B), pair, n_jobs)
        found = list(with_progress(results, B, progress=progress, unit="block"))
    result = _mean(found, (pair[0].n, pair[1].n), float(confidence_level))
    warn_if_doubtful(result.diagnostics, result.method)
    return result


# ------------------------------------------------------------ one block
def _as_estimate(estimator: Any) -> Estimate:
    """What to do with a block, as a function that can be sent to other processes."""
    if isinstance(estimator, (str, Generator)):
        estimator = NearestNeighborRatioDivergence(estimator)
    if hasattr(estimator, "fit_samples") and not isinstance(estimator, type):
        return partial(_fitted, clone(estimator))
    if callable(estimator) and not isinstance(estimator, type):
        return partial(_called, estimator)
    raise TypeError("estimator must be a divergence, an estimator with fit_samples(P, Q) or a "
                    f"function of two samples, got {estimator!r}.")


def _fitted(estimator: Any, P: np.ndarray, Q: np.ndarray) -> EstimateResult:
    fitted = clone(estimator).fit_samples(P, Q)
    result = getattr(fitted, "result_", fitted)
    if not isinstance(result, EstimateResult):
        raise TypeError(f"estimator must give an estimate, and {type(fitted).__name__} gives "
                        f"a {type(result).__name__}; take one of a divergence.")
    return result


def _called(function: Callable[..., Any], P: np.ndarray, Q: np.ndarray) -> EstimateResult:
    found = function(P, Q)
    if isinstance(found, EstimateResult):
        return found
    name = getattr(function, "__name__", type(function).__name__)
    if np.ndim(found) or not isinstance(found, (Real, np.ndarray)):
        raise TypeError(f"estimator must give a number or an EstimateResult for each block, and "
                        f"{name} gave {found!r}.")
    return EstimateResult(float(found), float("nan"), name, (len(P), len(Q)))


def _block(pieces: Pieces, seed: np.random.SeedSequence, *, estimate: Estimate
           ) -> tuple[EstimateResult, float]:
    """The result from a block, and the mean of those from two halves of its rows."""
    P, Q = (np.concatenate([part_rows(piece, f"a partition of {name}") for piece in sample])
            for sample, name in zip(pieces, ("P", "Q"), strict=True))
    rng = next(generators([seed]))
    halves = zip(*(np.array_split(rng.permutation(len(rows)), 2) for rows in (P, Q)), strict=True)
    with told_elsewhere():
        each = [estimate(P[np.sort(p)], Q[np.sort(q)]).estimate for p, q in halves]
        return estimate(P, Q), float(np.mean(each))


# ------------------------------------------------------------ from samples to blocks
def _matched(P: Any, Q: Any) -> Pair:
    """Both samples, their columns in the same order."""
    p, q = Parts(P, "P"), Parts(Q, "Q")
    if p.columns is not None and q.columns is not None:
        match_columns(p.columns, q.columns)
        q = Parts(Q[p.columns], "Q")
    return p, q


def _block_count(pair: Pair, n_blocks: int | None) -> int:
    """Blocks to which rows are dealt."""
    small = min(pair, key=lambda parts: parts.n)
    B = max(FEWEST, small.n // BLOCK) if n_blocks is None else check_integer(
        "n_blocks", n_blocks, FEWEST)
    if small.n < SMALLEST * B:
        raise ValueError(f"{B} blocks need {SMALLEST * B} rows or more of each sample, and "
                         f"{small.name} has {small.n}. Use estimate_divergence, or fewer blocks "
                         f"({FEWEST} at least).")
    return B


def _partition_count(pair: Pair, n_blocks: int | None) -> int:
    """Blocks that are made of partitions."""
    most = min(len(parts.tables) for parts in pair)
    if most < FEWEST:
        raise ValueError(f"random_partitions=True needs {FEWEST} partitions or more of each "
                         f"sample, got {len(pair[0].tables)} of P and {len(pair[1].tables)} of Q.")
    B = most if n_blocks is None else check_integer("n_blocks", n_blocks, FEWEST, most)
    for parts in pair:
        fewest = min(parts.sizes[b::B].sum() for b in range(B))
        if fewest < SMALLEST:
            raise ValueError(f"a block needs {SMALLEST} rows or more of each sample, and one made "
                             f"of partitions of {parts.name} has {fewest}; repartition, or give "
                             "a smaller n_blocks.")
    return B


def _partitions(pair: Pair, n_blocks: int) -> Iterator[list[Pieces]]:
    """Partitions of both samples for each block."""
    yield [tuple(parts.tables[b::n_blocks] for parts in pair) for b in range(n_blocks)]


def _dealt_pieces(pair: Pair, n_blocks: int, seeds: list[np.random.SeedSequence]
                  ) -> Iterator[list[Pieces]]:
    """Pieces of both samples for each block, some blocks at a time."""
    words = [int(seed.generate_state(1, np.uint64)[0]) for seed in seeds]
    lazy = any(parts.lazy for parts in pair)
    for first in range(0, n_blocks, AT_ONCE):
        last = min(first + AT_ONCE, n_blocks)
        samples = []
        for parts, word in zip(pair, words, strict=True):
            split = partial(_split, name=parts.part_name, n_blocks=n_blocks, seed=word, first=first,
                            last=last)
            samples.append((parts.tasks if lazy else parts.map)(split, parts.starts.tolist()))
        yield [tuple([piece[b] for piece in sample] for sample in samples)
               for b in range(last - first)]


def _split(part: Any, start: int, *, name: str, n_blocks: int, seed: int, first: int,
           last: int) -> list[np.ndarray]:
    """The rows of a part, from position `start` on, that are dealt to each of some blocks."""
    blocks = _dealt(start, len(part), n_blocks, seed)
    chosen = np.flatnonzero((blocks >= first) & (blocks < last))
    chosen = chosen[np.argsort(blocks[chosen], kind="stable")]
    cuts = np.searchsorted(blocks[chosen], np.arange(first + 1, last))
    return np.split(part_rows(part, name)[chosen], cuts)


def _dealt(start: int, size: int, n_blocks: int, seed: int) -> np.ndarray:
    """The block of each of `size` rows from position `start` on: a hash of position and seed.

    That of splitmix64: a counter in steps of the golden ratio, mixed by shifts and products.
    """
    z = np.arange(start + 1, start + size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return ((z ^ (z >> np.uint64(31))) % np.uint64(n_blocks)).astype(np.int64)


def _run(task: Callable[..., Any], rounds: Iterable[list[Pieces]],
         seeds: list[np.random.SeedSequence], pair: Pair, n_jobs: int | None) -> Iterator[Any]:
    """What `task` says of each block: by Dask if a sample is Dask's, else by joblib."""
    left = iter(seeds)
    for pieces in rounds:
        calls = list(zip(pieces, left, strict=False))
        if any(parts.lazy for parts in pair):
            from dask import delayed

            yield from computed([delayed(task)(*call) for call in calls])
        else:
            yield from run_tasks(task, calls, len(calls), n_jobs=n_jobs)


# ------------------------------------------------------------ from blocks to the result
def _mean(found: list[tuple[EstimateResult, float]], sizes: tuple[int, int],
          confidence_level: float) -> EstimateResult:
    """The mean over blocks."""
    results = [result for result, _ in found]
    values = np.array([result.estimate for result in results])
    halves = np.array([half for _, half in found])
    if wrong := np.count_nonzero(~np.isfinite([values, halves]).all(axis=0)):
        raise ValueError(f"the estimate of {wrong} of {len(values)} blocks is not finite, or that "
                         "of a half of their rows; take larger blocks (a smaller n_blocks) or "
                         "another estimator.")
    error, bias = float(values.std(ddof=1)) / sqrt(len(values)), float(np.mean(values - halves))
    found_bias = Diagnostic(
        "block_bias", bias, error, abs(bias) <= error,
        "the estimate less that from half blocks is more than a standard error, so the bias of a "
        "block may be as well, and the interval too short; take larger blocks (a smaller n_blocks)")
    one = results[0]
    return EstimateResult(
        float(values.mean()), error, f"{one.method} (mean of {len(values)} blocks)", sizes,
        (found_bias, *_of_most(results)), confidence_level, one.bounds, one.unit,
        degrees_of_freedom=len(values) - 1)


def _of_most(results: Sequence[EstimateResult]) -> list[Diagnostic]:
    """Each diagnostic of the blocks: its median, and whether it fails in more than half of them."""
    by_name: dict[str, list[Diagnostic]] = {}
    for one in (d for result in results for d in result.diagnostics):
        by_name.setdefault(one.name, []).append(one)
    return [_of_one(same, len(results)) for same in by_name.values()]


def _of_one(same: list[Diagnostic], n_blocks: int) -> Diagnostic:
    failed = sum(not one.passed for one in same)
    return replace(same[0], value=float(np.median([one.value for one in same])),
                   threshold=float(np.median([one.threshold for one in same])),
                   passed=failed <= n_blocks / 2,
                   advice=f"{same[0].advice} (fails in {failed} of {n_blocks} blocks)")
