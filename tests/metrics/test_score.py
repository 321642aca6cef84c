import math

import numpy as np
import pandas as pd
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.metrics import baselines, emotion, heart_rate
from pulsefer.metrics.score import PREDICTION_COLUMNS, score


def table(subjects=8, trials=6, windows=5, skill=0.5, seed=0, person_weight=0.0):
    """Predictions of a network that knows the emotion of a trial with the given skill."""
    chance = np.random.default_rng(seed)
    rows = []
    for s in range(subjects):
        rest_bpm = chance.normal(72, 9)
        for t in range(trials):
            high = int(chance.random() < 0.5)
            lean = 0.5 + skill * (high - 0.5)
            for w in range(windows):
                rate = rest_bpm + chance.normal(0, 3)
                rows.append({
                    "dataset": "d", "subject": f"s{s}", "trial": f"t{t}", "stimulus": f"v{t}",
                    "start_s": 10.0 * w, "fold": s % 4, "emotion": high,
                    "emotion_prob": float(np.clip(lean + chance.normal(0, 0.2), 0, 1)),
                    "hr_bpm": rate if w else math.nan,
                    "hr_pred_bpm": (
                        (1 - person_weight) * rate + person_weight * rest_bpm + chance.normal(0, 1)
                    ),
                })  # fmt: skip
    return pd.DataFrame(rows)[list(PREDICTION_COLUMNS)]


def test_a_perfect_network_has_perfect_scores():
    perfect = table()
    perfect["emotion_prob"] = perfect["emotion"].astype(float)
    perfect["hr_pred_bpm"] = perfect["hr_bpm"]
    values = score(perfect, n_bootstrap=50).values
    for name in (
        "accuracy", "balanced_accuracy", "f1_macro", "mcc", "auroc", "auroc_within", "hr_pearson",
    ):  # fmt: skip
        assert values[name].value == pytest.approx(1), name
        assert values[name].low == pytest.approx(1), name
    for name in ("brier", "ece", "hr_mae_bpm", "hr_rmse_bpm", "hr_bias_bpm"):
        assert values[name].value == pytest.approx(0), name


def test_values_lie_in_their_intervals_and_all_names_are_there():
    values = score(table(), n_bootstrap=400).values
    assert set(values) == {*emotion.NAMES, *heart_rate.NAMES, *baselines.NAMES}
    for name in (*emotion.NAMES, *heart_rate.NAMES):
        assert values[name].low <= values[name].value <= values[name].high, name


@pytest.mark.parametrize("seed", range(3))
def test_values_of_what_can_lose_lie_in_their_intervals(seed):
    predictions = table(seed=seed)
    colour = predictions["hr_bpm"] + np.random.default_rng(seed).normal(0, 15, len(predictions))
    predictions = with_training(predictions, hr_pos_bpm=colour, hr_chrom_bpm=colour - 3)
    values = score(predictions, n_bootstrap=400).values
    for name in (*baselines.FROM_TRAINING, *baselines.FROM_COLOUR):
        assert values[name].low < values[name].value < values[name].high, name


def test_everything_is_counted():
    scores = score(table(subjects=3, trials=4, windows=5), n_bootstrap=10)
    assert (scores.n_windows, scores.n_trials, scores.n_subjects) == (60, 12, 3)
    assert (scores.n_hr, scores.n_hr_missing) == (48, 12)


def test_a_trial_is_one_answer():
    predictions = table(windows=5)
    by_trial = score(predictions, unit="trial", n_bootstrap=20)
    means = predictions.groupby(["subject", "trial"]).agg(
        high=("emotion", "first"), prob=("emotion_prob", "mean")
    )
    expected = np.mean((means.prob >= 0.5) == (means.high == 1))
    assert by_trial.values["accuracy"].value == pytest.approx(expected)
    assert by_trial.n_windows == 240
    assert by_trial.n_hr == 48


def test_a_trials_rate_is_predicted_from_the_windows_that_have_a_true_one():
    predictions = table(subjects=2, trials=2, windows=3)
    predictions.loc[predictions.hr_bpm.isna(), "hr_pred_bpm"] = 1e6
    assert score(predictions, unit="trial", n_bootstrap=10).values["hr_mae_bpm"].value < 10


