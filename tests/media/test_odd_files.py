"""Any video people have: each file with what comes out of it, or with the reason why not."""

import contextlib
import math
import os
import struct
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from odd_files import (
    COLOURS,
    HEIGHT_PX,
    MATRICES,
    WIDTH_PX,
    cut,
    laid,
    late,
    picture,
    quarters,
    spoilt,
    turned,
    write,
    write_sound,
)
from pulsefer.core.errors import BadInput
from pulsefer.media.video import MAX_GAP_S, frames, probe

GREY = np.repeat((COLOURS @ [0.299, 0.587, 0.114])[:, None], 3, axis=1)
EVEN_S = np.arange(12) / 25
UNEVEN_S = np.array([0, 0.03, 0.06, 0.5, 0.53, 3.0, 3.03, 3.06, 3.09, 3.12, 3.2, 9.3])
BIG = 12 * [picture(131, 97)]
NOISE = np.random.default_rng(0).integers(0, 255, (60, HEIGHT_PX, WIDTH_PX, 3), np.uint8)
"""Frames that compress badly: damage in the middle of the file hits one or two of them."""


def hdr(path):
    return write(
        path, codec="libx265", pix_fmt="yuv420p10le",
        **{"x265-params": "log-level=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"},
    )  # fmt: skip


# What is stored, and how it is written; then the size, the times, the rate, the colours of the
# quarters (None: HDR looks pale), and how far they may be off.
EVEN = (WIDTH_PX, HEIGHT_PX, EVEN_S, 25.0, COLOURS, 12)
ODD = (131, 97, EVEN_S, 25.0, COLOURS, 12)
FILMS = {
    # Sizes.
    "odd size, H.264": ("a.mp4", lambda p: write(p, BIG, pix_fmt="yuv444p"), *ODD),
    "odd size, VP9": ("a.webm", lambda p: write(p, BIG, codec="libvpx-vp9"), *ODD),
    "odd size, FFV1": ("a.avi", lambda p: write(p, BIG, codec="ffv1", pix_fmt="yuv444p"), *ODD),
    # Colours.
    "grey": ("a.mp4", lambda p: write(p, pix_fmt="gray", color_range="pc"), *EVEN[:4], GREY, 6),
    "grey, 10 bits": (
        "a.mp4", lambda p: write(p, pix_fmt="gray10le", color_range="pc"), *EVEN[:4], GREY, 6
    ),
    "grey, 16 bits": (
        "a.mkv", lambda p: write(p, codec="ffv1", pix_fmt="gray16le"), *EVEN[:4], GREY, 6
    ),
    "10 bits, H.264": ("a.mp4", lambda p: write(p, pix_fmt="yuv420p10le"), *EVEN),
    "10 bits, HEVC": (
        "a.mp4",
        lambda p: write(
            p, codec="libx265", pix_fmt="yuv420p10le", **{"x265-params": "log-level=0"}
        ),
        *EVEN,
    ),
    "10 bits, ProRes": (
        "a.mov", lambda p: write(p, codec="prores_ks", pix_fmt="yuv422p10le"), *EVEN
    ),
    "HDR": ("a.mp4", hdr, *EVEN[:4], None, 0),
    "full range": ("a.avi", lambda p: write(p, codec="mjpeg", pix_fmt="yuvj420p"), *EVEN),
    "RGB, PNG in MOV": ("a.mov", lambda p: write(p, codec="png", pix_fmt="rgb24"), *EVEN),
    "alpha, PNG in MOV": ("a.mov", lambda p: write(p, codec="png", pix_fmt="rgba"), *EVEN),
    "alpha, Animation": ("a.mov", lambda p: write(p, codec="qtrle", pix_fmt="argb"), *EVEN),
    "interlaced": (
        "a.mpg", lambda p: write(p, codec="mpeg2video", flags="+ildct+ilme", qmax=2), *EVEN
    ),
    # Times.
    "uneven, MP4": (
        "a.mp4", lambda p: write(p, times_s=UNEVEN_S), *EVEN[:2], UNEVEN_S, None, *EVEN[4:]
    ),
    "uneven, Matroska": (
        "a.mkv", lambda p: write(p, times_s=UNEVEN_S), *EVEN[:2], UNEVEN_S, None, *EVEN[4:]
    ),
    "a header of 1000 frames/s": (
        "a.mkv", lambda p: write(p, times_s=EVEN_S, fps_hz=1000), *EVEN
    ),
    "a header of 90000 frames/s": (
        "a.mp4",
        lambda p: write(p, times_s=EVEN_S, fps_hz=90000, unit=Fraction(1, 90000)),
        *EVEN[:3], 12 / 0.44, *EVEN[4:],  # the last frame lasts for nothing
    ),
    "it begins at 7 s": ("a.ts", lambda p: write(p, times_s=EVEN_S + 7), *EVEN),
    "a single frame": (
        "a.mp4", lambda p: write(p, [picture()]), *EVEN[:2], EVEN_S[:1], 25.0, *EVEN[4:]
    ),
    # Containers that say nothing of their length, or something wrong.
    "live Matroska": ("a.mkv", lambda p: write(p, container={"live": "1"}), *EVEN),
    "MP4 in fragments": (
        "a.mp4",
        lambda p: write(p, container={"movflags": "frag_keyframe+empty_moov"}, g=4),
        *EVEN,
    ),
    "bare H.264": ("a.h264", write, *EVEN),
    "bare Motion JPEG": (
        "a.mjpeg", lambda p: write(p, codec="mjpeg", pix_fmt="yuvj420p"), *EVEN
    ),
    "MPEG-TS": ("a.ts", write, *EVEN),
    "Flash": ("a.flv", write, *EVEN),
    "Windows Media": ("a.wmv", lambda p: write(p, codec="wmv2", qmax=2), *EVEN),
    "animated GIF": ("a.gif", lambda p: write(p, codec="gif", pix_fmt="rgb8"), *EVEN[:5], 40),
    "animated PNG": ("a.apng", lambda p: write(p, codec="apng", pix_fmt="rgb24"), *EVEN),
    # Sound.
    "longer sound, MP4": ("a.mp4", lambda p: write(p, sound_s=3.0), *EVEN),
    "longer sound, Matroska": ("a.mkv", lambda p: write(p, sound_s=3.0), *EVEN),
    # Names.
    "the suffix of another": ("a.jpg", lambda p: write(p.with_suffix(".mp4")).rename(p), *EVEN),
    "no suffix": ("film", lambda p: write(p.with_suffix(".mp4")).rename(p), *EVEN),
    "the name of a pattern": (
        "a-%03d.png", lambda p: write(p.with_name("x.mp4")).rename(p), *EVEN
    ),
    "the name of a protocol": ("pipe:0", lambda p: write(p.with_name("x.mp4")).rename(p), *EVEN),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "make", "width", "height", "times_s", "fps_hz", "colours", "within"),
    FILMS.values(),
    ids=FILMS,
)
def test_a_film_comes_with_its_size_its_times_and_its_colours(
    tmp_path, name, make, width, height, times_s, fps_hz, colours, within
):
    path = make(tmp_path / name)
    problems = []
    got = list(frames(path, on_problem=problems.append))
    assert problems == []
    assert [frame.time_s for frame in got] == pytest.approx(times_s, abs=2e-3)
    assert [frame.index for frame in got] == list(range(len(times_s)))
    info = probe(path)
    assert (info.width_px, info.height_px) == (width, height)
    assert info.pixel_aspect == 1.0
    if fps_hz is not None:
        assert info.fps_hz == pytest.approx(fps_hz, rel=0.01)
    for frame in got:
        assert frame.image.shape == (height, width, 3)
        assert frame.image.dtype == np.uint8
        if colours is not None:
            assert np.abs(quarters(frame.image) - colours).max() <= within


