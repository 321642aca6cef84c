import os
import shutil

import pytest

from pulsefer.datasets.afew_check import check
from pulsefer.datasets.afew_fake import write_fake


@pytest.fixture(scope="module")
def specimen(tmp_path_factory):
    root = tmp_path_factory.mktemp("afew") / "AFEW-VA"
    return write_fake(root, actors=3, clips=4, frames=3, width_px=96, height_px=80)


@pytest.fixture
def copy(specimen, tmp_path):
    return shutil.copytree(specimen.root, tmp_path / "AFEW-VA", copy_function=os.link)


def row(report, beginning):
    (found,) = [r for r in report.rows if r.what.startswith(beginning)]
    return found


def broken(report):
    return [r for r in report.rows if r.verdict == "broken"]


@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_copy_has_one_row_a_fact_and_nothing_to_say(specimen, deep):
    report = check(specimen.root, deep=deep)
    assert report.ok
    assert not report.partial
    assert report.problems == ()
    assert len(report.rows) < 12
    assert row(report, "clips").found == "4"
    assert row(report, "labels that").found == "4"
    assert row(report, "frames with labels").found == "12"
    assert row(report, "frames with all landmarks").found == "12"
    assert row(report, "actors").found == "3, up to 2 clips each"
    assert row(report, "picture size").found.startswith("96x80, pixel 1.000")
    assert row(report, "kind of data").found == "synthetic"


def test_the_balance_of_labels_is_counted(specimen):
    for scale in ("valence", "arousal"):
        labels = [v for planted in specimen.planted for v in getattr(planted, scale)]
        below, above = sum(v < 0 for v in labels), sum(v > 0 for v in labels)
        found = row(check(specimen.root), f"{scale} of 12").found
        assert found.startswith(f"{below} below 0, ")
        assert found.endswith(f", {above} above")


def test_part_of_a_copy_is_a_note_and_a_real_one_has_600(copy):
    shutil.rmtree(copy / "002")
    report = check(copy)
    assert report.ok
    assert report.partial
    assert row(report, "clips").verdict == "note"
    (copy / "SPECIMEN.json").unlink()
    assert row(check(copy), "clips").expected == "600"


def test_a_refused_clip_and_a_missing_picture_are_named(copy):
    (copy / "001" / "001.json").unlink()
    (copy / "001" / "001.json").write_text("{")
    (copy / "003" / "00001.png").unlink()
    report = check(copy)
    assert not report.ok
    (refused,) = broken(report)
    assert "001.json" in refused.what
    # A few pictures are missing in everybody's copy.
    (missing,) = [r for r in report.rows if r.verdict == "warning"]
    assert "003.json" in missing.what
    assert row(report, "labels that").found == "3"
    assert row(report, "frames with labels").found == "8"


def test_a_damaged_picture_is_found_when_every_one_is_decoded(copy):
    path = copy / "003" / "00001.png"
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:2000])
    assert check(copy).ok
    (found,) = broken(check(copy, deep=True))
    assert "00001.png" in found.what
    assert row(check(copy, deep=True), "pictures that decode").found == "11"


def test_landmarks_of_another_size_are_a_warning(copy):
    path = copy / "002" / "002.json"
    text = path.read_text().replace('"landmarks": [[', '"landmarks": [[9', 1)
    path.unlink()
    path.write_text(text)
    report = check(copy)
    assert report.ok
    (problem,) = report.problems
    assert problem.severity == "warning"
    assert "1 of 3 frames" in problem.found


def test_no_copy_is_one_broken_row(tmp_path):
    for root in (tmp_path, tmp_path / "none"):
        report = check(root)
        assert not report.ok
        assert len(report.rows) == 1
