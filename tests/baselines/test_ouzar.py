from dataclasses import replace

import numpy as np
import pytest
import torch

from pulsefer.baselines.mtts_can import MttsCanPulse, PulseConfig
from pulsefer.baselines.ouzar import OuzarConfig, OuzarSystem, pos_trace
from pulsefer.core.bundle import Bundle, Labels
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.datasets.synthetic_pulse import beat_times_s, ppg, pulse_wave
from pulsefer.models.xception3d_se import Xception3dConfig
from pulsefer.signals.spectrum import spectral_rate

SMALL = OuzarConfig(
    face=Xception3dConfig(entry=(4, 8), blocks=(12,), reduction=4),
    most_frames=3,
    trace_features=8,
    hidden=8,
    dropout=0.1,
    epochs=1,
    batch_size=8,
    lr=3e-3,
)
PERSONS, PER_PERSON, LEARNING = 12, 8, 8
PULSE_RGB = np.array([0.43, 1.0, 0.69])


def bundle_of(films, fps_hz=5.0):
    return Bundle([lambda film=film: film for film in films], fps_hz, (), "window")


def made_faces(seed=0, frames=5):
    """A second of noise on a skin of each person's own; high has a bright beard, low a dark one."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(PERSONS), PER_PERSON)
    classes = np.tile(np.arange(2), len(persons) // 2)
    skins = rng.uniform(90, 160, (PERSONS, 3))
    films = []
    for person, high in zip(persons, classes, strict=True):
        film = skins[person] + rng.normal(0, 15, (frames, 64, 64, 3))
        film[:, 36:60, 8:56] += 50 if high else -50
        films.append(film.clip(0, 255).astype(np.uint8))
    return bundle_of(films), Labels(classes, np.full(len(classes), np.nan)), persons


def made_pulses(seed=0, seconds=10.0, fps_hz=10.0, people=PERSONS):
    """Faces that differ in nothing but their person's skin and, by the label, their heart rate."""
    rng = np.random.default_rng(seed)
    persons = np.repeat(np.arange(people), PER_PERSON)
    classes = np.tile(np.arange(2), len(persons) // 2)
    skins = rng.uniform(90, 160, (people, 3)).astype(np.float32)
    films, signals = [], []
    for place, (person, high) in enumerate(zip(persons, classes, strict=True)):
        bpm = rng.uniform(95, 115) if high else rng.uniform(55, 75)
        beats_s = beat_times_s(bpm, -3, seconds + 3, seed=1000 * seed + place, variability=0.03)
        blood = 0.02 * pulse_wave(beats_s, np.arange(round(seconds * fps_hz)) / fps_hz)
        film = np.tile(skins[person], (len(blood), 64, 64, 1))
        film *= (1 - blood[:, None, None, None] * PULSE_RGB).astype(np.float32)
        film += 2 * rng.standard_normal(film.shape, np.float32)
        films.append(film.round().clip(0, 255).astype(np.uint8))
        finger = ppg(beats_s, fs_hz=128.0, start_s=0.0, end_s=seconds)
        signals.append({"ppg": Signal("ppg", finger, 128.0, 0.0)})
    bundle = replace(bundle_of(films, fps_hz), signals=signals)
    return bundle, Labels(classes, np.full(len(classes), np.nan)), persons


def sides(made):
    bundle, labels, persons = made
    learns = np.flatnonzero(persons < LEARNING)
    asked = np.flatnonzero(persons >= LEARNING)
    return (
        (bundle.take(learns), labels.take(learns), persons[learns]),
        (bundle.take(asked), labels.take(asked).classes),
    )


def system(seed=0, **wishes):
    return OuzarSystem(replace(SMALL, **wishes), seed=seed)


@pytest.fixture(scope="module")
def faces():
    return sides(made_faces())


@pytest.fixture(scope="module")
def few(faces):
    (bundle, labels, persons), (asked, _) = faces
    places = np.arange(0, 64, 5)
    return (bundle.take(places), labels.take(places), persons[places]), asked.take(range(6))


def balanced_accuracy(proba, truth):
    answer = proba[:, 1] > 0.5
    return np.mean([(answer[truth == one] == one).mean() for one in (0, 1)])


def test_a_planted_beard_is_found_in_persons_who_were_not_there(faces):
    train, (asked, truth) = faces
    own = system(epochs=12, dropout=0.0)
    own.fit(*train)
    proba = own.predict_proba(asked)
    assert proba.shape == (len(asked), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert balanced_accuracy(proba, truth) > 0.8


def test_a_planted_heart_rate_is_found_where_the_face_shows_nothing_else():
    train, (asked, truth) = sides(made_pulses())
    own = system(epochs=8, most_frames=1, lr=1e-2)
    own.fit(*train)
    assert balanced_accuracy(own.predict_proba(asked), truth) > 0.8
    # The same faces without what the pulse's branch sees: the clip's branch cannot know it.
    own.trace = lambda faces, _fps_hz: np.zeros(len(faces))
    assert balanced_accuracy(own.predict_proba(asked), truth) < 0.7


def test_permuted_labels_teach_nothing(faces):
    (bundle, labels, persons), (asked, truth) = faces
    rng = np.random.default_rng(5)
    own = system(epochs=4)
    own.fit(bundle, Labels(rng.permutation(labels.classes), labels.other), persons)
    # 32 samples: three standard errors of a coin are 0.27. A beard that is read upside down by
    # all is possible with labels this few, so the truth is permuted too.
    assert abs(balanced_accuracy(own.predict_proba(asked), rng.permutation(truth)) - 0.5) < 0.27


def test_what_was_fitted_does_not_know_the_tested_side_and_repeats_itself(few):
    train, asked = few
    one, again = system(), system()
    one.fit(*train)
    before = {name: value.copy() for name, value in one.fitted().items()}
    rng = np.random.default_rng(1)
    noise = [rng.integers(0, 256, (5, 64, 64, 3), np.uint8) for _ in range(len(asked))]
    one.predict_proba(bundle_of(noise))
    torch.rand(3)
    again.fit(*train)
    for after in (one.fitted(), again.fitted()):
        assert before.keys() == after.keys()
        for name, value in before.items():
            assert value.tobytes() == after[name].tobytes(), name
    assert one.n_parameters == again.n_parameters > 0


def test_fitting_again_starts_anew(few):
    (bundle, labels, persons), asked = few
    fresh, used = system(), system()
    used.fit(bundle.take(range(8)), labels.take(range(8)), persons[:8])
    used.fit(bundle, labels, persons)
    fresh.fit(bundle, labels, persons)
    np.testing.assert_array_equal(used.predict_proba(asked), fresh.predict_proba(asked))


def test_an_answer_depends_on_its_window_alone(few):
    train, asked = few
    own = system()
    own.fit(*train)
    whole = own.predict_proba(asked)
    order = [3, 1, 5, 0, 2, 4]
    np.testing.assert_array_equal(own.predict_proba(asked.take(order)), whole[order])
    np.testing.assert_array_equal(own.predict_proba(asked.take([2])), whole[[2]])
    noise = np.random.default_rng(1).integers(0, 256, (5, 64, 64, 3), np.uint8)
    beside = replace(asked, faces=[*asked.faces[:3], *[lambda: noise] * 3])
    np.testing.assert_array_equal(own.predict_proba(beside)[:3], whole[:3])


def test_the_seed_decides_and_the_chance_of_others_is_left_alone(few):
    train, asked = few
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    one, other = system(), system(seed=1)
    one.fit(*train)
    other.fit(*train)
    assert torch.equal(torch.rand(4), wanted)
    assert not np.array_equal(one.predict_proba(asked), other.predict_proba(asked))


def test_windows_of_other_lengths_are_learned_from_and_answered(few):
    (bundle, labels, persons), _ = few
    ragged = replace(bundle, faces=[lambda: bundle.faces[0]()[:4], *bundle.faces[1:]])
    own = system()
    own.fit(ragged, labels, persons)
    films = [np.full((frames, 64, 64, 3), 120, np.uint8) for frames in (1, 3, 20)]
    assert np.isfinite(own.predict_proba(bundle_of(films))).all()


def test_faces_without_light_are_no_error(few):
    (bundle, labels, persons), _ = few
    dark = bundle_of([np.zeros((2, 64, 64, 3), np.uint8)] * len(bundle))
    own = system()
    own.fit(dark, labels, persons)
    assert np.isfinite(own.predict_proba(dark)).all()


@pytest.mark.parametrize("bpm", [55.0, 80.0, 110.0])
def test_the_trace_of_the_skin_has_the_rate_of_the_heart(bpm):
    beats_s = beat_times_s(bpm, -3, 13, seed=1)
    blood = 0.02 * pulse_wave(beats_s, np.arange(125) / 12.5)
    film = np.tile(np.array([150.0, 120.0, 100.0]), (125, 64, 64, 1))
    film *= 1 - blood[:, None, None, None] * PULSE_RGB
    film += np.random.default_rng(0).normal(0, 1, film.shape)
    trace = pos_trace(film.round().astype(np.uint8), 12.5)
    assert trace.shape == (125,)
    assert np.corrcoef(trace, blood)[0, 1] > 0.7
    assert spectral_rate(trace, 12.5).hr_bpm == pytest.approx(bpm, abs=2)


def test_the_lamp_s_brightness_does_not_reach_the_pulse_branch(few):
    _, asked = few
    faces = asked.faces[0]() // 2
    one, two = (pos_trace(each, 5.0) for each in (faces, faces * 2))
    np.testing.assert_allclose(one, two, atol=1e-12)


def test_a_fitted_mtts_can_can_be_the_source_of_the_pulse():
    bundle, labels, persons = made_pulses(seconds=5.5, people=1)
    pulse = MttsCanPulse(PulseConfig(epochs=1, batch_size=2), seed=0)
    pulse.fit(bundle.take([0, 1]))
    own = OuzarSystem(SMALL, seed=0, trace=pulse.trace)
    own.fit(bundle, labels, persons)
    other = system()
    other.fit(bundle, labels, persons)
    assert not np.array_equal(own.predict_proba(bundle), other.predict_proba(bundle))
    with pytest.raises(BadInput, match="more than 10 frames"):
        own.predict_proba(bundle_of([np.zeros((5, 64, 64, 3), np.uint8)], 10.0))


def test_hostile_bundles_and_labels_are_refused(few):
    (bundle, labels, persons), asked = few
    own = system()
    with pytest.raises(RuntimeError, match="call fit first"):
        own.predict_proba(asked)
    with pytest.raises(BadInput, match="samples that are windows, found trials"):
        own.fit(replace(bundle, unit="trial"), labels, persons)
    with pytest.raises(BadInput, match="expected faces, found none"):
        own.fit(replace(bundle, faces=()), labels, persons)
    with pytest.raises(BadInput, match="this system knows two classes"):
        own.fit(bundle, Labels(labels.classes + 1, labels.other), persons)
    with pytest.raises(BadInput, match="for each of 13 samples, found 12, 12 and 13"):
        own.fit(bundle, labels.take(range(12)), persons)
