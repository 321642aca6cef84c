"""The CNN on the pulse: canaries, isolation of what is fitted, windows, small training sides.

Samples are 20 s of synthetic PPG of 6 persons with a heart rate and a noise of their own. In "high"
trials, the planted effect, the heart is faster, or the pulse sharper.
"""

import numpy as np
import pytest
import torch

from pulsefer.baselines.ppg_cnn import PpgCnn, PpgCnnConfig, windows_of
from pulsefer.core.bundle import Bundle, Labels
from pulsefer.core.errors import BadInput
from pulsefer.core.seeding import generator
from pulsefer.core.types import Signal
from pulsefer.datasets.synthetic_pulse import beat_times_s, ecg, ppg
from pulsefer.models.pulse_cnn import PulseCnn
from pulsefer.signals.pulse_features import NAMES

N_PERSONS, N_TRIALS, LENGTH_S = 6, 8, 20.0
PERSON = np.repeat(np.arange(N_PERSONS), N_TRIALS)
CLASSES = np.arange(len(PERSON)) % 2
SEEN = np.flatnonzero(PERSON < 4)
UNSEEN = np.flatnonzero(PERSON >= 4)
SMALL = PpgCnnConfig(fs_hz=32.0, epochs=12, batch_size=16, lr=3e-3)
ONE_EPOCH = PpgCnnConfig(fs_hz=32.0, epochs=1, batch_size=16, fuse_stats=True)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trial(place, *, faster_bpm=0.0, sharper=0.0, kind="ppg", length_s=LENGTH_S):
    rng = generator(3, "person", int(PERSON[place]))
    rate_bpm = rng.uniform(65, 75) + faster_bpm
    beats_s = beat_times_s(rate_bpm, -2.0, length_s + 2.0, seed=int(place), variability=0.03)
    make, fs_hz = (ppg, 64.0) if kind == "ppg" else (ecg, 125.0)
    wave = make(beats_s, fs_hz=fs_hz, start_s=0.0, end_s=length_s, noise=0.03, seed=int(place))
    if sharper:
        wave = np.sign(wave) * np.abs(wave) ** (1 + sharper)
    return {kind: Signal(kind, wave, fs_hz, 0.0)}


def bundle_of(signals):
    return Bundle((), 25.0, signals, "trial")


def labelled(classes):
    return Labels(np.asarray(classes), np.full(len(classes), np.nan))


@pytest.fixture(scope="module")
def planted():
    """Faster and sharper in the high class."""
    return bundle_of(
        [trial(place, faster_bpm=14.0 * y, sharper=1.0 * y) for place, y in enumerate(CLASSES)]
    )


@pytest.fixture(scope="module")
def fitted(planted):
    return learned_by(small(), planted, CLASSES, SEEN)


def small(config=SMALL, seed=0, **settings):
    return PpgCnn(config, seed=seed, **settings)


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


@pytest.mark.parametrize("signal", ["ppg", "ecg"])
def test_it_declares_what_it_looks_at(signal):
    made = PpgCnn(seed=0, signal=signal)
    assert (made.modality, made.unit, made.fidelity) == ((signal,), "trial", "abstract")


# Canaries


def test_a_planted_signal_is_found_in_unseen_persons(planted, fitted):
    proba = fitted.predict_proba(planted.take(UNSEEN))
    assert balanced_accuracy(proba, CLASSES[UNSEEN]) > 0.85


@pytest.mark.parametrize("planted_in", ["rate", "shape"])
def test_the_rate_alone_and_the_shape_alone_are_found(planted_in):
    effect = {"faster_bpm": 14.0} if planted_in == "rate" else {"sharper": 1.0}
    places = np.flatnonzero(np.arange(len(PERSON)) % N_TRIALS < 4)
    bundle = bundle_of([trial(p, **(effect if CLASSES[p] else {})) for p in places])
    classes, persons = CLASSES[places], PERSON[places]
    made = learned_by(small(), bundle, classes, np.flatnonzero(persons < 4), persons)
    asked = np.flatnonzero(persons >= 4)
    assert balanced_accuracy(made.predict_proba(bundle.take(asked)), classes[asked]) > 0.85


