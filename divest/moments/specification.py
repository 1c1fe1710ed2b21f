"""Do moment conditions hold at given parameters? A test without estimation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from divest._resampling import generators, root_sequence
from divest._results import HypothesisResult
from divest._validation import check_sample
from divest.moments._fit_moments import TwoStep, moment_scale, plain_problem, profile_problem
from divest.moments._inference import omega, s_statistic
from divest.moments._moment_function import theta_text
from divest.moments._moment_inference import s_scale
from divest.moments._moment_inputs import check_data, check_order, check_theta, check_weights
from divest.moments._moment_plan import check_parameters, make_plan, make_sample
from divest.moments._profile import profile_value
from divest.moments._results import analytic_test
from divest.moments.kernel_moments import KernelMethodOfMoments


def moment_test(moment_function: Callable, X: Any, y: Any = None, Z: Any = None, *, theta: Any,
                instruments: Any = "auto", epsilon: float = 1.0, reg: Any = "auto",
                random_state: Any = None) -> HypothesisResult:
    """Test that moment conditions hold at given parameters.

    The S test: ``2 n R(theta)``, R the smallest squared MMD plus divergence from the sample to a
    distribution that satisfies the moments, against a weighted sum of chi-squares. Nothing is
    estimated, so it is valid however weakly the moments identify the parameters.

    Parameters
    ----------
    moment_function : callable
        As in `KernelMethodOfMoments`.
    X : array-like of shape (n, d)
        The rows; one-dimensional input is one column.
    y : array-like of shape (n,) or (n, k), optional
        Outcomes.
    Z : array-like of shape (n, k), optional
        Instruments.
    theta : array-like of shape (p,)
        The parameters.
    instruments : {"auto", "linear", "kernel", None} or transformer, default "auto"
        As in `KernelMethodOfMoments`.
    epsilon : float, default 1.0
        Weight of the divergence.
    reg : "auto" or float, default "auto"
        The ridge: 1e-3 with kernel instruments, else 0.
    random_state : int, Generator, RandomState or None, default None
        Draws the landmarks of kernels.

    Returns
    -------
    HypothesisResult
        Statistic and p-value.

    Raises
    ------
    ValueError
        When the moments are not finite or of the wrong shape, instruments are asked for without Z,
        or without a ridge there are no more rows than moments.

    See Also
    --------
    KernelMethodOfMoments : Estimates the parameters, and tests what they leave over.

    References
    ----------
    .. [1] J. H. Stock and J. H. Wright, "GMM with weak identification", Econometrica 68 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.moments import moment_test
    >>> X = np.random.default_rng(0).laplace(size=200)
    >>> def center(data, theta):
    ...     away = data.X[:, 0] - theta[0]
    ...     return np.column_stack([away, np.tanh(2 * away)])
    >>> round(moment_test(center, X, theta=[0.0], random_state=0).pvalue, 2)
    0.17
    """
    settings = KernelMethodOfMoments(moment_function, instruments=instruments, epsilon=epsilon,
                                     reg=reg, selection=None, random_state=random_state)
    check_parameters(settings)
    check_order(X, y=y, Z=Z)
    data = check_data(check_sample(X, "X")[0], y, Z)
    theta = check_theta(theta)
    weights = check_weights(None, len(data.X))
    seeds = root_sequence(random_state).spawn(4)
    plan = make_plan(settings, data.Z, weights, seeds[1])
    (draws,) = generators([seeds[3]])
    sample = make_sample(settings, data, weights, seeds[2], draws)
    sample.psi.check(theta)
    scale = moment_scale(plan, sample, theta)
    candidate = plan.candidates[0]
    n_params = 0  # none is estimated, so that there are no too few moments
    problem, dropped = plain_problem(sample, candidate, n_params, scale, theta)
    two = TwoStep(candidate, problem, theta, dropped, True, 0)
    full = profile_problem(plan, sample, two)
    dual = profile_value(full, theta)
    statistic, pvalue = np.inf, 0.0
    if np.isfinite(dual.value):
        Omega = omega(problem.moments(theta), weights)
        statistic, pvalue, _ = s_statistic(dual.value, s_scale(full, theta, dual), Omega,
                                           problem.n_rows)
    return analytic_test(statistic, pvalue, "S test of moments at given parameters",
                         f"all moments are zero at theta = {theta_text(theta)}")
