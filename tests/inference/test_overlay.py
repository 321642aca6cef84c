"""The film of what was found: what it shows, what it hides, and that its sound is kept."""

import gc
import math
import weakref
from fractions import Fraction

import av
import numpy as np
import pytest
from scripted_faces import Scripted, face_at, film, one_face, steady, two_faces

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Frame
from pulsefer.faces.crop import crop_frame
from pulsefer.faces.follow import Follower, SeenFace
from pulsefer.inference import overlay as overlay_file
from pulsefer.inference.columns import REASONS
from pulsefer.inference.hide import CELLS, area_of, hide
from pulsefer.inference.marks import Marks, colour_of, lines
from pulsefer.inference.overlay import PROBABILITIES, Overlay
from pulsefer.inference.stamps import letters_px
from pulsefer.inference.strip import WARNING, Strip
from pulsefer.media.video import encode, frames

ALL = ("time_s", "face_id", "hr_bpm", "hr_quality", "hr_reason", *PROBABILITIES)


def seen_at(x, y, *, face_id=0, held=False):
    face = face_at(x, y)
    pose = crop_frame(face.landmarks_px)
    return SeenFace(face_id, face, np.zeros((64, 64, 3), np.uint8), held, pose)


def row(time_s, face_id=0, **values):
    return {
        "time_s": float(time_s),
        "face_id": face_id,
        "hr_quality": 1.0,
        "hr_reason": "",
    } | values


def write(path, times_s, *, faces=one_face, rows=(), columns=ALL, **options):
    """An overlay over grey frames, told the rows of a second when it is over."""
    follower, rows = Follower(detector=Scripted(faces)), list(rows)
    with Overlay(path, source=None, columns=columns, **options) as overlay:
        for frame in film(times_s):
            while rows and rows[0]["time_s"] + 1 <= frame.time_s:
                overlay.tell(rows.pop(0))
            overlay.show(frame, follower.push(frame))
    return path


def is_near(image, colour, *, within=24):
    return np.abs(image.astype(int) - colour).max(axis=-1) <= within


# --- the film ---


def test_the_film_has_the_frames_that_were_shown_at_their_times(tmp_path):
    times_s = np.cumsum([0.0, 0.04, 0.033, 0.1, 0.04, 0.3, 0.04])
    for blur in (False, True):
        got = list(frames(write(tmp_path / "film.mp4", times_s, blur_faces=blur)))
        assert [frame.time_s for frame in got] == pytest.approx(times_s, abs=1e-5)


def test_frames_outside_the_span_are_left_out(tmp_path):
    path = write(tmp_path / "film.mp4", steady(2), start_s=0.5, end_s=1.5)
    assert len(list(frames(path))) == 25


def test_the_sound_of_the_span_is_kept_to_the_bit_and_in_step(tmp_path):
    source = tmp_path / "in.mov"
    with av.open(str(source), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 320, 160, "yuv420p"
        audio = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for frame in film(steady(2)):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame.image, format="rgb24")))
        container.mux(video.encode())
        wave = (9000 * np.sin(np.arange(16000) ** 1.2 / 40)).astype(np.int16)
        for begin in range(0, 16000, 400):
            sound = av.AudioFrame.from_ndarray(wave[None, begin : begin + 400], "s16", "mono")
            sound.sample_rate, sound.pts, sound.time_base = 8000, begin, Fraction(1, 8000)
            container.mux(audio.encode(sound))
        container.mux(audio.encode())
    for start_s, end_s in ((0.0, math.inf), (0.48, 1.6)):
        out = tmp_path / "film.mp4"
        with Overlay(out, source=source, columns=ALL, start_s=start_s, end_s=end_s) as overlay:
            for frame in frames(source):
                overlay.show(frame, [])
        with av.open(str(out)) as container:
            parts = [
                (float(sound.pts * sound.time_base), sound.to_ndarray()[0])
                for sound in container.decode(audio=0)
            ]
        heard = np.concatenate([part for _, part in parts])
        begin = round((start_s + parts[0][0]) * 8000)
        assert 0 <= parts[0][0] <= 0.15  # a packet may have begun before
        assert len(heard) >= 8000 * (min(end_s, 2.0) - start_s - 0.2)
        np.testing.assert_array_equal(heard, wave[begin : begin + len(heard)])


