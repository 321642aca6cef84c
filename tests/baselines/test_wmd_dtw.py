"""WMD-DTW: canaries, what its published result can be, isolation of what is fitted, small sides.

Samples are 30 s of synthetic ECG and EDA. Their courses (how the heart rate and the skin go up and
down) are planted: by class, or by clip, the same for every person.
"""

import numpy as np
import pytest

from pulsefer.baselines.wmd_dtw import LEARNERS, WmdDtw, WmdDtwConfig
from pulsefer.core.bundle import Bundle, Labels
from pulsefer.core.errors import BadInput
from pulsefer.core.seeding import generator
from pulsefer.core.types import Signal
from pulsefer.datasets.synthetic_pulse import ecg, ppg

N_PERSONS, N_CLIPS, LENGTH_S = 6, 8, 30.0
PERSON = np.repeat(np.arange(N_PERSONS), N_CLIPS)
CLIP = np.tile(np.arange(N_CLIPS), N_PERSONS)
CLASSES = CLIP % 2
SEEN = np.flatnonzero(PERSON < 4)
UNSEEN = np.flatnonzero(PERSON >= 4)
SMALL = WmdDtwConfig(inner_folds=3)


def course(time_s, *names):
    """Smooth, between about -2 and 2, its own for every name."""
    rng = generator(5, "course", *names)
    waves = [
        rng.normal() * np.sin(2 * np.pi * (n / 2 * time_s / LENGTH_S + rng.uniform()))
        for n in range(1, 6)
    ]
    return np.sum(waves, axis=0)


def trial(person, clip, shared, own=0.5, length_s=LENGTH_S, pulse="ecg"):
    """Heart and skin that follow a shared course, and one of this trial alone."""
    rng = generator(5, "person", person)
    rest_bpm, level = rng.uniform(65, 80), rng.uniform(2, 6)
    fine_s = np.arange(-2.0, length_s + 2.0, 0.01)
    sway = {
        kind: course(fine_s, *shared, kind) + own * course(fine_s, "own", person, clip, kind)
        for kind in ("hr", "eda")
    }
    turns = np.cumsum((rest_bpm + 4.0 * sway["hr"]) / 60.0) * 0.01
    beats_s = np.interp(np.arange(1, int(turns[-1])), turns, fine_s)
    seed = 1000 * person + clip
    make = {"ecg": ecg, "ppg": ppg}[pulse]
    wave = make(beats_s, fs_hz=125.0, start_s=0.0, end_s=length_s, noise=0.02, seed=seed)
    skin = np.interp(np.arange(round(length_s * 16)) / 16.0, fine_s, level + 0.3 * sway["eda"])
    return {pulse: Signal(pulse, wave, 125.0, 0.0), "eda": Signal("eda", skin, 16.0, 0.0)}


def bundle_of(signals):
    return Bundle((), 25.0, signals, "trial")


def labelled(classes):
    return Labels(np.asarray(classes), np.full(len(classes), np.nan))


@pytest.fixture(scope="module")
def by_class():
    """The course is that of the class: an effect that all persons share."""
    return bundle_of(
        [trial(p, c, ("class", y)) for p, c, y in zip(PERSON, CLIP, CLASSES, strict=True)]
    )


@pytest.fixture(scope="module")
def by_clip():
    """The course is that of the clip, and says nothing of its class."""
    return bundle_of([trial(p, c, ("clip", c)) for p, c in zip(PERSON, CLIP, strict=True)])


@pytest.fixture(scope="module")
def fitted(by_class):
    return learned_by(small(), by_class, CLASSES, SEEN)


def small(config=SMALL, **settings):
    return WmdDtw(config, seed=0, **settings)


def learned_by(made, bundle, classes, places, persons=PERSON):
    made.fit(bundle.take(places), labelled(classes).take(places), persons[places])
    return made


def balanced_accuracy(proba, classes):
    hit = proba.argmax(axis=1) == classes
    return np.mean([hit[classes == one].mean() for one in np.unique(classes)])


