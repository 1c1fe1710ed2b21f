"""
Weak instruments: where normal intervals fail, and what to do
=============================================================

With instruments that hardly move the regressor, an estimate is biased and its normal interval means
little. The values that the S test does not reject are an interval of the right level all the same,
or, where the data cannot tell, the whole line. Three textbook studies, from strong to hopeless.
"""

# %%
# All data come with linearmodels.
#
# * Wage and schooling of 428 women (Mroz 1987); instruments: schooling of the parents.
# * Wage and schooling of 3010 men (Card 1995); instrument: grew up near a four-year college. Card
#   found a return of .132 with an error of .055.
# * Birth weight and smoking of 1388 mothers (Mullahy 1997); instrument: the price of cigarettes.
#   Wooldridge's *Introductory Econometrics* reports 2.99 with an error of 8.70 per pack, as an
#   example of how not to do it. (The column ``packs`` of these data is damaged; a pack is 20
#   cigarettes.)

import warnings

import pandas as pd
from linearmodels.datasets import birthweight, card, mroz
from matplotlib import pyplot as plt

from divest import TrustWarning
from divest.moments import LinearIVRegressor
from divest.plotting import plot_confidence_set

women, men = mroz.load().dropna(subset=["lwage"]), card.load()
mothers = birthweight.load().rename(columns=str.strip)
mothers["packs"] = mothers["cigs"] / 20

region = " + ".join(f"reg66{k}" for k in range(2, 10))
formulas = {
    "parents' schooling": (
        "lwage ~ 1 + exper + expersq + [educ ~ motheduc + fatheduc]", women, "educ"),
    "near a college": (
        f"lwage ~ 1 + exper + expersq + black + smsa + south + smsa66 + {region} "
        "+ [educ ~ nearc4]", men, "educ"),
    "price of cigarettes": ("lbwght ~ 1 + [packs ~ cigprice]", mothers, "packs"),
}

with warnings.catch_warnings(action="ignore", category=TrustWarning):  # it is in the table
    fits = {name: LinearIVRegressor.from_formula(formula, data, method="cue")
            for name, (formula, data, _) in formulas.items()}
sets = {name: fit.confidence_set(formulas[name][2]) for name, fit in fits.items()}

table = {}
for name, fit in fits.items():
    row = fit.result_.to_frame().set_index("parameter").loc[formulas[name][2]]
    strength = fit.diagnostics_.set_index("name").loc["first_stage_f"]
    table[name] = {"F": strength["value"], "strong": strength["passed"],
                   "estimate": row["estimate"], "error": row["standard_error"],
                   "normal": (round(row["low"], 3), round(row["high"], 3)),
                   "S set": [(round(low, 3), round(high, 3)) for low, high in sets[name].intervals]}
print(pd.DataFrame(table).T.to_string())

# %%
# Strong instruments: both intervals are nearly the same; the S set pays a little for testing the
# second instrument as well. A middling one: the S set is wider on the side of large returns, as the
# data do not speak against these. The price of cigarettes: no value is rejected at all. The normal
# interval has two ends even there, which are made of nothing.

fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained", sharey=True)
for ax, (name, found) in zip(axes, sets.items(), strict=True):
    plot_confidence_set(found, ax, estimate=fits[name])
    F = table[name]["F"]
    ax.set_title(f"{name}, F = {F:.1f}" + (f"\n{ax.get_title()}" if ax.get_title() else "\n"))
for ax in axes[1:]:
    ax.set_ylabel("")
    ax.get_legend().remove()

# %%
# The blue line is the p-value of each value of the coefficient, and the blue range is where it lies
# above 5 %. Below it, in red, is the normal interval.
