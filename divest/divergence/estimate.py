"""How far apart are two samples? As one function."""

from __future__ import annotations

from inspect import signature
from typing import Any

from divest._results import EstimateResult
from divest._validation import check_option
from divest.divergence.nearest_neighbor_distance import NearestNeighborDistanceDivergence
from divest.divergence.nearest_neighbor_ratio import NearestNeighborRatioDivergence
from divest.generators import Generator

METHODS: dict[str, Any] = {
    "nearest_neighbor_ratio": NearestNeighborRatioDivergence,
    "nearest_neighbor_distance": NearestNeighborDistanceDivergence,
}


def estimate_divergence(P: Any, Q: Any, divergence: str | Generator = "kl", *,
                        method: str = "nearest_neighbor_ratio", confidence_level: float = 0.95,
                        **options: Any) -> EstimateResult:
    """Divergence ``D(P || Q)`` between two samples, with its uncertainty and a verdict on it.

    Parameters
    ----------
    P : array-like of shape (n_p, d)
        The sample in question. One-dimensional input is one column.
    Q : array-like of shape (n_q, d)
        The reference sample; data frames must have the columns of `P`, in any order.
    divergence : str or Generator, default "kl"
        A name such as ``"kl"``, ``"hellinger"`` or ``"renyi(0.5)"``, or a generator of your own.
    method : {"nearest_neighbor_ratio", "nearest_neighbor_distance"}
        The estimator, by default the first.
    confidence_level : float, default 0.95
        Level of the interval.
    **options : dict
        Parameters of the estimator, such as ``n_neighbors`` or ``standardize``.

    Returns
    -------
    EstimateResult
        Estimate, standard error, interval and diagnostics; logarithmic divergences are in nats.

    Raises
    ------
    ValueError
        When the samples or a parameter are not valid.
    TypeError
        When an option is not a parameter of the estimator.

    See Also
    --------
    NearestNeighborRatioDivergence : The default estimator.
    NearestNeighborDistanceDivergence : The other one.
    divergence_two_sample_test : Whether the samples differ at all.

    References
    ----------
    .. [1] M. Noshad, K. Moon, S. Yasaei Sekeh and A. Hero, "Direct estimation of information
       divergence using nearest neighbor ratios", IEEE ISIT (2017).

    Examples
    --------
    >>> import numpy as np
    >>> from divest import estimate_divergence
    >>> rng = np.random.default_rng(0)
    >>> P, Q = rng.normal(size=(500, 2)), rng.normal(size=(500, 2)) + [1, 0]
    >>> result = estimate_divergence(P, Q, "kl")  # the truth is 0.5
    >>> low, high = result.confidence_interval()
    >>> bool(low < 0.5 < high)
    True
    """
    check_option("method", method, METHODS)
    known = set(signature(METHODS[method]).parameters) - {"divergence", "confidence_level"}
    if unknown := sorted(set(options) - known):
        raise TypeError(f"{method} has no option {', '.join(unknown)}; "
                        f"its options are {', '.join(sorted(known))}.")
    model = METHODS[method](divergence, confidence_level=confidence_level, **options)
    return model.fit_samples(P, Q).result_
