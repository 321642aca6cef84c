"""Many videos: a table each, resumed, and one bad file that stops nobody."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.inference import batch
from pulsefer.inference.batch import Ask, analyze_all, jobs_of, summary, videos_in
from pulsefer.inference.sidecar import sidecar_path
from pulsefer.media.video import encode


def grey(path, seconds=2, level=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(path, (np.full((120, 160, 3), level, np.uint8) for _ in range(10 * seconds)), fps_hz=10)
    return path


@pytest.fixture
def folder(tmp_path):
    """Two films, one of them in a folder of its own, and a file that is none."""
    grey(tmp_path / "in" / "a.mp4")
    grey(tmp_path / "in" / "deep" / "b.mkv")
    (tmp_path / "in" / "broken.mp4").write_bytes(b"not a film")
    (tmp_path / "in" / "notes.txt").write_text("nobody's film")
    return tmp_path / "in"


def test_folders_files_and_patterns_give_every_video_once(folder):
    names = [path.name for path in videos_in([folder])]
    assert names == ["a.mp4", "broken.mp4", "b.mkv"]
    assert [p.name for p in videos_in([folder / "deep" / "b.mkv", folder])] == [
        "b.mkv", "a.mp4", "broken.mp4",
    ]  # fmt: skip
    assert [p.name for p in videos_in([f"{folder}/*.mp4"])] == ["a.mp4", "broken.mp4"]
    assert [p.name for p in videos_in([folder / "notes.txt"])] == ["notes.txt"]  # named itself


@pytest.mark.parametrize("word", ["nowhere", "nowhere/*.mp4"])
def test_a_word_that_stands_for_nothing_is_named(tmp_path, word):
    with pytest.raises(BadInput, match=r"nowhere.*expected a video file, a folder of videos"):
        videos_in([tmp_path / word])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="found no video in it"):
        videos_in([tmp_path / "empty"])


def test_tables_lie_as_the_videos_do_and_no_two_have_one_name(folder, tmp_path):
    grey(folder / "a.mov")
    jobs = jobs_of(videos_in([folder]), tmp_path / "out", Ask(), format="parquet")
    places = [job.output.relative_to(tmp_path / "out").as_posix() for job in jobs]
    assert places == ["a.mov.parquet", "a.mp4.parquet", "broken.parquet", "deep/b.parquet"]


def test_one_bad_file_is_named_and_the_others_are_done(folder, tmp_path):
    jobs = jobs_of(videos_in([folder]), tmp_path / "out", Ask())
    told = []
    done = {one.job.source.name: one for one in analyze_all(jobs, advance=told.append)}
    assert {name: one.state for name, one in done.items()} == {
        "a.mp4": "made", "broken.mp4": "failed", "b.mkv": "made",
    }  # fmt: skip
    assert told == [1, 1, 1]
    (problem,) = done["broken.mp4"].problems
    assert "broken.mp4: expected a video that FFmpeg can read" in str(problem)
    assert not done["broken.mp4"].job.output.exists()
    assert len(pd.read_csv(done["a.mp4"].job.output)) == 2


def states(jobs):
    return [one.state for one in analyze_all(jobs)]


def test_what_is_done_is_kept_until_something_differs(tmp_path, monkeypatch):
    jobs = jobs_of([grey(tmp_path / "a.mp4")], tmp_path / "out", Ask())
    (job,) = jobs
    assert states(jobs) == ["made"]
    first = job.output.read_bytes(), job.output.stat().st_mtime_ns
    assert states(jobs) == ["kept"]
    assert (job.output.read_bytes(), job.output.stat().st_mtime_ns) == first
    longer = dataclasses.replace(job, ask=Ask(step_s=0.5))
    assert states([longer]) == ["made"]  # other settings
    assert states([longer]) == ["kept"]
    assert states(jobs) == ["made"]
    job.output.write_text("touched")
    assert states(jobs) == ["made"]  # no longer what was written
    sidecar_path(job.output).unlink()
    assert states(jobs) == ["made"]  # nobody says what it is
    grey(job.source, level=120)
    assert states(jobs) == ["made"]  # another film of the same name
    monkeypatch.setattr("pulsefer.inference.analyzer.__version__", "99")
    assert states(jobs) == ["made"]


@pytest.mark.parametrize("format", ["csv", "parquet", "fex"])
def test_every_format_is_kept(tmp_path, format):
    jobs = jobs_of([grey(tmp_path / "a.mp4")], tmp_path / "out", Ask(), format=format)
    assert states(jobs) == ["made"]
    (again,) = analyze_all(jobs)
    assert again.state == "kept"
    assert again.summary.get("steps", 2) == 2


def test_a_kill_between_two_videos_loses_nothing(tmp_path):
    films = [grey(tmp_path / f"{name}.mp4") for name in "abc"]
    jobs = jobs_of(films, tmp_path / "out", Ask())
    running = analyze_all(jobs)
    assert next(running).state == "made"
    running.close()
    assert states(jobs) == ["kept", "made", "made"]


def test_a_model_that_is_none_is_refused_before_anything_is_done(folder, tmp_path):
    jobs = jobs_of(videos_in([folder]), tmp_path / "out", Ask(models=(str(tmp_path / "none"),)))
    with pytest.raises(BadInput, match="no such folder"):
        list(analyze_all(jobs))
    assert not (tmp_path / "out").exists()


def test_anything_that_goes_wrong_with_one_video_is_told_of_that_video(tmp_path, monkeypatch):
    jobs = jobs_of([grey(tmp_path / f"{n}.mp4") for n in "ab"], tmp_path / "out", Ask())
    real = batch.write_table

    def full(table, path):
        if path.stem == "a":
            raise OSError(28, "No space left on device", str(path))
        return real(table, path)

    monkeypatch.setattr(batch, "write_table", full)
    first, second = analyze_all(jobs)
    assert (first.state, second.state) == ("failed", "made")
    assert "No space left" in str(first.problems[0])


@pytest.mark.slow
def test_two_processes_do_what_one_does(folder, tmp_path):
    for workers in (1, 2):
        jobs = jobs_of(videos_in([folder]), tmp_path / f"out{workers}", Ask())
        assert sorted(one.state for one in analyze_all(jobs, workers=workers)) == [
            "failed", "made", "made",
        ]  # fmt: skip
    one, two = (
        {p.relative_to(tmp_path / f"out{n}"): p.read_bytes() for n in (n,)
         for p in sorted((tmp_path / f"out{n}").rglob("*")) if p.is_file()}
        for n in (1, 2)
    )  # fmt: skip
    assert one == two


def test_a_summary_counts_what_is_there(tmp_path):
    jobs = jobs_of([grey(tmp_path / "a.mp4")], tmp_path / "out", Ask())
    (done,) = analyze_all(jobs)
    assert done.summary["steps"] == 2
    assert done.summary["faces"] == 0
    assert math.isnan(done.summary["median_hr_bpm"])
    table = pd.DataFrame(
        {
            "time_s": [0.0, 1.0, 1.0, 2.0],
            "face_id": pd.array([0, 0, 1, None], "Int64"),
            "hr_bpm": [math.nan, 70.0, math.nan, math.nan],
            "hr_reason": ["short", "", "dark", "no_face"],
        }
    )
    assert summary(table) == {
        "rows": 4, "steps": 3, "steps_with_face": 2, "faces": 2, "rows_with_rate": 1,
        "rows_seen": 3, "median_hr_bpm": 70.0, "usual_reason": "short",
    }  # fmt: skip
