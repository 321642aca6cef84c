"""Any video people have, through the analyzer: the right table, or the right complaint."""

import numpy as np
import pytest

from odd_files import MATRICES, cut, laid, spoilt, turned, write, write_sound
from pulsefer.core.errors import BadInput
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s
from pulsefer.inference.analyzer import Analyzer

FPS_HZ, SECONDS = 25, 3
WIDTH_PX, HEIGHT_PX = 320, 256
BOX = ["box_x_px", "box_y_px", "box_w_px", "box_h_px"]


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def images():
    effects = Effects()
    trial = draw_trials(effects, subjects=1, seed=0)[0]
    beats_s = beat_times_s(72.0, -2.0, SECONDS, seed=0)
    return list(
        film(
            trial, beats_s, effects=effects, n_frames=SECONDS * FPS_HZ, fps_hz=FPS_HZ,
            width_px=WIDTH_PX, height_px=HEIGHT_PX, seed=0,
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def box(analyzer, images, tmp_path_factory):
    """Where the face is, by the plainest of files."""
    table = analyzer.video(write(tmp_path_factory.mktemp("plain") / "a.mp4", images))
    assert table["time_s"].tolist() == [0.0, 1.0, 2.0]
    return table[BOX].iloc[-1].to_numpy(float)


def squeezed(images):
    """Each column twice as wide when it is shown."""
    return [np.ascontiguousarray(image[:, ::2]) for image in images]


def odd(images):
    return [np.ascontiguousarray(image[:-1, :-1]) for image in images]


def with_pauses(n):
    """A screen that is only filmed while it changes: two pauses of two seconds."""
    return np.arange(n) / FPS_HZ + 2.0 * (np.arange(n) >= 30) + 2.0 * (np.arange(n) >= 60)


X265 = {"x265-params": "log-level=0", "preset": "ultrafast"}
# The file; then the times of the rows, and in which of them the face is.
SAME = ([0, 1, 2], [0, 1, 2])
FILMS = {
    "odd size": ("a.webm", lambda p, i: write(p, odd(i), codec="libvpx-vp9"), *SAME),
    "grey": ("a.mp4", lambda p, i: write(p, i, pix_fmt="gray", color_range="pc"), *SAME),
    "10 bits": (
        "a.mp4", lambda p, i: write(p, i, codec="libx265", pix_fmt="yuv420p10le", **X265), *SAME
    ),
    "alpha": ("a.mov", lambda p, i: write(p, i, codec="qtrle", pix_fmt="argb"), *SAME),
    "no length": ("a.mkv", lambda p, i: write(p, i, container={"live": "1"}), *SAME),
    "fragments": (
        "a.mp4",
        lambda p, i: write(p, i, g=10, container={"movflags": "frag_keyframe+empty_moov"}),
        *SAME,
    ),
    "a last picture that stays": ("a.mp4", lambda p, i: write(p, i, hold_s=5.0, bf=0), *SAME),
    "longer sound": ("a.mkv", lambda p, i: write(p, i, sound_s=9.0), *SAME),
    "1000 frames/s": (
        "a.mkv", lambda p, i: write(p, i, fps_hz=1000, times_s=np.arange(75) / 25), *SAME
    ),
    "pauses": (
        "a.mp4",
        lambda p, i: write(p, i, times_s=with_pauses(len(i))),
        [0, 1, 2, 3, 4, 5, 6], [0, 1, 3, 4, 6],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "make", "times_s", "seen_s"), FILMS.values(), ids=FILMS)
def test_an_odd_film_gives_every_second_and_the_face_at_its_place(
    analyzer, images, box, tmp_path, name, make, times_s, seen_s
):
    problems = []
    table = analyzer.video(make(tmp_path / name, images), on_problem=problems.append)
    assert problems == []
    assert table["time_s"].tolist() == times_s
    seen = table[table["face_id"].notna()]
    assert seen["time_s"].tolist() == seen_s
    assert set(seen["face_id"]) == {0}
    assert np.abs(seen[BOX].to_numpy(float) - box).max() < 0.15 * box[2]


@pytest.mark.parametrize("turn", [turn for turn in MATRICES if turn != "upright"])
def test_a_face_is_where_it_is_however_the_phone_was_held(analyzer, images, box, tmp_path, turn):
    path = turned(write(tmp_path / "a.mp4", laid(images[:FPS_HZ], turn)), turn)
    (row,) = analyzer.video(path).to_dict("records")
    assert [row[side] for side in BOX] == pytest.approx(box, abs=0.1 * box[2])


def test_a_squeezed_face_is_found_where_it_is_stored(analyzer, images, box, tmp_path):
    path = write(tmp_path / "a.mp4", squeezed(images[:FPS_HZ]), aspect=2)
    (row,) = analyzer.video(path).to_dict("records")
    middle = row["box_x_px"] + row["box_w_px"] / 2
    assert middle == pytest.approx((box[0] + box[2] / 2) / 2, abs=0.1 * box[2])


def test_a_face_that_comes_and_goes_is_the_same_face_and_every_second_is_there(
    analyzer, images, tmp_path
):
    grey = np.full_like(images[0], 128)
    shown = [*images[:50], *(50 * [grey]), *images[50:], *(25 * [grey]), *images[:25]]
    table = analyzer.video(write(tmp_path / "a.mp4", shown))
    assert table["time_s"].tolist() == list(range(7))
    assert table["face_id"].isna().tolist() == [0, 0, 1, 1, 0, 1, 0]
    assert set(table["face_id"].dropna()) == {0}
    gone = table[table["face_id"].isna()]
    assert (gone["face_share"] == 0.0).all()
    assert gone[BOX].isna().all().all()


def test_a_film_without_a_face_is_a_table_without_one(analyzer, images, tmp_path):
    problems = []
    blank = len(images) * [np.full_like(images[0], 128)]
    table = analyzer.video(write(tmp_path / "a.mp4", blank), on_problem=problems.append)
    assert table["time_s"].tolist() == [0.0, 1.0, 2.0]
    assert table["face_id"].isna().all()
    assert problems == []


def test_damage_in_the_middle_is_told_once_and_what_follows_is_analysed(analyzer, images, tmp_path):
    path = spoilt(write(tmp_path / "a.mp4", images, g=12, crf=10), n_bytes=20_000)
    problems = []
    table = analyzer.video(path, on_problem=problems.append)
    assert table["time_s"].tolist() == [0.0, 1.0, 2.0]
    assert table["face_id"].iloc[[0, 2]].tolist() == [0, 0]
    (problem,) = problems
    assert "that do not decode" in problem.found


@pytest.mark.parametrize(
    ("name", "container"), [("a.avi", {}), ("a.mkv", {}), ("a.mp4", {"movflags": "faststart"})]
)
def test_a_cut_film_gives_the_rows_before_the_cut_and_says_so(
    analyzer, images, tmp_path, name, container
):
    path = cut(write(tmp_path / name, images, container=container), 0.45)
    problems = []
    table = analyzer.video(path, on_problem=problems.append)
    assert table["time_s"].tolist() in ([0.0], [0.0, 1.0])
    assert (table["face_id"] == 0).all()
    assert len(problems) == 1


NO_FILMS = {
    "sound": (lambda p, _: write_sound(p.with_suffix(".m4a")), "found only sound"),
    "zero bytes": (lambda p, _: p.write_bytes(b"") or p, "found an empty file"),
    "a picture": (
        lambda p, i: write(p.with_suffix(".png"), i[:1], codec="png", pix_fmt="rgb24").rename(p),
        r"found a picture \(png\)",
    ),
    "no index": (lambda p, i: cut(write(p, i)), "found an MP4 without its index"),
    "a folder": (lambda p, _: p.mkdir() or p, "found a folder"),
}


@pytest.mark.parametrize(("make", "complaint"), NO_FILMS.values(), ids=NO_FILMS)
def test_what_is_no_film_is_a_complaint_not_a_table(analyzer, images, tmp_path, make, complaint):
    path = make(tmp_path / "a.mp4", images)
    with pytest.raises(BadInput, match=complaint):
        analyzer.video(path, on_problem=[].append)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "n_seconds"), [("face_noface.mov", 7), ("no_face.mp4", 4)])
def test_real_clips_without_a_face_to_the_end_are_whole_tables_without_a_problem(
    shared_data, analyzer, name, n_seconds
):
    problems = []
    table = analyzer.video(shared_data / "clips" / name, on_problem=problems.append)
    assert problems == []
    assert table["time_s"].tolist() == list(range(n_seconds))
    assert table["face_id"].isna().iloc[-3:].all()