def test_the_picture_above_the_strip_is_as_it_was_away_from_boxes_and_labels(tmp_path):
    path = write(tmp_path / "film.mp4", steady(1), rows=[])
    for before, after in zip(film(steady(1)), frames(path), strict=True):
        assert after.image.shape[1] == 320
        assert after.image.shape[0] > 160
        away = np.s_[:, 250:]
        difference = after.image[:160][away].astype(float) - before.image[away]
        assert np.abs(difference).mean() < 4


def test_frames_are_not_changed(tmp_path):
    frame, before = (next(film([0.0])) for _ in range(2))
    with Overlay(tmp_path / "film.mp4", source=None, columns=ALL, blur_faces=True) as overlay:
        overlay.show(frame, [seen_at(80, 60)])
    np.testing.assert_array_equal(frame.image, before.image)


@pytest.mark.parametrize("rows", [[], [{"time_s": 0.0, "face_share": 0.0, "hr_reason": "no_face"}]])
def test_without_a_face_there_is_a_film_without_a_mark(tmp_path, rows):
    path = write(tmp_path / "film.mp4", steady(1.5), faces=lambda _ms: [], rows=rows)
    last = list(frames(path))[-1].image
    assert not is_near(last, colour_of(0)).any()


def test_a_second_time_the_bytes_are_the_same(tmp_path):
    rows = [row(0, hr_bpm=72.0), row(1, hr_bpm=math.nan, hr_reason="dark")]
    for blur in (False, True):
        first, again = (
            write(tmp_path / name, steady(2.5), rows=rows, blur_faces=blur).read_bytes()
            for name in ("first.mp4", "again.mp4")
        )
        assert first == again


@pytest.mark.parametrize("blur", [False, True])
def test_after_an_interrupt_nothing_is_left(tmp_path, blur):
    def broken_off():
        with Overlay(tmp_path / "film.mp4", source=None, columns=ALL, blur_faces=blur) as overlay:
            for frame in film(steady(2)):
                overlay.show(frame, [])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert list(tmp_path.iterdir()) == []


def test_without_a_frame_and_with_frames_of_two_sizes_nothing_is_left(tmp_path):
    with pytest.raises(BadInput, match="at least one frame"):
        write(tmp_path / "film.mp4", [])

    def two_sizes():
        with Overlay(tmp_path / "film.mp4", source=None, columns=ALL, blur_faces=True) as overlay:
            for index, size in enumerate(((160, 320, 3), (160, 322, 3))):
                overlay.show(Frame(index, index / 25, np.zeros(size, np.uint8)), [])

    with pytest.raises(BadInput, match="320x160 px, as before, found 322x160 px"):
        two_sizes()
    assert list(tmp_path.iterdir()) == []


def test_the_source_itself_and_other_suffixes_are_refused(tmp_path):
    encode(tmp_path / "in.mp4", (frame.image for frame in film(steady(0.2))), fps_hz=25)
    with pytest.raises(BadInput, match="the source itself"):
        Overlay(tmp_path / "in.mp4", source=tmp_path / "in.mp4", columns=ALL)
    with pytest.raises(BadInput, match=r"\.mp4, \.mkv, \.mov"):
        Overlay(tmp_path / "film.webm", source=tmp_path / "in.mp4", columns=ALL)


@pytest.mark.parametrize("size", [(47, 63), (16, 16), (90, 40)])
def test_pictures_of_odd_and_tiny_sizes_are_drawn_on(tmp_path, size):
    with Overlay(tmp_path / "film.mp4", source=None, columns=ALL, synthetic=True) as overlay:
        for index in range(30):
            overlay.show(
                Frame(index, index / 25, np.zeros((*size, 3), np.uint8)), [seen_at(20, 20)]
            )
            if index == 25:
                overlay.tell(row(0, hr_bpm=70.0, valence_prob=0.5))
    image = list(frames(tmp_path / "film.mp4"))[-1].image
    assert image.shape[1] == size[1] + size[1] % 2


# --- boxes and labels ---


def drawn(faces, rows=(), size=(480, 640)):
    image = np.full((*size, 3), 128, np.uint8)
    marks = Marks(letters_px(*size), PROBABILITIES)
    marks.draw(image, faces, {each["face_id"]: each for each in rows})
    return image


