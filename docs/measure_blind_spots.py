"""Measure the size and power of the tests for blind spots that the user guide quotes, as CSV.

Run ``python docs/measure_blind_spots.py`` (about five minutes on two cores). Seeds are fixed.
Four rows for each blind spot: the usual test on true and wrong models, then the right one; and
some misfits that the right ones hardly see.
"""

from pathlib import Path

import numpy as np
from _measuring import share, write
from measure_goodness_of_fit import (
    Mixture,
    StandardNormal,
    laplace,
    mixture,
    normal,
    stein,
)
from scipy import stats

from divest import (
    KernelSteinTest,
    LogPerplexityTest,
    PerturbedSteinTest,
    RobustSteinTest,
    SequenceSteinTest,
    compare_models,
)
from divest.goodness_of_fit import MarkovChainModel, SubstringFeatures

FILE = Path(__file__).parent / "user_guide" / "measured_blind_spots.csv"
SIZE, POWER = 300, 200
MORE = {"SequenceSteinTest": 900}  # 300 left its size in doubt


# ------------------------------------------------------------ modes, outliers
def perturbed():
    return PerturbedSteinTest(Mixture(), box=(-10, 16), n_resamples=199)


def robust():
    return RobustSteinTest(StandardNormal(), n_resamples=199)


def contaminated(shift):
    def draw(rng):
        X = rng.normal(shift, 1.0, (500, 1))
        X[:25] = 10.0
        return X
    return draw


# ------------------------------------------------------------ sequences
def walk(hold=0.0, stop=0.1):
    """Steps on a circle of 8 symbols to either side, or none; all others are rare."""
    steps = np.eye(8) * hold
    steps += (1 - hold) / 2 * (np.roll(np.eye(8), 1, axis=1) + np.roll(np.eye(8), -1, axis=1))
    steps += 1e-3
    return MarkovChainModel([np.full(8, 1 / 8), steps / steps.sum(axis=1, keepdims=True)], stop)


def sequences(**law):
    return lambda rng: walk(**law).sample(50, rng)


def sequence_test(**options):
    return lambda: SequenceSteinTest(walk(), n_resamples=199, **options)


def mean_discrepancy():
    """Distance between mean features of the sample and of 500 draws of the model; permutations."""
    def pvalue(X, seed):
        rng = np.random.default_rng([seed, 8])
        both = SubstringFeatures(2).transform(X + walk().sample(500, rng), range(8)).toarray()
        n, total = len(X), both.sum(axis=0)
        orders = [np.arange(len(both))] + [rng.permutation(len(both)) for _ in range(199)]
        first = np.array([both[order[:n]].sum(axis=0) for order in orders])
        apart = ((first / n - (total - first) / 500)**2).sum(axis=1)
        return np.mean(apart >= apart[0] - 1e-12)
    return pvalue


# ------------------------------------------------------------ edges
def exponential(shape):
    """Mean 1 whatever the shape; 1 is the exponential law."""
    return lambda rng: rng.gamma(shape, 1 / shape, (200, 1))


def normal_in_disc(mean):
    """Inside the disc of radius 1.44 about 0."""
    def draw(rng):
        X = rng.normal(mean, 1.0, (8000, 2))
        return X[(X**2).sum(axis=1) < 1.44**2][:300]
    return draw


def in_disc(points):
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    circle = 1.44 * np.column_stack([np.cos(angles), np.sin(angles)])
    return lambda: KernelSteinTest(lambda X: 0.5 - X, boundary_points=circle if points else None,
                                   n_resamples=199)


# ------------------------------------------------------------ predictions
def symbols(temperature):
    """Predictions for 300 of 50 symbols, and symbols from such a power of them."""
    def draw(rng):
        P = np.exp(rng.normal(size=(300, 50)))
        true = P**(1 / temperature)
        true = (true / true.sum(axis=1, keepdims=True)).cumsum(axis=1)
        y = (true < rng.random((300, 1))).sum(axis=1).clip(max=49)
        return P / P.sum(axis=1, keepdims=True), y
    return draw


def counts():
    """Chi-square test of how often each symbol came, and was predicted."""
    return lambda sample, seed: stats.chisquare(
        np.bincount(sample[1], minlength=50), sample[0].sum(axis=0)).pvalue


def looking():
    """The smallest p-value of the normal test after each symbol, from the tenth on."""
    def pvalue(sample, seed):
        P, y = sample
        surprise, entropy = -np.log(P), -(P * np.log(P)).sum(axis=1)
        variance = (P * surprise**2).sum(axis=1) - entropy**2
        excess = surprise[np.arange(300), y] - entropy
        z = np.cumsum(excess) / np.sqrt(np.cumsum(variance))
        return 2 * stats.norm.sf(np.abs(z[9:]).max())
    return pvalue


