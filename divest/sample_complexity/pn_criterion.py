"""Is n enough for this model? The risk of maximum likelihood against an error rate."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator

from divest._parts import Parts
from divest._results import diagnostics_frame, warn_if_doubtful
from divest._validation import check_option, check_rows, check_sample, in_parts
from divest.sample_complexity._general import general_result
from divest.sample_complexity._pn_fit import RISKS, check_decision, criterion, weighted_sample
from divest.sample_complexity._pn_result import PNResult
from divest.sample_complexity._thresholds import kl_threshold, required_sample_size

__all__ = ["PNCriterion", "PNResult", "general_pn_criterion", "kl_threshold", "pn_criterion",
           "required_sample_size"]


def pn_criterion(X: Any, family: Any = "gaussian", *, draws: Any = None, delta: float = 0.05,
                 threshold: Any = "tight", direction: str = "forward", specified: bool = False,
                 risk: str = "excess", order: int = 2, n_draws: int = 20_000, n_groups: int = 20,
                 draw_groups: Any = None, sample_weight: Any = None,
                 random_state: Any = None) -> PNResult:
    r"""Whether a sample is large enough for an exponential family, and how large it should be.

    Let g* be the law of the family closest to the truth, and g the one fitted by maximum
    likelihood to n rows. The expected divergence between them is

    .. math:: p^* / (2 n) + c_2 / n^2, \qquad p^* = tr(G^{-1} V)

    where V is the covariance of the statistics t of the family under the truth, and G under the
    fitted model. The sample is large enough when this is at most a threshold, chosen so that even
    the best rule tells g from g* on one row with an error of at least ``1/2 - delta``.

    Parameters
    ----------
    X : array-like, Dask DataFrame or Dask array of shape (n, d)
        The sample. With ``family=None``, the statistics t of its rows. Of Dask, with the family
        ``"gaussian"``, or with `draws` and None or a family of your own.
    family : str, ExponentialFamily or None, default "gaussian"
        ``"gaussian"``, ``"multinomial"``, ``"poisson"``, ``"exponential"``, ``"bernoulli"``,
        ``"gamma"``, ``"ising"``; or a family such as ``gaussian("diag")``, ``polynomial(4)`` or one
        of your own, see `ExponentialFamily`. None: `X` and `draws` hold statistics.
    draws : array-like of shape (N, d), optional
        Draws of the fitted model, nearly independent, like the rows of `X`; they replace the
        cumulants of the family. Columns go by name where both have names.
    delta : float, default 0.05
        How much the error of the best rule may lie below 1/2.
    threshold : {"tight", "pinsker", "gaussian"} or float, default "tight"
        How `delta` becomes a divergence, see `kl_threshold`; or the divergence in nats.
    direction : {"forward", "reverse"}, default "forward"
        KL(g* || g), or KL(g || g*).
    specified : bool, default False
        Trust the family to hold: V is then taken to be G.
    risk : {"excess", "projection"}, default "excess"
        What the loss is in: the divergence of the truth from g less that from g*, or the divergence
        of g* from g. They are the same for exponential families; see `general_pn_criterion`.
    order : {1, 2}, default 2
        Order of the risk in 1/n.
    n_draws : int, default 20_000
        Number of draws for a family that has only a sampler.
    n_groups : int, default 20
        Groups of rows, and of draws, left out in turn for the standard errors.
    draw_groups : array-like of shape (N,), optional
        Blocks of dependent draws, such as chains, by label.
    sample_weight : array-like of shape (n,), optional
        Weights, 0 or more, that do not depend on the rows; those of weight 0 are dropped. With sum
        1 of the weights w, n is ``1 / sum w^2``, and the third cumulant in c2 is multiplied by
        ``sum w^3 / (sum w^2)^2``.
    random_state : int, Generator, RandomState or None, default None
        Source of the draws of a family that has only a sampler.

    Returns
    -------
    PNResult
        Risk, decision, the number of rows required, and diagnostics.

    Raises
    ------
    ValueError
        When a parameter or the data are not valid, `draws` and `X` differ in their columns, or the
        family cannot be fitted.
    TypeError
        When the family can neither draw nor give its cumulants, and there are no draws.

    Warns
    -----
    TrustWarning
        When the family does not hold, the second order is large or unsure, one row dominates,
        statistics are redundant, there are no more rows than parameters, counts have empty cells,
        the fit cannot do without some rows, or draws are not from the fitted model.

    See Also
    --------
    PNCriterion : The same as an estimator.
    general_pn_criterion : For models that are no exponential families.

    Notes
    -----
    The families of divest need no draws, and independent columns cost no more than their number.
    ``"multinomial"`` costs n p^2, a family of your own with `cumulants` p^4. Draws cost N p^3
    operations for each of the groups; beyond 200 statistics N^2 p, which is slow: pass fewer, or
    ``order=1``.
    Standard errors are low, and `p_star` too small on average, where the truth has heavy tails.

    References
    ----------
    .. [1] Y. Sheena, "MLE convergence speed to information projection of exponential family",
       arXiv 2105.08947 (2021).
    .. [2] K. Takeuchi, "Distribution of informational statistics and a criterion of model fitting",
       Suri-Kagaku 153 (1976).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from divest.sample_complexity import pn_criterion
    >>> result = pn_criterion(load_iris().data, delta=0.1)
    >>> result.accept, result.n_rows
    (True, 97)
    >>> round(result.risk_second, 4)  # in nats
    0.0498
    """
    rows, names = (Parts(X, "X"), None) if in_parts(X) else check_sample(X, "X")
    if (n := rows.n if isinstance(rows, Parts) else len(rows)) < 2:
        raise ValueError(f"X must have at least 2 rows, got {n}.")
    return criterion(rows, names, sample_weight, family=family, draws=draws, delta=delta,
                      threshold=threshold, direction=direction, specified=specified, risk=risk,
                      order=order, n_draws=n_draws, n_groups=n_groups, draw_groups=draw_groups,
                      random_state=random_state, caller="pn_criterion")


def general_pn_criterion(scores: Any, hessian: Any, fisher: Any = None, *, risk: str = "excess",
                         delta: float = 0.05, threshold: Any = "tight",
                         sample_weight: Any = None) -> PNResult:
    r"""The same to first order, for any model fitted by maximum likelihood.

    With the scores s and the negative mean Hessian J of the log-density at the estimate,
    I = E s s' and the Fisher information F of the model,

    .. math:: p^* = tr(J^{-1} I) \quad\text{(excess)}, \qquad
        p^* = tr(F J^{-1} I J^{-1}) \quad\text{(projection)}

    and the risk is p* / (2 n).

    Parameters
    ----------
    scores : array-like of shape (n, p)
        Derivatives of the log-density of each row by the parameters, at the estimate.
    hessian : array-like of shape (p, p)
        Mean over rows of the second derivatives of the log-density: negative definite.
    fisher : array-like of shape (p, p), optional
        Fisher information of the model at the estimate; needed for the projection risk.
    risk : {"excess", "projection"}, default "excess"
        The divergence of the truth from the fitted law less that from the best law of the model, or
        the divergence of the best law from the fitted one. Without the model they differ.
    delta : float, default 0.05
        How much the error of the best rule may lie below 1/2.
    threshold : {"tight", "pinsker", "gaussian"} or float, default "tight"
        How `delta` becomes a divergence, see `kl_threshold`; or the divergence in nats.
    sample_weight : array-like of shape (n,), optional
        Weights of the rows.

    Returns
    -------
    PNResult
        With NaN for everything of second order. The standard errors are NaN too: they would need
        third derivatives.

    Raises
    ------
    ValueError
        When shapes do not agree, a matrix is not definite, or `fisher` is missing.

    Warns
    -----
    TrustWarning
        When the mean score is not zero, one row dominates, or there are no more rows than
        parameters.

    See Also
    --------
    pn_criterion : For exponential families, to second order.

    References
    ----------
    .. [1] K. Takeuchi, "Distribution of informational statistics and a criterion of model fitting",
       Suri-Kagaku 153 (1976).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import general_pn_criterion
    >>> x = np.random.default_rng(0).normal(0, 2, size=(400, 1))
    >>> result = general_pn_criterion(x - x.mean(), [[-1.0]])  # a normal law with variance 1
    >>> bool(np.isclose(result.p_star, x.var()))
    True
    """
    check_option("risk", risk, RISKS)
    array = check_sample(scores, "scores")[0]
    sample = weighted_sample(array, sample_weight)
    decision = check_decision(delta, threshold, "forward")
    result = general_result(sample, hessian, fisher, risk, decision)
    warn_if_doubtful(result.diagnostics, "general_pn_criterion")
    return result


class PNCriterion(BaseEstimator):
    r"""Whether a sample is large enough for an exponential family, as an estimator.

    The expected divergence of the fitted law from the best one of the family is
    ``p_star / (2 n) + c2 / n^2``; see `pn_criterion`, whose parameters these are.

    Parameters
    ----------
    family : str, ExponentialFamily or None, default "gaussian"
        The family.
    draws : array-like of shape (N, d), optional
        Draws of the fitted model.
    delta : float, default 0.05
        How much the error of the best rule may lie below 1/2.
    threshold : {"tight", "pinsker", "gaussian"} or float, default "tight"
        How `delta` becomes a divergence; or the divergence in nats.
    direction : {"forward", "reverse"}, default "forward"
        KL(best || fitted), or KL(fitted || best).
    specified : bool, default False
        Trust the family to hold.
    risk : {"excess", "projection"}, default "excess"
        The same for exponential families.
    order : {1, 2}, default 2
        Order of the risk in 1/n.
    n_draws : int, default 20_000
        Number of draws for a family that has only a sampler.
    n_groups : int, default 20
        Groups left out in turn for the standard errors.
    draw_groups : array-like of shape (N,), optional
        Blocks of dependent draws, by label.
    random_state : int, Generator, RandomState or None, default None
        Source of the draws of a family that has only a sampler.

    Attributes
    ----------
    result_ : PNResult
        Risk, decision and the number of rows required.
    diagnostics_ : DataFrame
        Columns name, value, threshold, passed and advice.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have names.

    Warns
    -----
    TrustWarning
        As `pn_criterion`.

    See Also
    --------
    pn_criterion : The same as a function.

    References
    ----------
    .. [1] Y. Sheena, "MLE convergence speed to information projection of exponential family",
       arXiv 2105.08947 (2021).

    Examples
    --------
    >>> import numpy as np
    >>> from divest.sample_complexity import PNCriterion
    >>> X = np.random.default_rng(0).normal(size=(300, 2))
    >>> PNCriterion("gaussian", specified=True).fit(X).result_.p_star
    5.0
    """

    def __init__(self, family="gaussian", *, draws=None, delta=0.05, threshold="tight",
                 direction="forward", specified=False, risk="excess", order=2, n_draws=20_000,
                 n_groups=20, draw_groups=None, random_state=None):
        self.family = family
        self.draws = draws
        self.delta = delta
        self.threshold = threshold
        self.direction = direction
        self.specified = specified
        self.risk = risk
        self.order = order
        self.n_draws = n_draws
        self.n_groups = n_groups
        self.draw_groups = draw_groups
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the family and hold its risk against the threshold.

        Parameters
        ----------
        X : array-like of shape (n, d)
            The sample.
        y : None
            Ignored, so that the estimator can stand in a pipeline.
        sample_weight : array-like of shape (n,), optional
            Weights, 0 or more; rows of weight 0 are dropped.

        Returns
        -------
        PNCriterion
            The fitted estimator.

        Raises
        ------
        ValueError
            When a parameter or the data are not valid, or the family cannot be fitted.
        TypeError
            When the family can neither draw nor give its cumulants, and there are no draws.
        """
        array = check_rows(self, X, min_samples=2)
        self.result_ = criterion(array, getattr(self, "feature_names_in_", None), sample_weight,
                                 **self.get_params(deep=False), caller=type(self).__name__)
        self.diagnostics_ = diagnostics_frame(self.result_.diagnostics)
        return self
