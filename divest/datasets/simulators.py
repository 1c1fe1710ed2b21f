"""Simulators of two samples whose divergences are known."""

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from divest._validation import check_integer, check_number
from divest.datasets._laws import Laws, NormalShift, grid, log_normal, quadrature
from divest.generators import resolve_generator

__all__ = [
    "SIMULATORS", "Simulator", "atoms", "gaussian_mixture", "plane", "ring", "shifted_gaussians",
    "truncated_gaussians",
]

Samples = tuple[np.ndarray, np.ndarray]
_LARGEST = 1e8  # of a setting: beyond it rounding costs the truth more than 1e-8


class Simulator(ABC):
    """Draws samples P and Q of known laws: ``simulator(rng, **settings) -> (P, Q)``.

    P is the sample in question, Q the reference. Simulators have no state: two of one class are
    equal, and they can be pickled.

    Attributes
    ----------
    name : str
        Its name in `divest.datasets`, and its key in ``SIMULATORS``.

    Examples
    --------
    >>> from divest.datasets import SIMULATORS, Simulator
    >>> all(isinstance(simulator, Simulator) for simulator in SIMULATORS.values())
    True
    """

    name: ClassVar[str]
    _least: ClassVar[dict[str, int]] = {"n": 1, "m": 1, "d": 1, "k": 2, "seed": 0}

    @abstractmethod
    def __call__(self, rng: Any, *args: Any, **settings: Any) -> Samples:
        """Draw both samples.

        Parameters
        ----------
        rng : numpy Generator or int
            The source of random numbers, or a seed for one.
        *args, **settings : int, float
            ``n`` and ``m``, the rows of P and of Q (500, and ``m`` equals ``n`` when left out);
            ``d``, the columns; and what the class describes. `settings` lists all with defaults.

        Returns
        -------
        P : ndarray of shape (n, d)
            The sample in question.
        Q : ndarray of shape (m, d)
            The reference sample.

        Raises
        ------
        ValueError, TypeError
            For a setting out of range, or of the wrong type.
        """

    @property
    def settings(self) -> dict[str, Any]:
        """All settings that the call takes.

        Returns
        -------
        dict
            Default value by name.
        """
        arguments = inspect.signature(self).parameters.values()
        return {argument.name: argument.default for argument in arguments if argument.name != "rng"}

    def truth(self, divergence: str = "kl", **settings: Any) -> float:
        """The divergence ``D(P || Q)`` of the two laws.

        Parameters
        ----------
        divergence : str, default "kl"
            Any name that `divest.generators.resolve_generator` knows, such as ``"kl"``,
            ``"hellinger"`` or ``"renyi(2)"``.
        **settings : dict
            Settings of the call; those left out have the same defaults.

        Returns
        -------
        float
            The divergence, in nats where it is measured with logarithms, and infinite where the
            integral diverges. From a closed form, a sum, or quadrature accurate to 1e-8.

        Raises
        ------
        ValueError
            For an unknown divergence, or a setting out of range.
        TypeError
            For an unknown setting, or one of the wrong type.
        """
        if unknown := settings.keys() - self.settings:
            raise TypeError(f"{self.name} has the settings {', '.join(self.settings)}; "
                            f"got {', '.join(sorted(unknown))}.")
        generator = resolve_generator(divergence)
        return self._laws(self._checked(settings)).divergence(generator)

    @abstractmethod
    def _laws(self, settings: dict[str, Any]) -> Laws:
        """P and Q in the one coordinate in which they differ."""

    def _checked(self, given: dict[str, Any]) -> dict[str, Any]:
        """All settings, in the order of the call; `m` is `n` when left out."""
        values = self.settings | given
        if values["m"] is None:
            values["m"] = values["n"]
        return {name: check_integer(name, value, self._least[name]) if name in self._least
                else check_number(name, value, -_LARGEST, _LARGEST)
                for name, value in values.items()}

    def _start(self, rng: Any, *values: Any) -> Any:
        """The random generator and the checked settings, in the order of the call."""
        given = dict(zip(self.settings, values, strict=True))
        try:
            stream = np.random.default_rng(rng)
        except (TypeError, ValueError):
            raise ValueError("rng must be None, a non-negative integer or a numpy Generator, got "
                             f"{rng!r}.") from None
        return stream, *self._checked(given).values()


