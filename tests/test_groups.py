"""Finite groups: laws of the action, known values, every check of the construction."""

import pickle
from itertools import product as pairs

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import special_ortho_group

from divest import groups
from divest.groups import FiniteGroup, cyclic, dihedral, permutations, product, sign_flips

EXAMPLES = {
    "cyclic": cyclic(5),
    "dihedral": dihedral(3),
    "sign_flips": sign_flips(3),
    "permutations": permutations([[0, 3], [2, 1], [4, 5]]),
    "product": product(dihedral(4), permutations(3)),
    "callables": FiniteGroup.from_callables([lambda X: X, lambda X: 1 - X], n_features=2),
    "shear": FiniteGroup([np.eye(2), [[1, 1], [0, -1]]]),
    "trivial": FiniteGroup([np.eye(4)]),
}
ORDERS = {"cyclic": 5, "dihedral": 6, "sign_flips": 8, "permutations": 6, "product": 48,
          "callables": 2, "shear": 2, "trivial": 1}


@pytest.fixture(params=EXAMPLES)
def group(request):
    return EXAMPLES[request.param]


def rows_for(group, n=7):
    return np.random.default_rng(5).normal(size=(n, group.n_features))


# ------------------------------------------------------------ laws
@pytest.mark.parametrize("name", EXAMPLES)
def test_order(name):
    assert EXAMPLES[name].order == ORDERS[name]
    assert EXAMPLES[name].is_complete


def test_two_elements_after_one_another_are_an_element(group):
    X = rows_for(group)
    orbit = group.orbit(X)
    for a, b in pairs(range(group.order), repeat=2):
        both = group.apply(group.apply(X, b), a)
        assert np.abs(orbit - both).max(axis=(1, 2)).min() < 1e-12


def test_identity_changes_nothing(group):
    X = rows_for(group)
    assert_array_equal(group.apply(X, group.identity), X)


def test_rows_go_where_their_own_elements_take_them(group):
    X = rows_for(group)
    index = np.random.default_rng(0).integers(group.order, size=len(X))
    moved = group.apply(X, index)
    for i, g in enumerate(index):
        assert_allclose(moved[i], group.apply(X[i:i + 1], g)[0], rtol=1e-14)


def test_symmetrized_sample_is_invariant(group):
    images = group.symmetrize(rows_for(group))
    assert images.shape == (group.order * 7, group.n_features)

    def in_order(rows):
        rows = rows.round(9) + 0.0
        return rows[np.lexsort(rows.T)]

    for g in range(group.order):
        assert_allclose(in_order(group.apply(images, g)), in_order(images), atol=1e-8)


def test_min_distances_are_the_smallest_to_any_image(group):
    P, Q = rows_for(group), rows_for(group, 4) + 0.5
    slow = [[min(np.linalg.norm(x - y) for y in images) for images in
             group.orbit(Q).transpose(1, 0, 2)] for x in P]
    assert_allclose(group.min_distances(P, Q), slow, rtol=1e-12)


def test_rows_and_images_share_what_they_were_given(group):
    X = rows_for(group)
    before = X.copy()
    group.apply(X, group.identity)[:] = 0.0
    group.orbit(X)[:] = 0.0
    assert_array_equal(X, before)


@given(order=st.integers(1, 30), index=st.integers(0, 29))
def test_rotations_turn_by_their_angle(order, index):
    turned = cyclic(order).apply([[1.0, 0.0]], index % order)[0]
    angle = 2 * np.pi * (index % order) / order
    assert_allclose(turned, [np.cos(angle), np.sin(angle)], atol=1e-14)


# ------------------------------------------------------------ known values
def test_quarter_turns_are_exact():
    expected = [[1, 2], [-2, 1], [-1, -2], [2, -1]]
    assert cyclic(4).orbit([[1.0, 2.0]])[:, 0].tolist() == expected


def test_dihedral_group_holds_the_symmetries_of_a_square():
    images = {tuple(row) for row in dihedral(4).orbit([[1.0, 2.0]])[:, 0].tolist()}
    assert images == {(a, b) for x, y in ((1, 2), (2, 1)) for a in (x, -x) for b in (y, -y)}


def test_sign_flips_are_all_signs():
    images = {tuple(row) for row in sign_flips(3).orbit([[1.0, 2.0, 3.0]])[:, 0].tolist()}
    assert images == set(pairs((1, -1), (2, -2), (3, -3)))


