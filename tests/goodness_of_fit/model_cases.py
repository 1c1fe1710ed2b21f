"""What the tests of models and of their scores share."""

import warnings

import numpy as np
from statsmodels.nonparametric.kernel_density import KDEMultivariate

COVARIANCE = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])


def kde_of_columns(X, kinds, bandwidths):
    """Some versions warn that their default source of random numbers, unused here, will change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return KDEMultivariate(X, var_type=kinds, bw=bandwidths)


def differences(log_density, X, step=1e-5):
    """Fourth-order central differences, column by column."""
    out = np.empty_like(X)
    for j, shift in enumerate(step * np.eye(X.shape[1])):
        near = log_density(X + shift) - log_density(X - shift)
        far = log_density(X + 2 * shift) - log_density(X - 2 * shift)
        out[:, j] = (8 * near - far) / (12 * step)
    return out


def gaussian(X):
    """Log density, up to a constant, of a normal law whose columns depend on one another."""
    return -0.5 * ((X @ np.linalg.inv(COVARIANCE)) * X).sum(axis=1)


def gaussian_score(X):
    return -X @ np.linalg.inv(COVARIANCE)