def test_copies_of_windows_do_not_narrow_the_interval():
    once = table(windows=4)
    again = pd.concat([once.assign(start_s=once.start_s + 1000.0 * k) for k in range(10)])
    few, many = (score(t, n_bootstrap=300).values["accuracy"] for t in (once, again))
    assert (few.value, few.low, few.high) == pytest.approx((many.value, many.low, many.high))


def test_the_order_of_rows_changes_nothing():
    predictions = table()
    shuffled = predictions.sample(frac=1, random_state=0)
    a, b = (score(t, n_bootstrap=100).values for t in (predictions, shuffled))
    for name, value in a.items():
        expected = pytest.approx((b[name].value, b[name].low, b[name].high), nan_ok=True)
        assert (value.value, value.low, value.high) == expected, name


def test_equal_names_in_two_data_sets_are_two_persons():
    a = table(subjects=2)
    both = pd.concat([a, a.assign(dataset="e")])
    assert score(both, n_bootstrap=10).n_subjects == 4


def test_knowing_only_the_person_shows_within_persons():
    only_person = score(table(person_weight=1.0, subjects=20), n_bootstrap=50).values
    assert only_person["hr_pearson"].value > 0.9
    assert abs(only_person["hr_pearson_within"].value) < 0.15
    assert only_person["hr_rmse_bpm"].value < only_person["hr_rmse_constant_bpm"].value
    assert only_person["hr_rmse_bpm"].value >= only_person["hr_rmse_subject_constant_bpm"].value
    real = score(table(person_weight=0.0), n_bootstrap=50).values
    assert real["hr_pearson_within"].value > 0.8


def test_guesses_that_know_more_reach_more():
    values = score(table(), n_bootstrap=20).values
    assert 0.5 <= values["majority"].value <= values["majority_by_subject"].value
    assert values["majority"].value <= values["majority_by_stimulus"].value


def test_no_skill_has_half_inside_its_interval():
    auroc = score(table(skill=0.0, subjects=20), n_bootstrap=300).values["auroc"]
    assert auroc.low < 0.5 < auroc.high


def test_no_head_has_no_heart_rate_score_but_the_constants_stay():
    headless = table().assign(hr_pred_bpm=math.nan)
    for unit in ("window", "trial"):
        scores = score(headless, unit=unit, n_bootstrap=20)
        assert scores.n_hr == 0
        assert all(math.isnan(scores.values[name].value) for name in heart_rate.NAMES)
        assert scores.values["hr_rmse_constant_bpm"].value > 1


def test_no_true_rate_at_all_is_counted_and_harms_nothing():
    scores = score(table().assign(hr_bpm=math.nan), n_bootstrap=20)
    assert scores.n_hr_missing == scores.n_windows
    assert math.isnan(scores.values["hr_rmse_constant_bpm"].value)
    assert scores.values["accuracy"].value > 0.5


@pytest.mark.parametrize("only", [0, 1])
def test_one_class_leaves_only_what_needs_no_other(only):
    values = score(table().assign(emotion=only), n_bootstrap=20).values
    for name in ("balanced_accuracy", "f1_macro", "mcc", "auroc", "auroc_within"):
        assert math.isnan(values[name].value), name
        assert math.isnan(values[name].low), name
    assert values["majority"].value == 1
    assert math.isfinite(values["accuracy"].low)


@pytest.mark.parametrize("said", [0.0, 0.5, 1.0])
def test_always_the_same_answer_has_no_correlation(said):
    values = score(table().assign(emotion_prob=said), n_bootstrap=20).values
    assert values["mcc"].value == 0
    assert values["auroc"].value == 0.5
    assert values["auroc_within"].value == 0.5
    assert values["balanced_accuracy"].value == 0.5


def test_a_constant_rate_has_an_error_and_no_correlation():
    values = score(table().assign(hr_pred_bpm=70.0), n_bootstrap=20).values
    assert values["hr_rmse_bpm"].value >= values["hr_rmse_constant_bpm"].value
    assert math.isnan(values["hr_pearson"].value)
    assert math.isnan(values["hr_pearson"].low)


def test_one_person_has_values_and_no_intervals():
    values = score(table(subjects=1), n_bootstrap=20).values
    assert math.isfinite(values["accuracy"].value)
    assert all(math.isnan(v.low) and math.isnan(v.high) for v in values.values())