@pytest.mark.parametrize("x", [60, 200, 320, 440, 580])
@pytest.mark.parametrize("y", [60, 200, 400])
def test_wherever_a_face_is_nothing_covers_it_and_its_label_is_in_the_picture(x, y):
    rows = [row(0, hr_bpm=72.0, valence_prob=0.6), row(0, 1, hr_bpm=math.nan, hr_reason="moving")]
    image = drawn([seen_at(x, y), seen_at(320, 240, face_id=1)], rows)
    for centre_x, centre_y in ((x, y), (320, 240)):
        left, upper = max(centre_x - 40, 0), max(centre_y - 40, 0)
        inside = image[upper : centre_y + 70, left : centre_x + 40]
        marked = (inside != 128).any(axis=-1)
        other = is_near(inside, colour_of(0), within=0) | is_near(inside, colour_of(1), within=0)
        assert not (marked & ~other).any()
    white = is_near(image, (240, 243, 246))
    assert white.sum() > 50
    assert not white[:, [0, -1]].any()


def test_a_label_stays_where_it_is_while_the_head_moves_a_little():
    marks = Marks(letters_px(480, 640), {})
    sides = []
    for x in (400, 402, 398, 520, 524, 520, 466, 440, 400):
        image = np.full((480, 640, 3), 128, np.uint8)
        marks.draw(image, [seen_at(x, 200)], {})
        columns = np.flatnonzero(is_near(image, (17, 21, 27), within=40).any(axis=0))
        sides.append("right" if columns.mean() > x else "left")
    # Once it had no room at the right; it does not come back for a moment of more.
    assert sides == 3 * ["right"] + 6 * ["left"]


def test_a_face_out_of_sight_has_a_broken_outline():
    for held, least, most in ((False, 0.99, 1.0), (True, 0.3, 0.7)):
        image = drawn([seen_at(320, 240, held=held)])
        top = is_near(image[195, 276:364], colour_of(0), within=0)
        assert least <= top.mean() <= most


def test_a_box_that_reaches_out_of_the_picture_is_cut_off():
    for x, y in ((0, 0), (640, 480), (-500, 200), (320, 2000)):
        assert drawn([seen_at(x, y)]).shape == (480, 640, 3)


def said(**values):
    return [line.text for line in lines(seen_at(80, 60), row(0, **values), PROBABILITIES)][1:]


def test_a_label_says_what_is_known_and_only_that():
    assert said(hr_bpm=71.6, hr_quality=0.834, valence_prob=0.25, arousal_prob=math.nan) == [
        "72 bpm", "quality 0.83", "high valence 0.25", "high arousal —",
    ]  # fmt: skip
    assert said(hr_bpm=math.nan, hr_reason="moving") == [
        "— moving",
        "high valence —",
        "high arousal —",
    ]
    assert said(hr_bpm=None, hr_reason=None)[0] == "—"
    assert said(hr_bpm=math.nan, hr_reason="new_word")[0] == "— new word"
    assert lines(seen_at(80, 60), {}, {})[1].text == "—"


def test_every_reason_there_is_has_plain_words_of_its_own():
    words = [
        said(hr_bpm=math.nan, hr_reason=reason)[0] for reason in REASONS if reason != "no_face"
    ]
    assert all("_" not in word and 5 < len(word) < 20 for word in words)
    assert len(set(words)) == len(words)
    assert said(hr_bpm=math.nan, hr_reason="short")[0] == "— too early"


# --- the strip ---


def strip_at(now_s, rows, *, width=640, synthetic=False, probabilities=None):
    """The strip at a time, told every row at the end of its second."""
    strip = Strip(width, 14, PROBABILITIES if probabilities is None else probabilities,
                  synthetic=synthetic)  # fmt: skip
    for each in rows:
        strip.tell(each, each["time_s"] + 1)
    image = np.zeros((strip.height_px, width, 3), np.uint8)
    strip.draw(image, now_s)
    return image


def test_rows_without_a_value_leave_no_trace():
    rows = [row(t, hr_bpm=math.nan, valence_prob=math.nan, arousal_prob=None) for t in range(20)]
    assert not is_near(strip_at(20.0, rows), colour_of(0)).any()
    rows = [row(t, hr_bpm=70.0) for t in range(20)]
    assert is_near(strip_at(20.0, rows), colour_of(0)).any()


def trace(image, face_id=0):
    """By column of the only lane, whether there is a trace, left of the margin at the right."""
    return is_near(image, colour_of(face_id), within=8).any(axis=0)


