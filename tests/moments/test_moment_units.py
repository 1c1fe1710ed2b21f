"""Units of moments and of parameters: what they are measured in must not change the answer."""

import numpy as np
import pytest

from divest.moments import KernelMethodOfMoments, MomentData
from divest.moments._fit_moments import inverse
from divest.moments._moment_checks import usable_moments
from divest.moments._moment_function import MomentFunction
from divest.moments._newton import square_root
from divest.moments._problem import MomentProblem

rng = np.random.default_rng(1)
X = rng.laplace(size=(150, 1))
Z = rng.normal(size=(300, 2))
DOSE = Z.sum(axis=1) + rng.normal(size=300)
Y = np.exp(0.25 * DOSE) + rng.normal(size=300)
BADLY_SCALED = np.array([1e-9, 1.0, 1e7])


@pytest.fixture(scope="module")
def covariance():
    rows = rng.standard_normal((60, 3)) @ np.array([[1, 0.5, 0.2], [0, 1, -0.4], [0, 0, 1.0]])
    return rows.T @ rows / 60


def test_inverse_is_free_of_units(covariance):
    units = np.outer(BADLY_SCALED, BADLY_SCALED)
    np.testing.assert_allclose(inverse(covariance * units) * units, inverse(covariance), rtol=1e-9)


def test_square_root_is_free_of_units(covariance):
    units = np.outer(BADLY_SCALED, BADLY_SCALED)
    root = square_root(covariance * units)
    np.testing.assert_allclose(root @ root.T / units, covariance, rtol=1e-9)


@pytest.mark.parametrize("name", ["gmm", "cue", "el", "et", "kmm"])
@pytest.mark.parametrize("unit", [1e-7, 1e8])
def test_units_of_one_moment(name, unit):
    """Ratios of variances up to 1e16; two-step GMM starts from equal weights, which do change."""
    def answers(size):
        def center(data, theta):
            away = data.X[:, 0] - theta[0]
            return np.column_stack([away, size * np.tanh(2 * away), away**3])

        model = KernelMethodOfMoments(center, theta0=[0.0], estimator=name, n_starts=1,
                                      random_state=0).fit(X)
        tests = model.moment_test([0.1]), model.j_test()
        return np.array([model.params_.iloc[0], model.result_.standard_error[0],
                         *(test.pvalue for test in tests)])

    np.testing.assert_allclose(answers(unit), answers(1.0), atol=0.01 if name == "gmm" else 1e-7)


def response(data, theta):
    left = data.y - np.exp(theta[0] * data.X[:, 0])
    return np.column_stack([left, left * data.Z[:, 0], left * data.Z[:, 1]])


def real_response(data, theta):
    """The same, without a complex step."""
    return response(data, np.real(theta))


@pytest.mark.parametrize("function", [response, real_response])
@pytest.mark.parametrize("name", ["gmm", "kmm", "el"])
@pytest.mark.parametrize("unit", [1e-5, 1e3, 1e5, 1e7])
def test_units_of_a_parameter(name, function, unit):
    """In other units of the dose the slope is as many times smaller, with its error."""
    def answers(size):
        model = KernelMethodOfMoments(function, theta0=[0.2 / size], estimator=name, n_starts=1,
                                      instruments=None, random_state=0)
        model.fit(DOSE[:, None] * size, Y, Z)
        return np.array([model.params_.iloc[0], model.result_.standard_error[0]]) * size

    np.testing.assert_allclose(answers(unit), answers(1.0), rtol=1e-3)


@pytest.mark.parametrize("unit", [1.0, 1e5, 1e8])
def test_differences_take_steps_that_suit_the_units(unit):
    data = MomentData(DOSE[:, None] * unit, Y, Z)
    psi = MomentFunction(real_response, None, data)
    theta = np.array([0.25 / unit])
    psi.check(theta)
    assert psi.derivative == "central"
    slope = -DOSE * unit * np.exp(0.25 * DOSE)
    np.testing.assert_allclose(psi.jacobian(theta)[:, 0, 0], slope, rtol=1e-5,
                               atol=1e-6 * np.abs(slope).max())


def test_right_jacobian_in_large_units_is_not_refused():
    def jacobian(data, theta):
        slope = -data.X[:, 0] * np.exp(theta[0] * data.X[:, 0])
        return np.column_stack([slope, slope * data.Z[:, 0], slope * data.Z[:, 1]])[:, :, None]

    psi = MomentFunction(response, jacobian, MomentData(DOSE[:, None] * 1e5, Y, Z))
    psi.check(np.array([0.25e-5]))


def test_moments_that_are_huge_away_from_the_start_are_kept():
    psi = MomentFunction(response, None, MomentData(DOSE[:, None] * 1e3, Y, Z))
    problem = MomentProblem(psi, psi.jacobian, np.full(300, 1 / 300), 1, 3)
    kept, dropped = usable_moments(problem, np.array([2e-4]))
    assert kept is None
    assert not dropped