def log_perplexity(method):
    return lambda: lambda sample, seed: LogPerplexityTest(method).fit(*sample).pvalue_


# ------------------------------------------------------------ two models
def nearer(shift):
    """Of the normal laws with means 0.5 and `shift`, for rows of mean 0."""
    return lambda: lambda X, seed: compare_models(
        X, stats.norm(0.5), stats.norm(shift), n_resamples=1, random_state=seed).pvalue


def only_one_fits(shift):
    """0 where one of the two models is rejected, and the other is not."""
    def pvalue(X, seed):
        rejected = [KernelSteinTest(stats.norm(mean), n_resamples=199, random_state=seed)
                    .fit(X).pvalue_ <= 0.05 for mean in (0.5, shift)]
        return 0.0 if rejected[0] != rejected[1] else 1.0
    return lambda: pvalue


# ------------------------------------------------------------ the table
def pairs():
    """Sample of a true model, sample of a wrong one, then each test with its name.

    Tests are pairs where they know which of the two it is.
    """
    yield (("shares .5 and .5, modes 6 apart, n = 200", mixture(200, 0.5)),
           ("shares .8 and .2 in place of .5 and .5", mixture(200, 0.8)),
           ("KernelSteinTest", stein(Mixture())), ("PerturbedSteinTest", perturbed))
    walks = ("walk on a circle of 8 symbols, n = 50", sequences())
    yield (walks, ("the walk rests with probability .1", sequences(hold=0.1)),
           ("mean features, two samples", mean_discrepancy),
           ("SequenceSteinTest", sequence_test()))
    yield (walks, ("mean length 16.7 in place of 10", sequences(stop=0.06)),
           ("SequenceSteinTest, length_test=False", sequence_test(length_test=False)),
           ("SequenceSteinTest", sequence_test()))
    law = stats.expon()
    yield (("Exp(1), n = 200", exponential(1.0)), ("Gamma(1.5) of mean 1", exponential(1.5)),
           ("KernelSteinTest, boundary='ignore'", stein(law, boundary="ignore")),
           ("KernelSteinTest, support=", stein(law, support=(0, np.inf))))
    yield (("N(.5, I) in a disc, n = 300", normal_in_disc(0.5)),
           ("N(0, I) in that disc", normal_in_disc(0.0)),
           ("KernelSteinTest", in_disc(False)),
           ("KernelSteinTest, boundary_points=", in_disc(True)))
    yield (("normal, 5 % of the rows at 10, n = 500", contaminated(0.0)),
           ("mean .6, and 5 % of the rows at 10", contaminated(0.6)),
           ("KernelSteinTest", stein()), ("RobustSteinTest", robust))
    yield (("300 of 50 symbols as predicted", symbols(1.0)),
           ("symbols at temperature .8", symbols(0.8)),
           ("chi-square test of counts", counts),
           ("LogPerplexityTest, method='normal'", log_perplexity("normal")))
    yield (("300 of 50 symbols as predicted", symbols(1.0)),
           ("symbols at temperature .8", symbols(0.8)),
           ("normal test, looked at after each symbol", looking),
           ("LogPerplexityTest, method='evalue'", log_perplexity("evalue")))
    yield (("normal laws of means .5 and -.5 for mean 0, n = 200", normal(200)),
           ("normal laws of means .5 and -1 for mean 0", normal(200)),
           ("KernelSteinTest rejects just one", (only_one_fits(-0.5), only_one_fits(-1.0))),
           ("compare_models", (nearer(-0.5), nearer(-1.0))))


def measured():
    """Rows of the table; a size that was measured before is taken from there."""
    sizes = {}
    for true, wrong, *tests in pairs():
        for name, make in tests:
            of_true, of_wrong = make if isinstance(make, tuple) else (make, make)
            if (true[0], name) not in sizes:
                sizes[true[0], name] = share("size", true[0], name, of_true, true[1],
                                             MORE.get(name, SIZE))
            yield sizes[true[0], name]
            yield share("power", wrong[0], name, of_wrong, wrong[1], POWER)


def limits():
    """Wrong models that are seen in part, or not."""
    for sample, draw in (("mean .3, n = 500", normal(500, shift=0.3)),
                         ("Laplace, variance 1, n = 500", laplace(500)),
                         ("Laplace, d = 5, n = 300", laplace(300, 5))):
        yield share("power", sample, "RobustSteinTest", robust, draw, POWER)
    yield share("power", "the walk rests with probability .02", "SequenceSteinTest",
                sequence_test(), sequences(hold=0.02), POWER)


if __name__ == "__main__":
    write(FILE, [*measured(), *limits()])
