"""Samples for the compared systems: the CRNN's pixels, the trial's signals, and no names."""

import dataclasses

import numpy as np
import pytest

from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.samples.bundle_of import ABSENT, bundle_of, groups_of, labels_of
from pulsefer.samples.loader import WindowFrames
from pulsefer.samples.other_signals import complete
from pulsefer.samples.placebo import with_permuted_labels
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig, window

COARSE = WindowConfig(step_s=4.0)


@pytest.fixture(scope="module")
def store(small_store):
    return small_store


@pytest.fixture(scope="module")
def cut(store):
    return window(store, COARSE)


@pytest.fixture(scope="module")
def with_skin(tmp_path_factory):
    """2 persons x 2 trials of 12 s; the last one's sensor was off."""
    made = make_store(tmp_path_factory.mktemp("skin") / "store", subjects=2, trials=2)
    for number, recording in enumerate(made.recordings[:-1]):
        values = np.arange(15 * 4, dtype=float) + 100 * number
        complete(recording.folder, {"eda": Signal("eda", values, 4.0, -3.0)})
    return open_store(made.path)


def frames_of(store, windows, index):
    return WindowFrames(store, windows, [index])[0].frames[0].numpy()


def test_a_window_has_the_frames_that_the_crnn_is_given(store, cut):
    bundle, places = bundle_of(store, cut, ("face",), "window")
    assert (bundle.unit, bundle.fps_hz, len(bundle)) == ("window", 5.0, len(cut.windows))
    assert places.tolist() == list(range(len(cut.windows)))
    for index in (0, 7, len(cut.windows) - 1):
        found = bundle.faces[index]()
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, frames_of(store, cut, index))


@pytest.mark.parametrize("step_s", [1.0, 4.0, 0.6])
def test_a_trial_has_the_frames_of_its_windows_in_order_and_each_once(store, step_s):
    cut = window(store, WindowConfig(step_s=step_s))
    bundle, places = bundle_of(store, cut, ("face",), "trial")
    assert len(bundle) == 16
    of_first = [frames_of(store, cut, index) for index in np.flatnonzero(places == 0)]
    faces = store.recordings[0].faces
    number = {frame.tobytes(): place for place, frame in enumerate(faces)}
    wanted = sorted({number[frame.tobytes()] for frames in of_first for frame in frames})
    assert [number[frame.tobytes()] for frame in bundle.faces[0]()] == wanted


def test_windows_beside_a_grid_do_not_give_a_trial_more_frames_than_their_rate(store):
    cut = window(store, WindowConfig(n_frames=2, step_s=0.75))
    bundle, _ = bundle_of(store, cut, ("face",), "trial")
    assert bundle.fps_hz == 2.0
    assert len(bundle.faces[0]()) == 23  # the last window ends at 11.5 s


def test_a_window_belongs_to_its_own_trial_whatever_the_order(store, cut):
    order = np.random.default_rng(0).permutation(len(cut.windows))
    mixed = dataclasses.replace(cut, windows=tuple(cut.windows[k] for k in order))
    bundle, places = bundle_of(store, mixed, ("face", "ppg"), "trial")
    by_key = {recording.key: recording for recording in store}
    for index, place in enumerate(places):
        recording = by_key[mixed.windows[index].key]
        np.testing.assert_array_equal(bundle.faces[place]()[0], recording.faces[0])
        own = recording.signal.values[3 * 128 :]
        np.testing.assert_array_equal(bundle.signals[place]["ppg"].values, own)


def test_signals_are_cut_to_the_sample_and_start_with_it(store, cut):
    bundle, _ = bundle_of(store, cut, ("ppg",), "window")
    assert not len(bundle.faces)
    for index in (0, 1, 5):
        start_s, key = cut.windows[index].start_s, cut.windows[index].key
        whole = next(one for one in store if one.key == key).signal
        found = bundle.signals[index]["ppg"]
        assert (found.kind, found.fs_hz, found.start_s) == ("ppg", 128.0, 0.0)
        first = round((start_s + 3) * 128)
        np.testing.assert_array_equal(found.values, whole.values[first : first + 128])
        assert found.values.base is None  # else it would lead to the seconds around it
    trial = bundle_of(store, cut, ("ppg",), "trial")[0].signals[0]["ppg"]
    assert (trial.start_s, len(trial.values)) == (0.0, 12 * 128)


def test_a_sample_that_begins_between_two_of_the_sensors_keeps_the_clock(with_skin):
    cut = window(with_skin, WindowConfig(length_s=1.0, step_s=1.1))
    found = bundle_of(with_skin, cut, ("eda",), "window")[0].signals[1]["eda"]
    assert found.start_s == pytest.approx(-0.1)  # 1.0 s, of a window from 1.1 s on
    assert found.values.tolist() == [16.0, 17.0, 18.0, 19.0]