def test_an_electrocardiogram_and_three_classes_are_learned_too():
    three = np.arange(len(PERSON)) % N_TRIALS % 3
    bundle = bundle_of([trial(p, faster_bpm=15.0 * y, kind="ecg") for p, y in enumerate(three)])
    made = learned_by(small(signal="ecg", n_classes=3), bundle, three, SEEN)
    proba = made.predict_proba(bundle.take(UNSEEN))
    assert proba.shape == (len(UNSEEN), 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert balanced_accuracy(proba, three[UNSEEN]) > 0.6  # chance is a third


def test_permuted_labels_are_at_chance(planted):
    scores = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        classes = np.concatenate([rng.permutation(CLASSES[p == PERSON]) for p in range(N_PERSONS)])
        people = rng.permutation(N_PERSONS)
        seen, unseen = (np.flatnonzero(np.isin(PERSON, side)) for side in (people[:4], people[4:]))
        config = PpgCnnConfig(fs_hz=32.0, epochs=4, batch_size=16, lr=3e-3)
        made = learned_by(small(config, seed), planted, classes, seen)
        scores.append(balanced_accuracy(made.predict_proba(planted.take(unseen)), classes[unseen]))
    error = np.std(scores, ddof=1) / np.sqrt(len(scores))
    assert abs(np.mean(scores) - 0.5) < 3.25 * error  # 99 % of t with 9 degrees of freedom
    assert error < 0.06


# What is fitted


def test_what_was_fitted_does_not_know_the_tested_side(planted):
    rng = np.random.default_rng(0)
    few = np.arange(16)
    asked = np.arange(16, 20)
    noise = [{"ppg": Signal("ppg", rng.normal(size=1280), 64.0, 0.0)} for _ in asked]
    perturbed = bundle_of([*planted.take(few).signals, *noise])
    one, two = small(ONE_EPOCH), small(ONE_EPOCH)
    learned_by(one, planted.take([*few, *asked]), CLASSES, few)
    learned_by(two, perturbed, np.where(np.arange(len(CLASSES)) < 16, CLASSES, 1 - CLASSES), few)
    same_bytes(one.fitted(), two.fitted())
    before = {name: array.copy() for name, array in two.fitted().items()}
    two.predict_proba(perturbed)
    torch.rand(3)
    same_bytes(before, two.fitted())


def test_the_same_fit_twice_is_the_same_to_the_bit_and_another_seed_is_not(planted):
    few = np.arange(12)
    made = learned_by(small(ONE_EPOCH, seed=3), planted, CLASSES, few)
    before = {name: array.copy() for name, array in made.fitted().items()}
    learned_by(made, planted, 1 - CLASSES, few)
    assert any(before[name].tobytes() != made.fitted()[name].tobytes() for name in before)
    torch.rand(3)
    learned_by(made, planted, CLASSES, few)
    same_bytes(before, made.fitted())
    other = learned_by(small(ONE_EPOCH, seed=4), planted, CLASSES, few).fitted()
    assert before["answer.weight"].tobytes() != other["answer.weight"].tobytes()


def test_what_is_said_of_a_sample_depends_on_it_alone(planted, fitted):
    together = fitted.predict_proba(planted)
    for places in (UNSEEN[:1], UNSEEN[::-1], np.array([40, 3, 40])):
        np.testing.assert_array_equal(fitted.predict_proba(planted.take(places)), together[places])


def test_rows_are_probabilities(planted, fitted):
    proba = fitted.predict_proba(planted)
    assert proba.shape == (len(CLASSES), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert ((proba >= 0) & (proba <= 1)).all()
    assert fitted.predict_proba(planted.take([])).shape == (0, 2)


def test_statistics_that_go_with_the_class_are_selected_and_count(planted):
    few = np.arange(16)
    made = learned_by(small(ONE_EPOCH), planted, CLASSES, few)
    decided = made.fitted()
    strength = np.abs(decided["correlations"])
    assert len(decided["selected"]) == ONE_EPOCH.n_stats
    rest = np.setdiff1d(np.arange(len(NAMES)), decided["selected"])
    assert strength[decided["selected"]].min() >= strength[rest].max() - 1e-9
    assert NAMES.index("interval_mean_s") in decided["selected"]
    assert NAMES.index("lf_ln_s2") not in decided["selected"]  # 10 s have none
    alone = learned_by(small(PpgCnnConfig(fs_hz=32.0, epochs=1)), planted, CLASSES, few)
    assert alone.n_parameters == 66_753
    assert made.n_parameters == 66_753 + 128 * ONE_EPOCH.n_stats
    assert "selected" not in alone.fitted()


# Windows


def test_windows_follow_each_other_and_a_part_of_one_is_left_out():
    (signal,) = trial(0, length_s=34.0).values()
    waves, intervals, stats = windows_of(signal, 10.0, 32.0, 16, False)
    assert waves.shape == (3, 320)
    assert intervals.shape == (3, 16)
    assert stats.shape == (3, 0)
    assert waves.min() >= 0
    assert waves.max() <= 1
    later = Signal(signal.kind, signal.values, signal.fs_hz, 7.0)
    np.testing.assert_allclose(windows_of(later, 10.0, 32.0, 16, False).intervals, intervals)


def test_intervals_of_a_steady_heart_are_its_interval():
    beats_s = np.arange(-2.0, 32.0, 0.75)
    wave = ecg(beats_s, fs_hz=125.0, start_s=0.0, end_s=30.0, noise=0.01)
    intervals = windows_of(Signal("ecg", wave, 125.0, 0.0), 10.0, 32.0, 16, False).intervals
    np.testing.assert_allclose(0.85 + 0.15 * intervals, 0.75, atol=0.01)


def test_a_trial_shorter_than_a_window_is_one_window():
    (signal,) = trial(0, length_s=7.0).values()
    waves, intervals, stats = windows_of(signal, 10.0, 32.0, 16, True)
    assert waves.shape == (1, 320)
    assert intervals.shape == (1, 16)
    assert stats.shape == (1, len(NAMES))
    assert np.ptp(waves[0, 230:]) == 0


# Small and bad training sides


def test_a_trial_without_a_pulse_is_answered_by_the_shares_of_the_classes(planted):
    signals = [dict(one) for one in planted.take(range(12)).signals]
    signals[0] = {}
    signals[1] = {"ppg": Signal("ppg", np.zeros(1280), 64.0, 0.0)}
    signals[2] = {"ppg": Signal("ppg", np.full(1280, np.nan), 64.0, 0.0)}
    bundle = bundle_of(signals)
    classes = np.array([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1])
    made = learned_by(small(ONE_EPOCH), bundle, classes, np.arange(12))
    proba = made.predict_proba(bundle)
    np.testing.assert_array_equal(proba[:3], [[0.25, 0.75]] * 3)
    assert (proba[3:, 1] != 0.75).all()


def test_a_long_gap_is_bridged(planted):
    values = planted.signals[0]["ppg"].values.copy()
    values[640:800] = np.nan
    windows = windows_of(Signal("ppg", values, 64.0, 0.0), 10.0, 32.0, 16, True)
    assert len(windows.waves) == 2
    assert np.isfinite(windows.waves).all()
    assert np.isfinite(windows.intervals).all()
    assert np.isnan(windows.stats[1]).all()


def test_one_class_has_probability_one(planted):
    ones = np.ones(len(CLASSES), np.int64)
    made = learned_by(small(ONE_EPOCH), planted, ones, np.arange(4))
    np.testing.assert_array_equal(made.predict_proba(planted.take([5, 6])), [[0.0, 1.0]] * 2)
    assert made.n_parameters == 0
    assert list(made.fitted()) == ["shares"]


def test_what_cannot_be_learned_from_is_refused(planted):
    few = planted.take([0, 1])
    with pytest.raises(BadInput, match="1 labels"):
        small().fit(few, labelled([0]), np.array([0, 0]))
    with pytest.raises(BadInput, match="classes 0 to 1"):
        small().fit(few, labelled([0, 2]), np.array([0, 0]))
    with pytest.raises(BadInput, match="samples with a signal ecg"):
        small(signal="ecg").fit(few, labelled([0, 1]), np.array([0, 0]))
    with pytest.raises(RuntimeError, match="call fit first"):
        small().predict_proba(few)


def test_settings_that_cannot_be_meant_are_refused():
    with pytest.raises(ValueError, match="ppg or ecg"):
        PpgCnn(seed=0, signal="eda")
    with pytest.raises(ValueError, match="2 or 3"):
        PpgCnn(seed=0, n_classes=4)
    for wrong in ({"window_s": 4.0}, {"fs_hz": 8.0}, {"n_stats": 0}, {"epochs": 0}, {"lr": 0.0}):
        with pytest.raises(ValueError, match="are needed"):
            PpgCnnConfig(**wrong)


# The network


def test_every_input_reaches_the_answer():
    network = PulseCnn(n_features=3, n_answers=2).eval()
    inputs = [torch.rand(4, size, requires_grad=True) for size in (320, 16, 3)]
    network(*inputs).sum().backward()
    assert all(one.grad.abs().sum() > 0 for one in inputs)


def test_a_wave_too_short_for_three_poolings_is_refused():
    with pytest.raises(ValueError, match="8 samples or more"):
        PulseCnn()(torch.zeros(2, 7), torch.zeros(2, 16), torch.zeros(2, 0))