def test_a_trace_is_broken_where_there_was_no_value_and_moves_with_time():
    rows = [row(t, hr_bpm=math.nan if 10 <= t < 20 else 70.0) for t in range(30)]
    at_30, at_33 = (trace(strip_at(now_s, rows, probabilities={})) for now_s in (30.0, 33.0))
    columns = np.flatnonzero(at_30)
    begin, end = columns[0], columns[-1]
    per_s = (end - begin) / 29  # the first row was known at 1 s
    gap = np.flatnonzero(np.diff(columns) > 1)
    assert len(gap) == 1
    assert columns[gap[0]] == pytest.approx(begin + 10 * per_s, abs=3)
    assert columns[gap[0] + 1] == pytest.approx(begin + 20 * per_s, abs=3)
    assert np.flatnonzero(at_33)[-1] == end  # the last value stands until there is another
    moved = np.flatnonzero(at_33)
    assert moved[np.flatnonzero(np.diff(moved) > 1)][0] == pytest.approx(
        columns[gap[0]] - 3 * per_s, abs=3
    )


def test_what_is_older_than_half_a_minute_is_gone():
    rows = [row(0, hr_bpm=70.0), *(row(t, hr_bpm=math.nan) for t in range(1, 40))]
    assert trace(strip_at(20.0, rows[:20], probabilities={})).any()
    assert not trace(strip_at(40.0, rows, probabilities={})).any()


def test_a_heart_rate_is_drawn_as_strong_as_it_is_good():
    strength = []
    for quality in (0.1, 0.5, 1.0):
        rows = [row(t, hr_bpm=80.0, hr_quality=quality) for t in range(30)]
        with_trace = strip_at(30.0, rows, probabilities={}).astype(int)
        without = strip_at(30.0, [], probabilities={}).astype(int)
        lane = np.s_[:-22, 60:-30]
        strength.append(np.abs(with_trace - without)[lane].max())
    assert strength == sorted(strength)
    assert strength[0] < 0.35 * strength[2]


def test_two_faces_have_two_colours_and_a_higher_rate_stands_higher():
    rows = [row(t, face, hr_bpm=bpm) for t in range(20) for face, bpm in ((0, 60.0), (1, 90.0))]
    image = strip_at(20.0, rows, probabilities={})
    heights = [
        np.flatnonzero(is_near(image, colour_of(face), within=8).any(axis=1)).mean()
        for face in (0, 1)
    ]
    assert heights[1] < heights[0]


@pytest.mark.parametrize("width", [160, 360, 640, 1920])
def test_a_synthetic_model_is_named_so_at_every_width(width):
    said = [is_near(strip_at(5.0, [], width=width, synthetic=s), WARNING).sum() for s in (0, 1)]
    assert said[0] == 0
    assert said[1] > 100


def test_there_are_lanes_for_what_the_table_has(tmp_path):
    both, alone = (
        next(frames(write(tmp_path / "film.mp4", [0.0], columns=columns))).image[160:]
        for columns in (ALL, ("hr_bpm",))
    )
    assert both.shape[0] > alone.shape[0]  # a narrow film has them below each other


# --- hidden faces ---


def test_two_faces_with_equal_cells_leave_equal_pictures():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (120, 200, 3), dtype=np.uint8)
    other, area = one.copy(), (40, 20, 121, 97)
    hidden = other[20:97, 40:121]
    rows = np.arange(77) * CELLS // 77
    columns = np.arange(81) * CELLS // 81
    for row_cell in range(CELLS):
        for column_cell in range(CELLS):
            cell = np.ix_(rows == row_cell, columns == column_cell)
            pixels = hidden[cell].reshape(-1, 3)
            hidden[cell] = rng.permutation(pixels).reshape(hidden[cell].shape)
    assert (one != other).mean() > 0.2
    outside = np.ones(one.shape[:2], bool)
    outside[20:97, 40:121] = False
    before = one.copy()
    hide(one, area)
    hide(other, area)
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(one[outside], before[outside])


def test_a_plain_area_stays_as_it_is_and_an_empty_one_is_no_error():
    image = np.full((50, 60, 3), (10, 200, 30), np.uint8)
    for area in ((5, 5, 50, 45), (5, 5, 7, 6), (0, 0, 60, 50), (9, 9, 9, 20), (20, 9, 9, 20)):
        hide(image, area)
    assert (image == (10, 200, 30)).all()


def test_the_hidden_area_covers_box_and_crop_and_stays_in_the_picture():
    left, upper, right, lower = area_of(seen_at(300, 200), (480, 640))
    seen = seen_at(300, 200)
    assert right - left >= 1.4 * seen.face.box_w_px
    assert lower - upper >= 1.4 * seen.face.box_h_px
    half = seen.pose.side_px / 2
    assert left < seen.pose.centre_x_px - half
    assert right > seen.pose.centre_x_px + half
    assert area_of(seen_at(0, 0), (480, 640))[:2] == (0, 0)
    assert area_of(seen_at(-900, 0), (480, 640))[2] == 0