def test_permutations_keep_the_columns_of_a_part_together():
    images = permutations([[0, 2], [3, 1]]).orbit([[1.0, 20.0, 10.0, 2.0]])[:, 0].tolist()
    assert images == [[1, 20, 10, 2], [2, 10, 20, 1]]
    assert permutations(3).order == permutations(np.int64(3)).order == 6


def test_product_acts_on_its_own_columns():
    group = product(sign_flips(1), cyclic(4))
    image = group.apply([[5.0, 1.0, 0.0]], 4 + 1)
    assert_array_equal(image, [[-5.0, 0.0, 1.0]])


def test_product_with_functions_acts_alike():
    turn = cyclic(3)
    functions = FiniteGroup.from_callables(
        [lambda X, i=i: turn.apply(X, i) for i in range(3)], n_features=2)
    X = np.random.default_rng(0).normal(size=(5, 3))
    assert_allclose(product(functions, sign_flips(1)).orbit(X),
                    product(turn, sign_flips(1)).orbit(X), atol=1e-14)


@pytest.mark.parametrize("name", EXAMPLES)
def test_isometry_is_found(name):
    assert EXAMPLES[name].is_isometric == (name != "shear")


def test_functions_that_change_distances_are_found():
    group = FiniteGroup.from_callables([lambda X: X, lambda X: X[:, ::-1] * [2, 0.5]], 2)
    assert not group.is_isometric


def test_rounded_matrices_are_a_group_but_not_isometric():
    """Entries to nine digits: products match within 1e-8, while g'g is not I within 1e-10."""
    turn = [np.round([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]], 9)
            for a in 2 * np.pi * np.arange(7) / 7]
    assert not FiniteGroup(turn).is_isometric


def test_large_group_is_checked_quickly():
    assert permutations(7).order == 5040


def test_group_in_many_columns_is_kept_as_permutations():
    shifts = (np.arange(400) + np.arange(400)[:, None]) % 400
    group = FiniteGroup.from_permutations(shifts)
    X = np.random.default_rng(0).normal(size=(2, 400))
    assert_array_equal(group.apply(X, 7), np.roll(X, -7, axis=1))
    assert len(pickle.dumps(group)) < 400 * 400 * 8 + 10_000


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "callables"])
def test_pickle(name):
    group = pickle.loads(pickle.dumps(EXAMPLES[name]))
    X = rows_for(group)
    assert_array_equal(group.orbit(X), EXAMPLES[name].orbit(X))
    assert repr(group) == repr(EXAMPLES[name])


# ------------------------------------------------------------ subsets
def flips(rng):
    return np.diag(rng.choice([-1.0, 1.0], 30))


def test_subset_holds_the_identity():
    group = FiniteGroup.random_subset(lambda rng: special_ortho_group.rvs(3, random_state=rng),
                                      6, random_state=0)
    assert (group.order, group.is_complete, group.is_isometric) == (7, False, True)
    X = rows_for(group)
    assert_array_equal(group.apply(X, group.identity), X)


def test_subset_follows_its_seed():
    one, two, other = (FiniteGroup.random_subset(flips, 5, seed) for seed in (1, 1, 2))
    X = rows_for(one)
    assert_array_equal(one.orbit(X), two.orbit(X))
    assert not np.array_equal(one.orbit(X), other.orbit(X))


# ------------------------------------------------------------ bad input
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("matrices", "message"),
    [
        ([], "shape"),
        (np.eye(2), "shape"),
        (np.zeros((2, 2, 3)), "shape"),
        ([np.eye(2), np.full((2, 2), np.nan)], "number 1 holds NaN"),
        ([-np.eye(2)], "identity is missing"),
        ([np.eye(2), TURN], "not closed: element 1 after element 1"),
        ([np.eye(2), -np.eye(2), TURN], "not closed"),
        ([np.eye(2), -np.eye(2), np.eye(2) + 1e-9], "elements 0 and 2 are the same"),
        ([np.eye(2), np.diag([1.0, 0.0])], "cannot be undone"),
        (np.ones((10_001, 1, 1)), "random_subset"),
        ([np.eye(2), np.eye(3)], r"number 0 has \(2, 2\), and number 1 has \(3, 3\)"),
        ("rotations", "must be numbers"),
        (1j * np.ones((1, 1, 1)), "must be numbers"),
    ],
)
def test_matrices_that_are_no_group(matrices, message):
    with pytest.raises(ValueError, match=message):
        FiniteGroup(matrices)