@dataclass(frozen=True)
class ShiftedGaussians(Simulator):
    """Q standard normal in d dimensions, P the same shifted along the first coordinate.

    ``kl = shift^2 / 2``, ``renyi(a) = a shift^2 / 2``; le_cam, jensen_shannon and total_variation
    by quadrature.

    Examples
    --------
    >>> from divest.datasets import shifted_gaussians
    >>> P, Q = shifted_gaussians(0, n=100, m=80, d=3, shift=2.0)
    >>> P.shape, Q.shape
    ((100, 3), (80, 3))
    >>> shifted_gaussians.truth("kl", shift=2.0)
    2.0
    """

    name = "shifted_gaussians"

    def __call__(self, rng: Any, n: int = 500, m: int | None = None, d: int = 2,
                 shift: float = 1.0) -> Samples:
        rng, n, m, d, shift = self._start(rng, n, m, d, shift)
        P, Q = rng.standard_normal((n, d)), rng.standard_normal((m, d))
        P[:, 0] += shift
        return P, Q

    def _laws(self, settings):
        shift = settings["shift"]
        edges = grid((0, 1), (shift, 1))
        masses = quadrature(lambda x: log_normal(x, shift), log_normal, edges)
        return NormalShift(*masses, shift=shift)


@dataclass(frozen=True)
class Plane(ShiftedGaussians):
    """Shifted Gaussians on a plane in d dimensions: the same truth, and no density in R^d.

    The plane is drawn once from `seed`, apart from the random numbers of the samples.

    Examples
    --------
    >>> import numpy as np
    >>> from divest.datasets import plane
    >>> P, Q = plane(0, n=100, d=10, shift=1.0)
    >>> P.shape, int(np.linalg.matrix_rank(np.vstack([P, Q])))
    ((100, 10), 2)
    >>> plane.truth("kl", shift=1.0)
    0.5
    """

    name = "plane"
    _least = Simulator._least | {"d": 2}

    def __call__(self, rng: Any, n: int = 500, m: int | None = None, d: int = 10,
                 shift: float = 1.0, seed: int = 0) -> Samples:
        rng, n, m, d, shift, seed = self._start(rng, n, m, d, shift, seed)
        frame, triangle = np.linalg.qr(np.random.default_rng(seed).standard_normal((d, 2)))
        frame *= np.sign(np.diag(triangle))  # the same frame whatever sign LAPACK prefers
        P, Q = shifted_gaussians(rng, n, m, 2, shift)
        return P @ frame.T, Q @ frame.T


@dataclass(frozen=True)
class GaussianMixture(Simulator):
    """P an equal mixture of two unit normals, Q normal with the same mean and variance.

    The two have means +-separation/2 in the first coordinate; the other coordinates are standard
    normal. By quadrature. neyman_chi_square is infinite for a separation above 2, where the tails
    of P are too thin.

    Examples
    --------
    >>> from divest.datasets import gaussian_mixture
    >>> P, Q = gaussian_mixture(0, n=100, d=2, separation=4.0)
    >>> P.shape, Q.shape
    ((100, 2), (100, 2))
    >>> round(gaussian_mixture.truth("kl", separation=4.0), 6)
    0.171999
    """

    name = "gaussian_mixture"

    def __call__(self, rng: Any, n: int = 500, m: int | None = None, d: int = 2,
                 separation: float = 3.0) -> Samples:
        rng, n, m, d, separation = self._start(rng, n, m, d, separation)
        P, Q = rng.standard_normal((n, d)), rng.standard_normal((m, d))
        P[:, 0] += separation * (rng.integers(2, size=n) - 0.5)
        Q[:, 0] *= np.hypot(1, separation / 2)
        return P, Q

    def _laws(self, settings):
        mode = abs(settings["separation"]) / 2
        sd = np.hypot(1, mode)

        def log_p(x):
            return np.logaddexp(log_normal(x, mode), log_normal(x, -mode)) - np.log(2)

        def log_q(x):
            return log_normal(x, 0, sd)

        edges = grid((-mode, 1), (mode, 1), (0, sd), (0, 1 / max(1, mode)))
        return Laws(*quadrature(log_p, log_q, edges), (-1 / mode**2 if mode else -np.inf, np.inf))


