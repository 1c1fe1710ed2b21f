"""Two chains: one-row identities, the delta method, size, bias and coverage."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from plain_chains import walks as counts_of_walks

from divest import TrustWarning
from divest.discrete import (
    MarkovChainEstimator,
    TransitionCounts,
    f_divergence,
    f_divergence_test,
    markov_divergence,
    markov_divergence_test,
    transition_counts,
)
from divest.discrete._chain import stationary
from divest.generators import resolve_generator

A = np.array([[65.0, 43, 39], [45, 129, 43], [37, 45, 53]])
B = np.array([[75.0, 33, 39], [45, 109, 63], [27, 65, 43]])
P, Q = TransitionCounts(A), TransitionCounts(B)
NAMES = ["kl", "jeffreys", "jensen_shannon", "hellinger", "renyi(0.5)"]


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_divergences_of_counts(name):
    result = markov_divergence(P, Q, name)
    rows = [f_divergence(a, b, name) for a, b in zip(A, B, strict=True)]
    table = result.table
    for column, attribute in (("divergence", "estimate"), ("bias", "bias"),
                              ("standard_error", "standard_error"), ("pvalue", "null_pvalue")):
        assert_allclose(table[column], [getattr(r, attribute) for r in rows], rtol=1e-12)
    weight = MarkovChainEstimator().fit(P).stationary_
    assert_allclose(table["weight"], weight)
    assert_allclose(result.estimate, weight @ table["divergence"])
    assert_allclose(result.bias, weight @ table["bias"])
    test = markov_divergence_test(P, Q, name)
    assert_allclose(test.statistic, sum(r.scale * r.estimate for r in rows))
    assert_allclose(test.pvalue, result.null_pvalue)
    assert test.degrees_of_freedom == 6


@pytest.mark.parametrize("name", NAMES)
def test_standard_error_agrees_with_finite_differences(name):
    """Through the rows and through the stationary law of P."""
    generator, step = resolve_generator(name), 1e-6
    base = [(c + 0.5) / (c + 0.5).sum(axis=1, keepdims=True) for c in (A, B)]

    def value(P, Q):
        total = np.array([q @ generator.f(p / q) for p, q in zip(P, Q, strict=True)])
        if generator.link is not None:
            total = -2 * np.log(np.sqrt(P * Q).sum(axis=1))
        return stationary(P) @ total

    variance = 0.0
    for side, counts in enumerate((A, B)):
        for i in range(3):
            row, slope = base[side][i], np.zeros(3)
            for j in range(3):
                up, down = ([m.copy() for m in base] for _ in range(2))
                up[side][i] += step * (np.eye(3)[j] - row)
                down[side][i] -= step * (np.eye(3)[j] - row)
                slope[j] = (value(*up) - value(*down)) / (2 * step)
            variance += slope @ (np.diag(row) - np.outer(row, row)) @ slope / counts[i].sum()
    assert_allclose(markov_divergence(P, Q, name).standard_error, np.sqrt(variance), rtol=1e-5)


def test_kullback_leibler_rate_is_that_of_long_blocks():
    """KL of the laws of n + 1 states less that of n states, both chains started alike."""
    M, N = ((c + 0.5) / (c + 0.5).sum(axis=1, keepdims=True) for c in (A, B))
    law = stationary(M)

    def blocks(K, n):
        joint = law[None, :]  # earlier states by the last
        for _ in range(n):
            joint = (joint[:, :, None] * K).reshape(-1, 3)
        return joint.ravel()

    rates = []
    for n in (1, 3, 4):
        p, q = blocks(M, n), blocks(N, n)
        rates.append((p * np.log(p / q)).sum())
    estimate = markov_divergence(P, Q, "kl").estimate
    assert_allclose([rates[0], rates[2] - rates[1]], estimate, rtol=1e-10)


def test_equal_chains():
    result = markov_divergence(P, P)
    assert_allclose(result.estimate, 0.0, atol=1e-15)
    assert_allclose(result.null_pvalue, 1.0)
    assert result.confidence_interval()[0] == 0.0


def test_sequences_states_by_label_and_bits(rng):
    x, y = rng.choice(list("abc"), 400), rng.choice(list("cab"), 500)
    one = markov_divergence(x, y)
    other = markov_divergence(transition_counts(x, states=list("cba")), transition_counts(y))
    assert_allclose(one.estimate, other.estimate)
    assert_allclose(one.standard_error, other.standard_error)
    bits = one.in_bits()
    assert_allclose(bits.confidence_interval(), np.array(one.confidence_interval()) / np.log(2))
    assert_allclose(bits.table["weight"] @ bits.table["divergence"], bits.estimate)
    assert "null_pvalue" in one.to_frame()


def test_new_and_absorbing_states():
    """Transitions into a new state count; those out of it have nothing to be compared with."""
    old = transition_counts([["a", "b"] * 60, ["a", "a", "b", "b"] * 20])
    new = transition_counts([["a", "new", "b"] * 40])
    with pytest.warns(TrustWarning, match="unmatched_states = 0.33"):
        assert markov_divergence_test(new, old).pvalue < 1e-20
    with pytest.warns(TrustWarning, match="unmatched_states"):
        table = markov_divergence(new, old).table.set_index("state")
    assert np.isnan(table.loc["new", "divergence"])
    assert table.loc["new", "degrees_of_freedom"] == -1
    absorbing = TransitionCounts([[70, 20, 10], [10, 70, 20], [0, 0, 50]])
    assert markov_divergence_test(absorbing, absorbing, method="chi2").pvalue == pytest.approx(1.0)


def test_nothing_to_compare():
    with pytest.raises(ValueError, match="no state in common"):
        markov_divergence(["a", "b", "a"], ["c", "d", "c"])
    constant = markov_divergence_test(["a"] * 9, ["a"] * 5)
    assert (constant.statistic, constant.pvalue, constant.degrees_of_freedom) == (0.0, 1.0, 0)
    result = markov_divergence(["a"] * 9, ["a"] * 5)
    assert (result.estimate, result.standard_error, result.null_pvalue) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(("settings", "message"), [
    ({"divergence": "total_variation"}, "kink"), ({"smoothing": 0.0}, "smoothing"),
    ({"divergence": "nothing"}, "nothing"), ({"method": "exact"}, "method"),
    ({"n_resamples": 0}, "n_resamples")])
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        markov_divergence_test(P, Q, **settings)


def test_small_cells_are_permuted_within_rows():
    few, many = TransitionCounts([[3, 2], [4, 9]]), TransitionCounts([[30, 12], [25, 30]])
    one, two = (markov_divergence_test(few, many, random_state=3) for _ in range(2))
    assert one.method == "jeffreys test of Markov chains (permutation)"
    np.testing.assert_array_equal(one.null_distribution, two.null_distribution)
    with pytest.warns(TrustWarning, match="small_cells"):
        markov_divergence_test(few, many, method="chi2")
    row = TransitionCounts([[3, 2], [0, 0]]), TransitionCounts([[30, 12], [0, 0]])
    alone = f_divergence_test([3, 2], [30, 12], method="permutation", n_resamples=9)
    both = markov_divergence_test(*row, method="permutation", n_resamples=9)
    assert_allclose(both.statistic, alone.statistic)


def walks(M, n, runs, rng):
    return [TransitionCounts(counts) for counts in counts_of_walks(M, n, runs, rng)[0]]


M = np.array([[0.5, 0.3, 0.2], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])
N = np.array([[0.35, 0.35, 0.3], [0.3, 0.4, 0.3], [0.2, 0.45, 0.35]])


@pytest.mark.parametrize("name", ["kl", "jensen_shannon"])
def test_size(name, rng):
    runs = 400
    pairs = zip(walks(M, 400, runs, rng), walks(M, 600, runs, rng), strict=True)
    rejected = sum(markov_divergence_test(p, q, name, method="chi2").reject() for p, q in pairs)
    assert abs(rejected / runs - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::divest.TrustWarning")
def test_size_on_sparse_short_chains():
    """The chi-square law has size .00 here; permutation within rows .06."""
    rng, runs = np.random.default_rng(5), 400
    sparse = rng.dirichlet(np.full(6, 0.5), size=6)
    pairs = zip(walks(sparse, 150, runs, rng), walks(sparse, 300, runs, rng), strict=True)
    rejected = sum(markov_divergence_test(p, q, n_resamples=99, random_state=i).reject()
                   for i, (p, q) in enumerate(pairs))
    assert abs(rejected / runs - 0.05) <= 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["kl", "jensen_shannon"])
def test_bias_error_and_coverage(name):
    rng, runs = np.random.default_rng(9), 400
    generator = resolve_generator(name)
    rows = [q @ generator.f(p / q) for p, q in zip(M, N, strict=True)]
    truth = stationary(M) @ np.array(rows)
    results = [markov_divergence(p, q, name) for p, q in
               zip(walks(M, 400, runs, rng), walks(N, 600, runs, rng), strict=True)]
    values = np.array([(r.estimate, r.corrected, r.standard_error) for r in results])
    spread = values[:, 0].std()
    # what is left of the bias is of the second order: a quarter of it, and Monte Carlo error
    bias = values[:, 0].mean() - values[:, 1].mean()
    assert abs(values[:, 1].mean() - truth) <= bias / 4 + 3 * spread / np.sqrt(runs)
    assert_allclose(values[:, 2].mean(), spread, rtol=0.05 + 3 / np.sqrt(2 * runs))
    covered = np.mean([low <= truth <= high for low, high in
                       (r.confidence_interval() for r in results)])
    assert abs(covered - 0.95) <= 0.015 + 2 * np.sqrt(0.95 * 0.05 / runs)
