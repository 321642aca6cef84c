"""Differences between two systems: laws, brute force, and numbers worked by hand."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pulsefer.core.errors import BadInput
from pulsefer.metrics import emotion, heart_rate
from pulsefer.metrics.paired import (
    METRICS,
    by_person,
    cohen_dz,
    compare,
    holm,
    nadeau_bengio,
    sign_flip,
    wilcoxon,
)


def predictions(skill=0.5, subjects=8, trials=8, windows=3, seed=0, truth=0):
    """A system of some skill; the same `truth` is the same people and labels."""
    labels, chance = np.random.default_rng(truth), np.random.default_rng(1000 + seed)
    rows = []
    for s, t in itertools.product(range(subjects), range(trials)):
        high, bpm = int(labels.random() < 0.5), labels.normal(72, 8)
        lean = 0.5 + skill * (high - 0.5)
        rows += [{
            "dataset": "d", "subject": f"s{s}", "trial": f"t{t}", "stimulus": f"v{t}",
            "start_s": 10.0 * w, "fold": s % 4, "emotion": high,
            "emotion_prob": float(np.clip(lean + chance.normal(0, 0.2), 0, 1)),
            "hr_bpm": bpm, "hr_pred_bpm": bpm + chance.normal(0, 5 - 4 * skill),
        } for w in range(windows)]  # fmt: skip
    return pd.DataFrame(rows)


# One value for each person


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("unit", ["window", "trial"])
def test_a_persons_score_is_that_of_their_rows_alone(metric, unit):
    table = predictions().sample(frac=1, random_state=0)
    got = by_person(table, metric, unit=unit)
    assert list(got.index.get_level_values("subject")) == [f"s{s}" for s in range(8)]
    for (_, subject), value in got.items():
        own = table[table["subject"] == subject]
        if unit == "trial":
            own = own.groupby("trial").mean(numeric_only=True)
        one = np.zeros(len(own), np.intp)
        rates = own["hr_bpm"].to_numpy(), own["hr_pred_bpm"].to_numpy()
        expected = {
            **emotion.point(own["emotion"].to_numpy() == 1, own["emotion_prob"].to_numpy()),
            **heart_rate.point(*rates, one),
        }[metric]
        assert value == pytest.approx(expected, nan_ok=True)


def test_a_person_with_one_class_has_no_balanced_accuracy_but_an_accuracy():
    table = predictions()
    table.loc[table["subject"] == "s2", "emotion"] = 1
    for metric in ("balanced_accuracy", "auroc", "mcc"):
        assert list(np.flatnonzero(by_person(table, metric).isna())) == [2], metric
    for metric in ("accuracy", "brier", "ece"):
        assert by_person(table, metric).notna().all(), metric


def test_a_metric_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match="balanced_accuracy"):
        by_person(predictions(), "acc")


# Sign flips


@pytest.mark.parametrize("n", [1, 2, 5, 9, 12])
def test_exact_p_is_the_share_of_all_arrangements(n):
    d = np.random.default_rng(n).normal(0.3, 1, n).round(1)  # rounded: ties
    means = [np.mean(d * signs) for signs in itertools.product([1, -1], repeat=n)]
    got = sign_flip(d)
    assert got.exact
    assert got.n == n
    assert got.p == pytest.approx(np.mean(np.abs(means) >= abs(d.mean()) - 1e-12))


@pytest.mark.parametrize("seed", range(4))
def test_exact_p_is_that_of_scipy(seed):
    d = np.random.default_rng(seed).normal(0.4, 1, 10)
    scipy = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip(d).p == pytest.approx(scipy.pvalue)


def test_drawn_flips_come_near_to_all_of_them():
    d = np.random.default_rng(5).normal(0.35, 1, 16)
    signs = 1 - 2 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1)
    exact = np.mean(np.abs(signs @ d) >= abs(d.sum()) - 1e-12)
    got = sign_flip(d)
    assert not got.exact
    assert got.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 10_000))
    assert sign_flip(d, seed=1).p != got.p
    assert sign_flip(d, seed=0) == got


@pytest.mark.parametrize(("n", "least"), [(4, 2 / 2**4), (12, 2 / 2**12), (40, 1 / 10_001)])
def test_p_is_never_zero(n, least):
    assert sign_flip(np.linspace(1, 2, n)).p == pytest.approx(least)


@pytest.mark.parametrize("n", [6, 25])
def test_turning_the_difference_round_keeps_p_and_turns_the_interval(n):
    d = np.random.default_rng(0).normal(0.5, 1, n)
    one, other = sign_flip(d), sign_flip(-d)
    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert one.p == pytest.approx(other.p, abs=0.02)
    assert one.low < one.mean < one.high


def test_systems_that_are_alike_differ_by_nothing():
    got = sign_flip(np.zeros(9))
    assert (got.mean, got.low, got.high, got.p) == (0, 0, 0, 1)
    assert sign_flip(np.zeros(30)).p == 1
    assert wilcoxon(np.zeros(9)) == (0, 1, 0)
    assert math.isnan(cohen_dz(np.zeros(9)))


@pytest.mark.parametrize("n", [8, 14])
def test_without_a_difference_p_is_as_often_small_as_it_says(n):
    chance = np.random.default_rng(1)
    p = np.array([sign_flip(chance.normal(0, 1, n), seed=k).p for k in range(400)])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=4 * math.sqrt(level / 400))


@pytest.mark.parametrize("test", [sign_flip, wilcoxon, cohen_dz])
@pytest.mark.parametrize("bad", [[], [1.0, math.nan], [math.inf], [[1.0, 2.0]]])
def test_differences_that_are_none_are_refused(test, bad):
    with pytest.raises(BadInput, match="one finite number for each person"):
        test(np.array(bad))


# Ranks, effect, corrections


def test_ranks_by_hand():
    # |d| in order 1 2 3 4 5: the one negative has rank 2; of 32 arrangements, 6 have a sum of
    # ranks <= 2 on one side (none, 1, 2: three), or on the other.
    got = wilcoxon(np.array([1.0, -2.0, 3.0, 4.0, 5.0]))
    assert got == pytest.approx((2.0, 6 / 32, 5))


def test_persons_without_a_difference_have_no_rank():
    d = np.random.default_rng(0).normal(0.5, 1, 15)
    assert wilcoxon(np.concatenate([d, [0, 0, 0]])) == wilcoxon(d)
    assert wilcoxon(d).p == pytest.approx(stats.wilcoxon(d).pvalue)


def test_effect_by_hand():
    assert cohen_dz(np.array([1.0, 2.0, 3.0])) == pytest.approx(2.0)
    assert math.isnan(cohen_dz(np.array([1.0])))


def test_effect_is_the_t_statistic_without_the_number_of_persons():
    d = np.random.default_rng(0).normal(0.5, 1, 15)
    assert cohen_dz(d) * math.sqrt(15) == pytest.approx(stats.ttest_1samp(d, 0).statistic)


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        # Sorted 0.005 0.01 0.03 0.04, times 4 3 2 1: 0.02 0.03 0.06 0.04; none below the last.
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.9, 0.6, 0.0], [1.0, 1.0, 0.0]),
        ([0.3], [0.3]),
        ([], []),
    ],
)
def test_holm_by_hand(p, adjusted):
    np.testing.assert_allclose(holm(p), adjusted)


@pytest.mark.parametrize("seed", range(3))
def test_holm_is_the_step_down_rule(seed):
    p = np.random.default_rng(seed).uniform(0, 0.1, 9)
    for level in (0.01, 0.05, 0.1):
        rejected = np.zeros(9, bool)
        for number, one in enumerate(np.argsort(p)):
            if p[one] > level / (9 - number):
                break
            rejected[one] = True
        np.testing.assert_array_equal(holm(p) <= level, rejected)


def test_a_p_that_is_none_is_refused():
    for p in ([0.1, 1.2], [-0.1], [math.nan]):
        with pytest.raises(BadInput, match="from 0 to 1"):
            holm(p)


def test_nadeau_bengio_by_hand():
    # Mean 0.02, s^2 = 0.0004 * 10 / 9 over 10 folds; n_test / n_train = 1 / 9.
    d = np.array([0.0, 0.04] * 5)
    got = nadeau_bengio(d, n_train=90, n_test=10)
    assert got.df == 9
    assert got.t == pytest.approx(0.02 / math.sqrt((0.1 + 1 / 9) * 0.0004 * 10 / 9))
    assert got.p == pytest.approx(2 * stats.t.sf(2.0647, 9), rel=1e-4)


def test_scikit_learns_worked_example_of_a_corrected_t():
    # "Statistical comparison of models using grid search", its corrected_std written out.
    d = np.random.default_rng(0).normal(0.01, 0.02, 100)
    kr, n_train, n_test = 100, 270, 30
    corrected = np.std(d, ddof=1) * np.sqrt(1 / kr + n_test / n_train)
    got = nadeau_bengio(d, n_train, n_test)
    assert got.t == pytest.approx(np.mean(d) / corrected)
    assert got.p == pytest.approx(2 * stats.t.sf(np.abs(got.t), kr - 1))


def test_sharing_training_data_makes_a_test_more_careful():
    d = np.random.default_rng(0).normal(0.01, 0.02, 20)
    assert nadeau_bengio(d, 95, 5).p > stats.ttest_1samp(d, 0).pvalue
    assert nadeau_bengio(d, 50, 50).p > nadeau_bengio(d, 95, 5).p


def test_folds_without_spread_have_no_t():
    assert np.isnan(nadeau_bengio(np.full(5, 0.1), 4, 1)[:2]).all()
    for bad in (([0.1], 4, 1), ([0.1, 0.2], 0, 1), ([0.1, 0.2], 1, 0)):
        with pytest.raises(BadInput, match="2 or more"):
            nadeau_bengio(np.array(bad[0]), *bad[1:])


# Tables


@pytest.mark.parametrize("metric", ["balanced_accuracy", "auroc", "hr_mae_bpm"])
@pytest.mark.parametrize("unit", ["window", "trial"])
def test_the_better_system_is_found(metric, unit):
    good, bad = predictions(0.8, seed=1), predictions(0.1, seed=2)
    got = compare([good], [bad], metric, unit=unit)
    better = 1 if metric != "hr_mae_bpm" else -1
    assert better * got.test.mean > 0
    assert got.test.p < 0.05
    assert got.rank.p < 0.05
    assert better * got.dz > 0.5
    back = compare([bad], [good], metric, unit=unit)
    assert (back.test.mean, back.test.p) == pytest.approx((-got.test.mean, got.test.p))


def test_the_difference_is_that_of_the_persons_scores():
    one, other = predictions(0.6, seed=1), predictions(0.3, seed=2)
    got = compare([one], [other.sample(frac=1, random_state=0)], "accuracy", unit="window")
    d = by_person(one, "accuracy", unit="window") - by_person(other, "accuracy", unit="window")
    assert got.test == sign_flip(d.to_numpy())
    assert got.rank == wilcoxon(d.to_numpy())


def test_a_system_is_no_better_than_itself():
    one = predictions()
    got = compare([one], [one], "balanced_accuracy")
    assert (got.test.mean, got.test.p, got.rank.p) == (0, 1, 1)


def test_seeds_are_averaged_inside_a_person():
    ours = [predictions(0.6, seed=k) for k in range(3)]
    theirs = [predictions(0.3, seed=10 + k) for k in range(3)]
    got = compare(ours, theirs, "accuracy")
    d = sum(
        by_person(a, "accuracy") - by_person(b, "accuracy")
        for a, b in zip(ours, theirs, strict=True)
    )
    assert got.test.n == 8
    assert got.test.mean == pytest.approx(d.mean() / 3)


def test_a_window_of_several_folds_is_compared_with_that_of_the_same_fold():
    one, other = (
        pd.concat([predictions(seed=k), predictions(seed=k + 1).assign(fold=9)]) for k in (1, 5)
    )
    other = other.sample(frac=1, random_state=0)
    other.loc[other["fold"] == 9, "hr_pred_bpm"] = math.nan
    got = compare([one], [other], "hr_mae_bpm", unit="window")
    first, second = (t[t["fold"] != 9] for t in (one, other))
    alone = compare([first], [second], "hr_mae_bpm", unit="window")
    assert got.test.mean == pytest.approx(alone.test.mean)


def test_persons_without_a_value_are_left_out_and_counted():
    pair = [predictions(0.6, seed=1), predictions(0.3, seed=2)]
    for table in pair:
        table.loc[table["subject"].isin(["s1", "s2"]), "emotion"] = 0
    got = compare(pair[:1], pair[1:], "balanced_accuracy")
    assert (got.test.n, got.n_left_out) == (6, 2)
    assert compare(pair[:1], pair[1:], "accuracy").n_left_out == 0
    for table in pair:
        table["emotion"] = 0
    with pytest.raises(BadInput, match="one finite number"):
        compare(pair[:1], pair[1:], "balanced_accuracy")


def test_rates_are_compared_where_both_have_one():
    one, other = predictions(0.5, seed=1), predictions(0.5, seed=1)
    other["hr_pred_bpm"] += 1.0
    one.loc[one["start_s"] == 0, "hr_pred_bpm"] = math.nan
    other.loc[other["start_s"] == 0, "hr_pred_bpm"] = 1e6
    got = compare([one], [other], "hr_bias_bpm", unit="window")
    assert got.test.mean == pytest.approx(-1)


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda t: t.assign(fold=0), "rows in the same folds"),
        (lambda t: t[t["subject"] != "s1"], "rows in the same folds"),
        (lambda t: t.assign(emotion=1 - t["emotion"]), "the same truth"),
    ],
)
@pytest.mark.parametrize("unit", ["window", "trial"])
def test_systems_that_were_not_asked_the_same_are_refused(spoil, found, unit):
    with pytest.raises(BadInput, match=found):
        compare([predictions()], [spoil(predictions())], "accuracy", unit=unit)


def test_rates_of_other_truth_are_refused():
    other = predictions().assign(hr_bpm=lambda t: t["hr_bpm"] + 1)
    with pytest.raises(BadInput, match="the same truth"):
        compare([predictions()], [other], "hr_rmse_bpm")
    assert compare([predictions()], [other], "accuracy").test.mean == 0


def test_a_table_without_its_columns_is_refused():
    with pytest.raises(BadInput, match="no fold"):
        compare([predictions().drop(columns="fold")], [predictions()], "accuracy")


def test_a_system_without_its_other_is_refused():
    for pair in (([], []), ([predictions()], [])):
        with pytest.raises(BadInput, match="a table of each for every seed"):
            compare(*pair, "accuracy")
