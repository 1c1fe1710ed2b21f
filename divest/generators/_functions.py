"""The functions f and f' of the registry, vectorised in r > 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def kl_f(r):
    return r * np.log(r) - r + 1.0


def kl_df(r):
    return np.log(r)


def reverse_kl_f(r):
    return r - 1.0 - np.log(r)


def reverse_kl_df(r):
    return 1.0 - 1.0 / r


def jeffreys_f(r):
    return (r - 1.0) * np.log(r)


def jeffreys_df(r):
    return np.log(r) + 1.0 - 1.0 / r


def hellinger_f(r):
    return 0.5 * (np.sqrt(r) - 1.0) ** 2


def hellinger_df(r):
    return 0.5 - 0.5 / np.sqrt(r)


def chi_square_f(r):
    return (r - 1.0) ** 2


def chi_square_df(r):
    return 2.0 * (r - 1.0)


def neyman_f(r):
    return (r - 1.0) ** 2 / r


def neyman_df(r):
    return 1.0 - 1.0 / r**2


def log_midpoint(r):
    """Log of 2/(1 + r)."""
    return np.log(2.0) - np.log1p(r)


def jensen_shannon_f(r):
    return 0.5 * (r * jensen_shannon_at_p(r) * 2.0 + log_midpoint(r))


def jensen_shannon_at_p(r):
    return 0.5 * (np.log(r) + log_midpoint(r))


def jensen_shannon_at_q(r):
    return 0.5 * log_midpoint(r)


def le_cam_f(r):
    return 0.5 * (r - 1.0) ** 2 / (r + 1.0)


def le_cam_at_p(r):
    return 0.5 * (r - 1.0) * (r + 3.0) / (r + 1.0) ** 2


def le_cam_at_q(r):
    return -0.5 * (r - 1.0) * (1.0 + 3.0 * r) / (r + 1.0) ** 2


def total_variation_f(r):
    return 0.5 * np.abs(r - 1.0)


def total_variation_df(r):
    return 0.5 * np.sign(r - 1.0)


@dataclass(frozen=True)
class PowerF:
    """``scale (r^a - 1 - a (r - 1))``."""

    alpha: float
    scale: float

    def __call__(self, r):
        a = self.alpha
        return self.scale * (r**a - 1.0 - a * (r - 1.0))


@dataclass(frozen=True)
class PowerDerivative:
    """``scale a (r^(a-1) - 1)``."""

    alpha: float
    scale: float

    def __call__(self, r):
        return self.scale * self.alpha * (r ** (self.alpha - 1.0) - 1.0)
