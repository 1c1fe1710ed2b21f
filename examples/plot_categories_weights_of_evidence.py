"""
Weights of evidence: what tells a vote?
=======================================

Score cards of banks are built from weights of evidence: for each cell of a variable, the logarithm
of its share among the events over its share among all others. They are used here for 944 voters
before the presidential election of 1996; the event is an intended vote for Dole, the others are for
Clinton.
"""

# %%
# The information value of a variable sums up what its cells say. Usual rules: below 0.02 the
# variable is useless, up to 0.1 weak, up to 0.3 medium, above that strong.

import pandas as pd
from matplotlib import pyplot as plt

from divest.datasets import load_anes96
from divest.discrete import information_value, weights_of_evidence

voters = load_anes96()
names = ["party", "self_left_right", "income", "age", "education", "tv_news", "place_population"]
found = {name: information_value(voters[name], voters["vote"]) for name in names}
table = pd.concat([result.to_frame() for result in found.values()], keys=names).droplevel(1)
table["cells"] = [result.n_cells for result in found.values()]
print(table[["cells", "estimate", "bias", "corrected", "null_pvalue"]].round(3))

# %%
# By the rules none is useless, and education and television are weak. But an information value is
# never below 0, and ten cells reach about 0.04 here by chance alone: that is the bias in the table.
# Less their bias the two come to 0.02 each, which chance can explain (``null_pvalue``). For the
# others, see the cells, each with two standard errors.

codes = {"party": ["strong D", "weak D", "ind. D", "indep.", "ind. R", "weak R", "strong R"]}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained")
for ax, name in zip(axes, ["party", "place_population", "age"], strict=True):
    cells = found[name].table
    ax.errorbar(range(len(cells)), cells["weight_of_evidence"], 2 * cells["standard_error"],
                fmt="o", capsize=3)
    ax.axhline(0, color="0.6", linewidth=1)
    ax.set_xticks(range(len(cells)), codes.get(name, cells["cell"]), rotation=60, ha="right")
    ax.set_title(f"{name}: {found[name].estimate:.2f}")
axes[0].set_ylabel("weight of evidence for Dole")

# %%
# Party says nearly all. Dole's share falls in the largest places. Age has no direction. The weights
# of a voter may be added up over variables only where these are independent given the vote, which
# party and leaning are not.
#
# The same from a table of counts, such as a database gives it:

counts = voters.groupby("party")["vote"].agg(dole="sum", rows="count")
print(weights_of_evidence(counts["dole"], counts["rows"] - counts["dole"]).summary())
