"""The divergence between two Markov chains."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import log
from typing import Any

import numpy as np
import pandas as pd

from divest._results import EstimateResult, warn_if_doubtful
from divest._validation import check_number
from divest.discrete._chain import fundamental, smoothed, stationary
from divest.discrete._chain_pairs import Pairs, paired_counts, row_scale, unmatched_states
from divest.discrete._count_result import CountDivergenceResult, chi_square_pvalue
from divest.discrete._moments import link_derivatives, moments, shares, variance_of
from divest.generators import Generator


@dataclass(frozen=True)
class MarkovDivergenceResult(CountDivergenceResult):
    """Divergence between two Markov chains, and its parts by state.

    Attributes
    ----------
    rows : DataFrame
        One row per state, see `table`.

    Examples
    --------
    >>> from divest.discrete import TransitionCounts, markov_divergence
    >>> result = markov_divergence(TransitionCounts([[90, 10], [20, 30]]),
    ...                            TransitionCounts([[80, 20], [20, 40]]))
    >>> result.table[["state", "n_p", "n_q"]]
       state  n_p  n_q
    0      0  100  100
    1      1   50   60
    """

    rows: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)

    @property
    def table(self) -> pd.DataFrame:
        """One row per state.

        Columns `state`, `weight` (its share in the stationary law of P), `n_p`, `n_q` (transitions
        out of it), `divergence`, `bias`, `standard_error`, `statistic`, `degrees_of_freedom`,
        `pvalue`. NaN, and -1 degrees of freedom, where one chain never leaves the state.

        Returns
        -------
        DataFrame
            The states.
        """
        return self.rows

    def in_bits(self) -> MarkovDivergenceResult:
        """The same result in bits.

        Returns
        -------
        MarkovDivergenceResult
            Estimate, bias, errors and bounds divided by log 2, of the states as well.

        Raises
        ------
        ValueError
            When the result is not in nats.
        """
        rows = self.rows.copy()
        rows[["divergence", "bias", "standard_error"]] /= log(2)
        return replace(EstimateResult.in_bits(self), bias=self.bias / log(2),
                       scale=self.scale * log(2), rows=rows)


def markov_divergence(P: Any, Q: Any, divergence: str | Generator = "kl", *,
                      smoothing: float = 0.5, confidence_level: float = 0.95
                      ) -> MarkovDivergenceResult:
    r"""Divergence ``D(P || Q)`` between two Markov chains, per step.

    The sum of the divergences between the rows of the two transition matrices, weighted by the
    stationary law of P: :math:`D = \sum_i \pi_i D_f(M^P_i || M^Q_i)`. For ``"kl"`` this is the
    divergence rate of the two processes [1]_. Rows are estimated as in `f_divergence`, the
    stationary law as in `MarkovChainEstimator`. The standard error is by the delta method in all
    rows of both matrices.

    Parameters
    ----------
    P : array-like of shape (n,) or (n, 1), list of sequences, or TransitionCounts
        The chain in question. States are matched by label.
    Q : array-like of shape (m,) or (m, 1), list of sequences, or TransitionCounts
        The reference chain.
    divergence : str or Generator, default "kl"
        A name such as ``"jensen_shannon"``, or a generator with a second derivative at 1.
    smoothing : float, default 0.5
        Added to each cell of a row that is not empty in both chains; above 0.
    confidence_level : float, default 0.95
        Level of the interval.

    Returns
    -------
    MarkovDivergenceResult
        Value, bias, standard error, interval, p-value of equality, and a table by state.

    Raises
    ------
    ValueError
        When data or parameters are not valid, or the chains leave no state in common.

    Warns
    -----
    TrustWarning
        When many transitions leave states that the other chain never leaves.

    See Also
    --------
    markov_divergence_test : The test of whether they are the same.

    References
    ----------
    .. [1] Z. Rached, F. Alajaji and L. L. Campbell, "The Kullback-Leibler divergence rate between
       Markov sources", IEEE Transactions on Information Theory 50 (2004).

    Examples
    --------
    >>> from divest.discrete import TransitionCounts, markov_divergence
    >>> result = markov_divergence(TransitionCounts([[90, 10], [20, 30]]),
    ...                            TransitionCounts([[80, 20], [20, 40]]))
    >>> round(result.estimate, 4), round(result.standard_error, 4)
    (0.03, 0.0288)
    """
    generator, pairs = paired_counts(P, Q, divergence, smoothing)
    check_number("confidence_level", confidence_level, 0, 1)
    M = smoothed(pairs.p, smoothing)
    law = stationary(M)
    table = _table(generator, pairs, law, smoothing)
    used = table[table["degrees_of_freedom"] >= 0]
    weight = used["weight"].to_numpy()
    estimate, bias = (float(weight @ used[name].to_numpy()) for name in ("divergence", "bias"))
    error = _standard_error(generator, pairs, table, fundamental(M, law), smoothing)
    n, m = pairs.p.sum(), pairs.q.sum()
    df = int(used["degrees_of_freedom"].sum())
    unmatched = unmatched_states(pairs)
    warn_if_doubtful([unmatched], "markov_divergence")
    return MarkovDivergenceResult(
        estimate, error, f"{generator.name} of Markov chains", (int(n), int(m)), (unmatched,),
        confidence_level, (0.0, generator.upper_bound), generator.unit, bias,
        chi_square_pvalue(float(used["statistic"].sum()), df), _null_scale(used, generator),
        df + 1, rows=table)


def _table(generator: Generator, pairs: Pairs, law: np.ndarray, smoothing: float) -> pd.DataFrame:
    """Divergence and test of each row; df is -1 where a row cannot be compared."""
    table = pd.DataFrame({"state": pairs.states, "weight": law,
                          "n_p": pairs.p.sum(axis=1).astype(np.int64),
                          "n_q": pairs.q.sum(axis=1).astype(np.int64)})
    parts = np.full((len(law), 6), np.nan)
    parts[:, 4] = -1
    for i in pairs.matched:
        row = pairs.row(i)
        n, m = row.sum(axis=1)
        p, q = shares(row, smoothing)
        value, error, bias = moments(generator, p, q, n, m)
        scaled, df = row_scale(generator, n, m) * value, row.shape[1] - 1
        parts[i] = value, bias, error, scaled, df, chi_square_pvalue(scaled, df)
    names = ["divergence", "bias", "standard_error", "statistic", "degrees_of_freedom", "pvalue"]
    table[names] = parts
    return table.astype({"degrees_of_freedom": np.int64})


def _standard_error(generator: Generator, pairs: Pairs, table: pd.DataFrame, Z: np.ndarray,
                    smoothing: float) -> float:
    """Delta method; a change of row i of P acts through its divergence and the stationary law."""
    through_law = Z @ table["divergence"].fillna(0.0).to_numpy()
    law, variance = table["weight"].to_numpy(), 0.0
    for i in pairs.matched:
        row = pairs.row(i)
        n, m = row.sum(axis=1)
        p, q = shares(row, smoothing)
        at_p, at_q = _gradients(generator, p, q)
        at_p = at_p + through_law[pairs.used(i)]
        variance += law[i] ** 2 * (variance_of(p, at_p) / n + variance_of(q, at_q) / m)
    return float(np.sqrt(variance))


def _gradients(generator: Generator, p: np.ndarray, q: np.ndarray
               ) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of the divergence of two laws in each."""
    r = p / q
    slope, f = generator.derivative(r), generator.f(r)
    first = 1.0 if generator.link is None else link_derivatives(generator.link, float(q @ f))[0]
    return first * slope, first * (f - r * slope)


def _null_scale(used: pd.DataFrame, generator: Generator) -> float:
    """What makes the estimate of equal chains nearly chi-square: its mean is right."""
    n, m, df = (used[name].to_numpy(float) for name in ("n_p", "n_q", "degrees_of_freedom"))
    weight = used["weight"].to_numpy()
    mean = float(weight @ (df * generator.curvature * (n + m) / (2.0 * n * m)))
    return float(df.sum()) / mean if mean > 0 else 1.0