def chequered(times_s, sizes=(160, 320)):
    """Frames all of fine detail."""
    board = (np.indices(sizes).sum(axis=0) // 2 % 2 * 200 + 20).astype(np.uint8)
    for index, time_s in enumerate(times_s):
        yield Frame(index, float(time_s), np.repeat(board[..., None], 3, axis=2))


def detail(image, x=80, y=60):
    """Contrast between neighbours within a face, inside its box."""
    inside = image[y - 30 : y + 50, x - 30 : x + 30].astype(float)
    return np.abs(np.diff(inside, axis=1)).mean()


def blurred(path, times_s, faces_at, **options):
    with Overlay(path, source=None, columns=("hr_bpm",), blur_faces=True, **options) as overlay:
        for frame in chequered(times_s):
            overlay.show(frame, faces_at(frame.time_s))
    return [detail(frame.image) for frame in frames(path)]


def test_a_face_is_hidden_while_it_is_seen_and_held_and_in_the_second_before(tmp_path):
    def faces_at(time_s):
        return [seen_at(80, 60, held=time_s >= 3)] if 2 <= time_s < 4 else []

    times_s = steady(5, fps_hz=10)
    found = np.array(blurred(tmp_path / "film.mp4", times_s, faces_at))
    hidden = (times_s > 0.85) & (times_s < 4)  # the second before begins between two frames
    assert (found[hidden] < 5).all()
    assert (found[~hidden] > 30).all()  # nobody was found there: it is shown as it is


def test_a_face_that_comes_back_is_hidden_in_the_second_before_as_well(tmp_path):
    def faces_at(time_s):
        return [seen_at(80, 60)] if time_s < 0.5 or time_s >= 2.5 else []

    times_s = steady(3, fps_hz=10)
    found = np.array(blurred(tmp_path / "film.mp4", times_s, faces_at))
    hidden = (times_s < 0.5) | (times_s > 1.35)
    assert (found[hidden] < 5).all()
    assert (found[~hidden] > 30).all()


def test_every_face_is_hidden(tmp_path):
    path = tmp_path / "film.mp4"
    with Overlay(path, source=None, columns=("hr_bpm",), blur_faces=True) as overlay:
        for frame in chequered(steady(0.4)):
            overlay.show(frame, [seen_at(80, 60), seen_at(230, 60, face_id=1)])
    for frame in frames(path):
        assert detail(frame.image) < 5
        # Its label has to lie on it: there is no room beside both.
        assert detail(frame.image, x=230) < 30


@pytest.mark.parametrize(("blur", "most"), [(False, 2), (True, 27)])
def test_no_more_than_a_second_of_frames_is_held(tmp_path, blur, most):
    held, counts = [], []
    path = tmp_path / "film.mp4"
    with Overlay(path, source=None, columns=ALL, blur_faces=blur) as overlay:
        for frame in film(steady(3)):
            held.append(weakref.ref(frame.image))
            overlay.show(frame, [])
            del frame
            gc.collect(0)
            counts.append(sum(image() is not None for image in held))
    assert max(counts) <= most


def test_of_large_frames_fewer_are_held(tmp_path, monkeypatch):
    monkeypatch.setattr(overlay_file, "BACK_BYTES", 4 * 160 * 320 * 3)
    found = blurred(
        tmp_path / "film.mp4", steady(2, fps_hz=10),
        lambda time_s: [seen_at(80, 60)] if time_s >= 1.5 else [],
    )  # fmt: skip
    assert [value < 5 for value in found] == 11 * [False] + 9 * [True]


def test_values_stand_in_the_film_from_when_they_were_known_blurred_or_not(tmp_path):
    rows = [row(0, hr_bpm=70.0), row(1, hr_bpm=70.0)]
    for blur in (False, True):
        path = write(
            tmp_path / "film.mp4", steady(1.5), rows=rows, columns=("hr_bpm",), blur_faces=blur
        )
        written = [(frame.image[:160].min(axis=-1) > 225).any() for frame in frames(path)]
        assert written.index(True) == 25
        assert all(written[25:])


def test_two_people_are_marked_in_two_colours(tmp_path):
    rows = [row(0, face, hr_bpm=70.0 + 20 * face) for face in (0, 1)]
    path = write(tmp_path / "film.mp4", steady(1.5), faces=two_faces, rows=rows)
    last = list(frames(path))[-1].image
    for face_id in (0, 1):
        assert is_near(last[:160], colour_of(face_id), within=60).sum() > 50
        assert is_near(last[160:], colour_of(face_id), within=80).any()
