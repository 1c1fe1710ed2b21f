"""Moments of all rows at any parameters: what the searchers work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from divest.moments._features import moment_rows


@dataclass(eq=False)
class MomentProblem:
    """Moments ``g = (psi / scale) (x) F``, weights of rows, and the divergence that joins them.

    Parameters
    ----------
    psi : callable
        ``psi(theta)`` gives (n, m).
    psi_jacobian : callable
        ``psi_jacobian(theta)`` gives (n, m, p).
    weights : ndarray of shape (n,)
        Weights of rows, sum 1.
    n_params : int
        Number of parameters, p.
    n_psi : int
        Number of columns of psi, m.
    F : ndarray of shape (n, f) or None
        Instrument features.
    Phi : ndarray of shape (n, D) or None
        Features of the data, centred.
    scale : ndarray of shape (m,) or float
        psi is divided by it.
    kept : ndarray of int or None
        The columns of g that are used; None for all.
    divergence : {"kl", "chi2", "log"}
        Of the weights from those of the rows.
    epsilon : float
        Its weight.
    lam : float
        Ridge on the dual, in units of 1 / epsilon.

    Attributes
    ----------
    n_rows : int
        Rows, reference draws included.
    n_moments : int
        Columns of g that are used, q.
    """

    psi: Callable[[np.ndarray], np.ndarray]
    psi_jacobian: Callable[[np.ndarray], np.ndarray]
    weights: np.ndarray
    n_params: int
    n_psi: int = 1
    F: np.ndarray | None = None
    Phi: np.ndarray | None = None
    scale: np.ndarray | float = 1.0
    kept: np.ndarray | None = None
    divergence: str = "kl"
    epsilon: float = 1.0
    lam: float = 0.0

    n_rows: int = field(init=False)
    n_moments: int = field(init=False)

    def __post_init__(self) -> None:
        self.n_rows = len(self.weights)
        every = self.n_psi * (1 if self.F is None else self.F.shape[1])
        self.n_moments = every if self.kept is None else len(self.kept)

    @property
    def reg(self) -> float:
        """The ridge in units of the moments' covariance."""
        return self.lam * self.epsilon

    def moments(self, theta: np.ndarray) -> np.ndarray:
        """Rows of g (n, q); values that are not finite come back as they are."""
        with np.errstate(all="ignore"):
            g = moment_rows(self.psi(theta) / self.scale, self.F)
        return g if self.kept is None else g[:, self.kept]

    def jacobian_sum(self, theta: np.ndarray, v: np.ndarray) -> np.ndarray:
        """``sum_j v_j G_j`` (q, p)."""
        with np.errstate(all="ignore"):
            J = self.psi_jacobian(theta) / np.reshape(self.scale, (1, -1, 1))
            J *= v[:, None, None]
            if self.F is None:
                total = J.sum(axis=0)
            else:
                total = np.concatenate([self.F.T @ J[:, a] for a in range(J.shape[1])])
        return total if self.kept is None else total[self.kept]

    def on_rows(self, psi: Callable[[np.ndarray], np.ndarray],
                F: np.ndarray | None) -> MomentProblem:
        """The same moments of other rows, all of one weight; no data kernel."""
        n = len(self.weights) if F is None else len(F)
        return replace(self, psi=psi, F=F, Phi=None, weights=np.full(n, 1 / n))

    def with_fixed(self, j: int, value: float) -> MomentProblem:
        """The same with parameter `j` held at `value`; the others keep their order."""
        return replace(self, psi=_Fixed(self.psi, j, value), n_params=self.n_params - 1,
                       psi_jacobian=_Fixed(self.psi_jacobian, j, value, drop=True))


@dataclass(frozen=True)
class _Fixed:
    """A function of all parameters as one of all but one."""

    function: Callable[[np.ndarray], np.ndarray]
    j: int
    value: float
    drop: bool = False

    def __call__(self, others: np.ndarray) -> np.ndarray:
        values = self.function(np.insert(others, self.j, self.value))
        return np.delete(values, self.j, axis=2) if self.drop else values
