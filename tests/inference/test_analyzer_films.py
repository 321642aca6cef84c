"""The analyzer on files: a specimen whose heart rate is known, and real clips."""

import numpy as np
import pandas as pd
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.tables import write_table
from pulsefer.media.video import encode

HR_BPM = 77.0
SECONDS, FPS_HZ = 13, 25.0


def specimen(
    path, *, pulse_amplitude=0.01, seconds=SECONDS, seed=0, fps_hz=FPS_HZ, size_px=(480, 384)
):
    """At half this size H.264 leaves little of a pulse of 1 %."""
    effects = Effects(pulse_amplitude=pulse_amplitude)
    trial = draw_trials(effects, subjects=1, seed=seed)[0]
    beats_s = beat_times_s(HR_BPM, -2.0, seconds, seed=seed, variability=0.02)
    images = film(
        trial, beats_s, effects=effects, n_frames=round(seconds * fps_hz), fps_hz=fps_hz,
        width_px=size_px[0], height_px=size_px[1], seed=seed,
    )  # fmt: skip
    encode(path, images, fps_hz=fps_hz, crf=18)
    return path


@pytest.fixture(scope="module")
def beating(tmp_path_factory):
    return specimen(tmp_path_factory.mktemp("film") / "beating.mp4")


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def table(beating, analyzer):
    return analyzer.video(beating)


def test_a_planted_heart_rate_comes_back_from_the_file(table):
    assert table["time_s"].tolist() == list(range(SECONDS))
    assert (table["face_id"] == 0).all()
    assert table["hr_bpm"].iloc[-3:].to_numpy() == pytest.approx(HR_BPM, abs=3.0)


@pytest.mark.slow
def test_a_rate_is_given_where_there_is_a_pulse_and_abstained_where_there_is_none(
    analyzer, tmp_path
):
    """Films like a webcam's; `benchmarks.trusted_rate` has more of them, and intervals.

    Half a minute each: the window has to fill, and the first rows of a film have half of one.
    """
    given, right, without = [], [], []
    for seed in range(4):
        for amplitude in (0.01, 0.0):
            path = specimen(
                tmp_path / "film.mp4", pulse_amplitude=amplitude, seed=seed, seconds=30,
                fps_hz=30.0, size_px=(640, 480),
            )  # fmt: skip
            rates = analyzer.video(path).query("hr_reason != 'short'")["hr_bpm"]
            if amplitude:
                given += rates.notna().tolist()
                right += (rates.dropna() - HR_BPM).abs().lt(3.0).tolist()
            else:
                without += rates.isna().tolist()
    assert np.mean(given) >= 0.8
    assert np.mean(right) >= 0.95
    assert np.mean(without) >= 0.95


@pytest.mark.shared
def test_of_a_real_moving_head_no_rate_is_given(shared_data, analyzer):
    """Today's open models answer anything from 48 to 148 bpm here, and are sure of it."""
    rows = analyzer.video(shared_data / "clips" / "WolfgangLanger_Pexels.mp4")
    assert rows["hr_bpm"].isna().all()
    assert (rows["hr_reason"] != "").all()
    assert rows["hr_pos_bpm"].notna().sum() > 10  # whoever wants a figure has one


def test_a_second_time_and_after_another_file_the_bytes_are_the_same(
    beating, table, analyzer, tmp_path
):
    short = specimen(tmp_path / "short.mp4", seconds=2)
    for number, analyze in enumerate((analyzer, Analyzer())):
        analyze.video(short)
        again = analyze.video(beating)
        for suffix in ("csv", "parquet"):
            write_table(table, tmp_path / f"first.{suffix}")
            write_table(again, tmp_path / f"{number}.{suffix}")
            first = (tmp_path / f"first.{suffix}").read_bytes()
            assert (tmp_path / f"{number}.{suffix}").read_bytes() == first


def test_an_end_before_the_films_does_not_change_the_rows_before_it(beating, table, analyzer):
    cut = analyzer.video(beating, end_s=6.0)
    pd.testing.assert_frame_equal(cut, table.iloc[:6], check_exact=True)


def test_progress_adds_up_to_what_was_asked_for(beating, analyzer):
    told = []
    analyzer.video(beating, start_s=4.0, end_s=7.0, advance=told.append)
    assert told == [1.0, 1.0, 1.0]


def test_a_start_behind_the_end_is_refused(beating, analyzer):
    with pytest.raises(BadInput, match=r"frames from 60 s on, found a video of 13\.0 s"):
        analyzer.video(beating, start_s=60.0)


def test_a_file_that_breaks_off_gives_the_rows_before_and_a_problem(analyzer, tmp_path):
    whole = specimen(tmp_path / "whole.avi", seconds=5)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    problems = []
    rows = analyzer.video(cut, on_problem=problems.append)
    assert 1 <= len(rows) < 5
    assert [problem.found[:12] for problem in problems] == ["the last one"]
    # What was asked for is all there: nothing to tell.
    assert len(analyzer.video(cut, end_s=1.0, on_problem=problems.append)) == 1
    assert len(problems) == 1


@pytest.mark.shared
def test_half_of_a_real_file_is_told_as_half(shared_data, analyzer, tmp_path):
    whole = (shared_data / "clips" / "WolfgangLanger_Pexels.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    problems = []
    rows = analyzer.video(tmp_path / "half.mp4", on_problem=problems.append)
    assert 5 <= len(rows) < 15
    assert len(problems) == 1


@pytest.mark.shared
def test_a_real_moving_person_is_there_in_every_second(shared_data, analyzer):
    rows = analyzer.video(shared_data / "clips" / "WolfgangLanger_Pexels.mp4")
    assert rows["time_s"].tolist() == list(range(20))
    assert rows["face_id"].notna().mean() >= 0.99
    assert set(rows["face_id"]) == {0}
    assert rows["hr_quality"].dropna().between(0, 1).all()


@pytest.mark.shared
def test_where_a_real_face_has_left_there_are_rows_without_one(shared_data, analyzer):
    rows = analyzer.video(shared_data / "clips" / "face_noface.mov").set_index("time_s")
    assert rows.index.tolist() == list(range(7))
    assert rows.loc[0.0, "face_id"] == 0
    assert rows.loc[4.0:, "face_id"].isna().all()


@pytest.mark.shared
def test_where_no_real_face_is_every_second_says_so(shared_data, analyzer):
    rows = analyzer.video(shared_data / "clips" / "no_face.mp4")
    assert len(rows) in (4, 5)
    assert rows["face_id"].isna().all()
