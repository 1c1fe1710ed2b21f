"""
From an energy to a verdict
===========================

A statistician has a model known only up to its constant, and a sample. Which parameters fit, does
the model fit with them, and where does it not? The cells run one after the other, in a notebook
too.
"""

# %%
# The sample: two measurements of 2,000 things, pushed apart by a term that no textbook family has.
# The model is the energy; nobody needs its normalising constant.

import numpy as np
from scipy import stats

from divest import KernelSteinTest, SteinEstimator
from divest.unnormalized import exponential_family

rng = np.random.default_rng(0)


def draw(a, b, n, steps=400):
    """Langevin moves, accepted or refused, under the density exp(-(x^2 + y^2)/2 a - b x^2 y^2)."""
    def log_density(X):
        return -0.5 * a * (X ** 2).sum(axis=1) - b * (X ** 2).prod(axis=1)

    X = rng.normal(size=(n, 2))
    for _ in range(steps):
        Y = X + 0.7 * rng.normal(size=X.shape)
        moves = np.log(rng.uniform(size=n)) < log_density(Y) - log_density(X)
        X[moves] = Y[moves]
    return X


X = draw(a=1.0, b=3.0, n=2000)
print(X[:3].round(2))

# %%
# Parameters, with standard errors, from the statistics of the exponential family.

family = exponential_family(
    lambda X: np.column_stack([-0.5 * (X ** 2).sum(axis=1), -(X ** 2).prod(axis=1)]),
    names=["a", "b"])
fit = SteinEstimator(family).fit(X)
print(fit.summary())

# %%
# Does it fit? The test wants the gradient of the log density, and rows that the fit has not seen.

a, b = fit.coef_


def score(X):
    return -a * X - 2 * b * X * X[:, ::-1] ** 2


new = draw(a=1.0, b=3.0, n=500)
print(KernelSteinTest(score, random_state=0).fit(new).result_.summary())

# %%
# And the normal law with the same covariance, to which a summary by means and correlations points:

normal = stats.multivariate_normal([0, 0], np.cov(X.T))
test = KernelSteinTest(normal, random_state=0).fit(new)
print(f"normal law: p = {test.pvalue_}, trusted: {test.result_.trusted}")
print(test.power_curve([100, 250, 500, 1000]).to_string(index=False))  # if that is the misfit
