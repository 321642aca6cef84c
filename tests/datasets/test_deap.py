import logging
import os
import pickle
import shutil
from collections import Counter

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.datasets import deap, deap_signal
from pulsefer.datasets.deap import DEAP_LAYOUT, Layout, read
from pulsefer.datasets.deap_fake import planted_beats_s, write_fake
from pulsefer.datasets.deap_pickle import read_dat
from pulsefer.datasets.synthetic_pulse import FINGER_DELAY_S
from pulsefer.media.video import frames
from pulsefer.signals.beats import beats
from pulsefer.signals.rate import heart_rate_bpm


@pytest.fixture(scope="module")
def long_specimen(tmp_path_factory):
    """20 s, so that a rate can be told to 1 bpm; the video does not matter here."""
    root = tmp_path_factory.mktemp("deap") / "DEAP"
    size = {"width_px": 64, "height_px": 48, "fps_hz": 5}
    return write_fake(root, subjects=2, trials=3, seconds=20, **size)


def truth_of(specimen, recording):
    return specimen.of(recording.subject, int(recording.trial.removeprefix("trial")))


def rate_bpm(signal, start_s, end_s):
    """Rate between two times on the video's clock; NaN where there is none."""
    try:
        times_s = beats(signal).all_s
        return heart_rate_bpm(times_s[(times_s >= start_s) & (times_s < end_s)])
    except ValueError:
        return np.nan


def errors_bpm(specimen, load, start_s=0.5, end_s=20.0):
    """Absolute error of every trial; `load` is given a recording and its truth."""
    found = []
    for recording in read(specimen.root):
        truth = truth_of(specimen, recording)
        found.append(abs(rate_bpm(load(recording, truth), start_s, end_s) - truth.hr_bpm))
    assert len(found) == 6
    return np.array(found)


def as_read(recording, _truth):
    return recording.load_signal()


def with_row_of_trial(recording, truth):
    path = recording.load_signal.args[0]
    values = read_dat(path)["data"][truth.trial - 1, 38]
    return Signal("ppg", values.astype(float), 128.0, -3.0)


def with_channel_39(recording, truth):
    path = recording.load_signal.args[0]
    values = read_dat(path)["data"][truth.stimulus - 1, 39]
    return Signal("ppg", values.astype(float), 128.0, -3.0)


def with_forgotten_lead(recording, _truth):
    signal = recording.load_signal()
    return Signal("ppg", signal.values, signal.fs_hz, 0.0)


def test_the_planted_rate_comes_back_from_every_trial_upright_or_inverted(long_specimen):
    assert {truth.inverted for truth in long_specimen.planted} == {True, False}
    assert errors_bpm(long_specimen, as_read).max() < 1


@pytest.mark.parametrize("wrong", [with_row_of_trial, with_channel_39])
def test_another_row_or_channel_has_another_rate(long_specimen, wrong):
    assert not np.median(errors_bpm(long_specimen, wrong)) < 1


def test_the_lead_lies_before_the_video(long_specimen):
    span = {"start_s": 0.5, "end_s": 4.0}
    assert errors_bpm(long_specimen, as_read, **span).max() < 8
    assert errors_bpm(long_specimen, with_forgotten_lead, **span).min() > 12


def test_beats_stand_where_they_were_planted_on_the_clock_of_the_video(long_specimen):
    for recording in read(long_specimen.root):
        planted_s = planted_beats_s(truth_of(long_specimen, recording), long_specimen.layout, 0)
        found_s = beats(recording.load_signal()).times_s
        nearest_s = np.abs(found_s[:, None] - planted_s - FINGER_DELAY_S).min(axis=1)
        assert np.median(nearest_s) < 0.04


def test_a_recording_says_what_the_table_says(deap_specimen):
    problems = []
    recordings = list(read(deap_specimen.root, on_problem=problems.append))
    assert problems == []
    assert [recording.id for recording in recordings] == [
        f"deap/s{subject:02d}/trial{trial:02d}" for subject in (1, 2) for trial in (1, 2, 3)
    ]
    for recording in recordings:
        truth = truth_of(deap_specimen, recording)
        assert recording.stimulus == f"video{truth.stimulus:02d}"
        assert recording.ratings == truth.ratings
        assert recording.fps_hz == 25
        assert recording.length_s == 6
        assert recording.data_kind == "synthetic"
        signal = recording.load_signal()
        assert (signal.kind, signal.fs_hz, signal.start_s) == ("ppg", 128.0, -3.0)
        assert signal.end_s == 6.0


def test_the_order_of_presentation_is_not_the_order_of_the_clips(deap_specimen):
    """Else no test here could tell the two apart."""
    same = [truth.trial == truth.stimulus for truth in deap_specimen.planted]
    assert sum(same) < 10


def test_a_recording_travels_to_another_process(deap_specimen):
    for recording in read(deap_specimen.root):
        there = pickle.loads(pickle.dumps(recording))
        np.testing.assert_array_equal(there.load_signal().values, recording.load_signal().values)


