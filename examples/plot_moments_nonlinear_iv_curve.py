"""
A curve from instruments, with a band
=====================================

When the regressor goes with the error, a flexible regression follows the error as well: more data
make it surer of a wrong curve. With instruments the curve can be found, without knowing its form.
"""

# %%
# First a simulation, so that the truth is there to compare with. A hidden cause moves both
# regressor and outcome; the first instrument moves the regressor only, and the second nothing.

import numpy as np
import pandas as pd
from linearmodels.datasets import card
from matplotlib import pyplot as plt

from divest.moments import KernelIVRegressor, hsic_scorer

rng = np.random.default_rng(0)
n = 1000
z, hidden = rng.uniform(-3, 3, size=(n, 2)), rng.normal(size=n)
x = z[:, :1] + hidden[:, None] + 0.1 * rng.normal(size=(n, 1))
y = np.abs(x[:, 0]) + hidden + 0.1 * rng.normal(size=n)

curve = KernelIVRegressor(random_state=0).fit(x, y, Z=z)
ordinary = KernelIVRegressor(random_state=0).fit(x, y)  # no instruments: ordinary regression
print(f"R2: {curve.score(x, y):.3f} with instruments, {ordinary.score(x, y):.3f} without")
for name, model in {"with": curve, "without": ordinary}.items():
    print(f"dependence of residuals on z, {name}: {-hsic_scorer(model, x, y, Z=z):.5f}")

# %%
# Ordinary regression has the better R squared and the wrong curve. Its residuals depend on the
# instruments, which is how it is found out.

grid = np.linspace(-3.5, 3.5, 120)[:, None]
band = curve.predict_interval(grid)
fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
ax.plot(x[:, 0], y, ".", color="0.8", markersize=3, zorder=0)
ax.fill_between(grid[:, 0], band["low"], band["high"], color="#0072b2", alpha=0.2, linewidth=0,
                label="95 % band, point by point")
ax.plot(grid, band["prediction"], color="#0072b2", linewidth=2, label="with instruments")
ax.plot(grid, ordinary.predict(grid), "--", color="#d55e00", linewidth=2,
        label="ordinary regression")
ax.plot(grid, np.abs(grid), color="black", linewidth=1, label="truth (simulated)")
ax.set(xlabel="x", ylabel="y", xlim=(-3.5, 3.5), ylim=(-2, 6))
ax.legend(frameon=False, loc="upper center")

# %%
# Now wages and ability, on the 2040 men of Card (1995) who took both tests. IQ is a noisy measure
# of ability, and noise in a regressor flattens the curve. A second test, the knowledge of the world
# of work (KWW), has noise of its own, and so serves as the instrument of the first: Wooldridge's
# "multiple indicator solution", here without a straight line. Years of school and of experience are
# regressors and, taken as they are, also instruments.

men = card.load().dropna(subset=["IQ", "KWW"])
others = ["educ", "exper"]
X, Z = men[["IQ", *others]], men[["KWW", *others]]
curve = KernelIVRegressor(random_state=0).fit(X, men["lwage"], Z=Z)
ordinary = KernelIVRegressor(random_state=0).fit(X, men["lwage"])
print(curve.diagnostics_[["name", "value", "threshold", "passed"]])

# %%
# At average school and experience:

scores = np.linspace(*men["IQ"].quantile([0.05, 0.95]), 80)
rows = pd.DataFrame({"IQ": scores, **{name: men[name].mean() for name in others}})[list(X)]
band = curve.predict_interval(rows)
fig, ax = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
ax.fill_between(scores, band["low"], band["high"], color="#0072b2", alpha=0.2, linewidth=0,
                label="95 % band, point by point")
ax.plot(scores, band["prediction"], color="#0072b2", linewidth=2, label="KWW as the instrument")
ax.plot(scores, ordinary.predict(rows), "--", color="#d55e00", linewidth=2,
        label="ordinary regression")
ax.set(xlabel="IQ", ylabel="logarithm of the wage")
ax.legend(frameon=False, loc="upper left")

# %%
# Ordinary regression sees hardly any return to ability above 105. With the second test the curve is
# a line, as far as the data can tell, and gives 1.3 percent of wage per point. The band is that of
# a rougher curve, whose bias is small against its error; so it is wide, and need not lie evenly
# about the prediction.
