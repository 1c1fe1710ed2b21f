"""
Words as chains of letters
==========================

How well does a chain of letters imitate English words? The chains know nothing (order 0), the last
letter (order 1) or the last two (order 2). They learn from one half of the words of the
Constitution and the Declaration of Independence of the United States; the other half tests them.
"""

# %%
# Each word counts once, and the halves are drawn at random.

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from divest.goodness_of_fit import MarkovChainModel, SequenceSteinTest

data = Path("data") if Path("data").is_dir() else Path("examples/data")
words = np.array((data / "us_constitution_words.txt").read_text().split())
np.random.default_rng(0).shuffle(words)
learn, check = np.array_split(words, 2)
letters = "abcdefghijklmnopqrstuvwxyz"

models = {order: MarkovChainModel.fit(learn, order, smoothing=0.3, alphabet=letters)
          for order in (0, 1, 2)}
for order, model in models.items():
    print(f"order {order}:", *("".join(word) for word in model.sample(9, rng=4)))

# %%
# One look is enough to see that none of these is English. The test says so too; how far they are
# off is another question than the p-value, so print the statistic per word as well.

tests = {order: SequenceSteinTest(model, n_resamples=199, random_state=0).fit(check)
         for order, model in models.items()}
table = pd.DataFrame({order: {
    "pvalue": test.pvalue_, "misfit": test.parts_.statistic[0] / len(check),
    "log_prob": models[order].log_prob_many(check).mean()} for order, test in tests.items()}).T
print(table.round(3).rename_axis("order"))

# %%
# The last letter takes away most of the misfit. Two letters do worse than one here, although they
# give the new words a higher probability: there are 676 contexts to learn from 730 words, and the
# test looks at the neighbours of each word, where many contexts are rare.
#
# Where does the chain of order 1 go wrong? Letters and pairs of which it would have less (below 0)
# or more (above 0): the largest of those that are three standard errors from 0. Lines are two.

found = tests[1].witness_
found = found[found["mean"].abs() > 3 * found["standard_error"]]
found = found.loc[found["mean"].abs().nlargest(12).index].sort_values("mean")
fig, axes = plt.subplots(1, 2, figsize=(8.5, 4), layout="constrained", width_ratios=(1, 1.6))
axes[0].bar(["0", "1", "2"], table["misfit"], color="C0")
axes[0].set(xlabel="order of the chain", ylabel="statistic per word")
axes[1].errorbar(found["mean"], found["substring"].map("".join), fmt="o",
                 xerr=2 * found["standard_error"])
axes[1].axvline(0, color="0.6", linewidth=1)
axes[1].set(xlabel="chain would have less     chain would have more",
            title="order 1")

# %%
# It would have less of "s", "d" and "ed", with which many words end: a chain stops after any
# letter, and does not know how words end.
#
# One more thing it does not know. The length of its words is geometric, so that one in seven would
# have one letter, and the list has none.

print(f"words of one letter: {np.mean([len(word) == 1 for word in check]):.2f}, of the model: "
      f"{models[1].stop:.2f}")
print(tests[1].parts_.round(3))

# %%
# The part of the test that is about lengths does not see this (second row): it compares the mean
# length only, which was fitted. And words of a text are no independent draws from anything; what is
# tested is whether the words that were left out look like more draws from the model.
