import numpy as np
import pytest

from pulsefer.faces.boxes import overlap, strongest


def boxes(n, seed=0):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(1, 40, (n, 2))], axis=1)


@pytest.mark.parametrize("of", ["union", "smaller"])
def test_overlap_is_symmetric_one_with_itself_and_at_most_one(of):
    some = boxes(30)
    shares = overlap(some, some, of=of)
    np.testing.assert_allclose(shares, shares.T)
    np.testing.assert_allclose(np.diag(shares), 1.0)
    assert shares.min() >= 0.0
    assert shares.max() <= 1.0 + 1e-12


def test_overlap_knows_no_unit_and_no_origin():
    some, others = boxes(10), boxes(8, seed=1)
    np.testing.assert_allclose(overlap(7 * some + 3, 7 * others + 3), overlap(some, others))


def test_half_a_box_beside_is_a_third():
    a = np.array([[0.0, 0.0, 2.0, 2.0]])
    assert overlap(a, np.add(a, [1, 0, 1, 0]))[0, 0] == pytest.approx(1 / 3)


def test_no_two_that_stay_overlap_more_than_allowed_and_all_that_go_yield_to_a_better_one():
    some = boxes(200)
    scores = np.random.default_rng(1).uniform(size=200)
    stay = strongest(some, scores, most=0.3)
    shares = overlap(some, some)
    among = shares[np.ix_(stay, stay)]
    assert among[~np.eye(len(stay), dtype=bool)].max() <= 0.3
    for gone in set(range(200)) - set(stay.tolist()):
        assert any(shares[gone, s] > 0.3 and scores[s] >= scores[gone] for s in stay)
    assert np.all(np.diff(scores[stay]) <= 0)


def test_of_nothing_nothing_stays():
    assert strongest(np.zeros((0, 4)), np.zeros(0), most=0.5).tolist() == []
