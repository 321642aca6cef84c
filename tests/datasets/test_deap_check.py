"""One fault at a time in a small whole tree: it is named, and the rest is read on."""

import math
import os
import pickle
import shutil

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets.bdf import onsets
from pulsefer.datasets.deap import Layout, read
from pulsefer.datasets.deap_check import check
from pulsefer.datasets.deap_pickle import read_dat, write_dat
from pulsefer.media.video import encode, frames

CSV = "metadata_csv/participant_ratings.csv"
DAT = "data_preprocessed_python/s01.dat"
AVI = "face_video/s01/s01_trial02.avi"


def put(path, content):
    """Replace a file; the original behind the hard link stays."""
    path.unlink()
    path.write_bytes(content)


def edit_rows(root, change):
    path = root / CSV
    rows = [line.split(",") for line in path.read_text().splitlines()]
    put(path, "\n".join(",".join(row) for row in change(rows)).encode())


def edit_row(root, participant, trial, column, value):
    def change(rows):
        for row in rows[1:]:
            if row[:2] == [str(participant), str(trial)]:
                row[rows[0].index(column)] = value
        return rows

    edit_rows(root, change)


def edit_dat(root, change):
    arrays = {name: array.copy() for name, array in read_dat(root / DAT).items()}
    arrays = change(arrays)
    (root / DAT).unlink()
    write_dat(root / DAT, arrays["labels"], arrays["data"], n_samples=arrays["data"].shape[2])


def stimulus_of(root, participant, trial):
    for line in (root / CSV).read_text().splitlines()[1:]:
        cells = line.split(",")
        if cells[:2] == [str(participant), str(trial)]:
            return int(cells[2])
    raise KeyError(trial)


def no_table(root):
    (root / CSV).unlink()


def no_arousal_column(root):
    edit_rows(root, lambda rows: [[c for k, c in enumerate(row) if k != 5] for row in rows])


def semicolons(root):
    put(root / CSV, (root / CSV).read_bytes().replace(b",", b";"))


def no_text(root):
    put(root / CSV, b"\xff\xfe\x00\x81" * 100)


def rating_11(root):
    edit_row(root, 1, 2, "Arousal", "11")


def blank_rating(root):
    edit_row(root, 1, 2, "Valence", "")


def rating_nan(root):
    edit_row(root, 1, 2, "Liking", "nan")


def trial_0(root):
    edit_row(root, 1, 2, "Trial", "0")


def row_twice(root):
    edit_rows(root, lambda rows: [*rows, rows[2]])


def clip_twice(root):
    edit_row(root, 1, 2, "Experiment_id", str(stimulus_of(root, 1, 3)))


def no_row(root):
    edit_rows(root, lambda rows: rows[:2] + rows[3:])


def nobody(root):
    edit_rows(root, lambda rows: [row for row in rows if row[0] != "1"])


def trial_order(root):
    order = [stimulus_of(root, 1, trial) - 1 for trial in range(1, 41)]
    edit_dat(root, lambda a: {"labels": a["labels"][order], "data": a["data"][order]})


def two_rows_swapped(root):
    def change(arrays):
        arrays["labels"][[3, 17]] = arrays["labels"][[17, 3]]
        return arrays

    edit_dat(root, change)


def labels_of_s02(root):
    other = read_dat(root / "data_preprocessed_python" / "s02.dat")["labels"]
    edit_dat(root, lambda a: a | {"labels": other})


