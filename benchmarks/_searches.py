"""Neighbour searches by several packages: ``search = SEARCHES[name](points)``, then
``distances, indices = search(queries, k)``, in one thread.
"""

from functools import partial

from scipy.spatial import KDTree
from sklearn.neighbors import NearestNeighbors

from benchmarks._timing import race, seconds
from divest._neighbors import NeighborIndex


def _divest(points):
    index = NeighborIndex(points)

    def search(queries, k):
        distances, indices = index.query(index.transform(queries), k)
        return distances * index.unit, indices
    return search


def _scipy(points):
    tree = KDTree(points)
    return lambda queries, k: tree.query(queries, range(1, k + 1))


def _scikit_learn(algorithm, points):
    return NearestNeighbors(algorithm=algorithm, n_jobs=1).fit(points).kneighbors


SEARCHES = {"divest": _divest, "scipy KDTree": _scipy,
            "sklearn brute": partial(_scikit_learn, "brute"),
            "sklearn kd_tree": partial(_scikit_learn, "kd_tree")}
RIVALS = list(SEARCHES)[1:]


def race_against(mine, rivals, points, queries, k, sizes):
    """Times of ``mine = {name: call}`` and of those rivals' searches that are fast enough.

    The rivals make their indices beforehand. A fiftieth of the search tells how long it takes.
    """
    part, runs = queries[:max(1, len(queries) // 50)], dict(mine)
    for name in rivals:
        search = SEARCHES[name](points)
        if seconds(partial(search, part, k)) * len(queries) / len(part) < sizes.limit:
            runs[name] = partial(search, queries, k)
    return race(runs, sizes.rounds, sizes.budget)