@pytest.mark.parametrize(
    ("perms", "message"),
    [
        ([[0, 1], [1, 1]], r"number 1 is \[1, 1\]"),
        ([[0.0, 1.0]], "whole numbers"),
        ([0, 1], "shape"),
        ([[0, 1], [0]], r"number 0 has \(2,\), and number 1 has \(1,\)"),
        ([[0, 1, 2], [1, 2, 0]], "not closed"),
        ([[1, 0]], "identity is missing"),
        ([[0, 1], [0, 1]], "the same"),
    ],
)
def test_permutations_that_are_no_group(perms, message):
    with pytest.raises(ValueError, match=message):
        FiniteGroup.from_permutations(perms)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ([], "at least one"),
        ([lambda X: X, lambda X: X[:, :1]], "element 1 must take"),
        ([lambda X: X, lambda X: X * np.nan], "NaN"),
        ([lambda X: X, lambda X: X + 1], "not closed"),
        ([lambda X: X, lambda X: X], "the same"),
        ([lambda X: -X], "identity is missing"),
    ],
)
def test_functions_that_are_no_group(functions, message):
    with pytest.raises(ValueError, match=message):
        FiniteGroup.from_callables(functions, 2)


def test_functions_must_be_functions():
    with pytest.raises(TypeError, match="functions of rows, got 3"):
        FiniteGroup.from_callables([3], 2)
    with pytest.raises(ValueError, match="n_features must be a whole number"):
        FiniteGroup.from_callables([lambda X: X], 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cyclic(0), "order must be a whole number"),
        (lambda: dihedral(2.5), "order must be a whole number"),
        (lambda: sign_flips(-1), "d must be a whole number"),
        (lambda: cyclic(10_001), "random_subset"),
        (lambda: sign_flips(40), "random_subset"),
        (lambda: permutations(20), "got 20!; FiniteGroup.random_subset"),
        (lambda: permutations(2000), "got 2000!"),  # too long a number to print
        (lambda: permutations(10**9), "got 1000000000!"),  # too many to count
        (lambda: sign_flips(20_000), r"got 2\*\*20000"),
        (lambda: sign_flips(10**9), r"got 2\*\*1000000000"),
        (lambda: permutations(0), "blocks must be a whole number"),
        (lambda: product(cyclic(200), cyclic(200)), "random_subset"),
        (lambda: permutations([[0, 1], [2]]), "same number of columns"),
        (lambda: permutations([[0], [2]]), "each of the columns"),
        (lambda: permutations([[0], [0]]), "each of the columns"),
        (lambda: permutations([]), "blocks must"),
        (lambda: FiniteGroup.random_subset(flips, 0), "size must be a whole number, at least 1"),
        (lambda: FiniteGroup.random_subset(flips, 2.5), "size must be a whole number"),
        (lambda: FiniteGroup.random_subset(flips, 100), "at most 99, as all pairs"),
        (lambda: FiniteGroup.random_subset(lambda rng: 2 * np.eye(2), 3), "orthogonal"),
        (lambda: product(FiniteGroup.random_subset(flips, 2), cyclic(2)), "subset"),
        (lambda: cyclic(4).orbit([[1.0, 2.0, 3.0]]), "X must have 2 columns"),
        (lambda: cyclic(4).min_distances([[1.0, 2.0]], [[1.0]]), "Q must have 2 columns"),
        (lambda: cyclic(4).apply([[1.0, 2.0]], [0, 1]), "one for each of the 1 rows"),
        (lambda: cyclic(4).apply([[1.0, 2.0]], 1.7), "whole numbers from 0 to 3.*got 1.7"),
        (lambda: cyclic(4).apply([[1.0, 2.0]], 4), "whole numbers from 0 to 3.*got 4"),
        (lambda: cyclic(4).apply([[1.0, 2.0]], [-1]), r"whole numbers from 0 to 3.*got \[-1\]"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("blocks", [3.0, [1, 2], None, True])
def test_parts_are_counted_or_listed(blocks):
    with pytest.raises((TypeError, ValueError), match=r"blocks must be .*whole number"):
        permutations(blocks)


def test_everything_listed_is_there():
    assert groups.__all__ == sorted(groups.__all__)