def test_where_nothing_is_said_of_the_length_nothing_is_claimed(tmp_path):
    for name, container in (("a.mkv", {"live": "1"}), ("a.h264", {})):
        info = probe(write(tmp_path / name, container=container))
        assert info.n_frames == 0
        assert math.isnan(info.duration_s)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_the_length_is_that_of_the_film_not_of_the_sound(tmp_path, name):
    assert probe(write(tmp_path / name, sound_s=3.0)).duration_s == pytest.approx(0.48, abs=0.05)


@pytest.mark.parametrize("turn", MATRICES)
def test_a_film_that_was_taken_lying_down_stands_upright(tmp_path, turn):
    path = turned(write(tmp_path / "phone.mp4", laid(12 * [picture()], turn)), turn)
    info = probe(path)
    assert (info.width_px, info.height_px) == (WIDTH_PX, HEIGHT_PX)
    for frame in frames(path):
        assert frame.image.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert frame.image.flags["C_CONTIGUOUS"]
        assert np.abs(quarters(frame.image) - COLOURS).max() < 8


def test_pixels_that_are_not_square_stay_as_they_are_and_are_told(tmp_path):
    path = write(tmp_path / "dv.mp4", aspect="64:45")
    assert probe(path).pixel_aspect == pytest.approx(64 / 45)
    assert next(frames(path)).image.shape == (HEIGHT_PX, WIDTH_PX, 3)
    lying = turned(path, "clockwise")
    assert probe(lying).pixel_aspect == pytest.approx(45 / 64)


