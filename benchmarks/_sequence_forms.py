"""The statistic of the sequence test as one would write it with numpy alone."""

import numpy as np


def neighbors(x, n_symbols):
    """Sequences one edit away from x, as rows: substitutions, one symbol more, one less."""
    places, symbols = np.nonzero(np.arange(n_symbols) != x[:, None])
    changed = np.repeat(x[None], len(places), axis=0)
    changed[np.arange(len(places)), places] = symbols
    longer = np.column_stack([np.repeat(x[None], n_symbols, axis=0), np.arange(n_symbols)])
    return [changed, longer] + ([x[None, :-1]] if len(x) > 1 else [])


def features(rows, n_symbols):
    """Counts of symbols and pairs over the root of their number, dense."""
    n, length = rows.shape
    out = np.zeros((n, n_symbols + n_symbols**2))
    at = np.arange(n)[:, None]
    np.add.at(out, (at, rows), 1 / np.sqrt(length))
    if length > 1:
        pairs = n_symbols + rows[:, :-1] * n_symbols + rows[:, 1:]
        np.add.at(out, (at, pairs), 1 / np.sqrt(length - 1))
    return out


def log_prob(rows, first, transition, stop):
    """Of a Markov chain that stops after each symbol with one probability."""
    steps = np.log(transition)[rows[:, :-1], rows[:, 1:]].sum(axis=1)
    return np.log(first)[rows[:, 0]] + steps + (rows.shape[1] - 1) * np.log1p(-stop)


def field(x, first, transition, stop):
    """``sum_y g(p(y) / p(x)) (features(y) - features(x))`` with g(t) = t / (1 + t)."""
    x = np.asarray(x)
    n_symbols, total = len(first), 0.0
    here, own = features(x[None], n_symbols), log_prob(x[None], first, transition, stop)
    for rows in neighbors(x, n_symbols):
        weights = 1 / (1 + np.exp(own - log_prob(rows, first, transition, stop)))
        total = total + weights @ (features(rows, n_symbols) - here)
    return total


def statistic(sequences, first, transition, stop):
    """n times the U statistic."""
    fields = np.array([field(x, first, transition, stop) for x in sequences])
    total = fields.sum(axis=0)
    return (total @ total - (fields**2).sum()) / (len(fields) - 1)
