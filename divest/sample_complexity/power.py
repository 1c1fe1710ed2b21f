"""How many rows does a test need? Its power by simulation, and the size at a wanted power."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from divest._results import warn_if_doubtful
from divest._validation import check_integer, check_number
from divest.sample_complexity._diagnostics import power_diagnostics
from divest.sample_complexity._pilot import PilotSampler, pilot
from divest.sample_complexity._power_result import METHOD, PowerResult
from divest.sample_complexity._search import descend, refine, search
from divest.sample_complexity._trials import check_sizes, checked_trials


def power_curve(test: Callable[..., Any], sampler: Callable[..., Any], sizes: Iterable[int], *,
                level: float = 0.05, n_trials: int = 200, random_state: Any = None,
                n_jobs: int | None = None, progress: bool = False) -> pd.DataFrame:
    """Share of simulated samples in which a test rejects, for each sample size.

    Parameters
    ----------
    test : callable
        ``test(*samples)`` gives a p-value, or an object with one as its ``pvalue``. It is called
        from several threads when `n_jobs` asks for them.
    sampler : callable
        ``sampler(rng, n)`` draws the arguments of `test` with the numpy Generator `rng`: a tuple of
        samples, or one sample. See `pilot_sampler` for samples you have.
    sizes : sequence of int
        Sample sizes, all different.
    level : float, default 0.05
        A trial rejects when its p-value is at most this.
    n_trials : int, default 200
        Trials per size.
    random_state : int, Generator, RandomState or None, default None
        Source of one random stream per trial. The same number gives the same table for any
        `n_jobs`.
    n_jobs : int, optional
        Workers, through joblib.
    progress : bool, default False
        Show a progress bar for each size.

    Returns
    -------
    DataFrame
        One row per size, in the order of `sizes`: n, rejections, trials, power (the share of
        rejections), low and high (its 95 % Wilson limits [1]_).

    Raises
    ------
    ValueError
        When a parameter or a p-value is out of range, or a size is given twice.
    TypeError
        When a parameter or a p-value has the wrong type.

    See Also
    --------
    sample_size_for_power : The size at which the power reaches a value.
    size_check : The share of rejections when the null hypothesis holds.

    References
    ----------
    .. [1] E. Wilson, "Probable inference, the law of succession, and statistical inference",
       J. Amer. Statist. Assoc. 22 (1927).

    Examples
    --------
    >>> from scipy.stats import ttest_ind
    >>> from divest.sample_complexity import power_curve
    >>> def sampler(rng, n):
    ...     return rng.normal(0.5, 1, size=n), rng.normal(size=n)
    >>> curve = power_curve(ttest_ind, sampler, [20, 80], n_trials=50, random_state=0)
    >>> curve.columns.tolist()
    ['n', 'rejections', 'trials', 'power', 'low', 'high']
    >>> curve["power"].is_monotonic_increasing
    True
    """
    sizes = check_sizes(sizes)
    trials = checked_trials(test, sampler, level, n_trials, random_state, n_jobs, progress)
    for n in sizes:
        trials.run(n)
    return trials.curve()


def size_check(test: Callable[..., Any], null_sampler: Callable[..., Any], n: int, *,
               level: float = 0.05, n_trials: int = 1000, random_state: Any = None,
               n_jobs: int | None = None, progress: bool = False) -> pd.DataFrame:
    """Share of samples in which a test rejects although the null hypothesis holds.

    Power means something only for a test that keeps its level. Here `null_sampler` is trusted to
    draw from the null hypothesis.

    Parameters
    ----------
    test : callable
        ``test(*samples)`` gives a p-value, or an object with one as its ``pvalue``.
    null_sampler : callable
        ``null_sampler(rng, n)`` draws the arguments of `test` under the null hypothesis: a tuple of
        samples, or one sample.
    n : int
        Sample size.
    level : float, default 0.05
        A trial rejects when its p-value is at most this.
    n_trials : int, default 1000
        Number of trials.
    random_state : int, Generator, RandomState or None, default None
        Source of one random stream per trial. The same number gives the same table for any
        `n_jobs`.
    n_jobs : int, optional
        Workers, through joblib.
    progress : bool, default False
        Show a progress bar.

    Returns
    -------
    DataFrame
        One row: n, rejections, trials, size (the share of rejections), low and high (its 95 %
        Wilson limits [1]_), level, and level_within (whether the level lies between the limits). A
        size below the level is no fault of a test, one above it is.

    Raises
    ------
    ValueError
        When a parameter or a p-value is out of range.
    TypeError
        When a parameter or a p-value has the wrong type.

    See Also
    --------
    power_curve : The share of rejections under an alternative.

    References
    ----------
    .. [1] E. Wilson, "Probable inference, the law of succession, and statistical inference",
       J. Amer. Statist. Assoc. 22 (1927).

    Examples
    --------
    >>> from scipy.stats import ttest_1samp
    >>> from divest.sample_complexity import size_check
    >>> table = size_check(lambda x: ttest_1samp(x, 0), lambda rng, n: rng.normal(size=n), 30,
    ...                    n_trials=200, random_state=0)
    >>> bool(table["level_within"].item())
    True
    """
    n = check_integer("n", n, 1)
    trials = checked_trials(test, null_sampler, level, n_trials, random_state, n_jobs, progress,
                            name="null_sampler")
    trials.run(n)
    table = trials.curve().rename(columns={"power": "size"}).assign(level=trials.level)
    return table.assign(level_within=table["level"].between(table["low"], table["high"]))


def sample_size_for_power(test: Callable[..., Any], sampler: Callable[..., Any], *,
                          power: float = 0.8, level: float = 0.05, n_trials: int = 200,
                          sizes: Iterable[int] | None = None, max_size: int = 100_000,
                          random_state: Any = None, n_jobs: int | None = None,
                          progress: bool = False) -> PowerResult:
    """Sample size at which a test reaches a wanted power, by simulation.

    The line ``probit(power) = a + b sqrt(n)`` is fitted by maximum likelihood [1]_; a one-sided z
    test obeys it exactly. `n` is where the line reaches the wanted power. The test is then tried at
    that size and the line fitted again, until `n` moves by less than its standard error, at most
    four times. Where all sizes have the power, smaller ones are tried, down to the smallest that
    `test` and `sampler` take without an error; if that one has it too, it is `n`.

    Parameters
    ----------
    test : callable
        ``test(*samples)`` gives a p-value, or an object with one as its ``pvalue``. It is called
        from several threads when `n_jobs` asks for them.
    sampler : callable
        ``sampler(rng, n)`` draws the arguments of `test` under the alternative of interest: a tuple
        of samples, or one sample. One with an attribute ``max_size``, as `pilot_sampler` gives, is
        asked for no more rows than that.
    power : float, default 0.8
        The wanted power, above `level`.
    level : float, default 0.05
        A trial rejects when its p-value is at most this.
    n_trials : int, default 200
        Trials per size and round.
    sizes : sequence of int, optional
        At least two sizes to begin with. By default 25, then twice the last size until the power is
        reached (or half of it while it is), of which the last four are kept. Sizes that the test
        does not take are searched only below those that it does.
    max_size : int, default 100_000
        No size above it is tried or reported. Without power the search gets there, so make it
        smaller for a costly test.
    random_state : int, Generator, RandomState or None, default None
        Source of one random stream per trial. The same number gives the same result for any
        `n_jobs`.
    n_jobs : int, optional
        Workers, through joblib.
    progress : bool, default False
        Show a progress bar for each size.

    Returns
    -------
    PowerResult
        The size with its standard error, the simulated curve and diagnostics.

    Raises
    ------
    ValueError
        When a parameter or a p-value is out of range, or a size is given twice.
    TypeError
        When a parameter or a p-value has the wrong type.

    Warns
    -----
    TrustWarning
        When the power is not reached up to `max_size`, or does not rise (n is then NaN), when the
        line does not fit the simulated powers, when the power rises within one step from none to
        all, when n lies beyond twice the largest size tried, or when the smallest size has the
        power, but not clearly (its 95 % limits hold the wanted power).

    See Also
    --------
    power_curve : The power at given sizes.
    size_check : Whether the test keeps its level.
    pilot_sampler : A sampler from samples you have.

    Notes
    -----
    The standard error is that of the simulation. It knows nothing of the error of the alternative:
    a sampler built from estimates, or from a pilot sample, has one of its own.

    References
    ----------
    .. [1] D. Finney, "Probit analysis", 3rd edition, Cambridge University Press (1971).

    Examples
    --------
    >>> from scipy.special import ndtr
    >>> from divest.sample_complexity import sample_size_for_power
    >>> def z_test(x):
    ...     return 2 * ndtr(-abs(x.mean()) * len(x)**0.5)
    >>> def sampler(rng, n):
    ...     return rng.normal(0.3, 1, size=n)
    >>> result = sample_size_for_power(z_test, sampler, random_state=0)
    >>> low, high = result.confidence_interval()
    >>> bool(low < 87.21 < high)  # the truth
    True
    """
    level, power = check_number("level", level, 0, 1), check_number("power", power, 0, 1)
    if power <= level:
        raise ValueError(f"power must be above level = {level}, got {power}.")
    max_size = check_integer("max_size", max_size, 2)
    trials = checked_trials(test, sampler, level, n_trials, random_state, n_jobs, progress)
    limit = min(max_size, check_integer("sampler.max_size",
                                        getattr(sampler, "max_size", max_size), 2))
    if sizes is None:
        search(trials, power, limit)
    else:
        for size in check_sizes(sizes, 2, limit):
            trials.run(size)
        descend(trials, power)
    fit = refine(trials, power, limit)
    curve = trials.curve().sort_values("n", ignore_index=True)
    diagnostics = power_diagnostics(fit, curve, power, max_size)
    warn_if_doubtful(diagnostics, METHOD)
    if fit is None:
        n = float(curve["n"].iloc[0])
        return PowerResult(n, np.nan, power, level, curve, True, True, diagnostics)
    reachable = diagnostics[0].passed
    n, error = (fit.n, fit.standard_error) if reachable else (np.nan, np.nan)
    return PowerResult(n, error, power, level, curve, reachable, False, diagnostics)


def pilot_sampler(P: Any, Q: Any = None) -> PilotSampler:
    """Draw smaller samples, without replacement, from one or two samples that you have.

    Parameters
    ----------
    P : array-like of shape (n_p, ...), Series or DataFrame
        A pilot sample.
    Q : array-like of shape (n_q, ...), Series or DataFrame, optional
        A second one.

    Returns
    -------
    callable
        ``sampler(rng, n)`` gives n rows of `P` and n rows of `Q` as a tuple, or n rows of `P` alone
        when there is no `Q`, as arrays or frames like the pilots. Its ``max_size`` is half of the
        rows of the smaller pilot: with more, the draws would be nearly the same.

    Raises
    ------
    TypeError
        When a pilot sample has no rows to choose from.
    ValueError
        When a pilot sample has fewer than two rows, or when the sampler is asked for more rows than
        its ``max_size``.

    See Also
    --------
    sample_size_for_power : Which takes such a sampler.

    Notes
    -----
    Draws share rows, and they vary around the pilot, not around the truth: power and sample size
    are those of the difference seen in the pilot, which chance makes larger or smaller than the
    real one. Without replacement the draws vary less than new samples: the variance of a mean is
    smaller by the share of the pilot that is drawn, and n comes out too small (by 11 % in the
    median of 40 pairs of normal pilots of 100 rows, half a deviation apart).

    References
    ----------
    .. [1] D. Politis, J. Romano and M. Wolf, "Subsampling", Springer (1999).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import pilot_sampler
    >>> sampler = pilot_sampler(np.arange(10), np.arange(20))
    >>> sampler.max_size
    5
    >>> P, Q = sampler(np.random.default_rng(0), 3)
    >>> len(P), len(Q)
    (3, 3)
    """
    pilots = (pilot("P", P),) if Q is None else (pilot("P", P), pilot("Q", Q))
    return PilotSampler(pilots)
