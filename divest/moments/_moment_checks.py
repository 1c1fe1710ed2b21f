"""Whether moments can be used at all: their number, and those that vary too little."""

from __future__ import annotations

import numpy as np
from scipy.linalg import qr

from divest.moments._moment_function import theta_text
from divest.moments._problem import MomentProblem

COLLINEAR = 1e-10  # pivots below this share of the largest
CONSTANT = 1e-12  # standard deviations below this share of the mean
AWAY = 0.1  # moments that go together must do so here too, in units of max(1, |theta|)


def usable_moments(problem: MomentProblem, theta: np.ndarray
                   ) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The columns of g to use, None for all, and the names of the others.

    Without a ridge combinations of others are left out. A constant other than zero is refused.
    """
    blocks = _two_blocks(problem, theta)
    means = np.array([problem.weights @ g for g in blocks])
    rows = [g - mean for g, mean in zip(blocks, means, strict=True)]
    sizes = np.array([_size(part) for part in rows])
    still = (sizes <= CONSTANT * np.abs(means)).all(axis=0)
    stuck = still & (np.abs(means).max(axis=0) > 0)
    if stuck.any():
        name = moment_name(problem, int(np.argmax(stuck)))
        raise ValueError(f"{name} has the same value in every row at theta = {theta_text(theta)}, "
                         "and it is not zero: no weighting of the rows satisfies it. Take it out "
                         "of moment_function, or change theta0.")
    if problem.reg > 0:
        return None, ()
    scaled = [part / largest for part, largest in zip(rows, sizes.max(axis=1), strict=True)
              if largest > 0]  # away from theta moments may be larger by far
    kept = _independent(np.vstack(scaled)) if scaled else []
    if len(kept) == sizes.shape[1]:
        return None, ()
    gone = sorted(set(range(sizes.shape[1])) - set(kept))
    return np.array(kept, dtype=int), tuple(moment_name(problem, k) for k in gone)


def check_counts(problem: MomentProblem, n_dropped: int) -> None:
    """Refuse fewer moments than parameters, and fewer rows than moments without a ridge.

    Where there are few rows, moments are combinations of one another for that reason alone.
    """
    q, p, n = problem.n_moments, problem.n_params, problem.n_rows
    if q < p:
        raise ValueError(f"the parameters are under-identified: {q} moments for {p} parameters. "
                         "Give more moments or instruments, or fewer parameters.")
    if problem.reg == 0 and n <= q + (n_dropped > 0):
        raise ValueError(f"{q + n_dropped} moments need more than {n} rows, as their covariance "
                         "has no inverse; give reg > 0, fewer moments or more rows (n_samples).")


def moment_name(problem: MomentProblem, k: int) -> str:
    """Words for column `k` of g."""
    if problem.F is None:
        return f"moment {k}"
    return f"moment {k // problem.F.shape[1]} with instrument {k % problem.F.shape[1]}"


def _two_blocks(problem: MomentProblem, theta: np.ndarray) -> list[np.ndarray]:
    """Moments at theta and, where they are finite, away from it."""
    blocks = [problem.moments(theta)]
    elsewhere = problem.moments(theta + AWAY * np.maximum(1.0, np.abs(theta)))
    return blocks + ([elsewhere] if np.isfinite(elsewhere).all() else [])


def _size(rows: np.ndarray) -> np.ndarray:
    """Root mean square of each column, whatever its units."""
    largest = np.abs(rows).max(axis=0)
    units = np.where(largest > 0, largest, 1.0)
    return units * np.sqrt(np.mean((rows / units) ** 2, axis=0))


def _independent(rows: np.ndarray) -> list[int]:
    """Columns that are not combinations of others, in order."""
    size = _size(rows)
    R, order = qr(rows / np.where(size > 0, size, 1.0), mode="r", pivoting=True)
    pivots = np.abs(np.diag(R))
    return sorted(order[: len(pivots)][pivots > COLLINEAR * max(pivots[0], 1e-300)].tolist())
