"""
How does cost grow with rows and columns?
=========================================

Processor time of the main methods and of peers that do the same, from 500 rows to as many as a few
seconds allow. The command ``python -m benchmarks growth --page docs/benchmarks`` measures it; here
we draw what it stored.
"""

# %%
# One row of the table is one of our methods beside one peer. Seconds of each with 8,000 rows, by
# columns:

import pandas as pd
from matplotlib import pyplot as plt

table = pd.read_csv("../docs/benchmarks/growth.csv")
sides = [table[["task", "n", "d", side, f"{side}_seconds"]].set_axis(
    ["task", "n", "d", "method", "seconds"], axis="columns") for side in ("ours", "peer")]
times = pd.concat(sides).dropna().groupby(["task", "method", "d", "n"], sort=False)["seconds"].min()
print(times.xs(8000, level="n").unstack("d").round(4).to_string())

# %%
# Ours is drawn in blue and violet with dots, peers in other colours; broken lines have ten columns.

OURS, PEERS = ["#0072b2", "#785ef0"], ["#d55e00", "#009e73", "#b8860b"]
fig, axes = plt.subplots(2, 3, figsize=(9, 6), sharex=True, layout="constrained")
for ax, (task, part) in zip(axes.flat, times.groupby("task", sort=False), strict=True):
    ours, peers = iter(OURS), iter(PEERS)
    for method, rows in part.groupby("method", sort=False):
        mine = method.startswith("divest")
        color, marker = (next(ours), "o") if mine else (next(peers), "x")
        for d, line in rows.groupby("d"):
            ax.plot(line.index.get_level_values("n"), line, marker=marker, markersize=4,
                    color=color, linestyle="-" if d == 2 else "--",
                    label=method if d == 2 else None)
    ax.set(xscale="log", yscale="log", title=task, xticks=[500, 2_000, 8_000, 32_000],
           xticklabels=["500", "2,000", "8,000", "32,000"])
    ax.minorticks_off()
    ax.grid(color="0.9")
    ax.legend(fontsize="small", frameon=False)
for ax in axes[1]:
    ax.set_xlabel("rows")
for ax in axes[:, 0]:
    ax.set_ylabel("seconds")

# %%
# All numbers stand on the page of :doc:`benchmarks </benchmarks>`.
