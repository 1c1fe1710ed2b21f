"""Moments of the centre of a symmetric law, and their Jacobian."""

import numpy as np


def center(data, theta):
    away = data.X[:, 0] - theta[0]
    return np.column_stack([away, np.tanh(2 * away)])


def center_jacobian(data, theta):
    away = data.X[:, 0] - theta[0]
    return np.column_stack([-np.ones(len(away)), -2 / np.cosh(2 * away) ** 2])[:, :, None]
