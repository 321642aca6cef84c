"""`pulsefer analyze`: one, many, pictures, a film to look at."""

import json

import numpy as np
import pandas as pd
import pytest

from pulsefer.app import analyze as module
from pulsefer.app.cli import run
from pulsefer.media.image import encode_png
from pulsefer.media.video import encode, frames, probe


@pytest.fixture
def films(tmp_path):
    """Two films and a file that is none, in a folder."""
    folder = tmp_path / "films"
    folder.mkdir()
    for name, level in (("a", 90), ("b", 120)):
        grey = (np.full((120, 160, 3), level, np.uint8) for _ in range(20))
        encode(folder / f"{name}.mp4", grey, fps_hz=10)
    (folder / "broken.mp4").write_bytes(b"no film")
    return folder


def test_a_folder_ends_in_1_if_one_is_bad_and_all_that_can_be_made_is_made(films, tmp_path, capsys):
    out = tmp_path / "tables"
    assert run(["analyze", str(films), "--output", str(out)]) == 1
    said = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == [
        "a.csv", "a.csv.json", "b.csv", "b.csv.json",
    ]  # fmt: skip
    assert "2 made, 0 kept from before, 1 failed, of 3" in said.err
    assert "broken.mp4: expected a video" in said.err
    assert run(["analyze", str(films), "--output", str(out)]) == 1
    assert "0 made, 2 kept from before, 1 failed" in capsys.readouterr().err


def test_a_folder_that_is_all_right_ends_in_0_and_one_that_is_all_wrong_in_2(films, tmp_path):
    (films / "broken.mp4").unlink()
    assert run(["analyze", str(films), "--output", str(tmp_path / "t")]) == 0
    for path in films.iterdir():
        path.write_bytes(b"no film")
    assert run(["analyze", str(films), "--output", str(tmp_path / "u")]) == 2


def test_several_files_and_a_pattern_go_into_a_folder(films, tmp_path):
    out = tmp_path / "t"
    words = ["analyze", str(films / "a.mp4"), f"{films}/b*.mp4", "--output", str(out)]
    assert run([*words, "--format", "parquet"]) == 1
    assert (out / "a.parquet").exists()
    assert (out / "b.parquet").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{films}", "--output", "{films}/all.csv"], "a folder for the tables of 3 videos"),
        (["{films}/a.mp4", "--output", "t.csv", "--blur-faces"], "a film to hide faces in"),
        (["{films}", "--output", "t", "--format", "bids"], "analyse one by one"),
        (["{films}/none", "--output", "t.csv"], "expected a video file, found no such file"),
        (["{films}/none*.mp4", "--output", "t"], "expected a video file, a folder of videos"),
        (["--output", "t.csv"], "pulsefer analyze VIDEO --output FILE.csv"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    words, told, films, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert run(["analyze", *(word.format(films=films) for word in words)]) == 2
    assert told in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["films"]


def test_pictures_have_a_row_each_and_a_bad_one_is_named(tmp_path, capsys):
    from skimage.data import astronaut

    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "face.png").write_bytes(encode_png(astronaut()))
    (folder / "wall.png").write_bytes(encode_png(np.full((80, 80, 3), 99, np.uint8)))
    (folder / "torn.jpg").write_bytes(b"torn")
    out = tmp_path / "faces.csv"
    assert run(["analyze", str(folder), "--output", str(out)]) == 1
    assert "torn.jpg" in capsys.readouterr().err
    table = pd.read_csv(out)
    assert table["picture"].tolist() == ["face.png", "wall.png"]
    assert table["face_id"].isna().tolist() == [False, True]
    assert table["face_score"].iloc[0] > 0.9
    told = json.loads((tmp_path / "faces.csv.json").read_text("utf-8"))
    assert set(told["columns"]) == set(table.columns)


def test_an_overlay_is_a_film_of_the_same_length(films, tmp_path, capsys):
    out, film = tmp_path / "t.csv", tmp_path / "t.overlay.mp4"
    words = ["analyze", str(films / "a.mp4"), "--output", str(out), "--overlay", str(film)]
    assert run([*words, "--blur-faces"]) == 0
    assert "a face that was not found is not hidden" in " ".join(capsys.readouterr().err.split())
    assert probe(film).duration_s == pytest.approx(2.0, abs=0.2)
    assert len(list(frames(film))) == 20


def test_steps_may_be_shorter(films, tmp_path):
    out = tmp_path / "t.csv"
    words = ["analyze", str(films / "a.mp4"), "--output", str(out), "--step-s", "0.5"]
    assert run(words) == 0
    assert pd.read_csv(out)["time_s"].tolist() == [0.0, 0.5, 1.0, 1.5]


def test_a_film_of_unknown_length_is_analysed(films, tmp_path, monkeypatch):
    """Its bar has no end, and that is all."""
    import dataclasses
    import math

    monkeypatch.setattr(
        module, "probe", lambda path: dataclasses.replace(probe(path), duration_s=math.nan)
    )
    assert run(["analyze", str(films / "a.mp4"), "--output", str(tmp_path / "t.csv")]) == 0


def test_what_is_said_of_a_face_without_a_rate_is_why(capsys):
    table = pd.DataFrame(
        {
            "time_s": [0.0, 1.0, 2.0],
            "face_id": pd.array([0, 0, 0], "Int64"),
            "hr_bpm": [np.nan, np.nan, np.nan],
            "hr_reason": ["short", "moving", "moving"],
        }
    )
    module._sum_up(table, "t.csv")
    err = " ".join(capsys.readouterr().err.split())
    assert "no heart rate that can be believed (2 x the head moves too much, 1 x not yet" in err
