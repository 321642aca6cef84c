"""One fault at a time in a small whole tree: it is named, and the rest is read on."""

import shutil

import pytest
from mahnob_faults import (
    FAULTS,
    ODD,
    copied,
    folder_of,
    folders_exchanged,
    lies_there_twice,
    only,
    specimen,
)

from pulsefer.core.errors import BadInput
from pulsefer.datasets.mahnob_check import check
from pulsefer.datasets.mahnob_hci import read


@pytest.fixture
def tree(tmp_path_factory, tmp_path):
    return copied(specimen(tmp_path_factory.getbasetemp()), tmp_path)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_fault_is_one_clear_line_and_the_rest_goes_on(tree, fault):
    fault(tree)
    where, said, n_left = FAULTS[fault]
    told = []
    recordings = list(read(tree, on_problem=told.append))
    assert len(recordings) == n_left
    assert sum(recording.subject == "p02" for recording in recordings) == 3
    assert len(told) == 6 - n_left
    assert where in told[0].where
    assert said in str(told[0])
    assert {problem.severity for problem in told} == {"error"}
    assert all(len(str(problem)) < 500 and "\n" not in str(problem) for problem in told)


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.__name__)
def test_what_is_odd_is_named_and_read(tree, odd):
    odd(tree)
    where, said, severity, n_left = ODD[odd]
    told = []
    assert len(list(read(tree, on_problem=told.append))) == n_left
    (problem,) = told
    assert where in problem.where
    assert said in str(problem)
    assert problem.severity == severity


@pytest.mark.parametrize("fault", [*list(FAULTS)[::6], folders_exchanged], ids=lambda f: f.__name__)
def test_the_check_finds_what_the_reader_leaves_out(tree, fault):
    fault(tree)
    told = []
    list(read(tree, on_problem=told.append))
    report = check(tree)
    assert not report.ok
    assert set(told) <= set(report.problems)
    broken = [row for row in report.rows if row.verdict == "broken"]
    assert [row.what for row in broken] == [problem.where for problem in told]


def test_a_video_that_was_encoded_anew_keeps_its_own_rate(tree):
    next(odd for odd in ODD if odd.__name__ == "encoded_anew")(tree)
    rates = [recording.fps_hz for recording in read(tree, on_problem=lambda _: None)]
    assert rates == [None, 15, 15, 15, 15, 15]


def test_a_video_that_ends_early_ends_the_trial(tree):
    next(odd for odd in ODD if odd.__name__ == "video_ends_early")(tree)
    first = next(read(tree, on_problem=lambda _: None))
    assert first.length_s == pytest.approx(165 / 15 - 0.3, abs=1e-4)


def test_of_two_downloads_of_a_session_the_one_with_more_files_is_taken(tree):
    lies_there_twice(tree)
    first = next(read(tree, on_problem=lambda _: None))
    assert "another download" in str(first.video)
    assert first.begin_s == pytest.approx(0.3, abs=1e-4)


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (("*.avi",), "the colour video, P..._C1 trigger _C_Section_...avi, found no video"),
        (("*.bdf",), "expected Part_1_S_Trial1_emotion.bdf, found no BDF file"),
        (("*.avi", "*.bdf"), "found no video, no BDF file"),
    ],
)
def test_a_missing_file_is_an_error_of_the_reader_and_a_partial_copy_of_the_check(
    tree, patterns, said
):
    for pattern in patterns:
        only(tree, pattern).unlink()
    told = []
    assert len(list(read(tree, on_problem=told.append))) == 5
    (problem,) = told
    assert problem.severity == "error"
    assert problem.where.endswith("Sessions/2")
    assert said in str(problem)
    report = check(tree)
    assert report.ok
    assert report.partial
    assert {row.verdict for row in report.rows} == {"ok", "note"}
    found = {row.what: row.found for row in report.rows}
    assert found["sessions without colour video or BDF"] == "1: 1 of p01"


def test_a_person_of_whom_nobody_has_a_video_is_a_note(tree):
    """26 of the true data set, 2 of a specimen that says that it has only one person."""
    marker = tree / "SPECIMEN.json"
    text = marker.read_text().replace('"p01": 3,\n   "p02": 3', '"p01": 3')
    marker.unlink()
    marker.write_text(text)
    for number in (132, 134, 136):
        only(tree, "*.avi", number).unlink()
    told = []
    assert len(list(read(tree, on_problem=told.append))) == 3
    assert {problem.severity for problem in told} == {"note"}
    report = check(tree)
    assert report.ok
    assert not report.partial


def test_any_subset_is_a_copy_however_deep_it_lies(tree, tmp_path):
    part = tmp_path / "disk" / "hci-tagging-database_download_2024-01-01" / "Sessions"
    part.mkdir(parents=True)
    for number in (4, 132):
        shutil.copytree(folder_of(tree, number), part / str(number))
    shutil.copy(tree / "SPECIMEN.json", tmp_path / "disk")
    told = []
    recordings = list(read(tmp_path / "disk", on_problem=told.append))
    assert [recording.id for recording in recordings] == [
        "mahnob_hci/p01/trial02",
        "mahnob_hci/p02/trial01",
    ]
    assert told == []
    report = check(tmp_path / "disk")
    assert report.ok
    assert report.partial
    found = {row.what: (row.found, row.verdict) for row in report.rows}
    assert found["sessions of stimuli with video and BDF"] == ("2 of 2", "note")
    assert found["sessions of each person"] == ("p01 1, p02 1", "note")
    assert len(found) < 30


def test_no_folder_no_session_and_a_strange_marker_are_errors_at_once(tree, tmp_path):
    with pytest.raises(BadInput, match="no such folder; MAHNOB-HCI is given under a licence"):
        read(tmp_path / "none")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadInput, match=r"Sessions/2/session\.xml"):
        read(empty)
    for text in (
        "{",
        '{"layout": 7}',
        '{"dataset": "deap", "layout": {}}',
        '{"dataset": "mahnob_hci", "layout": {"fps_hz": "fast"}}',
        '{"dataset": "mahnob_hci", "layout": {"n_sessions": {"s01": 3}}}',
        '{"dataset": "mahnob_hci", "layout": {"n_sessions": 7}}',
        '{"dataset": "mahnob_hci", "layout": {"n_sessions": {}}}',
    ):
        (tree / "SPECIMEN.json").unlink()
        (tree / "SPECIMEN.json").write_text(text)
        with pytest.raises(BadInput, match=r"SPECIMEN\.json"):
            read(tree)
        report = check(tree)
        assert [row.verdict for row in report.rows] == ["broken"]


def test_many_sessions_with_one_complaint_are_listed_once_and_counted(tree):
    """So that a copy of 527 sessions prints one screen."""
    for number in (2, 4, 6, 132, 134, 136):
        path = only(tree, "*.bdf", number)
        data = path.read_bytes().replace(b"EXG2", b"EXG9", 1)
        path.unlink()
        path.write_bytes(data)
    report = check(tree)
    broken = [row for row in report.rows if row.verdict == "broken"]
    assert len(broken) == 6
    assert (broken[-1].what, broken[-1].found) == ("the same elsewhere", "1 more sessions")
    assert len(report.problems) == 6
