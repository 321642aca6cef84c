"""Whatever is resampled at once is what scikit-learn and SciPy say of the rows written out."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

from pulsefer.metrics import baselines, bootstrap, emotion, heart_rate

PERSONS, ROWS = 6, 300


@pytest.fixture(params=range(4))
def rows(request):
    chance = np.random.default_rng(request.param)
    person = np.concatenate([np.arange(PERSONS), chance.integers(0, PERSONS, ROWS - PERSONS)])
    high = chance.random(ROWS) < np.linspace(0.1, 0.9, PERSONS)[person]
    prob = np.clip(chance.normal(0.4 + 0.2 * high, 0.2), 0, 1).round(2)  # rounded: ties
    true_bpm = chance.normal(60 + 5 * person, 8)
    pred_bpm = true_bpm + chance.normal(2, 6, ROWS)
    true_bpm[chance.random(ROWS) < 0.1] = np.nan
    stimulus = chance.integers(0, 5, ROWS)
    return person, high, prob, true_bpm, pred_bpm, stimulus


@pytest.fixture
def draws():
    return bootstrap.draw(PERSONS, 25, seed=3)


def written_out(person, draw):
    """Row numbers of one resample, each person's as often as the person was drawn, and whose.

    A person who was drawn twice is two persons.
    """
    drawn = np.repeat(np.arange(len(draw)), draw.astype(int))
    own = [np.flatnonzero(person == p) for p in drawn]
    return np.concatenate(own), np.repeat(np.arange(len(drawn)), [len(rows) for rows in own])


def test_emotion_of_every_resample_is_that_of_its_rows(rows, draws):
    person, high, prob, *_ = rows
    got = emotion.resampled(high, prob, person, draws)
    assert set(got) == set(emotion.NAMES)
    for number, one in enumerate(draws):
        pick, copy = written_out(person, one)
        expected = emotion.point(high[pick], prob[pick], copy)
        for name in emotion.NAMES:
            assert got[name][number] == pytest.approx(expected[name], abs=1e-10, nan_ok=True)


def test_heart_rate_of_every_resample_is_that_of_its_rows(rows, draws):
    person, _, _, true, pred, _ = rows
    got = heart_rate.resampled(true, pred, person, draws)
    assert set(got) == set(heart_rate.NAMES)
    for number, one in enumerate(draws):
        pick, _ = written_out(person, one)
        expected = heart_rate.point(true[pick], pred[pick], person[pick])
        for name in heart_rate.NAMES:
            assert got[name][number] == pytest.approx(expected[name], abs=1e-8)


def test_guesses_of_every_resample_are_those_of_its_rows(rows, draws):
    person, high, _, true, _, stimulus = rows
    got = baselines.baselines(high, true, person, stimulus, draws)
    assert set(got) == set(baselines.ORACLES)
    for number, one in enumerate(draws):
        pick, _ = written_out(person, one)
        for name, unit in (("subject", person), ("stimulus", stimulus)):
            right = sum(
                max(here.sum(), (~here).sum())
                for here in (high[pick][unit[pick] == u] for u in np.unique(unit[pick]))
            )
            assert got[f"majority_by_{name}"][number] == pytest.approx(right / len(pick))
        share = high[pick].mean()
        assert got["majority"][number] == pytest.approx(max(share, 1 - share))
        bpm = true[pick][~np.isnan(true[pick])]
        who = person[pick][~np.isnan(true[pick])]
        assert got["hr_rmse_constant_bpm"][number] == pytest.approx(bpm.std())
        own = np.array([bpm[who == p].mean() for p in who])
        assert got["hr_rmse_subject_constant_bpm"][number] == (
            pytest.approx(metrics.root_mean_squared_error(bpm, own))
        )


def test_what_training_and_colour_know_of_every_resample_is_that_of_its_rows(rows, draws):
    person, high, _, true, pred, _ = rows
    chance = np.random.default_rng(9)
    share, mean, colour = (
        np.where(chance.random(ROWS) < 0.2, np.nan, values)
        for values in (
            chance.choice([0.3, 0.5, 0.6], ROWS),
            chance.choice([68.0, 71.0, 74.0], ROWS),
            true + chance.normal(0, 20, ROWS),
        )
    )
    colours = {"pos": colour, "chrom": colour + 5}
    got = baselines.from_training(high, share, true, pred, mean, person, draws)
    assert set(got) == set(baselines.FROM_TRAINING)
    got |= baselines.from_colour(true, colours, person, draws)
    assert set(got) == {*baselines.FROM_TRAINING, *baselines.FROM_COLOUR}
    for number, one in enumerate(draws):
        pick, _ = written_out(person, one)
        known = pick[np.isfinite(share[pick])]
        said = share[known] >= 0.5
        expected = {
            "prior": metrics.accuracy_score(high[known], said),
            "brier_prior": metrics.mean_squared_error(high[known].astype(float), share[known]),
        }
        known = pick[np.isfinite(true[pick]) & np.isfinite(mean[pick])]
        error = metrics.root_mean_squared_error(true[known], mean[known])
        expected["hr_rmse_train_mean_bpm"] = error
        expected["hr_skill"] = 1 - (
            metrics.mean_squared_error(true[known], pred[known])
            / metrics.mean_squared_error(true[known], mean[known])
        )
        for method, bpm in colours.items():
            known = pick[np.isfinite(true[pick]) & np.isfinite(bpm[pick])]
            pair = true[known], bpm[known]
            expected[f"hr_mae_{method}_bpm"] = metrics.mean_absolute_error(*pair)
            expected[f"hr_rmse_{method}_bpm"] = metrics.root_mean_squared_error(*pair)
        assert {name: got[name][number] for name in expected} == pytest.approx(expected)


def test_within_persons_only_pairs_of_one_person_count(rows, draws):
    person, high, prob, *_ = rows
    moved = np.clip(0.2 * prob + 0.15 * person, 0, 1)  # each person's own level
    got, of_moved = (emotion.resampled(high, p, person, draws) for p in (prob, moved))
    assert of_moved["auroc_within"] == pytest.approx(got["auroc_within"])
    assert (of_moved["auroc"] != got["auroc"]).all()
    own = [
        metrics.roc_auc_score(high[person == p], prob[person == p])
        for p in range(PERSONS)
        if 0 < high[person == p].mean() < 1
    ]
    assert emotion.point(high, prob, person)["auroc_within"] == pytest.approx(np.mean(own))


def ranked(high, prob):
    """Share of pairs in the right order, from ranks."""
    u = stats.mannwhitneyu(prob[high], prob[~high]).statistic
    return u / (high.sum() * (~high).sum())


def centred(values, person):
    return values - np.array([values[person == p].mean() for p in person])


def off_curve(high, prob):
    share, said = calibration_curve(high, prob, n_bins=10, strategy="uniform")
    n = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], prob))
    return np.average(np.abs(share - said), weights=n[n > 0])


OF_EMOTION = {
    "accuracy": lambda high, prob, _: np.mean((prob >= 0.5) == high),
    "balanced_accuracy": lambda high, prob, _: (
        metrics.recall_score(high, prob >= 0.5, average=None).mean()
    ),
    "f1_macro": lambda high, prob, _: np.mean(
        stats.hmean([
            metrics.precision_score(high, prob >= 0.5, average=None),
            metrics.recall_score(high, prob >= 0.5, average=None),
        ])
    ),
    "mcc": lambda high, prob, _: np.corrcoef(high, prob >= 0.5)[0, 1],
    "auroc": lambda high, prob, _: ranked(high, prob),
    "auroc_within": lambda high, prob, who: np.mean(
        [
            ranked(high[who == p], prob[who == p])
            for p in range(PERSONS)
            if len(set(high[who == p])) == 2
        ]
    ),
    "brier": lambda high, prob, _: metrics.mean_squared_error(high.astype(float), prob),
    "ece": lambda high, prob, _: off_curve(high, prob),
}  # fmt: skip
OF_RATE = {
    "hr_mae_bpm": lambda true, pred, _: np.abs(pred - true).mean(),
    "hr_rmse_bpm": lambda true, pred, _: np.hypot((pred - true).mean(), (pred - true).std()),
    "hr_bias_bpm": lambda true, pred, _: pred.mean() - true.mean(),
    "hr_pearson": lambda true, pred, _: stats.linregress(true, pred).rvalue,
    "hr_pearson_within": lambda true, pred, who: (
        stats.linregress(centred(true, who), centred(pred, who)).rvalue
    ),
}
"""The scores again, by another way than the one they are made by."""


@pytest.mark.parametrize("name", emotion.NAMES)
def test_a_score_of_the_emotion_is_that_of_the_libraries(rows, name):
    person, high, prob, *_ = rows
    expected = pytest.approx(OF_EMOTION[name](high, prob, person))
    assert emotion.point(high, prob, person)[name] == expected
    assert emotion.resampled(high, prob, person, np.ones((1, PERSONS)))[name][0] == expected


@pytest.mark.parametrize("name", heart_rate.NAMES)
def test_a_score_of_the_rate_is_that_of_the_libraries(rows, name):
    person, _, _, true, pred, _ = rows
    known = ~np.isnan(true)
    expected = pytest.approx(OF_RATE[name](true[known], pred[known], person[known]))
    assert heart_rate.point(true, pred, person)[name] == expected
    assert heart_rate.resampled(true, pred, person, np.ones((1, PERSONS)))[name][0] == expected


def test_a_resample_has_as_many_persons_as_there_are(draws):
    assert (draws.sum(axis=1) == PERSONS).all()
    assert (draws == np.round(draws)).all()


def test_the_same_seed_draws_the_same_persons():
    assert np.array_equal(bootstrap.draw(9, 5, seed=1), bootstrap.draw(9, 5, seed=1))
    assert not np.array_equal(bootstrap.draw(9, 5, seed=1), bootstrap.draw(9, 5, seed=2))


@pytest.mark.parametrize(("n_persons", "tail"), [(10, 0.0086), (22, 0.0166), (100_000, 0.025)])
def test_an_interval_is_the_middle_of_the_values_and_wider_for_few_persons(n_persons, tail):
    t = stats.t.ppf(0.975, n_persons - 1) * np.sqrt(n_persons / (n_persons - 1))
    assert bootstrap.tail_share(n_persons) == pytest.approx(stats.norm.sf(t))
    assert bootstrap.tail_share(n_persons) == pytest.approx(tail, abs=1e-4)
    low, high = bootstrap.interval(np.linspace(0, 1, 10_001), n_persons)
    assert (low, high) == pytest.approx((tail, 1 - tail), abs=1e-4)


def test_two_persons_have_all_that_was_drawn():
    assert bootstrap.interval(np.linspace(0, 1, 1001), 2) == pytest.approx((0, 1))


def test_a_mirrored_interval_reaches_as_far_below_as_above_and_ends_at_zero():
    values = np.linspace(0.1, 0.3, 10_001)
    _, high = bootstrap.interval(values, 20)
    assert bootstrap.interval(values, 20, mirror=0.2) == pytest.approx((0.4 - high, high))
    assert bootstrap.interval(values, 20, mirror=0.1) == pytest.approx((0, high))
    assert bootstrap.interval(values, 20, mirror=0.4) == (0.4, 0.4)


def test_resamples_without_a_value_are_left_out_until_they_are_most():
    values = np.linspace(0, 1, 1000)
    values[::3] = np.nan
    assert np.isfinite(bootstrap.interval(values, 5)).all()
    values[::2] = np.nan
    assert np.isnan(bootstrap.interval(values, 5)).all()


def test_one_person_has_no_interval():
    assert np.isnan(bootstrap.interval(np.ones(100), n_persons=1)).all()


def test_the_interval_of_a_mean_is_the_textbook_one():
    chance = np.random.default_rng(0)
    per_person = chance.normal(0.6, 0.1, 40)
    draws = bootstrap.draw(40, 4000, seed=0)
    low, high = bootstrap.interval(draws @ per_person / 40, 40)
    half = stats.t.ppf(0.975, 39) * per_person.std(ddof=1) / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)