def test_a_size_that_changes_on_the_way_is_the_size_of_the_frame(tmp_path):
    for name, images in (("1.h264", 4 * [picture()]), ("2.h264", 4 * [picture(192, 128)])):
        write(tmp_path / name, images)
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join((tmp_path / f"{n}.h264").read_bytes() for n in (1, 2)))
    shapes = [frame.image.shape[:2] for frame in frames(path)]
    assert shapes == 4 * [(HEIGHT_PX, WIDTH_PX)] + 4 * [(128, 192)]


def test_a_stamp_that_leaps_by_days_is_not_believed(tmp_path):
    path = late(
        write(tmp_path / "a.mp4", times_s=UNEVEN_S, container={"use_editlist": "0"}), 4, 10**9
    )
    got = [frame.time_s for frame in frames(path)]
    assert len(got) == len(UNEVEN_S)
    assert got[:5] == pytest.approx(UNEVEN_S[:5], abs=2e-3)
    assert (np.diff(got) > 0).all()
    assert got[-1] < MAX_GAP_S
    assert 1.0 < probe(path).fps_hz < 60.0


@pytest.mark.parametrize("rate_hz", [10, 24, 25, 30, 48, 50, 60, 90, 120])
def test_thinning_by_time_is_thinning_by_count_where_frames_come_evenly(tmp_path, rate_hz):
    path = write(tmp_path / "a.mp4", 60 * [picture()], fps_hz=rate_hz, preset="ultrafast")
    by_count = [frame.index for frame in frames(path, every=max(1, round(rate_hz / 25)))]
    assert [frame.index for frame in frames(path, at_most_hz=25.0)] == by_count
    late_s = 19.5 / rate_hz
    later = [frame.index for frame in frames(path, at_most_hz=25.0, start_s=late_s)]
    assert later == [index for index in by_count if index >= 20]


def test_thinning_by_time_keeps_what_comes_slowly_and_thins_what_comes_fast(tmp_path):
    fast_s, slow_s = np.arange(48) / 120, 0.4 + np.arange(24) / 30
    times_s = np.concatenate([fast_s, slow_s])
    path = write(tmp_path / "a.mkv", len(times_s) * [picture()], times_s=times_s)
    used_s = np.array([frame.time_s for frame in frames(path, at_most_hz=25.0)])
    assert np.diff(used_s[used_s < 0.4]) == pytest.approx(5 / 120, abs=2e-3)
    assert used_s[used_s > 0.41] == pytest.approx(slow_s[1:], abs=2e-3)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"at_most_hz": 0.0}, {"at_most_hz": math.nan}])
def test_a_stride_that_is_none_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        next(frames(write(tmp_path / "a.mp4"), **wrong))


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_broken_frames_are_passed_over_counted_and_cost_no_time(tmp_path, name):
    whole = write(tmp_path / name, list(NOISE), preset="ultrafast", g=12)
    times_s = [frame.time_s for frame in frames(whole)]
    path = spoilt(whole, n_bytes=6000)
    problems = []
    got = list(frames(path, on_problem=problems.append))
    assert len(times_s) - 6 <= len(got) < len(times_s)
    assert got[-1].time_s == times_s[-1]
    assert {frame.time_s for frame in got} <= set(times_s)
    if name == "a.mp4":  # TS starts anew after the noise, and nobody knows what is lost
        (problem,) = problems
        assert "that do not decode, from frame" in problem.found
        with pytest.raises(BadInput, match="expected 60 frames, found 30, then: Invalid"):
            list(frames(path))
        stream = frames(path, on_problem=problems.append)
        assert [next(stream).index for _ in range(40)][-1] > 40
        stream.close()
        assert problems[1].found == problem.found


