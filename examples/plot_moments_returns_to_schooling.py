"""
Returns to schooling: a published study, by seven estimators
============================================================

What does a year of school add to a wage? Regression cannot tell, for those who stay in school
differ in much else. The schooling of the parents may serve as instruments: it goes with that of the
daughter, and, so the assumption, with her wage in no other way.
"""

# %%
# The data are the 428 working women of Mroz (1987), as linearmodels has them, and the study is an
# example of Wooldridge's *Econometric Analysis of Cross Section and Panel Data* (two-stage least
# squares with ``motheduc`` and ``fatheduc``). Its numbers:

import pandas as pd
from linearmodels.datasets import mroz
from matplotlib import pyplot as plt

from divest.moments import LinearIVRegressor
from divest.plotting import plot_coefficients

women = mroz.load().dropna(subset=["lwage"])
published = pd.DataFrame({"published": [0.0614, 0.0442, -0.0009],
                          "error": [0.0314, 0.0134, 0.0004]}, index=["educ", "exper", "expersq"])

# %%
# A formula is the shortest way. Published errors assume one variance, and divide by n - 4 where
# divest divides by n.

formula = "lwage ~ 1 + exper + expersq + [educ ~ motheduc + fatheduc]"
two_stage = LinearIVRegressor.from_formula(formula, women, method="2sls", cov_type="unadjusted")
found = two_stage.result_.to_frame().set_index("parameter")[["estimate", "standard_error"]]
n = len(women)
found["with n - 4"] = found["standard_error"] * (n / (n - 4)) ** 0.5
print(published.join(found).round(4))

# %%
# The same formula by every method, with errors that allow for unequal variances. Two instruments
# and one endogenous regressor leave one restriction over, which ``j_test`` tests: do the parents
# agree?

fits = {"least squares": LinearIVRegressor.from_formula(
    "lwage ~ 1 + exper + expersq + educ", women, method="2sls")}
for method in ["2sls", "liml", "gmm", "cue", "el", "et", "kmm"]:
    fits[method] = LinearIVRegressor.from_formula(formula, women, method=method, random_state=0)
print(pd.DataFrame({method: {"educ": fit.params_["educ"],
                             "standard_error": fit.cov_params_.loc["educ", "educ"] ** 0.5,
                             "errors": fit.cov_type_, "p of J": fit.j_test().pvalue}
                    for method, fit in fits.items()}).T)

# %%
# Is the answer worth anything? Only if the parents' schooling says enough about the daughter's. The
# robust F of the first stage is a diagnostic of every fit, and linearmodels gives the classical
# table.

print(fits["kmm"].diagnostics_.set_index("name").loc[["first_stage_f", "overidentification"],
                                                     ["value", "threshold", "passed"]])
print(fits["2sls"].first_stage().T)

# %%
# The instruments are strong and agree, so that all methods say the same: about 6 percent per year,
# and less than least squares has it. The intervals just hold 0.

fig, ax = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
plot_coefficients(fits, "educ", ax)
ax.axvline(0, color="0.6", linewidth=1)
ax.set_xlabel("effect of a year of school on the logarithm of the wage, 95 % intervals")
