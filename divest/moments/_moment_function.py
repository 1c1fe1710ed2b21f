"""A user's moment function bound to rows: its shape, its finite values and its Jacobian."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

JACOBIAN_TOLERANCE = 1e-3  # relative; for the user's Jacobian, and for the complex step
NEGLIGIBLE = 1e-7  # of the largest moment: smaller differences of Jacobians are rounding
TINY_STEP = 1e-20  # of the complex step, which loses no digits however small
STEP = float(np.finfo(float).eps ** (1 / 3))  # of central differences, for max(1, |theta|)
BENT, SEEN = 1e-3, 1e-8  # a step is too long where moments bend by more, of their change and size
SHORTER, SHORTENINGS = 0.1, 10


class MomentData(NamedTuple):
    """What a moment function sees: rows of float64 numbers, columns in the order of the table.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        The rows.
    y : ndarray of shape (n,) or (n, k), or None
        Outcomes, where they were given to `fit`.
    Z : ndarray of shape (n, k) or None
        Instruments, where they were given to `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.moments import MomentData
    >>> data = MomentData(np.ones((3, 1)), np.array([1.0, 2.0, 3.0]), None)
    >>> data.y - data.X[:, 0]
    array([0., 1., 2.])
    """

    X: np.ndarray
    y: np.ndarray | None
    Z: np.ndarray | None


class MomentFunction:
    """``psi(data, theta)`` and its Jacobian at the rows of `data`.

    Parameters
    ----------
    function : callable
        ``function(data, theta)`` gives (n, m) moments, or (n,) for one.
    jacobian : callable or None
        ``jacobian(data, theta)`` gives (n, m, p); None takes the complex step where it is right,
        else central differences.
    data : MomentData
        The rows.
    """

    def __init__(self, function: Callable, jacobian: Callable | None, data: MomentData) -> None:
        self.function, self.data = function, data
        self.given: Any = jacobian
        self.derivative = "complex" if jacobian is None else "given"

    def on(self, data: MomentData) -> MomentFunction:
        """The same function on other rows."""
        other = MomentFunction(self.function, self.given, data)
        other.derivative = self.derivative
        return other

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """Moments (n, m), finite or not."""
        return self._rows(np.array(theta, dtype=float), float)

    def jacobian(self, theta: np.ndarray) -> np.ndarray:
        """Derivatives (n, m, p), finite or not."""
        theta = np.array(theta, dtype=float)
        how = {"given": self._given, "complex": self._complex, "central": self._central}
        return how[self.derivative](theta)

    def check(self, theta: np.ndarray) -> None:
        """Refuse moments that cannot be used at `theta`, and choose how to differentiate them."""
        psi = self(theta)
        refuse_gaps(psi, "moment_function", theta)
        differences = self._central(theta)
        if self.derivative == "given":
            J = self._given(theta)
            refuse_gaps(J, "jacobian", theta)
            self._compare(J, differences, psi, theta)
        elif self.derivative == "complex" and not self._complex_is_right(psi, differences, theta):
            self.derivative = "central"

    def recheck(self, theta: np.ndarray) -> None:
        """Give up the complex step where it is wrong at `theta`."""
        psi = self(theta)
        if self.derivative == "complex" and np.isfinite(psi).all() and not self._complex_is_right(
                psi, self._central(theta), theta):
            self.derivative = "central"

    def _rows(self, theta: np.ndarray, dtype: type) -> np.ndarray:
        """The function's answer as (n, m) numbers."""
        try:
            with np.errstate(all="ignore"):
                psi = np.asarray(self.function(self.data, theta))
        except IndexError as error:
            raise ValueError(f"moment_function cannot be used with theta of {len(theta)} number"
                             f"{'s' if len(theta) != 1 else ''} ({error}); give theta0 (or theta) "
                             "one number for each parameter that it reads, and read data.X, data.y "
                             "and data.Z as arrays, columns by number (data.X[:, 0]).") from error
        n = len(self.data.X)
        if psi.ndim == 1:
            psi = psi[:, None]
        if psi.ndim != 2 or len(psi) != n or not psi.shape[1]:
            raise ValueError("moment_function must return an array of shape (n, m), one row for "
                             f"each of the n = {n} rows; got shape {psi.shape}.")
        if psi.dtype.kind not in ("biuf" if dtype is float else "biufc"):
            raise ValueError(f"moment_function must return real numbers, got {psi.dtype}.")
        return psi.astype(dtype, copy=False)

    def _given(self, theta: np.ndarray) -> np.ndarray:
        """The user's Jacobian."""
        with np.errstate(all="ignore"):
            J = np.asarray(self.given(self.data, theta)).astype(float, copy=False)
        n, p = len(self.data.X), len(theta)
        if J.ndim == 2 and J.shape == (n, p):
            J = J[:, None, :]
        if J.ndim != 3 or J.shape[0] != n or J.shape[2] != p:
            raise ValueError("jacobian must return an array of shape (n, m, p) with n = "
                             f"{n} rows and p = {p} parameters, got shape {J.shape}.")
        return J

    def _complex(self, theta: np.ndarray) -> np.ndarray:
        """By steps along the imaginary axis: exact where the function is analytic."""
        columns = []
        for j in range(len(theta)):
            moved = theta.astype(complex)
            moved[j] += 1j * TINY_STEP
            columns.append(self._rows(moved, complex).imag / TINY_STEP)
        return np.stack(columns, axis=2)

    def _central(self, theta: np.ndarray) -> np.ndarray:
        """By central differences, with shorter steps where theta is in large units."""
        here, columns = self(theta), []
        for j in range(len(theta)):
            step = np.zeros(len(theta))
            step[j] = STEP * max(1.0, abs(theta[j]))
            for _ in range(SHORTENINGS):
                above, below = self(theta + step), self(theta - step)
                if not _too_far(below, here, above):
                    break
                step *= SHORTER
            width = (theta + step)[j] - (theta - step)[j]
            with np.errstate(all="ignore"):
                columns.append((above - below) / width)
        return np.stack(columns, axis=2)

    def _complex_is_right(self, psi: np.ndarray, differences: np.ndarray,
                          theta: np.ndarray) -> bool:
        """Whether the function takes complex parameters and the step agrees with differences."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # numpy warns where imaginary parts are lost
                J = self._complex(theta)
        except Exception:
            return False  # whatever it raised: it does not take complex numbers
        return len(_disagreements(J, differences, psi, theta)) == 0

    def _compare(self, J: np.ndarray, differences: np.ndarray, psi: np.ndarray,
                 theta: np.ndarray) -> None:
        """Refuse a Jacobian that is not the derivative of the moments."""
        if J.shape != differences.shape:
            raise ValueError(f"jacobian must return shape (n, m, p) = {differences.shape} for "
                             f"moments of shape {psi.shape}, got {J.shape}.")
        wrong = _disagreements(J, differences, psi, theta)
        if len(wrong):
            i, a, j = wrong[0]
            raise ValueError(
                "jacobian disagrees with differences of moment_function at theta = "
                f"{theta_text(theta)}: entry [row {i}, moment {a}, parameter {j}] is "
                f"{J[i, a, j]:.6g}, differences give {differences[i, a, j]:.6g}. Correct it, or "
                "leave jacobian=None.")


def _too_far(below: np.ndarray, here: np.ndarray, above: np.ndarray) -> bool:
    """Whether moments (n, m) at three points in line bend, or are not finite at the outer ones."""
    with np.errstate(all="ignore"):
        if not np.isfinite(above - below).all() and np.isfinite(here).all():
            return True
        bend = np.abs(above - 2 * here + below).sum(axis=0)
        change, size = np.abs(above - below).sum(axis=0), np.abs(here).sum(axis=0)
        return bool((~(bend <= BENT * change) & ~(bend <= SEEN * size)).any())


def _disagreements(J: np.ndarray, differences: np.ndarray, psi: np.ndarray,
                   theta: np.ndarray) -> np.ndarray:
    """Positions (k, 3) where two Jacobians differ; none for the odd row at a kink."""
    size = np.abs(differences).max(axis=0)  # (m, p)
    rounding = NEGLIGIBLE * np.abs(psi).max(axis=0)[:, None] / np.maximum(1.0, np.abs(theta))
    with np.errstate(invalid="ignore"):
        off = ~(np.abs(J - differences) <= JACOBIAN_TOLERANCE * size + rounding)
    off &= np.isfinite(differences)  # a step over the edge of where the function is defined
    few = off.sum(axis=0) <= max(1, len(J) // 100) if len(J) > 2 else np.zeros(size.shape, bool)
    off &= ~few
    return np.argwhere(off)


def refuse_gaps(values: np.ndarray, name: str, theta: np.ndarray) -> None:
    """Refuse NaN and infinity at the start, naming the row and the parameters."""
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if bad.any():
        row = int(np.argmax(bad))
        found = values[row][~np.isfinite(values[row])][0]
        what = "NaN" if np.isnan(found) else "infinity"
        raise ValueError(f"{name} gives {what} in row {row} ({int(bad.sum())} rows in all) at "
                         f"theta = {theta_text(theta)}; give another theta, or drop these rows.")


def theta_text(theta: np.ndarray) -> str:
    """Parameters, short."""
    return "[" + ", ".join(f"{value:.6g}" for value in theta) + "]"
