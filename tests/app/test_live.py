"""`pulsefer live`: what is shown, what is kept, and how it ends."""

import io
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from pulsefer.app import live as module
from pulsefer.app.cli import run
from pulsefer.app.live import Recording, counts, line, screen
from pulsefer.core.errors import Problem
from pulsefer.core.types import Frame
from pulsefer.faces.detector import Face
from pulsefer.inference.advice import heart_words, note
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.config import AnalyzeConfig
from pulsefer.inference.session import Session
from pulsefer.inference.tables import sidecar_path, write_table
from pulsefer.media.video import encode

LANDMARKS_PX = np.array([[-20.0, 0.0], [20.0, 0.0], [0.0, 22.0], [-16.0, 42.0], [16.0, 42.0]])


class There:
    """A face in the middle of every picture."""

    name = fingerprint = "there"

    def detect(self, image):
        assert image.shape == (160, 192, 3)
        return [Face(51, 15, 90, 120, 0.99, LANDMARKS_PX + np.array([96.0, 60.0]))]


@pytest.fixture(autouse=True)
def a_wide_screen(monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def found(monkeypatch):
    """The command finds a face without a network."""
    monkeypatch.setattr(module, "Analyzer", lambda *_, **__: Analyzer(detector=There()))


def pictures(seconds, fps_hz=10.0):
    rng = np.random.default_rng(0)
    for _ in range(round(seconds * fps_hz)):
        yield rng.integers(90, 110, (160, 192, 3), np.uint8)


def frames(seconds, fps_hz=10.0):
    for index, image in enumerate(pictures(seconds, fps_hz)):
        yield Frame(index, index / fps_hz, image)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    encode(path, pictures(2.5), fps_hz=10.0)
    return path


def said(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    return " ".join(err.split())


# What is shown


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"hr_bpm": 71.6, "hr_reason": ""}, "72 bpm"),
        ({"hr_bpm": np.nan, "hr_reason": "small"}, "come closer"),
        ({"hr_reason": "dark"}, "more light"),
        ({"hr_reason": "bright"}, "less light"),
        ({"hr_reason": "moving"}, "hold still"),
        ({"hr_reason": "no_peak"}, "not clear yet"),
        ({"hr_reason": "no_peak", "since_s": -60.0}, "no clear pulse: hold still, more light"),
        ({"hr_reason": "short"}, "4 s to go"),
        ({"hr_reason": "short", "since_s": -60.0}, "a moment"),
        ({"hr_reason": "a_new_word"}, "a_new_word"),
    ],
)
def test_a_face_has_a_rate_or_an_advice(row, words):
    assert heart_words({"time_s": 0.0, **row}, AnalyzeConfig()) == words


def test_a_row_in_words_says_the_face_its_rate_and_what_a_model_adds():
    row = {"time_s": 7.0, "face_id": 1, "hr_bpm": 64.2, "hr_quality": 0.871, "valence_prob": 0.61}
    assert line(row, AnalyzeConfig()) == "7 s, face 1: 64 bpm, quality 0.87, valence 61%"
    assert line({"time_s": 0.5, "face_share": 0.0}, AnalyzeConfig()) == "0.5 s: no face in sight"
    row |= {"hr_bpm": np.nan, "hr_reason": "moving", "valence_prob": np.nan}
    assert line(row, AnalyzeConfig()) == "7 s, face 1: hold still"


def test_faces_stay_on_the_screen_until_they_are_gone_and_begin_anew():
    faces = {}
    note(faces, [{"time_s": 0.0, "face_id": 0}, {"time_s": 0.0, "face_id": 1}], 1.0)
    note(faces, [{"time_s": 1.0, "face_id": 0}], 1.0)
    assert sorted(faces) == [0, 1]  # the other may still be on its way
    assert faces[0] == {"time_s": 1.0, "face_id": 0, "since_s": 0.0}
    note(faces, [{"time_s": 2.0, "face_id": 0}], 1.0)
    assert sorted(faces) == [0]
    note(faces, [{"time_s": 3.0, "face_share": 0.0}], 1.0)
    assert faces == {}
    note(faces, [{"time_s": 4.0, "face_id": 0}], 1.0)
    assert faces[0]["since_s"] == 4.0


