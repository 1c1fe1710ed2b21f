"""
A moment function of your own: insurance and spending on drugs
==============================================================

Spending is positive and skewed, so that a model says by what *factor* something changes it. A
regression of logarithms is about the mean of the logarithm, and turning that into a mean of dollars
needs another assumption. Moment conditions say what is meant, and take instruments as well.
"""

# %%
# The data are 10,089 Americans over 65 in the Medical Expenditure Panel Survey, as linearmodels has
# them. Those who expect high costs may look for insurance by the employer or union
# (``hi_empunion``), so it needs instruments: the share of income that is social security
# (``ssiratio``), and whether the firm has several locations (``multlc``).
#
# The study of logarithms is in Cameron and Trivedi, *Microeconometrics Using Stata*: -0.898 with a
# robust error of 0.221, with the first instrument alone. It is reproduced first.

import numpy as np
import pandas as pd
from linearmodels.datasets import meps
from matplotlib import pyplot as plt

from divest.moments import KernelMethodOfMoments, LinearIVRegressor
from divest.plotting import plot_coefficients

people = meps.load().dropna(subset=["linc"])
published = LinearIVRegressor.from_formula(
    "ldrugexp ~ 1 + totchr + age + female + blhisp + linc + [hi_empunion ~ ssiratio]", people,
    method="2sls")
print(published.result_.to_frame().iloc[[-1]].round(3).to_string())

# %%
# Now the mean itself. The model is :math:`y = e^{x'\theta} v`, with :math:`E[v | z] = 1` whatever
# else v depends on (Mullahy 1997). So :math:`y e^{-x'\theta} - 1` has mean zero whatever the
# instruments are. This is the moment function, in three lines:


def excess(data, theta):
    """Spending over its expected value, less one."""
    return data.y * np.exp(-data.X @ theta) - 1


# %%
# ``instruments="linear"`` multiplies it by the columns of Z, of which the exogenous regressors and
# the constant are seven. Nothing else is needed: derivatives are found by complex steps.

exogenous = ["totchr", "age", "female", "blhisp", "linc"]
people = people.assign(one=1.0, age=people["age"] - people["age"].mean(),
                       linc=people["linc"] - people["linc"].mean())
X, Z = people[["hi_empunion", "one", *exogenous]], people[["ssiratio", "multlc", "one", *exogenous]]
start = pd.Series(0.0, index=X.columns)
start["one"] = np.log(people["drugexp"].mean())

fits = {"2SLS of logarithms": published}
for name, estimator, rows in [("no instruments", "gmm", X), ("two-step GMM", "gmm", Z),
                              ("empirical likelihood", "el", Z), ("kernel method", "kmm", Z)]:
    fits[name] = KernelMethodOfMoments(excess, theta0=start, estimator=estimator,
                                       instruments="linear", n_starts=1, random_state=0)
    fits[name].fit(X, people["drugexp"], rows)
print(fits["kernel method"].summary())

# %%
# Without instruments, insurance goes with spending a little higher. With them it comes out as more
# than halving it, by every estimator, as it does for the logarithms. That is hard to believe. The J
# test (p = .88) says that the two instruments agree with one another, not that they are right: both
# may go with health or income in ways that the model leaves out.

fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
plot_coefficients(fits, "hi_empunion", ax)
ax.axvline(0, color="0.6", linewidth=1)
ax.set_xlabel("effect of insurance on the logarithm of spending, 95 % intervals")
