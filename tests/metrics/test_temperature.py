"""One temperature: what it must do to any answers, and what it finds in made ones."""

import dataclasses
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pulsefer.metrics.calibration import ece
from pulsefer.metrics.temperature import (
    HIGHEST,
    LOWEST,
    calibrate,
    cross_entropy,
    probability,
    temperature,
    without_own,
)


def honest(seed=0, n=20_000):
    """Logits whose sigmoids come true as often as they say."""
    chance = np.random.default_rng(seed)
    logit = chance.normal(0, 2, n)
    return logit, chance.random(n) < probability(logit)


def groups(n, persons=5, folds=2):
    return np.arange(n) % persons, np.arange(n) % folds


@pytest.mark.parametrize("seed", range(4))
def test_answers_that_mean_what_they_say_are_left_alone(seed):
    assert temperature(*honest(seed)) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("k", [0.2, 3.0, 40.0])
def test_logits_k_times_as_large_have_k_times_the_temperature_and_then_say_the_same(k):
    logit, high = honest(n=2000)
    once, more = temperature(logit, high), temperature(k * logit, high)
    assert more == pytest.approx(k * once, rel=1e-5)
    assert probability(k * logit, more) == pytest.approx(probability(logit, once), abs=1e-5)


def test_no_other_temperature_makes_the_labels_likelier():
    logit, high = honest(3, n=500)
    found = temperature(2.5 * logit, high)
    others = [cross_entropy(2.5 * logit, high, found * x) for x in (0.5, 0.9, 0.99, 1.01, 1.1, 2)]
    assert cross_entropy(2.5 * logit, high, found) < min(others)


def test_no_answer_and_no_order_changes():
    logit, high = honest(n=2000)
    after = probability(4 * logit, temperature(4 * logit, high))
    assert np.array_equal(after > 0.5, logit > 0)
    assert roc_auc_score(high, after) == roc_auc_score(high, logit)


def test_too_sure_answers_have_a_smaller_error_afterwards_on_rows_that_were_left_out():
    logit, high = honest(n=2000)
    found = calibrate(4 * logit, high, *groups(2000))
    assert found.temperature == pytest.approx(4, rel=0.1)
    assert (found.n, found.persons, found.left_out) == (2000, 5, "person")
    assert found.ece_before > 0.1 > 0.04 > found.ece_after
    assert found.nll_after < found.nll_before
    assert (found.reason, found.at_end) == ("", "")


def test_what_a_row_is_scored_by_knows_nothing_of_its_group():
    logit, high = honest(n=600)
    person, _ = groups(600)
    other = high.copy()
    other[person == 2] = ~other[person == 2]
    own = person == 2
    before, after = (without_own(3 * logit, truth, person) for truth in (high, other))
    assert np.array_equal(before[own], after[own])
    assert not np.array_equal(before[~own], after[~own])


def test_leaving_out_is_by_fold_where_there_is_one_person_and_unknown_where_there_is_one_fold():
    logit, high = honest(n=400)
    alone = np.zeros(400, np.intp)
    assert calibrate(logit, high, alone, groups(400)[1]).left_out == "fold"
    found = calibrate(3 * logit, high, alone, alone)
    assert found.temperature > 2
    assert found.left_out == ""
    assert math.isnan(found.ece_after)
    assert math.isnan(found.nll_after)
    assert found.bins == ()
    assert len(found.bins_before) == 10


@pytest.mark.parametrize("value", [True, False])
def test_one_label_tells_nothing_of_chances(value):
    logit, _ = honest(n=50)
    found = calibrate(logit, np.full(50, value), *groups(50))
    assert found.temperature == 1.0
    assert "one label only" in found.reason
    assert found.ece_before == ece(np.full(50, value), probability(logit))


def test_no_rows_are_no_error_and_say_so():
    nobody = np.zeros(0, np.intp)
    found = calibrate(np.zeros(0), np.zeros(0, bool), nobody, nobody)
    assert (found.temperature, found.n, found.persons) == (1.0, 0, 0)
    assert "no window was held out" in found.reason
    assert found.bins_before == ()


def test_answers_without_a_fault_do_not_run_to_certainty():
    logit = np.linspace(-1, 1, 50)
    found = calibrate(logit, logit > 0, *groups(50))
    assert (found.temperature, found.at_end) == (LOWEST, "lowest")


@pytest.mark.parametrize("seed", range(3))
def test_answers_that_are_the_wrong_way_round_end_at_one_half(seed):
    logit, high = honest(seed, n=500)
    found = calibrate(logit, ~high, *groups(500))
    assert (found.temperature, found.at_end) == (HIGHEST, "highest")
    assert np.abs(probability(logit, found.temperature) - 0.5).max() < 0.03


def test_certain_and_right_answers_gain_nothing_and_are_left_alone():
    logit = np.array([-900.0, 900.0] * 10)
    assert temperature(logit, logit > 0) == 1.0


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_a_logit_that_is_no_number_is_refused(wrong):
    with pytest.raises(ValueError, match="logits are finite, found 1"):
        temperature(np.array([0.0, wrong]), np.array([True, False]))


def test_the_order_of_the_rows_plays_no_part():
    logit, high = honest(n=300)
    person, fold = groups(300)
    order = np.random.default_rng(1).permutation(300)
    one = dataclasses.asdict(calibrate(logit, high, person, fold))
    two = dataclasses.asdict(calibrate(logit[order], high[order], person[order], fold[order]))
    assert one["temperature"] == pytest.approx(two["temperature"], rel=1e-6)
    assert [row["n"] for row in one["bins"]] == [row["n"] for row in two["bins"]]


def test_bins_are_plain_values_with_nothing_for_an_empty_bin():
    found = calibrate(np.array([0.1, -0.1] * 4), np.array([True, False] * 4), *groups(8))
    assert sum(row["n"] for row in found.bins_before) == 8
    empty = [row for row in found.bins_before if row["n"] == 0]
    assert empty
    assert all(row["mean_prob"] is None and row["share_high"] is None for row in empty)
