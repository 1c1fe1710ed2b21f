"""Which number of experts, which degree? BIC over a grid, with held-out rows beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from divest.sample_complexity._experts import (
    MOST_NUMBERS,
    Fits,
    Rows,
    Rule,
    count_parameters,
    design,
    information_criteria,
    log_joint,
    posterior,
    run_em,
)

N_FOLDS = 5
SHORT_RUN = 100  # steps of EM from each start, before the best of them goes on
OWN_SHARE = 0.9  # of each row at the start, for the expert of its cluster
CLUSTER_STEPS = 10
FEWEST_ROWS_PER_PARAMETER = 5  # of what BIC may choose, but for the smallest model
CLEAR_RISE, PATIENCE = 10.0, 2  # the grid ends after so many numbers of experts so far above


@dataclass(frozen=True)
class Cell:
    """The best fit of one number of experts and one degree, and its row of the criterion."""

    n_experts: int
    degree: int
    fit: Fits
    row: dict[str, Any]
    held_out: np.ndarray | None

    @property
    def bic(self) -> float:
        """The number to make small."""
        return self.row["bic"]


@dataclass(frozen=True)
class Search:
    """Data in standard units, what the unit of y adds to log-likelihoods, EM's rule and seeds."""

    X: np.ndarray
    y: np.ndarray
    log_unit: float
    rule: Rule
    n_init: int
    seed: np.random.SeedSequence

    def stream(self, key: int) -> np.random.Generator:
        """One random stream for each number of experts, and one (key 0) for the folds."""
        key_of = (*self.seed.spawn_key, key)
        return np.random.default_rng(np.random.SeedSequence(self.seed.entropy, spawn_key=key_of))

    def run(self, experts: range, degrees: range) -> list[Cell]:
        """A fit for each pair, until more experts clearly do not pay."""
        folds = self._folds() if len(experts) * len(degrees) > 1 else None
        cells: list[Cell] = []
        best, poor = np.inf, 0
        for m in experts:
            new = self._cells_of(m, degrees, folds, first=not cells, alone=folds is None)
            cells += new
            if not new:
                break
            lowest = min(cell.bic for cell in new)
            poor = poor + 1 if lowest > best + CLEAR_RISE else 0
            best = min(best, lowest)
            if poor == PATIENCE:
                break
        return cells

    def _cells_of(self, m: int, degrees: range, folds: np.ndarray | None, first: bool,
                  alone: bool) -> list[Cell]:
        """All degrees for `m` experts that the number of rows allows."""
        n, s = self.X.shape
        allowed = [k for k in degrees if alone or (first and k == degrees[0])
                   or FEWEST_ROWS_PER_PARAMETER * count_parameters(m, comb(k + s, s), s) <= n]
        if not allowed:
            return []
        starts = self._starts(m)
        return [self._cell(m, k, starts, folds) for k in allowed]

    def _cell(self, m: int, degree: int, starts: np.ndarray, folds: np.ndarray | None) -> Cell:
        """Fit from all starts, keep the best; then refit it without each fold."""
        rows = Rows(*design(self.X, degree), self.y)
        n, p = len(self.y), count_parameters(m, rows.monomials.shape[1], self.X.shape[1])
        fit = self._best_fit(rows, starts)
        held_out = None if folds is None else self._held_out(rows, fit, folds)
        likelihood = float(fit.log_likelihood[0]) + n * self.log_unit
        bic, aic = information_criteria(likelihood, p, n)
        row = {"n_experts": m, "degree": degree, "n_parameters": p, "log_likelihood": likelihood,
               "bic": bic, "aic": aic,
               "held_out": np.nan if held_out is None else float(held_out.mean()),
               "converged": bool(fit.converged[0])}
        return Cell(m, degree, fit, row, held_out)

    def _best_fit(self, rows: Rows, starts: np.ndarray) -> Fits:
        """A short run from every start; the one with the largest likelihood goes on to its end."""
        ones, most = np.ones((len(starts), len(self.y))), self.rule.max_iter
        fits = in_parts(rows, starts, ones, replace(self.rule, max_iter=min(SHORT_RUN, most)))
        fit = fits.take([int(np.argmax(fits.log_likelihood))])
        if fit.converged[0] or most <= SHORT_RUN:
            return fit
        rule = replace(self.rule, max_iter=most - SHORT_RUN)
        longer = run_em(rows, posterior(log_joint(fit, rows))[1], ones[:1], rule, fit.gate)
        return replace(longer, n_iter=longer.n_iter + SHORT_RUN)

    def _held_out(self, rows: Rows, fit: Fits, folds: np.ndarray) -> np.ndarray:
        """Log-density of each row by the fit without its fold, which starts from `fit`."""
        labels = np.unique(folds)
        weights = (folds != labels[:, None]).astype(float)
        start = posterior(log_joint(fit, rows))[1]
        starts = np.repeat(start, len(labels), axis=0)
        gates = np.repeat(fit.gate, len(labels), axis=0)
        fits = in_parts(rows, starts, weights, self.rule, gates)
        density = np.empty(len(folds))
        for fold in labels:
            out = np.flatnonzero(folds == fold)
            part = Rows(rows.gate[out], rows.monomials[out], rows.y[out])
            density[out] = posterior(log_joint(fits.take([fold]), part))[0][0]
        return density + self.log_unit

    def _folds(self) -> np.ndarray:
        """Fold of each row."""
        return self.stream(0).permutation(len(self.y)) % N_FOLDS

    def _starts(self, m: int) -> np.ndarray:
        """Shares (n_init, m, n) by clusters of X and, every other time, of X and y together."""
        if m == 1:
            return np.ones((1, 1, len(self.y)))
        rng = self.stream(m)
        both = np.column_stack([self.X, self.y])
        return np.stack([cluster_shares(self.X if i % 2 == 0 else both, m, rng)
                         for i in range(self.n_init)])


