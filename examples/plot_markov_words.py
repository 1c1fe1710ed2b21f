"""
Letters as a Markov chain
=========================

The first Markov chain ever estimated was of letters, vowels and consonants in a novel. Here are all
26 letters, in the 1,460 distinct words of the Constitution and the Declaration of Independence of
the United States. Which letter follows which, does it matter, and how long is a word?
"""

# %%
# Each word is a sequence. Does the next letter depend on the current one at all? Many pairs are
# rare, so the letters are permuted.

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from divest.discrete import MarkovChainEstimator, absorption_times, order_test

data = Path("data") if Path("data").is_dir() else Path("examples/data")
words = (data / "us_constitution_words.txt").read_text().split()
test = order_test([list(word) for word in words], n_resamples=199, random_state=0)
print(test.summary())

# %%
# It does: the current letter tells half a nat about the next. Now the whole chain, the words in
# random order with a stop ``.`` between them. It doubts itself: for 729 probabilities, 11,829
# transitions are too few by a third.

np.random.default_rng(0).shuffle(words)
chain = MarkovChainEstimator().fit(list("." + ".".join(words) + "."))
print(f"{chain.entropy_rate_:.3f} nats per letter, standard error "
      f"{chain.entropy_rate_standard_error_:.3f}; independent letters would have "
      f"{-(chain.stationary_ * np.log(chain.stationary_)).sum():.3f}")

fig, ax = plt.subplots(figsize=(6.5, 5.5), layout="constrained")
image = ax.imshow(chain.transition_, cmap="Blues", vmax=0.6)
ax.set(xticks=range(27), xticklabels=chain.classes_, yticks=range(27), yticklabels=chain.classes_,
       xlabel="next letter", ylabel="letter")
fig.colorbar(image, extend="max", label="probability of the next letter")

# %%
# After q comes u, and y is the end. How many letters are still to come after each letter? The chain
# answers with the mean time until the stop, less one.

letters = "abcdefghijklmnopqrstuvwxyz"
times = absorption_times([list(word + ".") for word in words], transient=list(letters)).to_frame()
left = [np.mean([len(word) - i - 1 for word in words for i, x in enumerate(word) if x == letter])
        for letter in times["state"]]

fig, ax = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
order = np.argsort(left)
places = range(26)
ax.errorbar(places, times["time"].iloc[order] - 1, fmt="o", label="chain, 95 % interval", yerr=[
    (times["time"] - times["low"]).iloc[order], (times["high"] - times["time"]).iloc[order]])
ax.plot(places, np.array(left)[order], "D", color="#d55e00", label="words")
ax.set(xticks=places, xticklabels=times["state"].iloc[order], ylabel="letters still to come")
ax.legend(loc="lower right")

# %%
# Both agree on the length of a whole word, printed below, and differ after every letter. A chain
# may stop at any letter, so its words are very short or very long, and most letters stand in long
# ones. The intervals are right about the chain; no interval says that a chain is the right model.

first = [times.set_index("state")["time"][word[0]] for word in words]
print(f"mean length: chain {np.mean(first):.2f}, words {np.mean([len(w) for w in words]):.2f}")
