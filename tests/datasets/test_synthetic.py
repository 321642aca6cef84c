import dataclasses

import numpy as np
import pytest

from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.seeding import derive_seed
from pulsefer.datasets.synthetic import Effects, draw_trials, subject

FREE = Effects(hr_gap_bpm=0.0, hr_low_bpm=40.0, hr_high_bpm=150.0)
"""The defaults, without what bends a distribution."""


def population(effects, subjects=150, stimuli=16, seed=5):
    """Columns by name, each (subjects, stimuli), in the order of the clips."""
    trials = draw_trials(effects, subjects=subjects, stimuli=stimuli, seed=seed)
    trials.sort(key=lambda t: (t.subject.name, t.stimulus))
    names = ("valence", "arousal", "felt_valence", "felt_arousal", "hr_bpm")
    return {
        name: np.array([getattr(t, name) for t in trials]).reshape(subjects, stimuli)
        for name in names
    }


def share_of_rows(values):
    """Share of the variance that lies between the rows, freed of what chance puts there."""
    within = values.var(axis=1, ddof=1).mean()
    between = values.mean(axis=1).var(ddof=1) - within / values.shape[1]
    return between / (between + within)


def test_same_seed_same_people_and_trials():
    first = draw_trials(Effects(), subjects=3, stimuli=8, seed=1)
    assert first == draw_trials(Effects(), subjects=3, stimuli=8, seed=1)
    assert first != draw_trials(Effects(), subjects=3, stimuli=8, seed=2)
    assert first[:16] == draw_trials(Effects(), subjects=2, stimuli=8, seed=1)
    assert subject(1, "s01") == first[0].subject != subject(1, "s02")