def in_parts(rows: Rows, starts: np.ndarray, weights: np.ndarray, rule: Rule,
             gates: np.ndarray | None = None) -> Fits:
    """`run_em`, a few runs at a time where there are many rows."""
    K, m, n = starts.shape
    size = max(1, MOST_NUMBERS // (m * n * rows.gate.shape[1]))
    parts = [run_em(rows, starts[part], weights[part], rule, None if gates is None else gates[part])
             for part in (slice(i, i + size) for i in range(0, K, size))]
    return parts[0].join(parts[1:])


def cluster_shares(values: np.ndarray, m: int, rng: np.random.Generator) -> np.ndarray:
    """Most of each row for its cluster of k-means, the rest for all; (m, n)."""
    n = len(values)
    nearest = np.full(n, np.inf)
    centers = np.empty((m, values.shape[1]))
    for j in range(m):  # k-means++
        chances = nearest if j and nearest.sum() > 0 else np.ones(n)
        centers[j] = values[rng.choice(n, p=chances / chances.sum())]
        nearest = np.minimum(nearest, ((values - centers[j]) ** 2).sum(axis=1))
    for _ in range(CLUSTER_STEPS):
        label = _nearest_center(values, centers)
        sizes = np.bincount(label, minlength=m)
        sums = np.column_stack([np.bincount(label, column, m) for column in values.T])
        centers[sizes > 0] = (sums / np.maximum(sizes, 1)[:, None])[sizes > 0]
    shares = np.full((m, n), (1.0 - OWN_SHARE) / m)
    shares[_nearest_center(values, centers), np.arange(n)] += OWN_SHARE
    return shares


def _nearest_center(values: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Index of the nearest center of each row."""
    return np.argmin([((values - center) ** 2).sum(axis=1) for center in centers], axis=0)


def criterion_frame(cells: list[Cell]) -> pd.DataFrame:
    """One row per fit."""
    return pd.DataFrame([cell.row for cell in cells])


def held_out_gap(cells: list[Cell], chosen: Cell) -> float:
    """How far the best fit on held-out rows beats the chosen one, in standard errors; or NaN."""
    best = max(cells, key=lambda cell: cell.row["held_out"])
    if best.held_out is None or chosen.held_out is None:
        return np.nan
    gain = best.held_out - chosen.held_out
    error = gain.std() / np.sqrt(len(gain))
    return float(gain.mean() / error) if error > 0 else 0.0
