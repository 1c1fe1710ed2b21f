"""A kernel Stein test that sees how mass is divided between separated modes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd

from divest._resampling import resampling_signs
from divest._results import Diagnostic
from divest._validation import check_integer, check_option
from divest.goodness_of_fit._diagnostics import median_in_high_dimension
from divest.goodness_of_fit._modes import with_log_density
from divest.goodness_of_fit._moves import ModeMoves
from divest.goodness_of_fit._outcome import Outcome, check_bandwidth, combine
from divest.goodness_of_fit._perturbed import (
    BOUNDARIES,
    Copies,
    Perturbation,
    Seeds,
    about_modes,
    about_moves,
    check_scales,
    modes_at,
    row_shares,
)
from divest.goodness_of_fit._setup import check_sample_rows, coordinates_of, scores_of
from divest.goodness_of_fit._stein_test import SteinTest, bootstrap_draws, check_size, values_of
from divest.goodness_of_fit._verdict import attainable_pvalue, few_rows, judge
from divest.goodness_of_fit.modes import Modes, find_modes
from divest.kernels import Kernel, resolve_kernel

_ADVICE = {
    "autocorrelation": "rows depend on their neighbours, so the test rejects too often; thin the "
                       "chain, or shuffle rows that are only sorted",
    "dominating_row": "one row, with its moved copies, has a large part of the sum, so the scores "
                      "are heavy-tailed, or the row is an outlier, and the p-value is doubtful",
    "modes": "the rows lie at more separated modes than were found, and the test hardly sees how "
             "the mass is divided between the others; use a larger box, raise n_starts, or pass "
             "modes=",
}


class PerturbedSteinTest(SteinTest):
    r"""Kernel Stein test of fit for models with separated modes.

    Null hypothesis: the rows of `X` are drawn from the model. A kernel Stein test hardly sees how
    mass is divided between modes that are far apart, as the score does not depend on it. Here rows
    are moved at random between the modes, in a way that does not change the law of the model [1]_:
    with modes i and j, different and drawn at random for each row and step,

    .. math:: y = c + \theta (\mu_j - c)
        + C_j^{1/2} C_i^{-1/2} \left(x - c - \theta (\mu_i - c)\right)

    takes the place of x with probability :math:`\min(1, p(y) / p(x) \, |C_j|^{1/2} /
    |C_i|^{1/2})`. Here :math:`\mu` and C are the modes of the log density and their covariances,
    from `find_modes`, and c is the mean of the modes. A sample with wrong shares is carried to
    where the model has little mass, which a Stein test sees. With h the Stein kernel of
    `KernelSteinTest` and :math:`K_\theta x` a row after its moves, the statistic is n times the
    mean over pairs of different rows of

    .. math:: h(x, y) + \sum_\theta h(K_\theta x, K_\theta y),

    compared with draws in which rows, with all their copies, get random signs.

    Parameters
    ----------
    model : object
        What `as_score_model` takes, with a log density (up to a constant).
    method : {"spksd", "ospksd"}, default "spksd"
        ``"spksd"``: the sum over all scales. ``"ospksd"``: half of the rows, chosen at random, say
        which single scale has the most power, and the other half is tested with it.
    scales : float or array-like of float, optional
        Scales theta of the moves, above 0 and not all of them 1: a move of scale 1 carries each
        mode onto another, which mends wrong shares, and has no power; nor have scales so near to 1
        that moves miss a mode by less than half of its standard deviation. By default 21 numbers
        from 0.5 to 1.5.
    n_steps : int, default 10
        Moves of each row at each scale.
    modes : Modes or array-like of shape (M, d), optional
        Modes of the model, from `find_modes` or known to you. They must not come from the rows. By
        default they are searched for.
    n_starts : int, default 20
        Starts of the search for modes.
    box : tuple of (lower, upper), optional
        Where the search starts, as in `find_modes`: finite numbers, or one number per column, that
        do not come from the rows. Needed where the model has no bounded support, cannot be sampled
        from, and no `modes` are given.
    kernel : str or Kernel, default "imq"
        As in `KernelSteinTest`.
    bandwidth : "auto", "median" or float, default "auto"
        As in `KernelSteinTest`; each moved copy has a median distance of its own.
    support : tuple of (lower, upper), optional
        Edges of the support of the model: numbers, or one number per column, infinite where there
        is none.
    boundary : {"auto", "refuse", "tilt", "ignore"}, default "auto"
        As in `KernelSteinTest`: what to do when the density does not vanish at an edge of its
        support.
    n_resamples : int, default 999
        Draws under the null hypothesis.
    random_state : int, Generator, RandomState or None, default None
        Source of the starts of the search, the moves and the draws. The same number gives the same
        result for any `n_jobs` and any order of the rows.
    n_jobs : int, optional
        Threads, through joblib.
    progress : bool, default False
        Show a progress bar.

    Attributes
    ----------
    statistic_ : float
        n times the U statistic; with several bandwidths ``-log min_k p_k / w_k`` over their single
        p-values and weights.
    pvalue_ : float
        ``(1 + exceedances) / (1 + n_resamples)``, for all bandwidths together.
    null_distribution_ : ndarray of shape (n_resamples,)
        Draws of `statistic_`.
    result_ : HypothesisResult
        All of these together.
    modes_ : DataFrame
        One row per mode, highest first: its place, log_density, n_reached (starts that ended
        there), model_share (of the mass of the model, where every mode has the shape of a normal
        law) and row_share (of the rows). Where the last two differ, shares may be wrong.
    scales_ : ndarray
        Scales that were tested: all, or the one that was chosen; none with fewer than two modes.
    acceptance_rates_ : ndarray
        Share of the moves that were accepted, at each of these.
    bandwidth_ : float
        The bandwidth of the rows; of several, the one with the smallest p-value for its weight.
    bandwidths_ : DataFrame
        One row per bandwidth: factor (of the median), bandwidth, weight, statistic (n times U) and
        pvalue (of this bandwidth alone).
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    model_ : ScoreModel
        The model as the test sees it.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        As `KernelSteinTest`; and, where nothing is rejected, when fewer than two modes were found,
        so that this is the plain test, when there may be more of them, or when hardly any row was
        moved.

    See Also
    --------
    find_modes : The search for modes.
    KernelSteinTest : The plain test.

    Notes
    -----
    The test is valid whatever the modes are, as long as they do not come from the rows; better
    modes give more power. The p-value depends on the random moves, and so on `random_state`: twice
    the median p-value over several of them, at most 1, is a valid p-value as well. Rows are sorted
    first, so that their order does not matter. Memory is linear in the number of rows, time
    quadratic: that of `KernelSteinTest` times one more than the number of scales, but for the
    draws, which are made once.

    References
    ----------
    .. [1] X. Liu, A. B. Duncan and A. Gandy, "Using perturbation to improve goodness-of-fit tests
       based on kernelized Stein discrepancy", ICML (2023).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.goodness_of_fit import as_score_model
    >>> from divest import PerturbedSteinTest
    >>> def log_density(X):  # two modes of equal shares
    ...     return np.logaddexp(-0.5 * X[:, 0]**2, -0.5 * (X[:, 0] - 6)**2)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 1)) + 6 * (rng.random((200, 1)) < 0.2)
    >>> model = as_score_model(log_density=log_density)
    >>> test = PerturbedSteinTest(model, box=(-10, 10), random_state=0).fit(X)
    >>> test.result_.reject()
    True
    >>> test.modes_[["model_share", "row_share"]].round(2)
       model_share  row_share
    0          0.5       0.78
    1          0.5       0.22
    """

    _method = "perturbed kernel Stein test"

    def __init__(self, model=None, *, method="spksd", scales=None, n_steps=10, modes=None,
                 n_starts=20, box=None, kernel="imq", bandwidth="auto", support=None,
                 boundary="auto", n_resamples=999, random_state=None, n_jobs=None, progress=False):
        self.model = model
        self.method = method
        self.scales = scales
        self.n_steps = n_steps
        self.modes = modes
        self.n_starts = n_starts
        self.box = box
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.support = support
        self.boundary = boundary
        self.n_resamples = n_resamples
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:
        """Test whether the rows are drawn from the model.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The sample, 4 to 20,000 rows; at least 8 with ``method="ospksd"``.
        y : None
            Ignored, so that the test can stand in a pipeline.

        Returns
        -------
        PerturbedSteinTest
            The fitted test.

        Raises
        ------
        OutOfSupportError
            When rows lie where the model has no density; names them.
        SupportBoundaryError
            When the density does not vanish at an edge of its support.
        TypeError
            When the model has no score.
        ValueError
            When a parameter, the data or the scores are not valid, the model has no log density,
            there is no box to search for modes in, or no mode in it.
        """
        kernel, scales = self._check_parameters()
        X = check_sample_rows(self, X)
        model, S = scores_of(self.model, X, None, self.support)
        self.model_ = with_log_density(model, "PerturbedSteinTest")
        coordinates, ignored = coordinates_of(self.model_, X, support=self.support,
                                              boundary=self.boundary)
        root = self._root
        *seeds, extra = root.spawn(self.n_resamples + 1)
        search, *streams = extra.spawn(3 + len(scales))
        modes = self._find(X.shape[1], search)
        moves = ModeMoves(self.model_, modes.means, modes.covariances)
        perturbation = Perturbation(moves, self.n_steps, coordinates, kernel, self.bandwidth,
                                    self.n_jobs)
        copies = self._copies(X, S, perturbation, scales, streams)
        outcome, table, diagonal = self._resample(copies, seeds)
        self.modes_ = modes.to_frame(getattr(self, "feature_names_in_", None)).assign(
            row_share=row_shares(X, modes))
        self._store(outcome, table, self.n_resamples, root,
                    self._diagnose(X, S, diagonal, modes, ignored, outcome.pvalue))
        return self

    # ------------------------------------------------------------ steps of fit
    def _check_parameters(self) -> tuple[Kernel, np.ndarray]:
        """Every parameter by itself; the kernel and the scales."""
        if self.model is None:
            raise ValueError("model is None: pass what as_score_model takes, with a log density.")
        kernel = resolve_kernel(self.kernel)
        check_bandwidth(self.bandwidth, kernel)
        check_option("method", self.method, ("spksd", "ospksd"))
        check_option("boundary", self.boundary, BOUNDARIES)
        check_integer("n_steps", self.n_steps, 1)
        check_integer("n_starts", self.n_starts, 1)
        check_integer("n_resamples", self.n_resamples, 1)
        return kernel, check_scales(self.scales)

    def _find(self, d: int, seed: np.random.SeedSequence) -> Modes:
        """The modes that are given, or found."""
        model = self.model_
        if self.modes is None:
            model = model if model.n_features else replace(model, n_features=d)
            return find_modes(model, self.box, n_starts=self.n_starts, random_state=seed)
        if self.box is not None:
            raise ValueError("box is for the search for modes; leave it out where modes are given.")
        places = self.modes.means if isinstance(self.modes, Modes) else self.modes
        found = modes_at(model, places, d)
        return self.modes if isinstance(self.modes, Modes) else found

    def _copies(self, X: np.ndarray, S: np.ndarray, perturbation: Perturbation, scales: np.ndarray,
                streams: Seeds) -> Copies:
        """The rows to be tested, with their moved copies; keeps the scales of these."""
        check_size(len(X), len(scales) + 1, self.n_resamples, "PerturbedSteinTest",
                   "a random part of the rows")
        order = np.lexsort(X.T[::-1])  # so that moves and signs do not depend on that of the rows
        X, S = X[order], S[order]
        split, last, *streams = streams
        tested: Any = slice(None)
        if len(perturbation.moves.places) < 2:
            scales, streams = scales[:0], []
        elif self.method == "ospksd":
            learned, tested = _halves(len(X), np.random.default_rng(split))
            best = perturbation.copies(X[learned], S[learned], scales, streams).best()
            scales, streams = scales[[best]], [last]
        copies = perturbation.copies(X[tested], S[tested], scales, streams)
        self.scales_, self.acceptance_rates_ = scales, copies.rates
        return copies

    def _resample(self, copies: Copies, seeds: Seeds
                  ) -> tuple[Outcome, pd.DataFrame, np.ndarray]:
        """What all bandwidths say together and alone, and the diagonal of the best."""
        pairs, grid = copies.together(), copies.grid
        sums = [pair.sums(self.n_jobs) for pair in pairs]
        diagonals = [diagonal for _, diagonal in sums]
        values = values_of(sums, "u")
        draws = bootstrap_draws(pairs, diagonals, resampling_signs(pairs[0].n, seeds), "u",
                                n_jobs=self.n_jobs, progress=self.progress)
        outcome = combine(values, draws, grid.weights)
        table = grid.frame().assign(statistic=values, pvalue=outcome.single_pvalues)
        return outcome, table, diagonals[outcome.best]

    def _diagnose(self, X: np.ndarray, S: np.ndarray, diagonal: np.ndarray, modes: Modes,
                  ignored: float, pvalue: float) -> list[Diagnostic]:
        """What speaks for and against the p-value."""
        rejected = pvalue <= 0.05
        found = judge(X, S, self.model_, pvalue, independent=True, diagonal=diagonal,
                      ignored=ignored if self.boundary == "ignore" else None,
                      edges_known=self.support is not None)
        for i, d in enumerate(found):
            found[i] = replace(d, advice=_ADVICE.get(d.name, d.advice))
            if d.name == "modes":
                found[i] = replace(found[i], threshold=float(len(modes)),
                                   passed=not d.value > len(modes) or rejected)
        found += [attainable_pvalue(len(diagonal), 0.5), few_rows(len(diagonal))]
        if isinstance(self.bandwidth, str) and self.bandwidth == "median":
            found.append(median_in_high_dimension(X.shape[1]))
        found += about_modes(modes, rejected)
        return found + about_moves(self.acceptance_rates_, rejected)


def _halves(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of the rows, at random."""
    if n < 8:
        raise ValueError(f"method='ospksd' needs at least 8 rows, to choose the scale with one "
                         f"half of them and to test with the other; got {n}.")
    order = rng.permutation(n)
    return np.sort(order[:n // 2]), np.sort(order[n // 2:])
