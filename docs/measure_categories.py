"""Measure what the user guide says of rules of thumb, and of the tests of counts and chains; CSV.

Run ``python docs/measure_categories.py`` (about four minutes on two cores). Seeds are fixed.
A function of a sample and a seed gives a p-value; that of an interval is 0 where it holds the
truth, so that the share of rejections is the coverage.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from _measuring import share, write
from scipy import stats
from scipy.optimize import brentq
from scipy.special import softmax

from divest.discrete import (
    absorption_times,
    drift_table,
    f_divergence,
    f_divergence_test,
    jensen_shannon_test,
    markov_divergence,
    markov_divergence_test,
    order_test,
    population_stability_index,
    weights_of_evidence,
)

FILE = Path(__file__).parent / "user_guide" / "measured_categories.csv"
R, SLOW = 2000, 400
TEN, ZIPF = np.full(10, 0.1), 1 / np.arange(1, 31) ** 1.5
ZIPF = ZIPF / ZIPF.sum()
SIXTY = 1 / np.arange(1, 61)
SIXTY = SIXTY / SIXTY.sum()
CHAIN = np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])
OTHER = np.array([[0.4, 0.3, 0.3], [0.2, 0.6, 0.2], [0.3, 0.4, 0.3]])
ENDING = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0]])


def tilted(psi):
    """Ten shares whose index against equal ones is `psi`."""
    x = np.linspace(-1, 1, 10)
    return softmax(x * brentq(lambda s: (softmax(s * x) - 0.1) @ (s * x) - psi, 1e-6, 5))


def counts(p, q, n, m):
    return lambda rng: np.stack([rng.multinomial(n, p), rng.multinomial(m, q)])


def labels(p, n, m):
    """Two samples of labels from one law."""
    return lambda rng: [rng.choice(len(p), size, p=p).astype(str) for size in (n, m)]


def chains(*settings):
    """One sequence for each pair of a transition matrix and a length."""
    def draw(rng):
        found = []
        for M, n in settings:
            steps, path = M.cumsum(axis=1), [0]
            for u in rng.random(n + 20):
                path.append(min(int(np.searchsorted(steps[path[-1]], u)), len(M) - 1))
            found.append(np.array(path[20:]))
        return found
    return draw


def careers(n):
    """`n` sequences that end in the third state of ENDING."""
    def draw(rng):
        found = []
        for i in range(n):
            path = [i % 2]
            while path[-1] < 2:
                path.append(int(rng.choice(3, p=ENDING[path[-1]])))
            found.append(path)
        return found
    return draw


# ------------------------------------------------------------ tests and rules
def rule(X, seed):
    """The alarm: an index above .1."""
    return 0.0 if f_divergence(*X, "jeffreys").estimate > 0.1 else 1.0


def wald(X, seed):
    result = f_divergence(*X, "jeffreys")
    return stats.norm.sf(result.estimate / result.standard_error)


def test(**options):
    return lambda X, seed: f_divergence_test(*X, random_state=seed, n_resamples=199,
                                             **options).pvalue


def g_test(method):
    return lambda X, seed: jensen_shannon_test(X, method=method, n_resamples=199,
                                               random_state=seed).pvalue


def pool_unseen(X, seed):
    """All labels that the reference lacks in one cell, and a permutation test."""
    p, q = X
    seen = np.isin(p, q)
    cells = [np.where(seen, p, "unseen"), q]
    table = [pd.Series(cell).value_counts() for cell in cells]
    return f_divergence_test(*table, method="permutation", n_resamples=199,
                             random_state=seed).pvalue


def pool_rare(X, seed):
    """The cells of `population_stability_index`, and the same test."""
    table = population_stability_index(*X).table
    return f_divergence_test(table["n_current"], table["n_reference"], n_resamples=199,
                             random_state=seed).pvalue


def drift(X, seed):
    """The smallest adjusted p-value of a table of forty columns, by Holm."""
    current, reference = np.split(X, 2)
    return drift_table(reference, current, correction="holm")["pvalue_adjusted"].min()


def drift_rule(X, seed):
    """Whether any of the forty indices is above .1."""
    current, reference = np.split(X, 2)
    return 0.0 if any(population_stability_index(p, q).estimate > 0.1
                      for p, q in zip(current.T, reference.T, strict=True)) else 1.0


def corrected(n, m):
    """A row: what is left of the index of equal shares, on average, less its bias."""
    rng = np.random.default_rng(n)
    found = [f_divergence(*counts(TEN, TEN, n, m)(rng), "jeffreys").corrected for _ in range(1000)]
    return ["mean", f"equal shares, ten cells, n = {n}, m = {m}", "index less its bias", 1000,
            f"{np.mean(found):.3f}", f"{np.std(found) / 1000**0.5:.3f}"]


# ------------------------------------------------------------ intervals
def covers(truth, interval):
    """0 where the interval holds the truth."""
    def missed(X, seed):
        low, high = interval(X)
        return 0.0 if low <= truth <= high else 1.0
    return missed


def own(X):
    return f_divergence(*X, "jeffreys").confidence_interval()


def plain(X):
    """The plug-in value and twice its standard error, as a normal law has it."""
    result = f_divergence(*X, "jeffreys")
    reach = 1.96 * result.standard_error
    return result.estimate - reach, result.estimate + reach


def parts(X):
    """Variances of shares and of weights of evidence added up, without their covariances."""
    result = weights_of_evidence(*X)
    table = result.table
    n, m = (table[name].sum() for name in ("n_event", "n_nonevent"))
    p, q = table["share_event"], table["share_nonevent"]
    woe, se = table["weight_of_evidence"], table["standard_error"]
    variance = (woe**2 * (p * (1 - p) / n + q * (1 - q) / m) + (p - q) ** 2 * se**2).sum()
    return result.estimate - 1.96 * variance**0.5, result.estimate + 1.96 * variance**0.5


def absorption(X):
    return absorption_times(X, transient=[0, 1]).confidence_interval()[0]


def absorption_normal(X):
    found = absorption_times(X, transient=[0, 1])
    reach = 1.96 * found.standard_error[0]
    return found.times[0] - reach, found.times[0] + reach


def rate():
    """The true divergence of CHAIN from OTHER, per step."""
    law = np.linalg.matrix_power(CHAIN, 200)[0]
    return law @ (CHAIN * np.log(CHAIN / OTHER)).sum(axis=1)


def rows():
    """The rows of the table, one `share` each."""
    p = tilted(0.1)
    for n in (300, 1000):
        name = f"true index .1, ten cells, n = m = {n}"
        at_limit = counts(p, TEN, n, n)
        yield "size", name, "index above .1", lambda: rule, at_limit, R
        yield "size", name, "minimum effect .1", lambda: test(minimum_effect=0.1), at_limit, R
    for n in (100, 1000):
        name, same = f"equal shares, ten cells, n = m = {n}", counts(TEN, TEN, n, n)
        yield "size", name, "index above .1", lambda: rule, same, R
        yield "size", name, "estimate over its standard error", lambda: wald, same, R
        yield "size", name, "f_divergence_test", test, same, R
    name, small = "index .02, ten cells, n = m = 2,000", counts(tilted(0.02), TEN, 2000, 2000)
    yield "power", name, "index above .1", lambda: rule, small, R
    yield "power", name, "f_divergence_test", test, small, R

    for cells, n, m in ((200, 80, 120), (60, 200, 200)):
        law = SIXTY if cells == 60 else np.full(cells, 1 / cells)
        name = f"{cells} {'Zipf' if cells == 60 else 'equal'} labels, n = {n}, m = {m}"
        drawn = labels(law, n, m)
        yield "size", name, "unseen labels in one cell", lambda: pool_unseen, drawn, SLOW
        yield "size", name, "rare labels in one cell", lambda: pool_rare, drawn, R
    for n in (60, 500):
        name, rare = f"30 Zipf cells, n = m = {n}", counts(ZIPF, ZIPF, n, n)
        yield "size", name, "index, chi-square law", lambda: test(method="chi2"), rare, R
        yield "size", name, "G, chi-square law", lambda: g_test("chi2"), rare, R
        yield "size", name, "index, default", test, rare, R
        yield "size", name, "G, default", lambda: g_test("auto"), rare, R

    name, forty = "40 normal columns, n = m = 200", lambda rng: rng.normal(size=(400, 40))
    yield "size", name, "any index above .1", lambda: drift_rule, forty, 100
    yield "size", name, "drift_table, Holm", lambda: drift, forty, SLOW

    for truth, n, m in ((0.14, 500, 800), (0.03, 300, 300)):
        name, drawn = f"index {truth}, n = {n}, m = {m}", counts(tilted(truth), TEN, n, m)
        for kind, interval in (("plug-in value, two standard errors", plain),
                               ("variances added", parts), ("f_divergence", own)):
            yield "coverage", name, kind, lambda t=truth, i=interval: covers(t, i), drawn, R

    for k, n, method in ((3, 400, "auto"), (12, 80, "chi2"), (12, 80, "auto")):
        law = np.full(3, 1 / 3) if k == 3 else ZIPF[:12] / ZIPF[:12].sum()
        name = f"independent draws of {k} states, n = {n}"
        drawn = chains((np.tile(law, (k, 1)), n))
        yield ("size", name, f"order_test, {method}",
               lambda o=method: lambda X, seed: order_test(
                   X[0], method=o, n_resamples=199, random_state=seed).pvalue, drawn, SLOW)
    yield ("size", "equal chains of 3 states, n = m = 500", "markov_divergence_test",
           lambda: lambda X, seed: markov_divergence_test(*X).pvalue,
           chains((CHAIN, 500), (CHAIN, 500)), SLOW)
    yield ("coverage", f"chains of 3 states {rate():.3f} nats apart, n = m = 2,000",
           "markov_divergence",
           lambda: covers(rate(), lambda X: markov_divergence(*X).confidence_interval()),
           chains((CHAIN, 2000), (OTHER, 2000)), SLOW)
    for n in (10, 60):
        for kind, interval in (("normal interval", absorption_normal),
                               ("absorption_times", absorption)):
            yield ("coverage", f"mean time to the end, {n} sequences", kind,
                   lambda i=interval: covers(10.0, i), careers(n), 1000)


if __name__ == "__main__":
    write(FILE, [*(share(*row) for row in rows()),
                 *(corrected(n, m) for n, m in ((26, 130), (100, 100), (300, 300)))])