def test_whoever_needs_no_signals_is_given_none(store, cut):
    bundle, _ = bundle_of(store, cut, ("face",), "trial")
    assert [dict(one) for one in bundle.signals] == [{}] * 16
    some = bundle.take([3, 1])
    np.testing.assert_array_equal(some.faces[1](), bundle.faces[1]())


def test_a_sample_has_no_name(store, cut):
    bundle, _ = bundle_of(store, cut, ("face", "ppg"), "trial")
    inside = [cell.cell_contents for cell in bundle.faces[0].__closure__]
    assert all(isinstance(one, np.ndarray) for one in inside)
    assert not bundle.faces[0].__dict__


def test_either_pulse_will_do_for_a_system_that_names_both_and_no_other_for_one(store, cut):
    both, _ = bundle_of(store, cut, ("ppg", "ecg"), "trial")
    assert set(both.signals[0]) == {"ppg"}
    with pytest.raises(BadInput, match=r"expected trials with ecg, found only ppg; take a system"):
        bundle_of(store, cut, ("ecg",), "trial")


def test_a_store_that_was_prepared_without_the_skin_says_prepare_again(store, cut):
    with pytest.raises(BadInput, match=r"ppg or ecg and eda, found only ppg; prepare again"):
        bundle_of(store, cut, ("ppg", "ecg", "eda"), "trial")


def test_a_trial_whose_sensor_was_off_is_no_sample_and_the_others_stay(with_skin):
    cut = window(with_skin, COARSE)
    bundle, places = bundle_of(with_skin, cut, ("ppg", "eda"), "trial")
    assert len(bundle) == 3
    assert places.tolist() == [k for k in (0, 1, 2, ABSENT) for _ in range(3)]
    assert [set(one) for one in bundle.signals] == [{"ppg", "eda"}] * 3
    assert bundle.signals[2]["eda"].values.tolist() == list(np.arange(12, 60) + 200.0)
    labels = labels_of(with_skin, cut, places)
    assert labels.classes.tolist() == [cut.windows[k].emotion for k in (0, 3, 6)]


def test_frames_without_a_face_are_left_out_of_a_trial(tmp_path):
    made = make_store(tmp_path / "store", subjects=1, trials=2)
    recording = made.recordings[0]
    track = recording.track.assign(seen=np.arange(60) != 7)
    track.to_parquet(recording.folder / "track.parquet", index=False)
    store = open_store(made.path)
    cut = window(store, WindowConfig(min_face_share=0.5))
    bundle, _ = bundle_of(store, cut, ("face",), "trial")
    np.testing.assert_array_equal(bundle.faces[0](), np.delete(recording.faces, 7, axis=0))
    assert len(bundle.faces[1]()) == 60


def test_labels_are_those_of_the_windows_and_the_other_rating_stands_beside(store, cut):
    for unit, n in (("window", 48), ("trial", 16)):
        places = bundle_of(store, cut, ("face",), unit)[1]
        labels = labels_of(store, cut, places)
        assert len(labels.classes) == n
        assert [one.emotion for one in cut.windows] == labels.classes[places].tolist()
        assert set(labels.other) == {1.0}  # everybody rated arousal 5
        moved = with_permuted_labels(cut, seed=1)
        permuted = labels_of(store, moved, places)
        assert [one.emotion for one in moved.windows] == permuted.classes[places].tolist()
    dropped = dataclasses.replace(cut, config=dataclasses.replace(COARSE, threshold="drop_middle"))
    assert np.isnan(labels_of(store, dropped, places).other).all()


def test_three_classes_are_those_of_the_ratings_and_never_of_permuted_ones(store, cut):
    places = bundle_of(store, cut, ("face",), "trial")[1]
    labels = labels_of(store, cut, places, n_classes=3)
    ratings = [recording.record["ratings"]["valence"] for recording in store]
    assert labels.classes.tolist() == [{3.0: 0, 7.0: 2}[rating] for rating in ratings]
    with pytest.raises(BadInput, match="permuted"):
        labels_of(store, with_permuted_labels(cut, seed=1), places, n_classes=3)


def test_persons_and_trials_are_numbers(store, cut):
    places = bundle_of(store, cut, ("face",), "trial")[1]
    persons, trials = groups_of(cut, places)
    assert persons.tolist() == [k for k in range(4) for _ in range(4)]
    assert len(set(trials.tolist())) == 16
