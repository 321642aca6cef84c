import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scripted_faces import HERE, Scripted, film, one_face, steady, two_faces

from pulsefer.faces.crop import CropConfig
from pulsefer.faces.follow import FollowConfig
from pulsefer.inference.analyzer import BASE_COLUMNS, Analyzer
from pulsefer.inference.config import AnalyzeConfig
from pulsefer.inference.tables import write_table


def analysed(times_s, places_at=one_face, *, config=None, start_s=0.0, end_s=math.inf, **of_film):
    analyzer = Analyzer(config=config, detector=Scripted(places_at))
    rows = analyzer.frames(film(times_s, **of_film), start_s=start_s, end_s=end_s)
    return analyzer.table(rows, source="film")


def test_there_is_a_row_per_second_with_the_columns_that_are_promised():
    table = analysed(steady(3.5))
    assert tuple(table.columns) == BASE_COLUMNS
    assert table["time_s"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert table["face_id"].tolist() == [0, 0, 0, 0]
    assert (table["face_share"] == 1.0).all()
    assert table[["box_x_px", "box_y_px", "box_w_px", "box_h_px"]].iloc[-1].tolist() == (
        pytest.approx([35, 15, 90, 120])
    )


@pytest.mark.parametrize("step_s", [0.5, 2.0])
def test_a_row_may_stand_for_another_time(step_s):
    table = analysed(steady(4), config=AnalyzeConfig(step_s=step_s))
    assert table["time_s"].tolist() == np.arange(0, 4, step_s).tolist()


def test_a_second_without_a_face_has_a_row_that_says_so():
    table = analysed(steady(6), lambda ms: [HERE] if ms < 1950 else [])
    assert table["time_s"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    empty = table[table["time_s"] >= 2.0]
    assert empty["face_id"].isna().all()
    assert (empty["face_share"] == 0.0).all()
    assert (empty["hr_reason"] == "no_face").all()
    rest = [c for c in BASE_COLUMNS if c not in ("time_s", "face_share", "hr_reason")]
    assert empty[rest].isna().all().all()


def test_the_share_counts_frames_in_which_the_face_is_seen_not_held():
    table = analysed(steady(4), lambda ms: [] if 2490 < ms < 3490 else [HERE])
    assert table["face_id"].tolist() == [0, 0, 0, 0]
    assert table["face_share"].tolist() == pytest.approx([1, 1, 0.5, 0.5], abs=0.25)


def test_a_second_without_a_frame_has_a_row_too():
    times_s = np.concatenate([steady(2), 5.0 + steady(1)])
    table = analysed(times_s)
    assert table["time_s"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert table["face_id"].isna().tolist() == [False, False, True, True, True, False]
    table = analysed(times_s, end_s=4.0)
    assert table["time_s"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_what_was_not_asked_for_has_no_row():
    table = analysed(steady(6), start_s=2.0, end_s=4.5)
    assert table["time_s"].tolist() == [2.0, 3.0, 4.0]
    assert analysed(steady(2), start_s=5.0).empty
    assert list(analysed([]).dtypes) == list(table.dtypes)


@pytest.mark.parametrize(("start_s", "end_s"), [(3.0, 3.0), (-1.0, 3.0), (math.nan, 3.0)])
def test_a_span_that_is_none_is_refused(start_s, end_s):
    with pytest.raises(ValueError, match="start_s < end_s"):
        analysed(steady(1), start_s=start_s, end_s=end_s)


def test_the_past_does_not_know_the_future():
    whole = analysed(steady(14))
    for seconds in (4, 7, 12):
        cut = analysed(steady(seconds))
        pd.testing.assert_frame_equal(cut, whole.iloc[: len(cut)], check_exact=True)


def test_a_second_uses_only_frames_before_its_end():
    whole = analysed(steady(8))
    stopped = analysed(steady(8)[: 7 * 25])  # without the frame at 7.0 s
    pd.testing.assert_frame_equal(stopped, whole.iloc[:7], check_exact=True)


def test_rows_come_as_the_seconds_pass():
    pushed = []

    def live():
        for frame in film(steady(3)):
            pushed.append(frame.time_s)
            yield frame

    rows = Analyzer(detector=Scripted(one_face)).frames(live())
    assert next(rows)["time_s"] == 0.0
    assert pushed[-1] == 1.0


def test_the_same_frames_give_the_same_rows_also_after_other_frames():
    analyzer = Analyzer(detector=Scripted(two_faces))
    first = list(analyzer.frames(film(steady(7))))
    list(analyzer.frames(film(steady(3), seed=1)))
    assert list(analyzer.frames(film(steady(7)))) == first


def test_two_faces_have_two_ids_two_rows_and_two_hearts():
    table = analysed(steady(12), two_faces)
    assert (table.groupby("time_s")["face_id"].nunique() == 2).all()
    last = table[table["time_s"] == 11.0].set_index("face_id")
    assert last["box_x_px"].nunique() == 2
    by_place = last.sort_values("box_x_px")["hr_bpm"].tolist()
    assert by_place == pytest.approx([72.0, 96.0], abs=2.0)


def test_a_rate_needs_five_seconds_and_then_stays():
    table = analysed(steady(12))
    assert table["hr_bpm"].isna().tolist()[:4] == 4 * [True]
    assert table["hr_reason"].tolist()[:4] == 4 * ["short"]
    # Five seconds may be enough, seven are: the pulse is as clear as in life.
    assert table["hr_reason"].tolist()[6:] == 6 * [""]
    assert table["hr_quality"].isna().tolist() == 4 * [True] + 8 * [False]
    assert table["hr_bpm"].iloc[6:].to_numpy() == pytest.approx(72.0, abs=2.0)


def test_a_pulse_is_given_and_noise_is_not():
    there = analysed(steady(12)).iloc[-1]
    none = analysed(steady(12), amplitude=0.0).iloc[-1]
    assert 0.0 <= none["hr_quality"] < 0.97 < there["hr_quality"] <= 1.0
    assert there["hr_reason"] == ""
    assert none["hr_reason"] == "no_peak"
    assert math.isnan(none["hr_bpm"])
    assert math.isfinite(none["hr_pos_bpm"])  # whatever it is worth


def dimmed(share):
    for frame in film(steady(8)):
        frame.image[1:] = (frame.image[1:] * share).astype(np.uint8)
        yield frame


@pytest.mark.parametrize(("share", "reason"), [(0.15, "dark"), (1.0, "")])
def test_too_dark_a_face_has_no_rate_and_a_reason(share, reason):
    row = list(Analyzer(detector=Scripted(one_face)).frames(dimmed(share)))[-1]
    assert row["hr_reason"] == reason
    assert math.isnan(row["hr_bpm"]) == bool(reason)


def test_too_bright_a_face_has_no_rate_and_a_reason():
    def glaring():
        for frame in film(steady(8)):
            frame.image[1:] = 252
            yield frame

    row = list(Analyzer(detector=Scripted(one_face)).frames(glaring()))[-1]
    assert row["hr_reason"] == "bright"


class Small(Scripted):
    """Faces of a third of the size."""

    def detect(self, image):
        return [
            dataclasses.replace(
                face, landmarks_px=HERE + (face.landmarks_px - HERE) / 3, box_w_px=30, box_h_px=40
            )
            for face in super().detect(image)
        ]


def test_too_small_a_face_has_no_rate_and_a_reason():
    row = list(Analyzer(detector=Small(one_face)).frames(film(steady(8))))[-1]
    assert row["hr_reason"] == "small"


def test_a_head_that_travels_has_no_rate_and_a_reason():
    def walks(ms):
        return [(80.0 + 12 * math.sin(ms / 250), 60.0)]

    row = list(Analyzer(detector=Scripted(walks)).frames(film(steady(8))))[-1]
    assert row["face_id"] == 0
    assert row["hr_reason"] == "moving"


def test_variability_is_given_after_thirty_seconds_of_a_clean_pulse_or_not_at_all():
    table = analysed(steady(32), amplitude=0.02)
    before, after = table[table["time_s"] < 28], table[table["time_s"] >= 29]
    assert before["hrv_rmssd_ms"].isna().all()
    assert (after["hrv_rmssd_ms"].isna() | after["hrv_rmssd_ms"].between(0, 15)).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_uneven_frames_give_the_same_rate_as_even_ones(seed):
    """A phone in the dark: 15 to 30 frames a second, as it likes."""
    steps_s = np.random.default_rng(seed).uniform(1 / 30, 1 / 15, 400)
    times_s = np.cumsum(steps_s) - steps_s[0]
    table = analysed(times_s[times_s < 13.0])
    assert table["hr_bpm"].iloc[-2] == pytest.approx(72.0, abs=3.0)


def test_what_hides_a_face_does_not_beat_for_it():
    """Half a second of a white hand in front of the skin leaves the rate alone."""

    def hidden():
        for frame in film(steady(12)):
            if 7.9 < frame.time_s < 8.5:
                frame.image[1:] = 250
            yield frame

    there = Scripted(lambda ms: [] if 7900 < ms < 8500 else [HERE])
    rows = list(Analyzer(detector=there).frames(hidden()))
    # The frames until the next look (0.2 s) still count as seen.
    assert rows[-1]["hr_bpm"] == pytest.approx(72.0, abs=3.0)


def test_a_larger_crop_has_the_same_rate():
    config = AnalyzeConfig(follow=FollowConfig(crop=CropConfig(size_px=96)))
    assert analysed(steady(8), config=config)["hr_bpm"].iloc[-1] == pytest.approx(72.0, abs=2.0)


@pytest.mark.parametrize(
    "wrong", [{"step_s": 0.0}, {"hr_window_s": 2.0}, {"hrv_window_s": 9.0}, {"fps_hz": 0.0}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AnalyzeConfig(**wrong)


def test_how_a_table_was_made_travels_with_its_parquet(tmp_path):
    table = analysed(steady(2))
    write_table(table, tmp_path / "table.parquet")
    about = pd.read_parquet(tmp_path / "table.parquet").attrs
    assert about == table.attrs
    assert about["source"] == "film"
    assert about["detector"] == "scripted"
    assert about["config"]["follow"]["crop"]["size_px"] == 64
    assert about["models"] == []