def test_everybody_watches_every_clip_once_in_an_own_order():
    trials = draw_trials(Effects(), subjects=4, stimuli=40, seed=1)
    orders = [[t.stimulus for t in trials[i : i + 40]] for i in range(0, 160, 40)]
    assert [t.trial for t in trials] == list(range(1, 41)) * 4
    assert all(sorted(order) == list(range(1, 41)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4


@pytest.mark.parametrize("stimuli", [6, 8, 40])
@pytest.mark.parametrize("stimulus_to_rating", [0.0, 0.5, 0.9])
def test_both_classes_stand_among_the_first_six_trials(stimuli, stimulus_to_rating):
    effects = Effects(stimulus_to_rating=stimulus_to_rating)
    trials = draw_trials(effects, subjects=40, stimuli=stimuli, seed=3)
    for scale in ("valence", "arousal"):
        ratings = np.array([getattr(t, scale) for t in trials]).reshape(40, stimuli)
        assert ratings.min() >= 1
        assert ratings.max() <= 9
        np.testing.assert_array_equal(ratings, ratings.round(2))
        for share in ((ratings >= 5).mean(axis=1), (ratings[:, :6] >= 5).mean(axis=1)):
            assert share.min() >= 0.25
            assert share.max() <= 0.75


def test_rates_of_a_person_are_distinct_by_a_beat_and_within_the_range():
    trials = draw_trials(Effects(), subjects=20, stimuli=40, seed=1)
    rates = np.sort(np.array([t.hr_bpm for t in trials]).reshape(20, 40), axis=1)
    assert np.diff(rates, axis=1).min() >= 1.0 - 1e-9
    assert rates.min() >= 50
    assert rates.max() <= 110
    np.testing.assert_array_equal(rates, rates.round(2))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_the_person_owns_the_planted_share_of_the_heart_rate(share):
    effects = dataclasses.replace(FREE, hr_of_subject=share, arousal_to_hr_bpm=0.0)
    rates = population(effects, subjects=400)["hr_bpm"]
    assert share_of_rows(rates) == pytest.approx(share, abs=0.07)
    assert rates.std() == pytest.approx(effects.hr_sd_bpm, rel=0.07)
    assert rates.mean() == pytest.approx(effects.hr_mean_bpm, abs=1.5)


@pytest.mark.parametrize("bpm", [0.0, 6.0, -12.0])
def test_the_heart_follows_felt_arousal_by_the_planted_slope(bpm):
    people = population(dataclasses.replace(FREE, arousal_to_hr_bpm=bpm, hr_of_subject=0.0))
    slope = np.polyfit((people["felt_arousal"].ravel() - 5) / 4, people["hr_bpm"].ravel(), 1)[0]
    assert slope == pytest.approx(bpm, abs=1.0)


@pytest.mark.parametrize("scale", ["valence", "arousal"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_the_clip_decides_the_planted_share_of_a_rating(scale, share):
    ratings = population(Effects(stimulus_to_rating=share, subject_to_rating=0.0))[scale]
    assert share_of_rows(ratings.T) == pytest.approx(share, abs=0.12)
    assert ratings.std() == pytest.approx(2.0, rel=0.15)


def test_the_person_decides_ratings_only_when_asked_to():
    off = population(Effects(subject_to_rating=0.0, stimulus_to_rating=0.0))["valence"]
    some = population(Effects(subject_to_rating=0.3, stimulus_to_rating=0.0))["valence"]
    assert share_of_rows(off) < 0.02
    assert 0.15 < share_of_rows(some) < 0.35


@pytest.mark.parametrize("points", [0.0, 0.5])
def test_what_is_felt_lies_around_what_is_rated(points):
    people = population(Effects(rating_noise=points))
    apart = people["felt_valence"] - people["valence"]
    assert apart.std() == pytest.approx(points, rel=0.15, abs=1e-9)


def test_a_clip_has_the_same_light_for_everybody_and_changes_nothing_else():
    plain = draw_trials(Effects(), subjects=5, stimuli=12, seed=3)
    lit = draw_trials(Effects(stimulus_to_light=0.4), subjects=5, stimuli=12, seed=3)
    assert {t.light_rgb for t in plain} == {(1.0, 1.0, 1.0)}
    assert [dataclasses.replace(t, light_rgb=(1.0, 1.0, 1.0)) for t in lit] == plain
    lights = {t.stimulus: t.light_rgb for t in lit}
    assert all(lights[t.stimulus] == t.light_rgb for t in lit)
    gains = np.array([lights[clip] for clip in range(1, 13)])
    assert gains.min() >= 0.6
    assert gains.max() <= 1.0
    assert (np.ptp(gains, axis=0) > 0.2).all()  # brightness
    assert np.ptp(gains / gains.mean(axis=1, keepdims=True), axis=0).min() > 0.1  # tint
    half = draw_trials(Effects(stimulus_to_light=0.2), subjects=1, stimuli=12, seed=3)
    for t in half:
        np.testing.assert_allclose(1 - np.array(t.light_rgb), (1 - gains[t.stimulus - 1]) / 2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stimulus_to_light", 0.6),
        ("pulse_amplitude", -0.01),
        ("expression", 1.5),
        ("hr_of_subject", float("nan")),
        ("hr_low_bpm", 20.0),
        ("sensor_noise", -1.0),
        ("hr_mean_bpm", 120.0),
    ],
)
def test_an_effect_outside_its_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        Effects(**{field: value})


def test_shares_of_one_variance_cannot_exceed_it():
    with pytest.raises(ValueError, match="shares of one variance"):
        Effects(stimulus_to_rating=0.8, subject_to_rating=0.4)


def test_a_population_that_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="at least one subject"):
        draw_trials(Effects(), subjects=0, seed=1)
    with pytest.raises(ValueError, match="lower hr_gap_bpm"):
        draw_trials(Effects(hr_gap_bpm=5.0), subjects=1, stimuli=40, seed=1)


def test_people_are_not_all_of_one_kind():
    people = [subject(derive_seed(7, "people"), f"s{i:02d}") for i in range(32)]
    tones = [person.tone for person in people]
    assert min(tones) < 0.2
    assert max(tones) > 0.8
    assert {person.mirrored for person in people} == {True, False}


def test_clips_in_common_come_first_for_everybody_in_an_own_order():
    trials = draw_trials(Effects(clips_in_common=8), subjects=6, stimuli=40, seed=0)
    orders = [[t.stimulus for t in trials if t.subject.name == f"s{n:02d}"] for n in range(1, 7)]
    for order in orders:
        assert sorted(order[:8]) == list(range(1, 9))
        assert sorted(order) == list(range(1, 41))
    assert len({tuple(order[:8]) for order in orders}) > 1
    assert fingerprint(Effects()) != fingerprint(Effects(clips_in_common=8))


def test_without_clips_in_common_two_persons_share_few_of_their_first():
    trials = draw_trials(Effects(), subjects=8, stimuli=40, seed=0)
    firsts = [
        {t.stimulus for t in trials if t.subject.name == f"s{n:02d}" and t.trial <= 8}
        for n in range(1, 9)
    ]
    shared = [len(one & other) for one in firsts for other in firsts if one is not other]
    assert np.mean(shared) < 3
