"""
A law on a triangle
===================

Shares of a whole live on a triangle: none is below 0, and together they are at most 1. A density
fitted as if there were no edge puts mass where nothing can be. Here the edge is known through
points along it, and that is enough to fit a density and to test it.
"""

# %%
# The rows: 303 Californian school districts of 1998, with the share of their pupils who are
# Hispanic, and the share of those who are neither Asian, Black nor Hispanic. What is left over, the
# Asian and Black pupils, cannot be below 0 either. The file is sorted by county, so the rows are
# shuffled.

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from statsmodels.datasets import star98

from divest import KernelSteinTest, SteinEstimator, TruncatedSteinEstimator
from divest.unnormalized import gaussian_score, polygon_points

percent = star98.load_pandas().exog[["PERASIAN", "PERBLACK", "PERHISP"]]
shares = pd.DataFrame({"hispanic": percent["PERHISP"], "other": 100 - percent.sum(axis=1)}) / 100
shares = shares.sample(frac=1, random_state=0)
triangle = np.array([[0, 0], [1, 0], [0, 1]])
edge = polygon_points(triangle, 300)

# %%
# The family: densities whose logarithm is a quadratic. On the whole plane these are the normal
# laws. Their constant on the triangle has no formula; neither fit needs it.

ignoring = SteinEstimator(gaussian_score()).fit(shares)
cut = TruncatedSteinEstimator(gaussian_score(), edge).fit(shares)
columns = ["parameter", "estimate", "standard_error"]
both = ignoring.result_.to_frame()[columns].merge(
    cut.result_.to_frame()[columns], on="parameter", suffixes=("_ignoring", "_cut"))
print(both.round(2).to_string(index=False))

# %%
# The fits differ in sign, not a little. With the edge ignored, the rows look as if they thinned out
# in all directions, as those of a normal law do. It is the edge that ends them: the cut density
# grows faster and faster up to the long side, where the precision is negative. So it is not
# a normal law of which a part is hidden. On a triangle a quadratic may bend either way, and
# ``mean_and_covariance`` says that no normal law on the whole plane goes with this one.

try:
    cut.family.mean_and_covariance(cut.coef_)
except ValueError as error:
    print(error)

mean, covariance = ignoring.family.mean_and_covariance(ignoring.coef_)
draws = np.random.default_rng(0).multivariate_normal(mean, covariance, 100_000)
outside = 1 - np.mean((draws > 0).all(axis=1) & (draws.sum(axis=1) < 1))
print(f"of the law fitted without the edge, {outside:.0%} lies outside the triangle")

# %%
# Regions that hold half and nine tenths of each law, with the districts.

ticks = np.linspace(-0.6, 1.6, 441)
x, y = np.meshgrid(ticks, ticks)
inside = (x >= 0) & (y >= 0) & (x + y <= 1)


def draw_regions(ax, theta, where):
    """Contours around the densest places that hold 90 % and 50 % of the mass."""
    a, b, xx, xy, yy = theta
    log = a * x + b * y - (xx * x**2 + 2 * xy * x * y + yy * y**2) / 2
    values = np.where(where, np.exp(log - log[where].max()), 0)
    heights = np.sort(values[where])[::-1]
    held = heights.cumsum() / heights.sum()
    levels = [heights[np.searchsorted(held, share)] for share in (0.9, 0.5)]
    ax.contourf(x, y, values, levels=[*levels, heights[0]], colors=["#cfe0ee", "#8fb8d8"])


fig, axes = plt.subplots(1, 2, figsize=(9.5, 4.6), sharey=True, layout="constrained")
everywhere = np.full(x.shape, True)
for ax, title, fitted, where in ((axes[0], "edge ignored", ignoring, everywhere),
                                 (axes[1], "edge known", cut, inside)):
    draw_regions(ax, fitted.coef_, where)
    ax.scatter(*shares.to_numpy().T, s=8, color="0.2")
    ax.fill(*triangle.T, fill=False, edgecolor="C3", linewidth=1.5)
    ax.set(title=title, xlim=(-0.3, 1.2), ylim=(-0.2, 1.3), aspect="equal",
           xlabel="share of Hispanic pupils")
axes[0].set(ylabel="not Asian, Black or Hispanic")

# %%
# Does either fit? The test takes the same points. Its finest scale is an eighth of the median
# distance between the rows, and the points must lie closer than that: from a third of them, 100, it
# would reject true laws of this shape in half of all samples. With twice as many, the p-value below
# stays as it is, so there are enough.

for name, fitted, points in (("edge ignored", ignoring, None), ("edge known", cut, edge)):
    test = KernelSteinTest(fitted.model(), boundary_points=points, random_state=0).fit(shares)
    print(f"{name}: p = {test.pvalue_:.3f}")

# %%
# Neither does. The parameters come from the same rows, so the test rejects too rarely, and rejects
# all the same. The figure on the right shows one reason: a density that bends upwards across the
# triangle rises again towards the corner at 0, where there are next to no districts.