def test_half_a_probability_is_high():
    edge = table(subjects=2).assign(emotion=1, emotion_prob=0.5)
    assert score(edge, n_bootstrap=5).values["accuracy"].value == 1


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda t: t.drop(columns="fold"), "no fold"),
        (lambda t: t.head(0), "at least one window"),
        (lambda t: t.assign(emotion=2), "emotion 0 or 1, found 2"),
        (lambda t: t.assign(emotion_prob=1.5), "found 1.5"),
        (lambda t: t.assign(emotion_prob=math.nan), "found nan"),
        (lambda t: pd.concat([t, t]), "one selection rule"),
    ],
)
def test_a_table_that_cannot_be_scored_says_why(spoil, found):
    with pytest.raises(BadInput, match=found):
        score(spoil(table()), n_bootstrap=5)


def test_a_trial_with_two_emotions_has_no_trial_score():
    mixed = table()
    mixed.loc[0, "emotion"] = 1 - mixed.loc[0, "emotion"]
    with pytest.raises(BadInput, match="two for d/s0/t0"):
        score(mixed, unit="trial", n_bootstrap=5)
    assert score(mixed, n_bootstrap=5).n_trials == 48


def with_training(predictions, share=0.6, mean_bpm=70.0, **colour):
    return predictions.assign(high_train_share=share, hr_train_mean_bpm=mean_bpm, **colour)


def test_without_its_columns_what_training_and_colour_know_has_no_score():
    scores = score(table(), n_bootstrap=20)
    for name in (*baselines.FROM_TRAINING, *baselines.FROM_COLOUR):
        assert math.isnan(scores.values[name].value), name
        assert math.isnan(scores.values[name].low), name
        assert scores.n_rows[name] == 0, name


@pytest.mark.parametrize("unit", ["window", "trial"])
def test_the_answer_of_the_training_side_can_lose(unit):
    predictions = with_training(table(subjects=20), share=0.6)
    rare = predictions[(predictions["trial"] == "t0") | (predictions["emotion"] == 0)]
    scores = score(rare, unit=unit, n_bootstrap=20)
    first = rare.groupby(["subject", "trial"])["emotion"].first() if unit == "trial" else (
        rare["emotion"]
    )  # fmt: skip
    assert scores.values["prior"].value == pytest.approx(first.mean())
    assert scores.values["prior"].value < 0.5 < scores.values["majority"].value
    assert scores.values["brier_prior"].value == pytest.approx(((0.6 - first) ** 2).mean())


@pytest.mark.parametrize(("share", "says_high"), [(0.5, True), (0.49, False)])
def test_half_a_share_is_high_as_half_a_probability_is(share, says_high):
    predictions = with_training(table(), share=share)
    high = (predictions["emotion"] == 1).mean()
    expected = high if says_high else 1 - high
    assert score(predictions, n_bootstrap=5).values["prior"].value == pytest.approx(expected)


def test_skill_is_one_for_the_truth_none_for_the_mean_and_less_for_worse():
    predictions = with_training(table())
    for pred, skill in ((predictions["hr_bpm"], 1.0), (70.0, 0.0)):
        value = score(predictions.assign(hr_pred_bpm=pred), n_bootstrap=50).values["hr_skill"]
        assert (value.value, value.low, value.high) == pytest.approx((skill,) * 3)
    assert score(predictions.assign(hr_pred_bpm=20.0), n_bootstrap=5).values["hr_skill"].value < 0


def test_the_mean_of_the_training_side_is_no_better_than_that_of_the_scored_rows():
    predictions = with_training(table(), mean_bpm=table()["hr_bpm"].mean() + 3)
    values = score(predictions, n_bootstrap=5).values
    assert values["hr_rmse_train_mean_bpm"].value ** 2 == (
        pytest.approx(values["hr_rmse_constant_bpm"].value ** 2 + 9)
    )


def test_a_colour_is_scored_where_it_and_the_truth_are_known():
    predictions = table(subjects=3, trials=4, windows=5)
    right = predictions["hr_bpm"] + 4.0
    right[predictions["start_s"] == 20.0] = math.nan
    scores = score(predictions.assign(hr_pos_bpm=right), n_bootstrap=20)
    assert scores.values["hr_mae_pos_bpm"].value == pytest.approx(4)
    assert scores.values["hr_rmse_pos_bpm"].value == pytest.approx(4)
    assert (scores.n_rows["hr_rmse_pos_bpm"], scores.n_hr) == (36, 48)
    assert math.isnan(scores.values["hr_rmse_chrom_bpm"].value)


