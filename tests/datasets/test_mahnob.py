"""What `write_fake` planted, `read` gives back; and clocks that are not tied are seen."""

import logging
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from mahnob_faults import (
    SECONDS,
    copied,
    edit_tsv,
    edit_xml,
    folder_of,
    no_tsv,
    only,
    replace_lead,
    specimen,
)

from pulsefer.core.errors import BadInput
from pulsefer.core.label import label
from pulsefer.datasets import bdf, mahnob_hci
from pulsefer.datasets.mahnob_check import check
from pulsefer.datasets.mahnob_fake import PARTICIPANTS, STIMULI, open_fake, write_fake
from pulsefer.datasets.mahnob_fake_session import planted_beats_s
from pulsefer.datasets.mahnob_hci import MAHNOB_LAYOUT, read
from pulsefer.datasets.mahnob_signal import load_lead
from pulsefer.datasets.mahnob_tree import participant_of, section_of, session_number
from pulsefer.datasets.synthetic import Effects
from pulsefer.datasets.synthetic_pulse import beat_times_s, ecg, pulse_wave
from pulsefer.media.video import frames, probe
from pulsefer.signals.beats import beats
from pulsefer.signals.gate import window_rate
from pulsefer.signals.rate import heart_rate_bpm

ONE_SAMPLE_S = 1 / 256
AUDIO_S = 2e-5
"""The eye tracker's table has whole audio samples."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    return specimen(tmp_path_factory.getbasetemp())


@pytest.fixture
def tree(whole, tmp_path):
    return copied(whole, tmp_path)


@pytest.fixture(scope="module")
def a_second_apart(tmp_path_factory):
    """One person, two stimuli: one video begins 1 s before its stimulus, one 1 s after."""
    size = {"fps_hz": 5, "width_px": 64, "height_px": 48}
    root = tmp_path_factory.mktemp("mahnob") / "MAHNOB"
    return write_fake(root, subjects=1, trials=2, seconds=10, clock_s=1.0, **size)


def truth_of(tree, recording):
    return tree.of(recording.subject, int(recording.trial.removeprefix("trial")))


def beats_on_the_clock_of_the_trial(truth):
    return planted_beats_s(truth, 0) + min(truth.offset_s, 0.0)


def test_a_recording_says_what_was_planted(whole):
    problems = []
    recordings = list(read(whole.root, on_problem=problems.append))
    assert problems == []
    assert [recording.id for recording in recordings] == [
        f"mahnob_hci/p{subject:02d}/trial{trial:02d}" for subject in (1, 2) for trial in (1, 2, 3)
    ]
    for recording in recordings:
        truth = truth_of(whole, recording)
        assert recording.stimulus == truth.stimulus
        assert recording.stimulus in STIMULI
        assert recording.ratings == truth.ratings
        assert recording.data_kind == "synthetic"
        assert recording.fps_hz == 15
        assert recording.begin_s == pytest.approx(max(truth.offset_s, 0), abs=AUDIO_S)
        missed_s = max(-truth.offset_s, 0)
        assert recording.length_s == pytest.approx(SECONDS - missed_s, abs=AUDIO_S)
        signal = recording.load_signal()
        assert (signal.kind, signal.fs_hz) == ("ecg", 256.0)
        assert signal.start_s == pytest.approx(-30.0 - missed_s, abs=AUDIO_S)
        assert signal.end_s == pytest.approx(SECONDS + 30.0 - missed_s, abs=AUDIO_S)


def test_the_questionnaire_is_behind_the_end(whole):
    for recording in read(whole.root):
        video_s = probe(recording.video).n_frames / recording.fps_hz
        assert video_s - recording.begin_s - recording.length_s == pytest.approx(3.0, abs=0.04)


def test_ratings_are_whole_and_on_the_side_that_was_drawn(whole):
    values = [value for truth in whole.planted for value in truth.ratings.values()]
    assert all(value == int(value) and 1 <= value <= 9 for value in values)
    for scale in ("valence", "arousal"):
        assert {label(truth.ratings[scale]) for truth in whole.planted} == {0, 1}


def test_each_of_three_times_has_its_own_rate(whole):
    for truth in whole.planted:
        rates = truth.before_bpm, truth.hr_bpm, truth.after_bpm
        assert np.abs(np.diff(rates)).min() > 8
        assert abs(rates[2] - rates[0]) > 8
    bad = [truth.bad_lead for truth in whole.planted]
    assert [lead != "" for lead in bad] == [False, False, True] * 2
    assert {truth.bad_kind for truth in whole.planted} == {"", "noise", "hum"}


def test_the_planted_rate_comes_back_from_every_window_also_with_a_bad_lead(whole):
    for recording in read(whole.root):
        truth = truth_of(whole, recording)
        signal = recording.load_signal()
        found, planted_s = beats(signal), beats_on_the_clock_of_the_trial(truth)
        first_s, last_s = min(truth.offset_s, 0.0), recording.length_s
        starts_s = [*np.arange(-29.0, first_s - 11), first_s, last_s - 10, *range(14, 30, 3)]
        for start_s in starts_s:
            inside = (planted_s >= start_s) & (planted_s < start_s + 10)
            window = window_rate(signal, found, start_s, start_s + 10)
            assert window.reason == ""
            expected = heart_rate_bpm(planted_s[inside])
            assert window.hr_bpm == pytest.approx(expected, abs=1)
        assert abs(expected - truth.after_bpm) < 3


def test_the_trial_has_the_rate_that_was_drawn(whole):
    for recording in read(whole.root):
        times_s = beats(recording.load_signal()).times_s
        inside = (times_s >= 0) & (times_s < recording.length_s)
        truth = truth_of(whole, recording)
        assert heart_rate_bpm(times_s[inside]) == pytest.approx(truth.hr_bpm, abs=1.5)


@pytest.mark.parametrize("tree_name", ["whole", "a_second_apart"])
def test_beats_stand_where_they_were_planted_on_the_clock_of_the_video(tree_name, request):
    """To a sample of the BDF; half a frame more is what a video can tell."""
    tree = request.getfixturevalue(tree_name)
    for recording in read(tree.root):
        truth = truth_of(tree, recording)
        on_video_s = beats(recording.load_signal()).times_s + recording.begin_s
        planted_s = planted_beats_s(truth, 0) + truth.offset_s
        nearest_s = planted_s[np.abs(on_video_s[:, None] - planted_s).argmin(axis=1)]
        assert np.abs(np.median(on_video_s - nearest_s)) <= ONE_SAMPLE_S
        assert len(on_video_s) > 0.9 * len(planted_s)
        start_s = recording.load_signal().start_s + recording.begin_s
        assert start_s == pytest.approx(-30.0 + truth.offset_s, abs=AUDIO_S)


def test_a_second_between_the_devices_is_recovered_by_the_table_and_only_by_it(
    a_second_apart, tmp_path
):
    by_table = list(read(a_second_apart.root))
    assert [r.begin_s for r in by_table] == pytest.approx([1.0, 0.0], abs=AUDIO_S)
    assert [r.length_s for r in by_table] == pytest.approx([10.0, 9.0], abs=AUDIO_S)
    root = copied(a_second_apart, tmp_path)
    for number in (2, 4):
        only(root, "*.tsv", number).unlink()
    told = []
    simple = list(read(root, on_problem=told.append))
    assert [problem.severity for problem in told] == ["note", "note"]
    assert [r.begin_s for r in simple] == [0.0, 0.0]
    for exact, other, truth in zip(by_table, simple, a_second_apart.planted, strict=True):
        lag_s = [r.load_signal().start_s + r.begin_s for r in (exact, other)]
        assert lag_s[0] - lag_s[1] == pytest.approx(truth.offset_s, abs=AUDIO_S)
        assert abs(truth.offset_s) == 1.0


def seconds_by_which_the_face_is_late(recording):
    """Lag at which the skin of the film follows the beats of the electrocardiogram best."""
    beats_s = beats(recording.load_signal()).times_s
    begin_s, end_s = recording.begin_s, recording.begin_s + recording.length_s
    shown = list(frames(recording.video, fps_hz=recording.fps_hz, start_s=begin_s, end_s=end_s))
    time_s = np.array([frame.time_s - begin_s for frame in shown])
    darkness = [-frame.image[..., 1].mean() for frame in shown]
    lags_s = np.arange(-1.4, 1.4, 0.002)
    grid_s = np.arange(-2.0, end_s - begin_s + 2.0, 0.004)
    wave = pulse_wave(beats_s, grid_s)
    fit = [np.corrcoef(np.interp(time_s - lag_s, grid_s, wave), darkness)[0, 1] for lag_s in lags_s]
    assert max(fit) > 0.8
    return lags_s[int(np.argmax(fit))]


def test_heart_and_face_beat_together_by_the_table_and_a_second_apart_without_it(tmp_path):
    plain = Effects(pulse_amplitude=0.1, motion_px=0, sensor_noise=0.5)
    size = {"fps_hz": 20, "width_px": 96, "height_px": 72}
    fake = write_fake(
        tmp_path / "a", subjects=1, trials=2, seconds=10, clock_s=1.0, effects=plain, **size
    )
    within_s = ONE_SAMPLE_S + 0.5 / 20
    for recording in read(fake.root):
        assert abs(seconds_by_which_the_face_is_late(recording)) <= within_s
    for path in fake.root.rglob("*.tsv"):
        path.unlink()
    simple = read(fake.root, on_problem=lambda _: None)
    for recording, late_s in zip(simple, (1.0, -1.0), strict=True):
        assert abs(seconds_by_which_the_face_is_late(recording) - late_s) <= within_s


def test_without_any_table_every_clock_is_the_simple_one(tmp_path):
    size = {"fps_hz": 2, "width_px": 64, "height_px": 48}
    fake = write_fake(tmp_path / "a", subjects=1, trials=1, seconds=6, tsv=False, **size)
    assert not list(fake.root.rglob("*.tsv"))
    told = []
    (recording,) = read(fake.root, on_problem=told.append)
    assert recording.begin_s == 0
    assert told[0].severity == "note"
    assert "first frame is taken for the start" in told[0].remedy


def with_commas(text):
    head, rows = text.split(b"Timestamp", 1)
    return head + b"Timestamp" + rows.replace(b"\t64", b"\t64,25")


def fewer_lines_of_properties(text):
    return text.split(b"\r\n", 9)[-1]


def more_lines_of_properties(text):
    return b"Property:\t1\r\n" * 20 + text


def cut_in_the_middle_of_a_row(text):
    return text[: int(0.7 * len(text))]


def one_wrong_anchor(text):
    rows = text.split(b"\r\n")
    at = next(k for k, row in enumerate(rows) if b"LogData" in row)
    rows[at] = rows[at].rpartition(b"\t")[0] + b"\t999"
    return b"\r\n".join(rows)


def in_utf16(text):
    return text.decode().encode("utf-16")


def columns_in_another_order(text):
    lines = [line.split("\t") for line in text.decode().split("\r\n")]
    return "\n".join("\t".join(reversed(line)) for line in lines).encode()


@pytest.mark.parametrize(
    "change",
    [
        with_commas,
        fewer_lines_of_properties,
        more_lines_of_properties,
        cut_in_the_middle_of_a_row,
        one_wrong_anchor,
        in_utf16,
        columns_in_another_order,
    ],
    ids=lambda change: change.__name__,
)
def test_the_table_may_look_a_little_different(tree, change):
    edit_tsv(tree, change)
    told = []
    first = next(read(tree, on_problem=told.append))
    assert told == []
    assert first.begin_s == pytest.approx(0.3, abs=AUDIO_S)


def test_a_time_with_a_decimal_comma_is_a_number(tree):
    def change(text):
        rows = text.decode().split("\r\n")
        at = next(k for k, row in enumerate(rows) if "MovieStart" in row)
        time, rest = rows[at].split("\t", 1)
        rows[at] = f"{time},5\t{rest}"
        return "\r\n".join(rows).encode()

    edit_tsv(tree, change)
    assert next(read(tree)).begin_s == pytest.approx(0.3005, abs=AUDIO_S)


def test_neutral_clips_come_only_when_asked_for(whole):
    recordings = list(read(whole.root, neutral=True))
    assert [r.trial for r in recordings[:6]] == [
        f"{kind}{place:02d}" for place in (1, 2, 3) for kind in ("neutral", "trial")
    ]
    neutral = [r for r in recordings if r.trial.startswith("neutral")]
    assert len(neutral) == 6
    for recording in neutral:
        assert (recording.ratings, recording.stimulus) == ({}, "neutral")
        assert recording.length_s == pytest.approx(10, abs=AUDIO_S)
        truth = whole.of(recording.subject, int(recording.trial[-2:]))
        times_s = beats(recording.load_signal()).times_s
        rate = heart_rate_bpm(times_s[(times_s >= 0) & (times_s < 10)])
        assert rate == pytest.approx(truth.before_bpm, abs=2)


def test_sessions_of_other_experiments_are_passed_over(tree):
    other = folder_of(tree, 44)
    shutil.copytree(folder_of(tree, 2), other)
    text = (other / "session.xml").read_text().replace('sessionId="2"', 'sessionId="44"')
    (other / "session.xml").unlink()
    (other / "session.xml").write_text(text)
    told = []
    assert len(list(read(tree, on_problem=told.append, neutral=True))) == 12
    assert told == []
    (row,) = [row for row in check(tree).rows if row.what == "sessions besides"]
    assert row.found == "6 neutral clips, 1 of other experiments"


def test_cameras_from_the_side_do_not_confuse(tree):
    colour = only(tree, "*.avi").name
    for camera in ("BW1", "BW2 trigger", "C2"):
        shutil.copy(folder_of(tree) / colour, folder_of(tree) / f"A {camera} _Section_2.avi")
    (folder_of(tree) / f"._{colour}").write_bytes(b"what macOS leaves behind")
    tracks = '<track type="Video" color="0" filename="A BW1 _Section_2.avi"/>'
    edit_xml(tree, "<track", f"{tracks}<track")
    told = []
    assert next(read(tree, on_problem=told.append)).video.name == colour
    edit_xml(tree, 'color="1"', 'color="0"')
    assert next(read(tree, on_problem=told.append)).video.name == colour
    assert told == []


def test_another_heart_on_one_lead_is_outvoted(tree):
    truth = open_fake(tree).of("p01", 1)
    strange_s = beat_times_s(truth.hr_bpm + 21, -32.0, 44.0, seed=9, variability=0.02)
    values = ecg(strange_s, fs_hz=256, start_s=-30.0, end_s=42.0, scale=900.0, noise=0.02)
    replace_lead(tree, "EXG3", values)
    recording = next(read(tree))
    lead = load_lead(*recording.load_signal.args)
    assert (lead.name, lead.others) == ("EXG2", ("EXG1",))
    replace_lead(tree, "EXG2", np.full(len(values), 4000.0))
    with pytest.raises(BadInput, match=r"emotion\.bdf: leads .* EXG2 [\d.]+ throughout"):
        next(read(tree)).load_signal()
    report = check(tree)
    assert not report.ok
    assert any("two with the same beats" in problem.expected for problem in report.problems)


def test_the_other_signals_are_read_by_name_and_on_the_same_clock(whole):
    for recording in read(whole.root):
        assert set(recording.load_other) == {"eda", "respiration", "temperature"}
        heart = recording.load_signal()
        for kind, load in recording.load_other.items():
            signal = load()
            assert signal.kind == kind
            assert (signal.start_s, signal.fs_hz) == (heart.start_s, 256.0)
            assert len(signal.values) == len(heart.values)
        breath = recording.load_other["respiration"]().values
        power = np.abs(np.fft.rfft(breath * np.hanning(len(breath))))
        assert np.fft.rfftfreq(len(breath), 1 / 256)[power.argmax()] == pytest.approx(
            0.25, abs=0.02
        )
        assert np.abs(recording.load_other["temperature"]().values - 33).max() < 1
        assert recording.load_other["eda"]().values.mean() == pytest.approx(148_000, rel=0.02)


def test_a_sensor_that_was_off_is_refused_when_it_is_asked_for(tree):
    replace_lead(tree, "GSR1", np.zeros(72 * 256))
    recording = next(read(tree))
    with pytest.raises(BadInput, match="GSR1: expected a signal that changes"):
        recording.load_other["eda"]()
    assert recording.load_other["respiration"]().fs_hz == 256


def test_a_recording_travels_to_another_process(whole):
    for recording in read(whole.root):
        there = pickle.loads(pickle.dumps(recording))
        np.testing.assert_array_equal(there.load_signal().values, recording.load_signal().values)
        eda = there.load_other["eda"]().values
        np.testing.assert_array_equal(eda, recording.load_other["eda"]().values)


def test_the_folder_may_be_the_session_itself_and_the_path_relative(whole, monkeypatch):
    monkeypatch.chdir(folder_of(whole.root))
    (recording,) = read(Path("."))
    assert recording.id == "mahnob_hci/p01/trial01"
    assert recording.data_kind == "real"  # the marker lies at the root of the specimen


def test_a_rate_of_60_9708_is_never_rounded(tmp_path):
    size = {"width_px": 64, "height_px": 48}
    fake = write_fake(tmp_path / "a", subjects=1, trials=1, seconds=5, **size)
    (recording,) = read(fake.root)
    assert recording.fps_hz == 60.9708
    info = probe(recording.video)
    assert info.fps_hz == pytest.approx(152427 / 2500, abs=1e-9)
    assert info.n_frames == round((0.3 + 5 + 3) * 60.9708)
    text = (folder_of(fake.root) / "session.xml").read_text()
    assert 'vidRate="60.9708"' in text
    rows = {row.what: row for row in check(fake.root).rows}
    assert rows["vidRate, frames/s"].verdict == "ok"
    edit_xml(fake.root, 'vidRate="60.9708"', 'vidRate="61"')
    rows = {row.what: row for row in check(fake.root).rows}
    assert rows["vidRate, frames/s"].verdict == "warning"


def test_the_tree_looks_like_the_true_one(whole):
    folder = folder_of(whole.root)
    assert sorted(path.name for path in folder.iterdir()) == [
        "P1-Rec1-2010.02.02.10.00.00_C1 trigger _C_Section_2.avi",
        "P1-Rec1-All-Data-New_Section_2.tsv",
        "Part_1_S_Trial1_emotion.bdf",
        "session.xml",
    ]
    assert only(whole.root, "*.bdf", 1).name == "Part_1_N_Trial1_emotion.bdf"
    lines = (folder / "session.xml").read_text().splitlines()
    assert lines[0].startswith("<?xml")
    assert lines[1].startswith('<session sessionId="2"')
    assert lines[1].endswith(">")
    assert "felt" not in (folder_of(whole.root, 1) / "session.xml").read_text()
    table = only(whole.root, "*.tsv").read_text().splitlines()
    assert table[23].startswith("Timestamp\t")
    assert len({line.count("\t") for line in table[23:]}) == 1
    info = bdf.probe(only(whole.root, "*.bdf"))
    assert len(info.labels) == 47
    assert [info.labels.index(name) for name in ("EXG1", "GSR1", "Resp", "Temp", "Status")] == [
        32, 40, 44, 45, 46,
    ]  # fmt: skip
    assert set(info.fs_hz) == {256.0}
    assert info.length_s == 72


def test_numbers_of_sessions_are_those_of_the_true_set():
    assert sum(MAHNOB_LAYOUT.n_sessions.values()) == 527
    assert len(MAHNOB_LAYOUT.n_sessions) == 27
    fewer = {name: n for name, n in MAHNOB_LAYOUT.n_sessions.items() if n < 20}
    assert fewer == {"p03": 17, "p09": 14, "p16": 16}
    assert not {12, 15, 26} & set(PARTICIPANTS)
    for participant in (1, 2, 30):
        for trial in (1, 20):
            for neutral in (False, True):
                number = session_number(participant, trial, neutral=neutral)
                assert participant_of(number) == participant
                assert (section_of(number) + 1) // 2 == trial
                assert (section_of(number) % 2 == 1) is neutral


def test_the_marker_holds_the_truth(whole):
    assert open_fake(whole.root) == whole
    assert (PARTICIPANTS[10], PARTICIPANTS[11]) == (11, 13)


TINY = {"subjects": 1, "trials": 1, "seconds": 5, "fps_hz": 4, "width_px": 64, "height_px": 48}


def test_equal_arguments_give_equal_bytes(tmp_path):
    one, two, other = (
        write_fake(tmp_path / name, **TINY, seed=seed).root
        for name, seed in (("a", 7), ("b", 7), ("c", 8))
    )
    names = sorted(path.relative_to(one) for path in one.rglob("*.*"))
    assert len(names) == 1 + 2 * 4
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes()
        if name.suffix != ".xml":
            assert (one / name).read_bytes() != (other / name).read_bytes()


@pytest.mark.slow
def test_two_processes_write_the_same_bytes_as_one(tmp_path):
    one, two = (write_fake(tmp_path / f"{n}", **TINY, workers=n).root for n in (1, 2))
    for path in one.rglob("*.*"):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()


def test_a_specimen_overwrites_nothing_and_refuses_what_cannot_be(tmp_path):
    (tmp_path / "mine.txt").write_text("work of years")
    with pytest.raises(BadInput, match="never overwrites"):
        write_fake(tmp_path)
    for wrong in ({"subjects": 28}, {"trials": 21}, {"seconds": 4}, {"clock_s": 5.1}):
        with pytest.raises(ValueError, match="must lie in"):
            write_fake(tmp_path / "a", **wrong)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_one_rate_for_all_when_asked_for(tmp_path):
    size = {"fps_hz": 2, "width_px": 64, "height_px": 48}
    fake = mahnob_hci.write_fake(tmp_path / "a", subjects=1, trials=2, seconds=5, hr_bpm=72, **size)
    assert {truth.hr_bpm for truth in fake.planted} == {72.0}


def test_without_a_listener_problems_are_logged(tree, caplog):
    no_tsv(tree)
    os.remove(only(tree, "*.avi", 4))
    with caplog.at_level(logging.INFO):
        assert len(list(read(tree))) == 5
    assert "the eye tracker's table" in caplog.text
    assert "no video" in caplog.text