def test_a_signal_that_is_changed_by_its_user_stays_whole_for_the_next(deap_specimen):
    recording = next(read(deap_specimen.root))
    signal = recording.load_signal()
    signal.values[:] = 0
    assert np.ptp(recording.load_signal().values) > 0


def test_a_pickle_is_read_once_for_all_trials_of_its_subject(deap_copy, monkeypatch):
    counted = Counter()

    def counting(path):
        counted[path.name] += 1
        return read_dat(path)

    monkeypatch.setattr(deap_signal, "read_dat", counting)
    for recording in read(deap_copy):
        recording.load_signal()
    assert counted == {"s01.dat": 1, "s02.dat": 1}
    path = deap_copy / "data_preprocessed_python" / "s02.dat"
    os.utime(path, ns=(1, 1))  # as if another file had been put in its place
    for recording in list(read(deap_copy))[-3:]:
        recording.load_signal()
    assert counted["s02.dat"] == 2


def test_a_tree_unzipped_flat_and_behind_a_link_is_the_same_tree(deap_specimen, tmp_path):
    flat = tmp_path / "disk"
    flat.mkdir()
    for path in deap_specimen.root.rglob("*.*"):
        os.link(path, flat / path.name)
    root = tmp_path / "DEAP"
    root.mkdir()
    shutil.copy(deap_specimen.root / "SPECIMEN.json", root)
    (root / "videos").symlink_to(flat)
    (root / "loop").symlink_to(root)
    (flat / "._s01_trial01.avi").write_bytes(b"what macOS leaves behind")
    problems = []
    recordings = list(read(root, on_problem=problems.append))
    assert [r.id for r in recordings] == [r.id for r in read(deap_specimen.root)]
    assert problems == []


def test_without_a_marker_it_is_real_and_has_to_be_a_whole_deap(deap_copy):
    (deap_copy / "SPECIMEN.json").unlink()
    problems = []
    assert list(read(deap_copy, on_problem=problems.append)) == []
    assert any("8064" in problem.expected for problem in problems)


def test_the_caller_may_say_what_a_whole_copy_has(deap_copy):
    (deap_copy / "SPECIMEN.json").unlink()
    expect = Layout(length_s=6.0, fps_hz=25.0, n_videos={"s01": 3, "s02": 3})
    problems = []
    recordings = list(read(deap_copy, expect=expect, on_problem=problems.append))
    assert len(recordings) == 6
    assert problems == []
    assert {recording.data_kind for recording in recordings} == {"real"}


def test_a_whole_deap_has_874_videos_and_8064_samples():
    assert sum(DEAP_LAYOUT.n_videos.values()) == 874
    assert list(DEAP_LAYOUT.n_videos) == [f"s{k:02d}" for k in range(1, 23)]
    fewer = {name: n for name, n in DEAP_LAYOUT.n_videos.items() if n < 40}
    assert fewer == {"s03": 39, "s05": 39, "s11": 37, "s14": 39}
    assert DEAP_LAYOUT.n_dat_samples == 8064


def test_without_a_listener_problems_are_logged(deap_copy, caplog):
    (deap_copy / "face_video" / "s01" / "s01_trial02.avi").unlink()
    with caplog.at_level(logging.INFO):
        assert len(list(read(deap_copy))) == 5
    assert "s01_trial02.avi" in caplog.text


def test_no_folder_no_videos_and_a_strange_marker_are_errors_at_once(tmp_path, deap_copy):
    with pytest.raises(BadInput, match="no such folder; DEAP is given under a licence"):
        read(tmp_path / "none")
    shutil.rmtree(deap_copy / "face_video")
    with pytest.raises(BadInput, match="face videos"):
        read(deap_copy)
    for text in (
        "{",
        '{"layout": 7}',
        '{"dataset": "mahnob", "layout": {}}',
        '{"dataset": "deap", "layout": {"length_s": "long"}}',
        '{"dataset": "deap", "layout": {"fps_hz": 0}}',
        '{"dataset": "deap", "layout": {"n_videos": {"s1": 3}}}',
        '{"dataset": "deap", "layout": {"n_videos": 7}}',
    ):
        (deap_copy / "SPECIMEN.json").unlink()
        (deap_copy / "SPECIMEN.json").write_text(text)
        with pytest.raises(BadInput, match=r"SPECIMEN\.json"):
            read(deap_copy)


def test_bdf_and_pickle_give_the_same_pulse_whatever_the_trigger_channel_is(
    deap_bdf_specimen, tmp_path
):
    """s01: Status; s02: blank, high bits set; s03: -1; s04: -1, the battery runs low."""
    from_dat = list(read(deap_bdf_specimen.root))
    root = shutil.copytree(deap_bdf_specimen.root, tmp_path / "DEAP", copy_function=os.link)
    shutil.rmtree(root / "data_preprocessed_python")
    from_bdf = list(read(root))
    assert [r.id for r in from_bdf] == [r.id for r in from_dat]
    assert len(from_bdf) == 4
    for one, other in zip(from_dat, from_bdf, strict=True):
        slow, fast = one.load_signal(), other.load_signal()
        assert (fast.fs_hz, fast.start_s, fast.end_s) == (512.0, -3.0, 2.0)
        # Same beats, own noise of 2 % each.
        assert np.corrcoef(slow.values, fast.values[::4])[0, 1] > 0.99
        np.testing.assert_allclose(fast.values.mean(), slow.values.mean(), rtol=0.01)