def test_a_trials_colour_is_that_of_the_windows_that_have_a_true_rate():
    predictions = table(subjects=3, trials=4).assign(hr_pos_bpm=lambda t: t["hr_bpm"] + 4)
    predictions.loc[predictions["hr_bpm"].isna(), "hr_pos_bpm"] = 1e6
    value = score(predictions, unit="trial", n_bootstrap=5).values["hr_mae_pos_bpm"].value
    assert value == pytest.approx(4)


def test_every_value_says_how_many_rows_it_was_made_from():
    predictions = with_training(table(subjects=3, trials=4, windows=5))
    predictions["emotion"] = (predictions["trial"] > "t1").astype(int)
    predictions.loc[predictions["subject"] == "s1", "emotion"] = 1
    predictions.loc[predictions["start_s"] == 40.0, "hr_train_mean_bpm"] = math.nan
    scores = score(predictions, n_bootstrap=5)
    assert set(scores.n_rows) == set(scores.values)
    expected = {
        "accuracy": 60, "auroc": 60, "auroc_within": 40, "majority": 60, "prior": 60,
        "hr_rmse_bpm": 48, "hr_rmse_constant_bpm": 48, "hr_rmse_train_mean_bpm": 36, "hr_skill": 36,
    }  # fmt: skip
    assert {name: scores.n_rows[name] for name in expected} == expected


def test_persons_with_one_class_are_counted_and_have_no_part_within():
    predictions = table(subjects=6)
    only = predictions["subject"].isin(["s0", "s1"])
    predictions.loc[only, "emotion"] = 1
    scores = score(predictions, n_bootstrap=50)
    assert scores.n_one_class == 2
    rest = score(predictions[~only], n_bootstrap=50).values["auroc_within"].value
    assert scores.values["auroc_within"].value == pytest.approx(rest)


def test_knowing_the_persons_level_alone_has_an_auroc_and_none_within():
    predictions = table(subjects=20)
    chance = np.random.default_rng(1)
    often = predictions["subject"].str[1:].astype(int) % 2
    predictions["emotion"] = (chance.random(len(predictions)) < 0.1 + 0.8 * often).astype(int)
    level = 0.3 + 0.4 * often + chance.uniform(-0.05, 0.05, len(predictions))
    values = score(predictions.assign(emotion_prob=level), n_bootstrap=200).values
    assert values["auroc"].low > 0.8
    assert values["auroc_within"].low < 0.5 < values["auroc_within"].high


@pytest.mark.parametrize("unit", ["window", "trial"])
def test_the_names_of_persons_change_nothing(unit):
    predictions = with_training(table(), hr_pos_bpm=75.0)
    renamed = predictions.assign(
        subject=predictions["subject"].map({f"s{s}": f"person{9 - s}" for s in range(8)})
    )
    a, b = (score(t, unit=unit, n_bootstrap=2000) for t in (predictions, renamed))
    assert (a.n_rows, a.n_one_class) == (b.n_rows, b.n_one_class)
    for name, value in a.values.items():
        assert value.value == pytest.approx(b.values[name].value, nan_ok=True), name
        # Other persons are drawn, so the ends agree but for chance.
        width = abs(value.high - value.low) + 1e-9
        assert value.low == pytest.approx(b.values[name].low, abs=0.25 * width, nan_ok=True), name


def test_fewer_persons_have_wider_intervals():
    few, many = (
        score(table(subjects=n, skill=0.3), n_bootstrap=1000).values for n in (6, 60)
    )  # fmt: skip
    for name in ("accuracy", "balanced_accuracy", "auroc", "auroc_within", "brier", "hr_mae_bpm"):
        assert few[name].high - few[name].low > many[name].high - many[name].low, name


@pytest.mark.parametrize("seed", range(5))
def test_a_calibration_error_lies_in_its_interval_though_chance_adds_to_it(seed):
    value = score(table(subjects=4, seed=seed), n_bootstrap=300).values["ece"]
    assert 0 <= value.low <= value.value <= value.high


def test_a_share_that_is_none_is_refused():
    with pytest.raises(BadInput, match=r"high_train_share in \[0, 1\], found 60"):
        score(with_training(table(), share=60), n_bootstrap=5)
