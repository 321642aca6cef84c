"""Films with times and sound of their own, read back by PyAV and by our reader."""

import math
from fractions import Fraction

import av
import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.media.film_writer import CLOCK, FilmWriter
from pulsefer.media.video import frames

UNEVEN_S = np.cumsum([0.0, 0.04, 0.033, 0.1, 0.04, 0.02, 0.3, 0.04, 0.04, 0.5])


def pictures(n, height=48, width=64):
    """A bright column that moves one to the right with every frame."""
    for index in range(n):
        image = np.full((height, width, 3), (60, 90, 120), np.uint8)
        image[:, index % width] = 255
        yield image


def write(path, times_s, *, size=(48, 64), **options):
    with FilmWriter(path, **options) as film:
        for time_s, image in zip(times_s, pictures(len(times_s), *size), strict=True):
            film.write(float(time_s), image)
    return path


def filmed(
    path, *, seconds=3.0, fps_hz=25, codec="aac", rate_hz=44100, late_s=0.0, begin_s=0, clicks=()
):
    """A source: a sine of 440 Hz, or clicks, that begins `late_s` after the first frame."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps_hz)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.options = {"threads": "1"}
        audio = container.add_stream(codec, rate=rate_hz, layout="mono")
        for index, image in enumerate(pictures(round(seconds * fps_hz))):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = index + begin_s * fps_hz, Fraction(1, fps_hz)
            container.mux(video.encode(picture))
        container.mux(video.encode())
        time_s = np.arange(round(seconds * rate_hz)) / rate_hz
        wave = 0.3 * np.sin(2 * np.pi * 440 * time_s)
        if clicks:
            wave = np.zeros_like(time_s)
            for click_s in clicks:
                wave[(time_s >= click_s) & (time_s < click_s + 0.01)] = 0.9
        for begin in range(0, len(wave), 1024):
            block = (wave[None, begin : begin + 1024] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
            frame.pts = begin + round((begin_s + late_s) * rate_hz)
            container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path


def packets(path, kind):
    """(start in seconds, bytes) of every packet of one stream."""
    with av.open(str(path)) as container:
        stream = container.streams.best(kind)
        if stream is None:
            return []
        return [
            (float(packet.pts * packet.time_base), bytes(packet))
            for packet in container.demux(stream)
            if packet.dts is not None
        ]


def loud_s(path):
    """When sound begins after silence, by the decoder."""
    with av.open(str(path)) as container:
        stream = container.streams.best("audio")
        parts = []
        for frame in container.decode(stream):
            wave = frame.to_ndarray().astype(float).reshape(-1, len(frame.layout.channels))
            if frame.format.is_planar:
                wave = frame.to_ndarray().T.astype(float)
            time_s = float(frame.pts * frame.time_base) + np.arange(len(wave)) / frame.sample_rate
            parts.append(np.stack([time_s, np.abs(wave).max(axis=1)], axis=1))
    time_s, level = np.concatenate(parts).T
    loud = time_s[level > 0.5 * level.max()]
    return loud[np.diff(loud, prepend=-math.inf) > 0.1]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_every_frame_is_shown_at_its_own_time(tmp_path, suffix):
    path = write(tmp_path / f"film.{suffix}", 7.0 + UNEVEN_S, crf=1)
    got = list(frames(path))
    tolerance_s = 1.5e-3 if suffix == "mkv" else float(CLOCK)
    assert [frame.time_s for frame in got] == pytest.approx(UNEVEN_S, abs=tolerance_s)
    assert [int(frame.image.mean(axis=(0, 2)).argmax()) for frame in got] == list(range(10))


def test_the_last_frame_is_shown_as_long_as_the_one_before(tmp_path):
    with av.open(str(write(tmp_path / "film.mp4", UNEVEN_S))) as container:
        stream = container.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(UNEVEN_S[-1] + 0.5)


def test_a_single_frame_is_a_film(tmp_path):
    assert len(list(frames(write(tmp_path / "film.mp4", [3.0])))) == 1


@pytest.mark.parametrize("colour", [(200, 40, 90), (30, 180, 60), (250, 250, 250), (4, 4, 4)])
def test_colours_come_back_at_any_size(tmp_path, colour):
    for size in ((48, 64), (720, 1280)):
        with FilmWriter(tmp_path / "film.mp4") as film:
            film.write(0.0, np.full((*size, 3), colour, np.uint8))
        image = next(frames(tmp_path / "film.mp4")).image
        assert np.abs(image.mean(axis=(0, 1)) - colour).max() < 3


@pytest.mark.parametrize("size", [(47, 64), (48, 63), (47, 63)])
def test_an_odd_picture_is_whole_with_its_edge_twice(tmp_path, size):
    image = next(frames(write(tmp_path / "film.mp4", UNEVEN_S, size=size))).image
    assert image.shape == (48, 64, 3)
    assert np.abs(image[20, 40].astype(int) - (60, 90, 120)).max() < 6
    assert np.abs(image[-1, -1].astype(int) - (60, 90, 120)).max() < 6


@pytest.mark.parametrize(
    ("source", "codec", "suffix"),
    [
        ("in.mp4", "aac", "mp4"),
        ("in.mp4", "aac", "mkv"),
        ("in.mp4", "aac", "mov"),
        ("in.mkv", "flac", "mp4"),
        ("in.mov", "pcm_s16le", "mp4"),
        ("in.mov", "pcm_s16le", "mkv"),
        ("in.avi", "mp3", "mp4"),
    ],
)
def test_sound_is_copied_to_the_bit(tmp_path, source, codec, suffix):
    source = filmed(tmp_path / source, codec=codec)
    path = write(tmp_path / f"film.{suffix}", np.arange(75) / 25, sound_of=source)
    there, here = packets(source, "audio"), packets(path, "audio")
    assert len(here) > 20
    assert b"".join(data for _, data in here) == b"".join(data for _, data in there)
    begin = packets(path, "video")[0][0]  # mkv moves all its streams together
    assert here[0][0] - begin == pytest.approx(there[0][0], abs=2e-3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_sound_stays_in_step_with_a_film_that_begins_later(tmp_path, suffix):
    source = filmed(tmp_path / "in.mp4", clicks=(0.5, 1.5, 2.5))
    begin_s, end_s = 1.2, 2.0
    kept = [frame.time_s for frame in frames(source, start_s=begin_s, end_s=end_s)]
    path = write(tmp_path / f"film.{suffix}", kept, sound_of=source, end_s=end_s)
    assert loud_s(source) == pytest.approx([0.5, 1.5, 2.5], abs=5e-3)
    assert loud_s(path) == pytest.approx([1.5 - kept[0]], abs=5e-3)
    there = [data for _, data in packets(source, "audio")]
    here = packets(path, "audio")
    assert {data for _, data in here} < set(there)
    assert 0 <= here[0][0] < 0.03
    assert here[-1][0] < end_s - kept[0]


def test_sound_that_begins_after_the_picture_still_does(tmp_path):
    source = filmed(tmp_path / "in.mkv", clicks=(0.5,), late_s=0.8)
    path = write(tmp_path / "film.mp4", np.arange(75) / 25, sound_of=source)
    assert loud_s(source) == pytest.approx([1.3], abs=5e-3)
    assert loud_s(path) == pytest.approx([1.3], abs=5e-3)


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_times_of_a_source_that_does_not_begin_at_zero_are_its_first_frames(tmp_path, suffix):
    source = filmed(tmp_path / f"in.{suffix}", begin_s=20, clicks=(0.5, 2.0))
    assert packets(source, "video")[0][0] >= 20
    kept = [frame.time_s for frame in frames(source)]
    path = write(tmp_path / "film.mp4", kept, sound_of=source)
    assert loud_s(path) == pytest.approx([0.5, 2.0], abs=5e-3)


@pytest.mark.parametrize("begin_s", [0.0, 1.0])
def test_sound_that_the_container_cannot_take_is_encoded_anew_and_in_step(tmp_path, begin_s):
    source = filmed(tmp_path / "in.mov", codec="pcm_mulaw", rate_hz=8000, clicks=(0.5, 1.5, 2.5))
    problems = []
    path = write(
        tmp_path / "film.mp4", begin_s + np.arange(50) / 25,
        sound_of=source, end_s=begin_s + 2, on_problem=problems.append,
    )  # fmt: skip
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    clicks = [click - begin_s for click in (0.5, 1.5, 2.5) if 0 <= click - begin_s < 2]
    assert loud_s(path) == pytest.approx(clicks, abs=0.02)
    assert problems == []


def test_without_sound_there_is_no_sound_and_no_problem(tmp_path):
    source = write(tmp_path / "silent.mp4", UNEVEN_S)
    problems = []
    path = write(tmp_path / "f.mp4", UNEVEN_S, sound_of=source, on_problem=problems.append)
    assert packets(path, "audio") == []
    assert problems == []


def test_sound_that_cannot_be_read_is_told_and_the_film_is_written(tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"not a film")
    problems = []
    path = write(
        tmp_path / "film.mp4", UNEVEN_S, sound_of=tmp_path / "broken.mp4",
        on_problem=problems.append,
    )  # fmt: skip
    assert len(list(frames(path))) == len(UNEVEN_S)
    assert [problem.expected for problem in problems] == ["sound that can be copied"]


def test_a_second_time_the_bytes_are_the_same(tmp_path):
    source = filmed(tmp_path / "in.mov", codec="pcm_mulaw", rate_hz=8000)
    for suffix in ("mp4", "mkv"):
        first, again = (
            write(tmp_path / f"{name}.{suffix}", UNEVEN_S, sound_of=source).read_bytes()
            for name in ("first", "again")
        )
        assert first == again


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BadInput("x", expected="y", found="z")])
def test_after_an_error_nothing_is_left_and_what_was_there_stays(tmp_path, error):
    source = filmed(tmp_path / "in.mp4")
    (tmp_path / "old.mp4").write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    for name in ("new.mp4", "old.mp4"):

        def broken_off(path=tmp_path / name):
            with FilmWriter(path, sound_of=source) as film:
                film.write(0.0, next(pictures(1)))
                raise error

        with pytest.raises(type(error)):
            broken_off()
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "old.mp4").read_bytes() == b"old"


def test_without_a_frame_nothing_is_left(tmp_path):
    with pytest.raises(BadInput, match="at least one frame, found none"):
        write(tmp_path / "film.mp4", [])
    assert list(tmp_path.iterdir()) == []


def test_times_that_stand_still_and_sizes_that_change_are_refused(tmp_path):
    with FilmWriter(tmp_path / "film.mp4") as film:
        film.write(1.0, np.zeros((48, 64, 3), np.uint8))
        for time_s, size in ((1.0, (48, 64)), (math.nan, (48, 64)), (2.0, (48, 66))):
            with pytest.raises(BadInput, match="frame at"):
                film.write(time_s, np.zeros((*size, 3), np.uint8))
    assert len(list(frames(tmp_path / "film.mp4"))) == 1


def test_other_suffixes_and_the_source_itself_are_refused(tmp_path):
    source = write(tmp_path / "in.mp4", UNEVEN_S)
    before = source.read_bytes()
    for name in ("film.avi", "film.gif", "film"):
        with pytest.raises(BadInput, match=r"ends in \.mp4, \.mkv, \.mov"):
            FilmWriter(tmp_path / name)
    (tmp_path / "also.mp4").hardlink_to(source)
    for path in (source, tmp_path / "x" / ".." / "in.mp4", tmp_path / "also.mp4"):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(BadInput, match="the source itself"):
            FilmWriter(path, sound_of=source)
    assert source.read_bytes() == before