@dataclass(frozen=True)
class Ring(Simulator):
    """P a ring in the first two coordinates, Q normal; the other d - 2 are standard normal.

    P has a uniform angle and a normal radius of mean 1.5 and deviation 0.35 (below 0 with
    probability 1e-5: then in the opposite direction); Q has deviation 1.1. ``kl`` is 0.4265. By
    quadrature. P's density grows like 1/radius at the centre, so that chi_square and renyi(a),
    a >= 2, are infinite; neyman_chi_square is infinite because P's tails are thin.

    Examples
    --------
    >>> from divest.datasets import ring
    >>> P, Q = ring(0, n=100, d=3)
    >>> P.shape, Q.shape
    ((100, 3), (100, 3))
    >>> round(ring.truth("kl"), 4)
    0.4265
    """

    name = "ring"
    _least = Simulator._least | {"d": 2}

    def __call__(self, rng: Any, n: int = 500, m: int | None = None, d: int = 2) -> Samples:
        rng, n, m, d = self._start(rng, n, m, d)
        P, Q = rng.standard_normal((n, d)), rng.standard_normal((m, d))
        radius, angle = rng.normal(1.5, 0.35, n), rng.uniform(0, 2 * np.pi, n)
        P[:, 0], P[:, 1] = radius * np.cos(angle), radius * np.sin(angle)
        Q[:, :2] *= 1.1
        return P, Q

    def _laws(self, settings):
        def log_p(u):  # the law of u = log radius
            radius = np.exp(u)
            return u + np.logaddexp(log_normal(radius, 1.5, 0.35), log_normal(radius, -1.5, 0.35))

        def log_q(u):
            return 2 * u - 0.5 * np.exp(2 * u) / 1.1**2 - 2 * np.log(1.1)

        thin = -1 / (1.1**2 / 0.35**2 - 1)  # p^alpha q^(1 - alpha) grows at infinity below it
        edges = np.concatenate([-(2.0 ** np.arange(20, 1, -1)), np.linspace(-3, 4, 141)])
        return Laws(*quadrature(log_p, log_q, edges), (thin, 2.0))


@dataclass(frozen=True)
class TruncatedGaussians(Simulator):
    """Q standard normal, P the same given that its first coordinate is above `lower`.

    ``kl = -log P(Z > lower)``, and all else in closed form; reverse_kl, jeffreys and
    neyman_chi_square are infinite, as Q has mass where P has none.

    Examples
    --------
    >>> from divest.datasets import truncated_gaussians
    >>> P, Q = truncated_gaussians(0, n=100, d=2, lower=0.0)
    >>> bool((P[:, 0] >= 0).all())
    True
    >>> round(truncated_gaussians.truth("kl", lower=0.0), 6)
    0.693147
    """

    name = "truncated_gaussians"

    def __call__(self, rng: Any, n: int = 500, m: int | None = None, d: int = 2,
                 lower: float = 0.0) -> Samples:
        rng, n, m, d, lower = self._start(rng, n, m, d, lower)
        P, Q = rng.standard_normal((n, d)), rng.standard_normal((m, d))
        tail = -ndtri_exp(log_ndtr(-lower) - rng.standard_exponential(n))
        P[:, 0] = np.maximum(tail, lower)  # against rounding
        return P, Q

    def _laws(self, settings):
        above, below = log_ndtr(-settings["lower"]), log_ndtr(settings["lower"])
        below = max(below, -700.0)  # never quite 0: what is infinite stays infinite
        return Laws(np.array([0.0, -np.inf]), np.array([above, below]), (0.0, np.inf))


@dataclass(frozen=True)
class Atoms(Simulator):
    """Numbers 1 to k in one column: P proportional to the number, Q uniform.

    A finite sum: ``kl`` is 0.15130 for k = 10.

    Examples
    --------
    >>> from divest.datasets import atoms
    >>> P, Q = atoms(0, n=100, k=10)
    >>> P.shape, Q.shape
    ((100, 1), (100, 1))
    >>> round(atoms.truth("kl", k=10), 5)
    0.1513
    """

    name = "atoms"

    def __call__(self, rng: Any, n: int = 500, m: int | None = None, k: int = 10) -> Samples:
        rng, n, m, k = self._start(rng, n, m, k)
        values = np.arange(1.0, k + 1)
        P, Q = rng.choice(values, n, p=values / values.sum()), rng.choice(values, m)
        return P[:, None], Q[:, None]

    def _laws(self, settings):
        k = settings["k"]
        values = np.arange(1.0, k + 1)
        return Laws(np.log(values / values.sum()), np.full(k, -np.log(k)))


shifted_gaussians = ShiftedGaussians()
plane = Plane()
gaussian_mixture = GaussianMixture()
ring = Ring()
truncated_gaussians = TruncatedGaussians()
atoms = Atoms()

SIMULATORS: dict[str, Simulator] = {
    simulator.name: simulator
    for simulator in (shifted_gaussians, plane, gaussian_mixture, ring, truncated_gaussians, atoms)
}