@pytest.mark.parametrize("threads", [1, 4])
def test_what_a_damaged_file_gives_does_not_depend_on_the_threads(tmp_path, threads):
    path = spoilt(write(tmp_path / "a.mp4", list(NOISE), preset="ultrafast", g=12), n_bytes=6000)
    told, reference = [], []
    got = [frame.index for frame in frames(path, threads=threads, on_problem=told.append)]
    assert got == [frame.index for frame in frames(path, threads=2, on_problem=reference.append)]
    assert told == reference


@pytest.mark.parametrize(
    ("name", "container"),
    [("a.avi", {}), ("a.mkv", {}), ("a.mp4", {"movflags": "faststart"}), ("a.ts", {})],
)
def test_what_comes_before_a_cut_comes_back(tmp_path, name, container):
    path = cut(write(tmp_path / name, list(NOISE), container=container))
    got = list(frames(path, on_problem=[].append))
    assert 20 <= len(got) < 60
    assert np.diff([frame.time_s for frame in got]) == pytest.approx(1 / 25, abs=2e-3)


def still(path, format, **options):
    Image.fromarray(picture()).save(path, format, **options)
    return path


def text(path, words):
    path.write_text(words)
    return path


def playlist_of_a_neighbour(path, head, line):
    write(path.with_name("b.ts"))
    return text(path, head + line.format("b.ts"))


def pipe(path):
    os.mkfifo(path)
    return path


def huge(path):
    """An AVI that claims 10000 x 10000."""
    content = bytearray(write(path, codec="rawvideo", pix_fmt="bgr24").read_bytes())
    place = content.index(b"strf") + 12
    content[place : place + 8] = struct.pack("<II", 10000, 10000)
    path.write_bytes(content)
    return path


def unknown_codec(path):
    path.write_bytes(write(path).read_bytes().replace(b"avc1", b"zzzz"))
    return path


def locked(path):
    """Not one picture decodes."""
    write(path, list(NOISE[:12]))
    content = bytearray(path.read_bytes())
    place = content.index(b"mdat") + 4
    size = int.from_bytes(content[place - 8 : place - 4], "big") - 8
    content[place : place + size] = np.random.default_rng(0).bytes(size)
    path.write_bytes(content)
    return path


