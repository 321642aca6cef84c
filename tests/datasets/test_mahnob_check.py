"""The table that tells whether a copy is whole, and what the data in it are like."""

import re

import pytest
from mahnob_faults import (
    copied,
    edit_xml,
    encode_again,
    folder_of,
    offset_of_an_hour,
    only,
    put,
    specimen,
)

from pulsefer.datasets import mahnob_check
from pulsefer.datasets.mahnob_check import check


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    return specimen(tmp_path_factory.getbasetemp())


@pytest.fixture
def tree(whole, tmp_path):
    return copied(whole, tmp_path)


def found_in(report):
    return {row.what: row.found for row in report.rows}


def test_a_whole_specimen_has_one_good_row_for_each_thing(whole):
    report = check(whole.root, deep=True)
    assert report.ok
    assert not report.partial
    assert report.problems == ()
    assert {row.verdict for row in report.rows} == {"ok", "note"}
    assert len(report.rows) < 25
    found = found_in(report)
    assert found["kind of data"] == "synthetic"
    assert found["sessions of stimuli with video and BDF"] == "6 of 2"
    assert found["cutLenSec and (audEndSmp - audBeginSmp) / audRate"] == "6 equal"
    assert found["colour video and BDF"] == "6 found"
    assert found["stimulus after the begin of the BDF"] == "30.00 s in 6 sessions"
    assert found["BDF without its stimulus"] == "60.00 s in 6 sessions"
    assert found["start of the stimulus on the video's clock"] == "6 exact, -0.30 to 0.30 s"
    assert found["leads with the same beats"] == "3 leads in 4, 2 leads in 2"
    rates = [truth.hr_bpm for truth in whole.planted]
    low, high = map(float, re.findall(r"[\d.]+", found["heart rate"])[:2])
    assert low == pytest.approx(min(rates), abs=1.5)
    assert high == pytest.approx(max(rates), abs=1.5)


def test_the_balance_of_both_classes_is_told_by_every_rule(whole):
    found = found_in(check(whole.root))
    values = [truth.ratings["arousal"] for truth in whole.planted]
    n_low, n_middle = sum(v < 5 for v in values), sum(v == 5 for v in values)
    assert f"ge5 {n_low}/{6 - n_low}" in found["low/high arousal"]
    assert f"gt5 {n_low + n_middle}/{6 - n_low - n_middle}" in found["low/high arousal"]
    assert "drop_middle" in found["low/high valence"]


def test_without_tables_the_clocks_are_simple_and_that_is_one_row(tree):
    for path in tree.rglob("*.tsv"):
        path.unlink()
    report = check(tree)
    assert report.ok
    assert len(report.rows) < 25
    assert found_in(report)["start of the stimulus on the video's clock"] == "0 exact, 6 simple"
    assert len(report.problems) == 6


def test_a_length_that_is_not_what_the_audio_says_is_named(tree):
    edit_xml(tree, r'cutLenSec="[\d.]*"', 'cutLenSec="15.4000"')
    rows = {row.what: row for row in check(tree).rows}
    what = "cutLenSec and (audEndSmp - audBeginSmp) / audRate"
    assert (rows[what].found, rows[what].verdict) == ("5 equal", "warning")
    assert rows[str(folder_of(tree))].verdict == "warning"


def test_a_video_of_another_length_than_session_xml_says_is_a_warning(tree):
    encode_again(tree, 190, 15)
    report = check(tree)
    assert report.ok
    assert found_in(report)["length of the video and cutLenSec"] == "5 equal"


def test_another_frame_size_is_a_warning(tree):
    from pulsefer.media.video import encode, frames

    path = only(tree, "*.avi")
    images = [frame.image[:64] for frame in frames(path)]
    path.unlink()
    encode(path, images, fps_hz=15)
    (row,) = [row for row in check(tree).rows if row.verdict == "warning"]
    assert (row.what, row.found) == ("frame size", "96x64 (1), 96x72 (5)")


def test_an_offset_that_cannot_be_is_a_warning(tree):
    offset_of_an_hour(tree)
    report = check(tree)
    assert report.ok
    assert any("within 5 s of its stimulus" in row.expected for row in report.rows)


def test_only_the_deep_check_finds_damage_inside_a_video(tree):
    path = only(tree, "*.avi")
    data = bytearray(path.read_bytes())
    at = data.index(b"movi") + 500
    data[at : at + len(data) // 2] = bytes(len(data) // 2)
    put(path, bytes(data))
    assert check(tree).ok
    report = check(tree, deep=True)
    assert not report.ok
    (problem,) = report.problems
    assert "C1 trigger" in problem.where


def test_a_real_copy_is_held_against_the_published_rate_of_session_2(tree, whole, monkeypatch):
    (tree / "SPECIMEN.json").unlink()
    monkeypatch.setattr(mahnob_check, "KNOWN_FRAMES", (0, 180))
    truth = whole.of("p01", 1)
    for known, verdict in ((truth.hr_bpm, "ok"), (truth.hr_bpm + 9, "warning")):
        monkeypatch.setattr(mahnob_check, "KNOWN_BPM", known)
        report = check(tree)
        (row,) = [row for row in report.rows if row.what == "session 2, frames 0-180"]
        assert row.verdict == verdict
    assert report.partial
    found = found_in(report)
    assert found["sessions of stimuli with video and BDF"] == "6 of 2"
    rows = {row.what: row for row in report.rows}
    assert rows["sessions of stimuli with video and BDF"].expected == "527 of 27 people"
    assert "p03 17, p09 14, p16 16" in rows["sessions of each person"].expected
    assert len(report.rows) < 30


def test_a_copy_that_is_not_there_is_one_broken_row(tmp_path):
    report = check(tmp_path / "none")
    assert [row.verdict for row in report.rows] == ["broken"]
    assert "licence" in report.problems[0].remedy
