"""Which sizes to try on the way to a wanted power."""

from __future__ import annotations

from math import isfinite

from divest.sample_complexity._probit import ProbitFit, fit_probit
from divest.sample_complexity._trials import Trials

START = 25  # the first size of a search
KEPT = 4  # sizes of a search that the line is fitted to, each about twice the one before
ROUNDS = 4
JUMP = 4.0  # a round goes at most this factor beyond the sizes tried


def search(trials: Trials, power: float, limit: int) -> None:
    """Run sizes a factor of two apart until they stand on both sides of the wanted power."""
    n = min(START, limit // 2)
    trials.run(n)
    while _share(trials, n) < power and n < limit:
        n = min(2 * n, limit)
        trials.run(n)
    descend(trials, power)
    trials.keep_last(KEPT)


def descend(trials: Trials, power: float) -> None:
    """While every size has the wanted power, run smaller ones, down to what the test takes."""
    refused = 0
    while not _sides(trials, power)[0] and (n := (refused + min(trials.counts)) // 2) > refused:
        if not trials.takes(n):
            refused = n


def refine(trials: Trials, power: float, limit: int) -> ProbitFit | None:
    """Run the test at the size that the line gives, and fit again; None where no line is needed."""
    if not _sides(trials, power)[0]:
        return None
    fit = _fit(trials, power)
    for _ in range(ROUNDS):
        n = _next_size(trials, fit, power, limit)
        if n is None or not trials.takes(n):
            break
        before, fit = fit.n, _fit(trials, power)
        settled = abs(n - before) < 1 and abs(fit.n - before) <= fit.standard_error
        if settled and fit.n_mixed > 1:
            break
    return fit


def _fit(trials: Trials, power: float) -> ProbitFit:
    """The line through all sizes; where the power rises in one step, through its two sides."""
    fit = _line(trials, sorted(trials.counts), power)
    below, above = _sides(trials, power)
    if fit.n_mixed < 2 and below and above and max(below) < min(above):
        return _line(trials, [max(below), min(above)], power)
    return fit


def _line(trials: Trials, sizes: list[int], power: float) -> ProbitFit:
    rejections, tried = zip(*(trials.counts[n] for n in sizes), strict=True)
    return fit_probit(sizes, rejections, tried, power)


def _next_size(trials: Trials, fit: ProbitFit, power: float, limit: int) -> int | None:
    """Where to try next; None where nothing new would be learnt."""
    smallest, largest = min(trials.counts), max(trials.counts)
    if isfinite(fit.n):
        wanted = fit.n
    elif not _sides(trials, power)[1]:
        wanted = JUMP * largest
    else:  # the power falls
        return None
    low, high = max(smallest / JUMP, 1), min(JUMP * largest, limit)
    n = round(min(max(wanted, low), high))
    return None if n in trials.counts and not smallest <= wanted <= largest else n


def _sides(trials: Trials, power: float) -> tuple[list[int], list[int]]:
    """Sizes tried without the wanted power, and with it."""
    above = [n for n in trials.counts if _share(trials, n) >= power]
    return [n for n in trials.counts if n not in above], above


def _share(trials: Trials, n: int) -> float:
    rejections, tried = trials.counts[n]
    return rejections / tried