def same_bytes(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        assert one[name].tobytes() == other[name].tobytes(), name


@pytest.mark.parametrize("pulse", ["ppg", "ecg"])
def test_it_declares_what_it_looks_at(pulse):
    made = WmdDtw(seed=0, pulse=pulse)
    assert (made.modality, made.unit, made.fidelity) == ((pulse, "eda"), "trial", "abstract")


# Canaries


def test_a_planted_course_is_found_by_the_pulse_of_a_finger_too():
    bundle = bundle_of(
        [
            trial(p, c, ("class", CLASSES[c]), length_s=20.0, pulse="ppg")
            for p, c in zip(PERSON[:32], CLIP[:32], strict=True)
        ]
    )
    made = WmdDtw(SMALL, seed=0, pulse="ppg")
    learned_by(made, bundle, CLASSES[:32], np.arange(24))
    assert balanced_accuracy(made.predict_proba(bundle.take(range(24, 32))), CLASSES[24:32]) > 0.8


@pytest.mark.parametrize("crop", [True, False])
def test_a_planted_course_is_found_in_unseen_persons(by_class, crop):
    made = learned_by(small(WmdDtwConfig(crop=crop)), by_class, CLASSES, SEEN)
    assert balanced_accuracy(made.predict_proba(by_class.take(UNSEEN)), CLASSES[UNSEEN]) > 0.85


def test_three_planted_classes_are_found_in_unseen_persons():
    three = CLIP % 3
    bundle = bundle_of(
        [trial(p, c, ("class", y)) for p, c, y in zip(PERSON, CLIP, three, strict=True)]
    )
    made = learned_by(small(n_classes=3), bundle, three, SEEN)
    proba = made.predict_proba(bundle.take(UNSEEN))
    assert proba.shape == (len(UNSEEN), 3)
    assert balanced_accuracy(proba, three[UNSEEN]) > 0.75


def test_permuted_labels_are_at_chance(by_class):
    scores = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        classes = np.concatenate([rng.permutation(CLASSES[p == PERSON]) for p in range(N_PERSONS)])
        people = rng.permutation(N_PERSONS)
        seen, unseen = (np.flatnonzero(np.isin(PERSON, side)) for side in (people[:4], people[4:]))
        made = learned_by(small(), by_class, classes, seen)
        scores.append(balanced_accuracy(made.predict_proba(by_class.take(unseen)), classes[unseen]))
    error = np.std(scores, ddof=1) / np.sqrt(len(scores))
    assert abs(np.mean(scores) - 0.5) < 3.1 * error  # 99 % of t with 11 degrees of freedom
    assert error < 0.05


def test_a_clip_that_is_recognised_looks_like_emotion_until_clips_are_held_out(by_clip):
    """Classes are drawn for clips, and one person in ten disagrees: no course means a class."""
    persons_out, both_out = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        of_clip = rng.permutation(np.arange(N_CLIPS) % 2)
        classes = np.where(rng.random(len(CLIP)) < 0.1, 1 - of_clip[CLIP], of_clip[CLIP])
        people = rng.permutation(N_PERSONS)
        seen, asked = np.isin(PERSON, people[:4]), np.isin(PERSON, people[4:])
        # Two clips of each class: the rest is balanced too.
        out = np.concatenate([np.flatnonzero(of_clip == one)[:2] for one in (0, 1)])
        is_out = np.isin(CLIP, out)
        for scores, train, test in (
            (persons_out, seen, asked),
            (both_out, seen & ~is_out, asked & is_out),
        ):
            made = learned_by(small(), by_clip, classes, np.flatnonzero(train))
            proba = made.predict_proba(by_clip.take(np.flatnonzero(test)))
            scores.append(balanced_accuracy(proba, classes[test]))
    assert np.mean(persons_out) > 0.75
    error = np.std(both_out, ddof=1) / np.sqrt(len(both_out))
    assert abs(np.mean(both_out) - 0.5) < 3.25 * error  # 99 % of t with 9 degrees of freedom
    assert np.mean(persons_out) - np.mean(both_out) > 0.2


# What is fitted


def test_what_was_fitted_does_not_know_the_tested_side(by_class, fitted):
    rng = np.random.default_rng(0)
    other = [
        {
            "ecg": Signal("ecg", rng.normal(size=1900), 125.0, 0.0),
            "eda": Signal("eda", rng.normal(size=300), 16.0, 0.0),
        }
        if place in UNSEEN
        else signals
        for place, signals in enumerate(by_class.signals)
    ]
    perturbed = bundle_of(other)
    flipped = np.where(np.isin(np.arange(len(CLASSES)), UNSEEN), 1 - CLASSES, CLASSES)
    two = learned_by(small(), perturbed, flipped, SEEN)
    same_bytes(fitted.fitted(), two.fitted())
    two.predict_proba(perturbed)
    same_bytes(fitted.fitted(), two.fitted())


def test_the_same_fit_twice_is_the_same_to_the_bit(by_class):
    made = learned_by(small(), by_class, CLASSES, SEEN)
    before = {name: array.copy() for name, array in made.fitted().items()}
    learned_by(made, by_class, 1 - CLASSES, SEEN)
    assert any(before[name].tobytes() != made.fitted()[name].tobytes() for name in before)
    learned_by(made, by_class, CLASSES, SEEN)
    same_bytes(before, made.fitted())


def test_what_is_said_of_a_sample_depends_on_it_alone(by_class, fitted):
    together = fitted.predict_proba(by_class)
    for places in (UNSEEN[:1], UNSEEN[::-1], np.array([40, 3, 40])):
        alone = fitted.predict_proba(by_class.take(places))
        # Products of matrices round differently for other numbers of rows.
        np.testing.assert_allclose(alone, together[places], rtol=0, atol=1e-12)


def test_rows_are_probabilities(by_class, fitted):
    proba = fitted.predict_proba(by_class)
    assert proba.shape == (len(CLASSES), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert ((proba >= 0) & (proba <= 1)).all()
    assert fitted.predict_proba(by_class.take([])).shape == (0, 2)


def test_what_was_chosen_is_on_the_lists_and_the_stacker_is_what_was_learned(fitted):
    decided = fitted.fitted()
    for name, candidates in LEARNERS.items():
        assert decided[f"chosen_k_{name}"] in SMALL.ks
        assert (decided[f"chosen_weights_{name}"] == candidates).all(axis=1).any()
        assert decided[f"chosen_weights_{name}"].sum() == pytest.approx(1.0)
    assert fitted.n_parameters == len(LEARNERS) + 1


def test_a_channel_without_a_course_gets_no_weight(by_class):
    rng = np.random.default_rng(0)
    blind = bundle_of(
        [
            {**signals, "eda": Signal("eda", rng.normal(size=480), 16.0, 0.0)}
            for signals in by_class.signals
        ]
    )
    made = learned_by(small(), blind, CLASSES, SEEN)
    assert made.fitted()["chosen_weights_hr_eda"][0] >= 0.5
    assert balanced_accuracy(made.predict_proba(blind.take(UNSEEN)), CLASSES[UNSEEN]) > 0.75


# Lengths


@pytest.fixture(scope="module")
def by_length():
    """Clips differ in length, and courses are each trial's own."""
    return bundle_of(
        [
            trial(p, c, ("nobody", int(p), int(c)), length_s=20.0 + 3.0 * c)
            for p, c in zip(PERSON, CLIP, strict=True)
        ]
    )


def test_cropped_trials_have_the_length_of_the_shortest_that_was_seen(by_length):
    made = learned_by(small(), by_length, CLASSES, SEEN)
    decided = made.fitted()
    assert decided["n_samples"] == 80
    assert (decided["hr_lengths"] == 80).all()
    kept = learned_by(small(WmdDtwConfig(crop=False, inner_folds=3)), by_length, CLASSES, SEEN)
    np.testing.assert_array_equal(kept.fitted()["eda_lengths"], 80 + 12 * CLIP[SEEN])


def test_what_is_cut_off_leaves_no_trace(by_length):
    made = learned_by(small(), by_length, CLASSES, SEEN)
    longer = [
        {
            **signals,
            "eda": Signal("eda", np.append(signals["eda"].values, np.full(160, 99.0)), 16.0, 0.0),
        }
        for signals in by_length.signals
    ]
    np.testing.assert_array_equal(
        made.predict_proba(by_length), made.predict_proba(bundle_of(longer))
    )


# Small and bad training sides


def test_a_channel_that_cannot_be_had_is_told_by_the_other(by_class, fitted):
    signals = [dict(one) for one in by_class.signals]
    for place, one in enumerate(signals):
        if place % 5 == 0:
            del one["eda"]
        elif place % 5 == 1:
            one["ecg"] = Signal("ecg", np.zeros(3750), 125.0, 0.0)
    bundle = bundle_of(signals)
    made = learned_by(small(), bundle, CLASSES, SEEN)
    proba = made.predict_proba(bundle.take(UNSEEN))
    assert np.isfinite(proba).all()
    assert balanced_accuracy(proba, CLASSES[UNSEEN]) > 0.7
    nothing = bundle_of([{}, {"ecg": Signal("ecg", np.zeros(9), 125.0, 0.0)}])
    np.testing.assert_allclose(fitted.predict_proba(nothing).sum(axis=1), 1.0)


def test_one_class_has_probability_one(by_class):
    ones = np.ones(len(CLASSES), np.int64)
    made = learned_by(small(), by_class, ones, SEEN)
    np.testing.assert_array_equal(made.predict_proba(by_class.take(UNSEEN)), [[0.0, 1.0]] * 16)
    assert made.n_parameters == 0
    assert "stacker_weights" not in made.fitted()


@pytest.mark.parametrize("n_persons", [1, 2])
def test_one_or_two_persons_are_enough_to_learn_from(by_class, n_persons):
    few = np.flatnonzero(n_persons > PERSON)
    made = learned_by(small(), by_class, CLASSES, few)
    proba = made.predict_proba(by_class.take(UNSEEN))
    assert balanced_accuracy(proba, CLASSES[UNSEEN]) > 0.7


def test_two_trials_have_nothing_to_choose_by(by_class):
    made = learned_by(small(), by_class, CLASSES, np.array([0, 1]))
    decided = made.fitted()
    assert decided["chosen_k_hr"] == SMALL.ks[2]
    np.testing.assert_allclose(decided["chosen_weights_hr_eda"], 0.5)
    np.testing.assert_allclose(made.predict_proba(by_class), 0.5)  # both are neighbours


def test_what_cannot_be_learned_from_is_refused(by_class):
    few = by_class.take([0, 1])
    with pytest.raises(BadInput, match="1 labels"):
        small().fit(few, labelled([0]), np.array([0, 0]))
    with pytest.raises(BadInput, match="classes 0 to 1"):
        small().fit(few, labelled([0, 2]), np.array([0, 0]))
    only = bundle_of([{"ecg": signals["ecg"]} for signals in few.signals])
    with pytest.raises(BadInput, match="usable signal eda"):
        small().fit(only, labelled([0, 1]), np.array([0, 0]))
    with pytest.raises(BadInput, match="usable signal ppg"):
        WmdDtw(seed=0, pulse="ppg").fit(few, labelled([0, 1]), np.array([0, 0]))
    with pytest.raises(RuntimeError, match="call fit first"):
        small().predict_proba(few)


def test_settings_that_cannot_be_meant_are_refused():
    with pytest.raises(ValueError, match="ppg or ecg"):
        WmdDtw(seed=0, pulse="eda")
    with pytest.raises(ValueError, match="2 or 3"):
        WmdDtw(seed=0, n_classes=4)
    for wrong in ({"band": -0.1}, {"ks": ()}, {"ks": (0,)}, {"inner_folds": 1}, {"part": "fast"}):
        with pytest.raises(ValueError, match=r"part is one of|are needed"):
            WmdDtwConfig(**wrong)
