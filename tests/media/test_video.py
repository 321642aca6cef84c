import itertools
import math

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.media.video import encode, frames, probe


def film(n, width=64, height=48, colour=(200, 40, 90)):
    """Frames whose brightness counts: a stripe moves one column a frame."""
    for index in range(n):
        image = np.full((height, width, 3), colour, np.uint8)
        image[:, index % width] = 255
        yield image


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.avi"
    assert encode(path, film(120), fps_hz=50) == 120
    return path


@pytest.mark.parametrize("suffix", ["avi", "mp4", "mkv", "mov"])
def test_every_frame_comes_back_once_and_in_order(tmp_path, suffix):
    path = tmp_path / f"clip.{suffix}"
    encode(path, film(60), fps_hz=25, crf=1)
    got = list(frames(path))
    assert [frame.index for frame in got] == list(range(60))
    np.testing.assert_allclose([f.time_s for f in got], np.arange(60) / 25, atol=2e-3)
    columns = [int(frame.image.mean(axis=(0, 2)).argmax()) for frame in got]
    assert columns == [index % 64 for index in range(60)]


def test_red_stays_red(clip):
    red, green, blue = next(frames(clip)).image[:, 10:].reshape(-1, 3).mean(axis=0)
    assert abs(red - 200) < 6
    assert abs(green - 40) < 6
    assert abs(blue - 90) < 6


def test_avi_time_is_index_over_rate_and_an_own_rate_wins(clip):
    assert not probe(clip).has_times
    assert [f.time_s for f in itertools.islice(frames(clip), 3)] == [0, 0.02, 0.04]
    assert [f.time_s for f in itertools.islice(frames(clip, fps_hz=25), 3)] == [0, 0.04, 0.08]


def test_a_stride_keeps_true_indices_and_a_span_keeps_true_times(clip):
    assert [f.index for f in frames(clip, every=25)] == [0, 25, 50, 75, 100]
    span = list(frames(clip, start_s=1.0, end_s=1.1))
    assert [f.index for f in span] == [50, 51, 52, 53, 54]


def test_fractional_rates_survive(tmp_path):
    path = tmp_path / "clip.avi"
    encode(path, film(61), fps_hz=60.9708)
    assert probe(path).fps_hz == pytest.approx(60.9708, abs=1e-4)


def test_equal_frames_give_equal_files(tmp_path):
    encode(tmp_path / "a.avi", film(30), fps_hz=25)
    encode(tmp_path / "b.avi", film(30), fps_hz=25)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()


def test_probe_tells_size_rate_and_codec(clip):
    info = probe(clip)
    assert (info.width_px, info.height_px, info.fps_hz, info.codec) == (64, 48, 50.0, "h264")
    assert info.n_frames == 120
    assert math.isclose(info.duration_s, 2.4, abs_tol=0.05)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 100])
def test_what_is_no_video_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "junk.avi"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"junk\.avi"):
        list(frames(path))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        probe(tmp_path / "none.avi")


def test_a_playlist_is_not_followed(tmp_path):
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(BadInput):
        list(frames(path))


def test_a_cut_file_gives_what_decodes(clip):
    data = clip.read_bytes()
    cut = clip.with_name("cut.avi")
    cut.write_bytes(data[: len(data) // 2])
    problems = []
    got = list(frames(cut, on_problem=problems.append))
    assert 0 < len(got) < 120
    assert [f.index for f in got] == list(range(len(got)))


def test_a_failed_encode_leaves_nothing(tmp_path):
    def breaks():
        yield from film(3)
        raise RuntimeError("the camera fell")

    with pytest.raises(RuntimeError):
        encode(tmp_path / "clip.avi", breaks(), fps_hz=25)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="even size"):
        encode(tmp_path / "odd.avi", film(2, width=63), fps_hz=25)
    with pytest.raises(ValueError, match="at least one frame"):
        encode(tmp_path / "none.avi", iter(()), fps_hz=25)
