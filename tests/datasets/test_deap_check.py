"""One fault at a time in a small whole tree: it is named, and the rest is read on."""

import math
import os
import re
import shutil

import numpy as np
import pytest
from deap_faults import (
    AVI,
    CSV,
    FAULTS,
    a_backup,
    cut,
    edit_dat,
    encoded_anew,
    middle_missing,
    no_onset,
    no_plet,
    put,
    row_missing_of_a_trial_without_video,
    stimulus_of,
    subject_missing,
    two_onsets_too_near,
)

from pulsefer.core.errors import BadInput
from pulsefer.datasets.deap import Layout, read
from pulsefer.datasets.deap_check import check
from pulsefer.media.video import encode, frames


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
    good = {row.what: row.found for row in report.rows if row.verdict == "ok"}
    n_good = int(re.findall(r"\((\d+)\)", good["length of the videos"])[-1])
    assert n_good >= 3  # those of s02
    assert not (tmp_path / "pwned").exists()


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
    assert row.what == f"frame size, {AVI}"
    assert (row.expected, row.found) == ("96x80", "96x64")


def test_a_whole_specimen_has_nothing_but_good_rows(deap_specimen):
    report = check(deap_specimen.root, deep=True)
    assert report.ok
    assert report.problems == ()
    assert {row.verdict for row in report.rows} == {"ok", "note"}
    found = {row.what: row.found for row in report.rows}
    assert found["kind of data"] == "synthetic"
    assert found["videos"] == "6"
    assert found[CSV] == "80 of 2"
    assert found["data in the .dat files"] == "(40, 40, 1152) (2)"
    assert found["labels in the .dat files"] == "40 equal (2)"
    assert found["pulse"] == "40 (2)"
    assert found["frames that decode"] == "150 (6)"
    for scale in ("valence", "arousal"):
        assert "> 5: " in found[f"high {scale}, of each participant"]
        assert ">= 5: " in found[f"high {scale}, of each participant"]
    assert not report.partial


def test_the_good_ones_of_a_kind_share_a_row_and_a_bad_one_has_its_own(deap_copy):
    rows = check(deap_copy).rows
    put(deap_copy / AVI, b"no film")
    damaged = check(deap_copy).rows
    assert {row.what for row in rows} < {row.what for row in damaged}
    assert len(damaged) == len(rows) + 1
    found = {row.what: row.found for row in damaged}
    assert found["frames/s"] == "25 (5)"


def test_a_partial_copy_says_so_and_is_not_broken(deap_copy):
    (deap_copy / AVI).unlink()
    report = check(deap_copy)
    assert report.ok
    assert report.partial


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
    found = {row.what: row.found for row in report.rows}
    assert found["labels in the .dat files"] == "40 equal (2)"


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
    assert found["starts of a video in the BDF files"] == "40 (4)"
    assert found["pulse"] == "40 (8)"  # four BDF files, four pickles