def test_the_pickle_comes_first_where_both_are_there(deap_bdf_specimen):
    assert {r.load_signal().fs_hz for r in read(deap_bdf_specimen.root)} == {128.0}


def test_equal_arguments_give_equal_bytes(tmp_path):
    small = {"subjects": 1, "trials": 1, "seconds": 1, "fps_hz": 10, "physiology": "both"}
    size = {"width_px": 64, "height_px": 48}
    one, two, other = (
        write_fake(tmp_path / name, **small, **size, seed=seed).root
        for name, seed in (("a", 7), ("b", 7), ("c", 8))
    )
    names = sorted(path.relative_to(one) for path in one.rglob("*.*"))
    assert {path.name for path in names} == {
        "SPECIMEN.json",
        "participant_ratings.csv",
        "s01.bdf",
        "s01.dat",
        "s01_trial01.avi",
    }
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()
        assert (one / name).read_bytes() != (other / name).read_bytes()


def test_the_table_looks_like_deaps(deap_specimen):
    path = deap_specimen.root / "metadata_csv" / "participant_ratings.csv"
    lines = path.read_text().splitlines()
    assert lines[0] == (
        "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity"
    )
    assert len(lines) == 1 + 2 * 40
    cells = [line.split(",") for line in lines[1:]]
    for participant in ("1", "2"):
        own = [row for row in cells if row[0] == participant]
        assert [int(row[1]) for row in own] == list(range(1, 41))
        assert sorted(int(row[2]) for row in own) == list(range(1, 41))
        assert all((row[8] == "") == (participant == "2") for row in own)


def test_labels_of_the_pickle_are_the_four_scales_by_clip(deap_specimen):
    labels = read_dat(deap_specimen.root / "data_preprocessed_python" / "s02.dat")["labels"]
    text = (deap_specimen.root / "metadata_csv" / "participant_ratings.csv").read_text()
    own = [row.split(",") for row in text.splitlines() if row.startswith("2,")]
    for row in own:
        assert labels[int(row[2]) - 1].tolist() == [float(cell) for cell in row[4:8]]


def test_one_rate_for_all_when_asked_for_and_distinct_ones_otherwise(deap_specimen, tmp_path):
    rates = [truth.hr_bpm for truth in deap_specimen.planted if truth.subject == "s01"]
    assert np.diff(np.sort(rates)).min() >= 0.99
    size = {"seconds": 1, "fps_hz": 5, "width_px": 64, "height_px": 48}
    same = deap.write_fake(tmp_path / "a", subjects=1, trials=1, hr_bpm=72, **size)
    assert {truth.hr_bpm for truth in same.planted} == {72.0}


def test_a_specimen_overwrites_nothing_and_refuses_what_cannot_be(tmp_path):
    (tmp_path / "mine.txt").write_text("work of years")
    with pytest.raises(BadInput, match="never overwrites"):
        write_fake(tmp_path)
    for wrong in ({"subjects": 0}, {"trials": 41}, {"seconds": 0.5}):
        with pytest.raises(ValueError, match="must lie in"):
            write_fake(tmp_path / "a", **wrong)
    with pytest.raises(ValueError, match="whole"):
        write_fake(tmp_path / "a", seconds=2.5, physiology="bdf")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_a_specimen_of_full_size_has_the_shapes_of_deap(tmp_path):
    specimen = write_fake(tmp_path / "DEAP", subjects=1, trials=1, workers=2)
    arrays = read_dat(specimen.root / "data_preprocessed_python" / "s01.dat")
    assert arrays["data"].shape == (40, 40, 8064)
    assert arrays["labels"].shape == (40, 4)
    (recording,) = read(specimen.root)
    assert recording.fps_hz == 50.0
    assert len(recording.load_signal().values) == 8064
    seen = [frame.image.shape for frame in frames(recording.video)]
    assert seen == [(576, 720, 3)] * 3000
    assert rate_bpm(recording.load_signal(), 0.5, 60) == pytest.approx(
        truth_of(specimen, recording).hr_bpm, abs=1
    )


@pytest.mark.slow
def test_the_last_trial_of_s03_is_missing_and_nobody_minds(tmp_path):
    size = {"seconds": 1, "fps_hz": 2, "width_px": 64, "height_px": 48}
    specimen = write_fake(tmp_path / "DEAP", subjects=3, trials=40, workers=2, **size)
    problems = []
    recordings = list(read(specimen.root, on_problem=problems.append))
    assert Counter(r.subject for r in recordings) == {"s01": 40, "s02": 40, "s03": 39}
    assert problems == []
