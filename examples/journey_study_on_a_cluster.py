"""
A study on a cluster
====================

A researcher asks how long the intervals of two estimators are, and whether they cover, over a grid
of sample sizes; first here, then on the workers of a Dask cluster, with one table that survives
whatever happens on the way. Needs ``pip install divest[distributed]``.
"""

import tempfile
from pathlib import Path

from dask.distributed import Client, LocalCluster

from divest import NearestNeighborDistanceDivergence, NearestNeighborRatioDivergence
from divest.study import Study

METHODS = {"ratio": NearestNeighborRatioDivergence("kl"),
           "distance": NearestNeighborDistanceDivergence("kl")}


def design(n_replications):
    """Normal laws one standard deviation apart: the divergence is 0.5 nats in any dimension."""
    return Study("shifted_gaussians", METHODS, {"n": [100, 200], "d": [1, 2]}, truth="kl",
                 n_replications=n_replications, seed=1)


def main():
    store = Path(tempfile.mkdtemp()) / "study.sqlite"
    begun = design(5).run(store=store)  # a few replications here, to see that it works
    print(begun.summary()[["n", "d", "method", "replications", "bias", "seconds"]])

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, \
            Client(cluster) as client:  # or Client("tcp://scheduler:8786")
        results = design(20).run(client=client, store=store)  # the first five are not run again
    table = results.summary()
    print(table[["n", "d", "method", "replications", "bias", "bias_mcse", "coverage",
                 "coverage_trusted"]].round(3).to_string(index=False))

    again = design(20).run()  # the same numbers without a cluster
    same = results.frame.drop(columns="seconds").equals(again.frame.drop(columns="seconds"))
    print(f"cluster and laptop agree to the last bit: {same}")
    results.to_csv(store.with_suffix(".csv"))
    assert same


if __name__ == "__main__":
    main()