SUBTITLES = "1\n00:00:01,000 --> 00:00:02,000\nHello.\n\n2\n00:00:03,000 --> 00:00:04,000\nBye.\n"
M3U8 = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
# What is no film, and what the complaint says.
NO_FILMS = {
    "sound": ("a.m4a", write_sound, "a video stream, found only sound; give the file"),
    "a song with a cover": (
        "a.mp3",
        lambda p: write_sound(p, codec="libmp3lame", cover=True),
        "a video stream, found only sound and a cover picture",
    ),
    "FLAC with a cover": (
        "a.flac",
        lambda p: write_sound(p, codec="flac", cover=True),
        "a video stream, found only sound and a cover picture",
    ),
    "subtitles": ("a.srt", lambda p: text(p, SUBTITLES), "a video stream, found only subtitles"),
    "zero bytes": ("a.mp4", lambda p: text(p, ""), "found an empty file; copy or record it again"),
    "a text": ("a.mp4", lambda p: text(p, "Dear diary,\n" * 400), "found a text"),
    "a text by its name": ("a.txt", lambda p: text(p, "Dear diary,\n" * 400), "found a text"),
    "a text in colours": (
        "a.nfo",
        lambda p: text(p, "\x1b[1;31mred\x1b[0m\r\n" * 99),
        "found a text",
    ),
    "a PNG": ("a.mp4", lambda p: still(p, "PNG"), r"a video, found a picture \(png\); give the"),
    "a JPEG": ("a.mp4", lambda p: still(p, "JPEG"), r"found a picture \(mjpeg\)"),
    "a JPEG by its name": ("a.jpg", lambda p: still(p, "JPEG"), r"found a picture \(mjpeg\)"),
    "a WEBP": ("a.mp4", lambda p: still(p, "WEBP"), r"found a picture \(webp\)"),
    "a BMP": ("a.mp4", lambda p: still(p, "BMP"), r"found a picture \(bmp\)"),
    "a TIFF": ("a.mp4", lambda p: still(p, "TIFF"), r"found a picture \(tiff\)"),
    "an icon": ("a.mp4", lambda p: still(p, "ICO", sizes=[(16, 16)]), "found a picture"),
    "a GIF that stands still": ("a.mp4", lambda p: still(p, "GIF"), r"found a picture \(gif\)"),
    "an MP4 without its end": (
        "a.mp4",
        lambda p: cut(write(p, list(NOISE))),
        "found an MP4 without its index; the recording or the copy broke off",
    ),
    "a codec nobody knows": ("a.mp4", unknown_codec, "found a codec that it does not know"),
    "a locked film": ("a.mp4", locked, "at least one frame, found none that decodes"),
    "too large a picture": ("a.avi", huge, "at most 33177600 pixels a frame, found 10000x10000"),
    "a playlist": (
        "a.m3u8",
        lambda p: playlist_of_a_neighbour(p, M3U8, "{}\n#EXT-X-ENDLIST\n"),
        "found a playlist, which only names other files; give the video itself",
    ),
    "a playlist by another name": (
        "a.mp4",
        lambda p: playlist_of_a_neighbour(p, M3U8, "{}\n#EXT-X-ENDLIST\n"),
        "found a playlist",
    ),
    "a list of parts": (
        "a.ffconcat",
        lambda p: playlist_of_a_neighbour(p, "ffconcat version 1.0\n", "file {}\n"),
        "found a playlist",
    ),
    "a folder": ("a.mp4", lambda p: p.mkdir() or p, "a video file, found a folder"),
    "nothing": ("a.mp4", lambda p: p, "a video file, found no such file; check the path"),
}


@pytest.mark.parametrize(("name", "make", "complaint"), NO_FILMS.values(), ids=NO_FILMS)
def test_what_is_no_film_is_refused_with_its_name_and_the_reason(tmp_path, name, make, complaint):
    path = make(tmp_path / name)
    with pytest.raises(BadInput, match=complaint) as refused:
        list(frames(path, on_problem=[].append))
    assert str(refused.value).startswith(str(path))
    assert refused.value.problem.remedy or "pixels" in complaint
    # `probe` looks no further than the header, which a locked film has.
    with contextlib.nullcontext() if make is locked else pytest.raises(BadInput, match=complaint):
        probe(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_and_a_device_are_not_waited_for(tmp_path):
    for path in (pipe(tmp_path / "a.mp4"), type(tmp_path)("/dev/zero")):
        with pytest.raises(BadInput, match="found a device or a pipe"):
            probe(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = write(tmp_path / "a.mp4")
    path.chmod(0)
    with pytest.raises(BadInput, match="cannot be opened: Permission denied"):
        probe(path)


def test_a_photograph_of_a_phone_is_no_film(tmp_path):
    """AVIF and HEIC lie in the container of MP4."""
    pytest.importorskip("PIL._avif", reason="this Pillow writes no AVIF")
    with pytest.raises(BadInput, match="found a picture"):
        probe(still(tmp_path / "a.mp4", "AVIF"))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.gif"])
@pytest.mark.parametrize("seed", range(4))
def test_damage_anywhere_gives_frames_or_a_complaint_and_nothing_else(tmp_path, name, seed):
    options = {"codec": "gif", "pix_fmt": "rgb8"} if name == "a.gif" else {}
    path = write(tmp_path / name, list(NOISE[:8]), **options)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for _ in range(12):
        damaged = content.copy()
        for place in rng.integers(0, len(damaged), 8):
            damaged[place] = rng.integers(0, 256)
        for place in rng.integers(0, 600, 2):  # and in the header
            damaged[place % len(damaged)] = rng.integers(0, 256)
        path.write_bytes(damaged)
        with contextlib.suppress(BadInput):
            last_s = -1.0
            for frame in frames(path, on_problem=[].append):
                assert last_s < frame.time_s <= last_s + MAX_GAP_S + 1.0
                last_s = frame.time_s