def test_the_screen_has_every_face_and_how_well_the_computer_keeps_up():
    with Session(Analyzer(detector=There()), frames(1.2), pace=False) as session:
        rows = list(session)
    faces = {}

    def drawn():
        text = io.StringIO()
        Console(file=text, width=100, force_terminal=True, color_system=None).print(
            screen(session, faces)
        )
        return text.getvalue()

    assert "no face in sight" in drawn()
    note(faces, rows, 1.0)
    assert re.search(r"frames: Ctrl-C ends it", drawn())
    assert re.search(r"0 +│ 3 s to go +│", drawn())
    assert re.search(r"frames/s, 0 of 12 dropped \(0%\), latency \d+ ms", drawn())
    faces[0] |= {"hr_bpm": 70.0, "hr_quality": 0.5}
    faces[3] = {**faces[0], "face_id": 3, "hr_bpm": np.nan, "hr_reason": "dark"}
    assert re.search(r"0 +│ 70 bpm +│ ━+", drawn())
    assert re.search(r"3 +│ more light", drawn())
    assert counts(Session(Analyzer(detector=There()), [])) == "0 of 0 dropped (0%)"


@pytest.mark.usefixtures("found")
def test_on_a_terminal_the_table_is_drawn(film, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert run(["live", str(film)]) == 0
    err = capsys.readouterr().err
    assert "film.mp4: Ctrl-C ends it" in err
    assert "to go" in err


# What is kept


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_film_played_to_its_end_has_the_file_of_its_analysis(
    film, suffix, tmp_path, capsys, monkeypatch
):
    # On a busy machine a frame may come late; here none is to be dropped.
    monkeypatch.setattr(module, "Session", partial(Session, waiting=1000))
    output = tmp_path / "new" / f"live.{suffix}"
    assert run(["live", str(film), "--output", str(output)]) == 0
    err = said(capsys)
    assert f"{output}: 3 rows; " in err
    assert " 0 of 25 dropped (0%)" in err
    assert re.search(r"a row came \d+ ms after its last frame", err)
    assert "0 s, face 0: 4 s to go 1 s, face 0: 3 s to go 2 s, face 0: 2 s to go" in err
    assert f"next: open {output}" in err
    analyzed = tmp_path / f"analyzed.{suffix}"
    write_table(Analyzer(detector=There()).video(film), analyzed)
    read = pd.read_csv if suffix == "csv" else pd.read_parquet
    pd.testing.assert_frame_equal(read(output), read(analyzed), check_exact=True)
    assert sidecar_path(output).is_file()


@pytest.mark.usefixtures("found")
def test_after_the_seconds_that_were_asked_for_it_ends(film, capsys):
    assert run(["live", str(film), "--seconds", "1"]) == 0
    err = said(capsys)
    assert "not written: 1 rows; " in err
    assert f"next: pulsefer live {film} --model RUN --output live.csv" in err


def test_a_growing_csv_is_whole_after_every_row_and_then_the_file_of_the_table(tmp_path):
    path = tmp_path / "grows.csv"
    with Session(Analyzer(detector=There()), frames(4), pace=False) as session:
        recording = Recording(session, path)
        rows = list(session)
        recording.add(rows[:1])
        assert pd.read_csv(path)["time_s"].tolist() == [0]
        recording.add([])
        recording.add(rows[1:])
    grown = pd.read_csv(path)
    pd.testing.assert_frame_equal(grown, session.table(), check_dtype=False, rtol=1e-8)
    recording.finish()
    pd.testing.assert_frame_equal(pd.read_csv(path), grown, rtol=1e-5)
    assert sidecar_path(path).is_file()


def test_a_csv_that_is_longer_than_the_table_stays_as_it_grew(tmp_path, monkeypatch):
    path = tmp_path / "grows.csv"
    with Session(Analyzer(detector=There()), frames(4), pace=False) as session:
        recording = Recording(session, path)
        recording.add(list(session))
    half = session.table().iloc[2:]
    monkeypatch.setattr(session, "table", lambda: half)
    recording.finish()
    assert len(pd.read_csv(path)) == 4


def test_parquet_is_written_whole_from_time_to_time(tmp_path, monkeypatch):
    path = tmp_path / "whole.parquet"
    with Session(Analyzer(detector=There()), frames(4), pace=False) as session:
        rows = list(session)
        recording = Recording(session, path)
        recording.add(rows[:1])
        first = path.stat().st_mtime_ns
        recording.add(rows[1:2])
        assert path.stat().st_mtime_ns == first
        monkeypatch.setattr(module, "WHOLE_EVERY_S", 0.0)
        recording.add(rows[2:])
        assert path.stat().st_mtime_ns > first
    pd.testing.assert_frame_equal(pd.read_parquet(path), session.table())


def test_without_a_file_or_a_row_nothing_is_written(tmp_path):
    session = Session(Analyzer(detector=There()), [])
    for path in (None, tmp_path / "none.csv"):
        recording = Recording(session, path)
        recording.add([])
        recording.finish()
    assert not list(tmp_path.iterdir())


# How it ends


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_ctrl_c_ends_well_and_keeps_what_was_made(film, suffix, tmp_path, capsys, monkeypatch):
    read = Session.read

    def stopped(session, timeout_s):
        rows = read(session, timeout_s)
        if timeout_s and not session.n_rows:
            return rows
        if timeout_s:
            session._unread.extendleft(reversed(rows))  # it comes while the row is on its way
            raise KeyboardInterrupt
        return rows

    monkeypatch.setattr(Session, "read", stopped)
    output = tmp_path / f"live.{suffix}"
    assert run(["live", str(film), "--output", str(output)]) == 130
    table = pd.read_csv(output) if suffix == "csv" else pd.read_parquet(output)
    assert table["time_s"].tolist()[:1] == [0.0]
    assert f"{output}: {len(table)} rows" in said(capsys)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT to send")
def test_a_process_that_is_stopped_ends_well_and_leaves_a_table(tmp_path):
    path, output = tmp_path / "long.mp4", tmp_path / "live.csv"
    encode(path, (np.full((96, 128, 3), 90, np.uint8) for _ in range(900)), fps_hz=10.0)
    process = subprocess.Popen(
        [sys.executable, "-m", "pulsefer", "live", str(path), "--output", str(output)],
        stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Whoever runs these tests in the background may have them ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        until_s = time.monotonic() + 60
        while not output.exists() or len(output.read_text().splitlines()) < 3:
            assert process.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    table = pd.read_csv(output)
    assert table["time_s"].tolist() == list(range(len(table)))
    assert len(table) >= 2
    assert process.returncode == 130
    assert f"{len(table)} rows" in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.usefixtures("found")
def test_a_camera_that_is_unplugged_ends_in_1_with_its_rows(tmp_path, capsys, monkeypatch):
    output = tmp_path / "live.csv"

    class Unplugged:
        name, paced, patience_s, problem = "camera 0", False, np.inf, None

        def close(self):
            pass

        def __iter__(self):
            yield from frames(2)
            self.problem = Problem("camera 0", "pictures", "20, then: no such device")

    monkeypatch.setattr(
        module, "Session", lambda analyzer, _, **options: Session(analyzer, Unplugged(), **options)
    )
    assert run(["live", "--output", str(output)]) == 1
    assert pd.read_csv(output)["time_s"].tolist() == [0, 1]
    assert "error camera 0: expected pictures, found 20, then: no such device" in said(capsys)


@pytest.mark.usefixtures("found")
def test_an_error_in_the_middle_ends_in_2_and_keeps_the_rows_before(tmp_path, capsys, monkeypatch):
    output = tmp_path / "live.csv"
    shown = [*frames(2), Frame(20, 1.0, next(pictures(1)))]
    monkeypatch.setattr(
        module, "Session",
        lambda analyzer, _, **options: Session(analyzer, shown, pace=False, **options),
    )  # fmt: skip
    assert run(["live", "--output", str(output)]) == 2
    assert "expected a time after 1.9 s, found 1.0 s" in said(capsys)
    assert pd.read_csv(output)["time_s"].tolist() == [0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("live no.mp4", "no.mp4: expected a video file, or the number or name of a camera, found"),
        ("live 97", "camera 97: expected a camera that opens, found"),
        ("live --output live.xlsx", "live.xlsx: expected an output file that ends in"),
        ("live --output live.fex.csv", "live.fex.csv: expected a live table that ends in .csv or"),
        ("live --output old.csv", "old.csv: expected a new file: what was filmed once cannot be"),
        ("live film.mp4 --seconds 0", "end_s must be above 0"),
    ],
)
def test_what_cannot_be_done_ends_in_2_and_says_why(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("old.csv").write_text("time_s\n")
    Path("film.mp4").write_text("")
    assert run(words.split()) == 2
    assert told in said(capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "old.csv"]
    assert Path("old.csv").read_text() == "time_s\n"


def test_its_help_says_how_it_ends(capsys):
    assert run(["live", "--help"]) == 0
    out, _ = capsys.readouterr()
    assert "Usage: pulsefer live" in out
    assert "Ctrl-C ends it" in out
