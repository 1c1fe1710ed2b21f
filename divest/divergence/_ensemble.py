"""Which numbers of neighbours to use, and how to weight them."""

from math import ceil

import numpy as np

from divest.generators import Generator


def neighbor_grid(n_p: int, n_q: int) -> np.ndarray:
    """Seven geometric values: from five expected rows of the smaller sample to eight times that."""
    n = n_p + n_q
    low = ceil(5 * n / min(n_p, n_q))
    high = min(n - 2, max(2 * low, min(8 * low, n // 4)))
    return np.unique(np.round(np.geomspace(low, high, 7)).astype(np.int64))


def paper_grid(n_p: int, n_q: int) -> np.ndarray:
    """Twelve multiples of the root of the smaller sample, from 0.3 to 2.5."""
    root = np.sqrt(min(n_p, n_q))
    return np.unique(np.maximum(1, np.floor(np.linspace(0.3, 2.5, 12) * root)).astype(np.int64))


def extrapolation_weights(ks: np.ndarray, dimension: float) -> np.ndarray:
    """Intercept at k = 0 of the k-weighted least-squares line in ``(k/k_max)^(2/d)``."""
    if len(ks) < 2:
        return np.ones(len(ks))
    k = np.asarray(ks, dtype=float)
    design = np.column_stack([np.ones_like(k), (k / k.max()) ** (2.0 / dimension)])
    return np.linalg.solve(design.T @ (k[:, None] * design), (design * k[:, None]).T)[0]


def average_weights(ks: np.ndarray) -> np.ndarray:
    """Plain mean of the five smallest."""
    used = min(5, len(ks))
    return np.r_[np.full(used, 1.0 / used), np.zeros(len(ks) - used)]


def paper_weights(ks: np.ndarray, root: float, dimension: int) -> np.ndarray:
    """Minimum-norm w with ``sum w = 1`` and ``sum w l^(i/d) = 0`` for i = 1..d, l = k / root."""
    multiples = np.asarray(ks, dtype=float) / root
    conditions = np.array([multiples ** (i / dimension) for i in range(dimension + 1)])
    return np.linalg.lstsq(conditions, np.eye(dimension + 1)[0], rcond=None)[0]


def auto_neighbors(n_p: int, n_q: int, method: str, ensemble: str | None,
                   dimension: int) -> np.ndarray:
    """The default numbers of neighbours of an ensemble, or the default of one number alone."""
    if ensemble == "paper":
        return paper_grid(n_p, n_q)
    if ensemble is not None:
        return neighbor_grid(n_p, n_q)
    if method == "one_step":
        return neighbor_grid(n_p, n_q)[:1]
    return np.array([ceil(min(n_p, n_q) ** (1.0 / (dimension + 1)))])


def ensemble_weights(ensemble: str | None, ks: np.ndarray, smaller: int,
                     dimension: float) -> np.ndarray:
    """The weights of an ensemble over `ks`; `smaller` is the size of the smaller sample."""
    if len(ks) == 1:
        return np.ones(1)
    if ensemble == "paper":
        return paper_weights(ks, np.sqrt(smaller), max(1, round(dimension)))
    if ensemble == "average":
        return average_weights(ks)
    return extrapolation_weights(ks, dimension)


def check_order(generator: Generator, ks: np.ndarray) -> None:
    """Refuse orders above 2 that so few neighbours cannot estimate: falling powers are all 0."""
    link = generator.link
    if link is not None and abs(link.alpha) > 2 and abs(link.alpha) >= ks[0]:
        raise ValueError(f"{generator.name} needs n_neighbors above {abs(link.alpha):g}, "
                         f"got {ks[0]}; use more neighbours or an order nearer to 1.")