def cut_dat(root):
    data = (root / DAT).read_bytes()
    put(root / DAT, data[: len(data) // 2])


def no_bytes_dat(root):
    put(root / DAT, b"")


class Call:
    def __init__(self, function, argument):
        self.call = (function, (argument,))

    def __reduce__(self):
        return self.call


def dat_that_calls_the_shell(root):
    put(root / DAT, pickle.dumps({"labels": Call(os.system, "touch pwned")}, 2))


def dat_that_evaluates(root):
    put(root / DAT, pickle.dumps({"labels": Call(eval, "open('pwned', 'w')")}, 4))


def dat_without_lead(root):
    edit_dat(root, lambda a: a | {"data": a["data"][:, :, 384:]})


def dat_of_32_channels(root):
    arrays = {name: array.copy() for name, array in read_dat(root / DAT).items()}
    arrays["data"] = arrays["data"][:, :32]
    put(root / DAT, pickle.dumps(arrays, 2))


def dat_without_labels(root):
    put(root / DAT, pickle.dumps({"data": np.zeros((40, 40, 1152))}, 2))


def no_physiology(root):
    (root / DAT).unlink()


def cut_avi(root):
    data = (root / AVI).read_bytes()
    put(root / AVI, data[: len(data) * 9 // 10])


def avi_header_only(root):
    put(root / AVI, (root / AVI).read_bytes()[:300])


def no_bytes_avi(root):
    put(root / AVI, b"")


def text_avi(root):
    put(root / AVI, b"<html>404: the licence has expired</html>" * 50)


def shorter(root):
    images = [frame.image for frame in frames(root / AVI)][:137]
    (root / AVI).unlink()
    encode(root / AVI, images, fps_hz=25)


FAULTS = {
    # fault: (file or place, what is said of it, trials that are left)
    no_table: ("DEAP", "no file of that name", None),
    no_arousal_column: ("participant_ratings.csv", "no Arousal", None),
    semicolons: ("participant_ratings.csv", "no Participant_id", None),
    no_text: ("participant_ratings.csv", "a table as text", None),
    rating_11: ("participant_ratings.csv:3", "arousal within 1-9, found '11'", 5),
    blank_rating: ("participant_ratings.csv:3", "valence within 1-9, found ''", 5),
    rating_nan: ("participant_ratings.csv:3", "liking within 1-9, found 'nan'", 5),
    trial_0: ("participant_ratings.csv:3", "Trial 1-40, found '0'", 5),
    row_twice: ("participant_ratings.csv:82", "Trial 2 of participant 1 once", 5),
    clip_twice: ("participant_ratings.csv:4", "of participant 1 once", 4),
    no_row: ("s01_trial02.avi", "a row for trial 2", 5),
    nobody: ("participant 1", "0 that can be used", 3),
    trial_order: ("s01.dat", "Trial order instead of Experiment_id order", 3),
    two_rows_swapped: ("s01.dat", "2 rows that differ, the first one row", 3),
    labels_of_s02: ("s01.dat", "40 rows that differ", 3),
    cut_dat: ("s01.dat", "a whole pickle", 3),
    no_bytes_dat: ("s01.dat", "a whole pickle", 3),
    dat_that_calls_the_shell: ("s01.dat", "system", 3),
    dat_that_evaluates: ("s01.dat", "builtins.eval", 3),
    dat_without_lead: ("s01.dat", "found data (40, 40, 768)", 3),
    dat_of_32_channels: ("s01.dat", "found data (40, 32, 1152)", 3),
    dat_without_labels: ("s01.dat", "labels (40, 4), found data", 3),
    no_physiology: ("s01", "neither", 3),
    cut_avi: ("s01_trial02.avi", "the copy broke off", 5),
    avi_header_only: ("s01_trial02.avi", "the copy broke off", 5),
    no_bytes_avi: ("s01_trial02.avi", "Invalid data", 5),
    text_avi: ("s01_trial02.avi", "Invalid data", 5),
    shorter: ("s01_trial02.avi", "5.48 s (137 frames)", 5),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_fault_is_named_by_reader_and_check_and_the_rest_goes_on(
    deap_copy, fault, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    fault(deap_copy)
    where, said, n_left = FAULTS[fault]

    def names_it(problems):
        return any(where in p.where and said in str(p) for p in problems)

    told = []
    if n_left is None:
        with pytest.raises(BadInput) as error:
            read(deap_copy, on_problem=told.append)
        told.append(error.value.problem)
    else:
        recordings = list(read(deap_copy, on_problem=told.append))
        assert len(recordings) == n_left
        assert all(np.isfinite(r.load_signal().values).all() for r in recordings)
        assert sum(recording.subject == "s02" for recording in recordings) == 3
    assert names_it(told), told
    assert any(problem.severity == "error" for problem in told)

    report = check(deap_copy)
    assert not report.ok
    assert names_it(report.problems), report.problems
    broken = [row for row in report.rows if row.verdict == "broken"]
    assert any(where in row.what for row in broken)
    assert any("s02" in row.what and row.verdict == "ok" for row in report.rows)
    assert not (tmp_path / "pwned").exists()


def encoded_anew(root):
    images = [frame.image for frame in frames(root / AVI)]
    (root / AVI).unlink()
    encode(root / AVI, images[:146], fps_hz=24.08)


def a_backup(root):
    (root / "backup").mkdir()
    shutil.copy(root / AVI, root / "backup")


def middle_missing(root):
    (root / AVI).unlink()


def subject_missing(root):
    shutil.rmtree(root / "face_video" / "s01")


def row_missing_of_a_trial_without_video(root):
    edit_rows(root, lambda rows: rows[:12] + rows[13:])


@pytest.mark.parametrize(
    ("what", "where", "said", "severity", "n_left"),
    [
        (encoded_anew, "s01_trial02.avi", "24.08 frames/s, which are kept", "warning", 6),
        (a_backup, "backup", "which is taken", "warning", 6),
        (middle_missing, "s01", "no s01_trial02.avi", "note", 5),
        (subject_missing, "DEAP", "none of s01", "note", 3),
        (row_missing_of_a_trial_without_video, "participant 1", "39 that can be", "warning", 6),
    ],
)
def test_what_is_odd_or_partial_is_named_and_read(deap_copy, what, where, said, severity, n_left):
    what(deap_copy)
    told = []
    recordings = list(read(deap_copy, on_problem=told.append))
    assert len(recordings) == n_left
    (problem,) = told
    assert where in problem.where
    assert said in str(problem)
    assert problem.severity == severity
    report = check(deap_copy)
    assert report.ok
    assert any(row.verdict == severity for row in report.rows)
    assert problem in report.problems


def test_a_video_that_was_encoded_anew_keeps_its_own_rate(deap_copy):
    encoded_anew(deap_copy)
    rates = [recording.fps_hz for recording in read(deap_copy, on_problem=lambda _: None)]
    assert rates == [25, None, 25, 25, 25, 25]


def test_a_rate_that_is_nearly_right_is_right(deap_copy):
    images = [frame.image for frame in frames(deap_copy / AVI)]
    (deap_copy / AVI).unlink()
    encode(deap_copy / AVI, images, fps_hz=25.3)
    told = []
    assert [r.fps_hz for r in read(deap_copy, on_problem=told.append)] == [25] * 6
    assert told == []


@pytest.mark.parametrize(("value", "said"), [(-9000.0, "-9000 throughout"), (math.nan, "finite")])
def test_a_dead_pulse_is_refused_when_it_is_asked_for_and_found_by_the_check(
    deap_copy, value, said
):
    row = stimulus_of(deap_copy, 1, 2) - 1

    def kill(arrays):
        arrays["data"][row, 38] = value
        return arrays

    edit_dat(deap_copy, kill)
    recordings = list(read(deap_copy))
    assert len(recordings) == 6
    for recording in recordings:
        if recording.id == "deap/s01/trial02":
            with pytest.raises(BadInput, match=said) as error:
                recording.load_signal()
            assert f"s01.dat: row {row}, channel 38" in str(error.value)
        else:
            recording.load_signal()
    report = check(deap_copy)
    assert not report.ok
    (problem,) = report.problems
    assert f"row {row}" in problem.where


def test_another_frame_size_is_a_warning_of_the_check(deap_copy):
    images = [frame.image[:64] for frame in frames(deap_copy / AVI)]
    (deap_copy / AVI).unlink()
    encode(deap_copy / AVI, images, fps_hz=25)
    (row,) = [row for row in check(deap_copy).rows if row.verdict == "warning"]
    assert row.what == "frame size, s01"
    assert (row.expected, row.found) == ("96x80", "96x64 (1), 96x80 (2)")


def test_a_whole_specimen_has_nothing_but_good_rows(deap_specimen):
    report = check(deap_specimen.root, deep=True)
    assert report.ok
    assert report.problems == ()
    assert {row.verdict for row in report.rows} == {"ok", "note"}
    found = {row.what: row.found for row in report.rows}
    assert found["kind of data"] == "synthetic"
    assert found["videos"] == "6"
    assert found[CSV] == "80 of 2"
    assert found[f"data in {DAT}"] == "(40, 40, 1152)"
    assert found[f"labels in {DAT}"] == "40 equal"
    assert found[f"pulse in {DAT}"] == "40"
    assert found[f"frames that decode, {AVI}"] == "150"
    for scale in ("valence", "arousal"):
        for subject in ("s01", "s02"):
            assert "> 5: " in found[f"high {scale}, {subject}"]
            assert ">= 5: " in found[f"high {scale}, {subject}"]


def test_only_the_deep_check_finds_damage_inside_a_video(deap_copy):
    data = bytearray((deap_copy / AVI).read_bytes())
    at = data.index(b"movi") + 2000
    data[at : at + len(data) // 2] = bytes(len(data) // 2)
    put(deap_copy / AVI, data)
    assert check(deap_copy).ok
    report = check(deap_copy, deep=True)
    assert not report.ok
    (problem,) = report.problems
    assert "s01_trial02.avi" in problem.where


def test_the_shares_of_a_whole_real_copy_are_held_against_the_paper(deap_copy):
    """The rules differ by the ratings that are exactly 5."""
    (deap_copy / "SPECIMEN.json").unlink()
    header = (deap_copy / CSV).read_text().splitlines()[0]

    def table(n_above, n_middle):
        lines = [header]
        for participant in range(1, 33):
            for trial in range(1, 41):
                value = 7 if trial <= n_above else 5 if trial <= n_above + n_middle else 2
                row = [participant, trial, trial, 0, value, value, value, value, ""]
                lines.append(",".join(map(str, row)))
        put(deap_copy / CSV, "\n".join(lines).encode())
        what = "high valence, mean over participants (spread)"
        (row,) = [row for row in check(deap_copy).rows if row.what == what]
        return row

    assert table(23, 0).verdict == "ok"
    mixed = table(21, 2)
    assert mixed.verdict == "ok"
    assert "> 5: 52.5%" in mixed.found
    assert ">= 5: 57.5%" in mixed.found
    assert table(10, 0).verdict == "warning"


def test_a_copy_that_is_not_there_is_one_broken_row(tmp_path):
    report = check(tmp_path / "none")
    assert [row.verdict for row in report.rows] == ["broken"]
    assert "licence" in report.problems[0].remedy


def test_participants_without_video_are_normal_and_checked_all_the_same(deap_copy):
    """23-32 of DEAP were not filmed."""
    put(deap_copy / "face_video" / "s02" / "s02_trial01.avi", b"")
    shutil.rmtree(deap_copy / "face_video" / "s02")
    expect = Layout(6.0, 25.0, 96, 80, n_participants=2, n_videos={"s01": 3})
    told = []
    assert len(list(read(deap_copy, expect=expect, on_problem=told.append))) == 3
    assert told == []
    report = check(deap_copy, expect=expect)
    assert report.ok
    assert any(row.what == "labels in data_preprocessed_python/s02.dat" for row in report.rows)


# --- BDF -----------------------------------------------------------------------------------------


def status_of(data, n_channels=48, fs_hz=512):
    """The bytes of the trigger channel, (records, samples, 3), as a view."""
    body = np.frombuffer(data, np.uint8, offset=256 * (n_channels + 1))
    return body.reshape(-1, n_channels, fs_hz, 3)[:, -1]


def no_onset(path, data):
    start = int(onsets(path, 4)[5])
    for at in range(start, start + 2 * 512):
        status_of(data)[at // 512, at % 512, 0] = 3


def no_plet(_path, data):
    at = data.index(b"Plet")
    data[at : at + 4] = b"Xxxx"


def cut(_path, data):
    del data[-50_000:]


def two_onsets_too_near(path, data):
    # The code flickers once within a video, and one start is missing: 40 in all.
    no_onset(path, data)
    start = int(onsets(path, 4)[9]) + 300
    status_of(data)[start // 512, start % 512, 0] = 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (no_onset, "40 starts of a music video (trigger code 4), found 39"),
        (no_plet, "one channel named Plet, found 0"),
        (cut, "bytes"),
        (two_onsets_too_near, "music videos of 2 s"),
    ],
)
def test_a_broken_bdf_is_named_and_the_other_people_are_read(
    deap_bdf_specimen, tmp_path, fault, said
):
    root = shutil.copytree(deap_bdf_specimen.root, tmp_path / "DEAP", copy_function=os.link)
    shutil.rmtree(root / "data_preprocessed_python")
    path = root / "data_original" / "s02.bdf"
    data = bytearray(path.read_bytes())
    fault(path, data)
    put(path, data)
    told = []
    recordings = list(read(root, on_problem=told.append))
    assert [recording.subject for recording in recordings] == ["s01", "s03", "s04"]
    (problem,) = told
    assert "s02.bdf" in problem.where
    assert said in str(problem)
    report = check(root)
    assert not report.ok
    assert problem in report.problems


def test_a_whole_bdf_specimen_has_nothing_but_good_rows(deap_bdf_specimen):
    report = check(deap_bdf_specimen.root)
    assert report.ok
    assert report.problems == ()
    found = {row.what: row.found for row in report.rows}
    for subject in ("s01", "s02", "s03", "s04"):
        assert found[f"starts of a video in data_original/{subject}.bdf"] == "40"
        assert found[f"pulse in data_original/{subject}.bdf"] == "40"
