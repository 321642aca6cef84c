"""Probabilities that mean what they say, and those that do not."""

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from pulsefer.metrics import calibration


def answers(seed, n=400, lie=0.0):
    """Labels that come true as often as said, and probabilities that lie by so much."""
    chance = np.random.default_rng(seed)
    prob = chance.uniform(0.05, 0.9, n)
    high = chance.random(n) < prob
    return high, np.clip(prob + lie, 0, 1)


def test_true_probabilities_have_an_error_of_chance_only():
    few, many = (calibration.ece(*answers(0, n)) for n in (200, 200_000))
    assert many < 0.005 < few < 0.15


@pytest.mark.parametrize("lie", [0.05, 0.09])
def test_probabilities_that_are_too_high_by_a_constant_have_that_error(lie):
    assert calibration.ece(*answers(0, 200_000, lie)) == pytest.approx(lie, abs=0.005)


def test_too_ready_a_high_is_seen_on_both_sides_of_one_half():
    # Of the answers given, those with 0.3 are right too often and those with 0.7 too seldom.
    prob = np.repeat([0.3, 0.7], 100)
    high = np.concatenate([np.arange(100) < 20, np.arange(100) < 60])
    assert calibration.ece(high, prob) == pytest.approx(0.1)


@pytest.mark.parametrize("sure", [True, False])
def test_certainty_is_perfect_or_perfectly_wrong(sure):
    high = np.array([True, False, True])
    assert calibration.ece(high, (high == sure).astype(float)) == (0.0 if sure else 1.0)


def test_no_rows_have_no_error():
    assert math.isnan(calibration.ece(np.zeros(0, bool), np.zeros(0)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("digits", [1, 2, 8])
def test_the_curve_is_that_of_scikit_learn(seed, digits):
    high, prob = answers(seed, lie=0.1)
    prob = prob.round(digits)
    table = calibration.reliability(high, prob)
    share, said = calibration_curve(high, prob, n_bins=10, strategy="uniform")
    full = table[table["n"] > 0]
    np.testing.assert_allclose(full["share_high"], share)
    np.testing.assert_allclose(full["mean_prob"], said)
    assert calibration.ece(high, prob) == pytest.approx(
        np.average(np.abs(said - share), weights=full["n"])
    )


def test_every_row_is_in_a_bin_and_every_bin_in_the_table():
    high, prob = answers(1, n=30)
    table = calibration.reliability(high, prob)
    assert len(table) == 10
    assert table["n"].sum() == 30
    assert table["from_prob"].iloc[0] == 0
    assert table["to_prob"].iloc[-1] == 1
    empty = table[table["n"] == 0]
    assert empty[["mean_prob", "share_high"]].isna().all(axis=None)
    filled = table[table["n"] > 0]
    assert (filled["mean_prob"] > filled["from_prob"] - 1e-12).all()
    assert (filled["mean_prob"] <= filled["to_prob"] + 1e-12).all()


def test_order_changes_nothing():
    high, prob = answers(2)
    order = np.random.default_rng(0).permutation(len(high))
    assert calibration.ece(high[order], prob[order]) == pytest.approx(calibration.ece(high, prob))
