"""Differences over persons and over networks: laws, and cases worked by hand."""

import numpy as np
import pandas as pd
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.metrics.crossed import compare_crossed, crossed_interval
from pulsefer.metrics.paired import compare


def system(right, seed=0, persons=8, trials=10, folds=2):
    """Answers of which a share `right(fold)` is right, of people that are always the same."""
    labels, chance = np.random.default_rng(0), np.random.default_rng(seed + 1)
    rows = []
    for person in range(persons):
        for trial in range(trials):
            high = trial % 2 if trial < 4 else int(labels.random() < 0.5)
            fold = person % folds
            says = high if chance.random() < right(fold) else 1 - high
            rows.append({
                "dataset": "d", "subject": f"s{person}", "trial": f"t{trial}", "start_s": 0.0,
                "stimulus": f"v{trial}", "fold": fold, "emotion": high,
                "emotion_prob": 0.1 + 0.8 * says, "hr_bpm": 70.0, "hr_pred_bpm": np.nan,
            })  # fmt: skip
    return pd.DataFrame(rows)


def seeds(n, right, first=0):
    return [system(right, first + number) for number in range(n)]


def test_what_every_network_shows_is_found_over_both():
    found = compare_crossed(
        seeds(5, lambda _: 0.9), seeds(5, lambda _: 0.5, 100), "balanced_accuracy"
    )
    assert found.n_networks == 10
    assert found.p_networks == pytest.approx(2 / 2**10)
    assert 0.2 < found.low < found.mean < found.high < 0.6
    assert found.p == max(found.p_persons, found.p_networks)


def test_one_network_that_did_not_learn_is_no_difference_between_systems():
    """The case of the negative control: of two seeds in two folds one network stays at chance."""
    good = seeds(2, lambda _: 0.95)
    other = [
        system(lambda fold: 0.5 if fold == 0 else 0.95, 100), system(lambda _: 0.95, 101)
    ]  # fmt: skip
    persons_alone = compare(good, other, "balanced_accuracy").test
    found = compare_crossed(good, other, "balanced_accuracy")
    assert found.p >= 2 / 2**4
    assert found.p >= persons_alone.p
    assert found.low < 0 < persons_alone.mean


@pytest.mark.parametrize("n", [1, 2, 4])
def test_p_cannot_be_smaller_than_so_few_networks_allow(n):
    found = compare_crossed(
        seeds(n, lambda _: 1.0), seeds(n, lambda _: 0.1, 100), "balanced_accuracy"
    )
    assert found.p == pytest.approx(2 / 2 ** (2 * n))


def test_turned_round_it_is_the_same_difference_of_the_other_sign():
    one, other = seeds(3, lambda _: 0.8), seeds(3, lambda _: 0.6, 100)
    there = compare_crossed(one, other, "balanced_accuracy")
    back = compare_crossed(other, one, "balanced_accuracy")
    assert back.mean == pytest.approx(-there.mean)
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low), abs=0.02)
    assert back.p == there.p


def test_a_system_is_no_better_than_itself():
    one = seeds(2, lambda _: 0.7)
    found = compare_crossed(one, one, "balanced_accuracy")
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_mean_is_that_of_the_test_over_persons():
    one, other = seeds(3, lambda _: 0.8), seeds(3, lambda _: 0.6, 100)
    assert compare_crossed(one, other, "accuracy").mean == pytest.approx(
        compare(one, other, "accuracy").test.mean
    )


def test_persons_of_several_folds_are_one_block():
    tables = [[system(lambda _, r=r: r, number) for number in range(2)] for r in (0.9, 0.5)]
    for table in (*tables[0], *tables[1]):
        table["fold"] = np.arange(len(table)) % 5
    found = compare_crossed(*tables, "accuracy")
    assert found.n_networks == 10
    assert found.low < found.mean < found.high


def test_one_seed_draws_persons_alone():
    differences = np.random.default_rng(0).normal(1, 1, (6, 1))
    blocks = np.array([0, 0, 0, 1, 1, 1])
    assert crossed_interval(differences, blocks) == crossed_interval(
        differences, np.zeros(6, np.intp)
    )


def test_luck_of_the_networks_widens_the_interval():
    chance = np.random.default_rng(0)
    blocks = np.arange(12) % 2
    alone = 0.1 * chance.normal(size=(12, 4))
    low, high = crossed_interval(alone, blocks)
    lucky = alone + chance.normal(size=(2, 4))[blocks]
    wide = crossed_interval(lucky, blocks)
    assert wide[1] - wide[0] > 3 * (high - low)


def test_equal_differences_leave_nothing_to_chance():
    low, high = crossed_interval(np.full((5, 3), 0.25), np.zeros(5, np.intp))
    assert low == pytest.approx(0.25)
    assert high == pytest.approx(0.25)


def test_no_person_with_both_classes_is_said():
    tables = [system(lambda _: 1.0)]
    tables[0]["emotion"] = 1
    with pytest.raises(BadInput):
        compare_crossed(tables, tables, "balanced_accuracy")
