"""Live sources, with a camera that is a file: nothing here has ever seen a real one."""

import errno
import itertools
import math
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.types import Frame
from pulsefer.media import camera as module
from pulsefer.media.camera import (
    Camera,
    CameraInfo,
    Clock,
    FrameSource,
    Given,
    Played,
    cameras,
    source_of,
)
from pulsefer.media.video import encode, frames

OPEN = av.open
SYSTEMS = ("linux", "darwin", "win32")


def pictures(n):
    for index in range(n):
        yield np.full((48, 64, 3), 20 + 2 * index, np.uint8)


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mkv"
    encode(path, pictures(30), fps_hz=30.0)
    return path


@pytest.fixture
def plugged(monkeypatch, clip):
    """A camera that is a file; tells what was asked of it, and refuses what it is told to."""

    class Plugged:
        refusals = ()
        asked = ()

        def open(self, place, format=None, options=None, **others):
            if format is None:
                return OPEN(place, options=options, **others)
            self.asked = (*self.asked, (place, format, options))
            if len(self.asked) <= len(self.refusals):
                code = self.refusals[len(self.asked) - 1]
                raise av.error.FFmpegError(code, "refused", place)
            return OPEN(str(clip))

    told = Plugged()
    monkeypatch.setattr(av, "open", told.open)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(module, "cameras", lambda: [CameraInfo("/dev/video0", "A Camera")])
    return told


# Time


def test_stamps_that_go_with_the_arrivals_are_the_time():
    clock = Clock()
    rng = np.random.default_rng(0)
    stamps_s = 1234.5 + np.arange(200) / 30
    times_s = [clock(s, now_s=s + 0.05 * rng.random()) for s in stamps_s]
    assert times_s == pytest.approx(np.arange(200) / 30)


def test_a_clock_that_drifts_is_believed_and_one_that_runs_wild_is_not():
    arrivals_s = np.arange(0, 600, 1 / 30)
    for rate, believed in ((1.005, True), (0.5, False), (1e3, False), (1e-3, False)):
        clock = Clock()
        times_s = np.array([clock(rate * s, now_s=s) for s in arrivals_s])
        assert (np.diff(times_s) > 0).all()
        assert times_s == pytest.approx((rate if believed else 1.0) * arrivals_s, abs=1.1)


@pytest.mark.parametrize("bad", [None, math.nan, -5.0, 0.1, 99.0])
def test_from_the_first_bad_stamp_on_arrivals_count_and_time_never_jumps_back(bad):
    clock = Clock()
    stamps_s = [0.0, 0.1, 0.2, bad, 0.4, 0.5]
    arrivals_s = [7.0, 7.1, 7.2, 7.35, 7.4, 7.55]
    times_s = [clock(s, now_s=now) for s, now in zip(stamps_s, arrivals_s, strict=True)]
    assert times_s == pytest.approx([0.0, 0.1, 0.2, 0.35, 0.4, 0.55])


def test_frames_that_arrive_together_still_come_one_after_the_other():
    clock = Clock()
    times_s = [clock(None, now_s=3.0) for _ in range(4)]
    assert (np.diff(times_s) > 0).all()


# The camera


@pytest.mark.usefixtures("plugged")
def test_a_camera_gives_its_pictures_with_times_from_its_first(clip):
    source = Camera(0)
    got = list(source)
    there = list(frames(clip))
    assert [frame.index for frame in got] == list(range(30))
    assert [frame.time_s for frame in got] == pytest.approx([f.time_s for f in there], abs=0.6)
    assert got[0].time_s == 0.0
    for frame, same in zip(got, there, strict=True):
        np.testing.assert_array_equal(frame.image, same.image)
    assert source.name == "camera 0"
    # A camera has no end: if it has one, it was unplugged.
    assert str(source.problem) == (
        "camera 0: expected pictures until it is closed, found 30, then: its end; "
        "plug it in again and start anew"
    )


@pytest.mark.usefixtures("plugged")
def test_of_a_fast_camera_the_pictures_are_used_that_a_file_of_it_would_use(monkeypatch, clip):
    # By the stamps alone: a file arrives faster than a camera films.
    monkeypatch.setattr(module, "AGREE_S", math.inf)
    for at_most_hz in (10.0, 12.0, 25.0):
        there = [frame.index for frame in frames(clip, at_most_hz=at_most_hz)]
        assert [frame.index for frame in Camera(0, at_most_hz=at_most_hz)] == there
    assert [frame.index for frame in Camera(0, at_most_hz=10.0)] == list(range(0, 30, 3))


@pytest.mark.parametrize(
    ("system", "form", "device", "place"),
    [
        ("linux", "v4l2", 1, "/dev/video1"),
        ("linux", "v4l2", "/dev/v4l/by-id/usb", "/dev/v4l/by-id/usb"),
        ("linux", "v4l2", "A Camera", "/dev/video0"),
        ("darwin", "avfoundation", 1, "1"),
        ("darwin", "avfoundation", "FaceTime HD Camera", "FaceTime HD Camera"),
        ("win32", "dshow", 0, "video=/dev/video0"),
        ("win32", "dshow", "USB Camera", "video=USB Camera"),
        ("win32", "dshow", "video=USB Camera", "video=USB Camera"),
    ],
)
def test_each_system_hears_its_own_words(plugged, monkeypatch, system, form, device, place):
    monkeypatch.setattr(sys, "platform", system)
    source = Camera(device)
    assert len(list(itertools.islice(source, 3))) == 3
    ((asked_place, asked_form, options),) = plugged.asked
    assert (asked_place, asked_form) == (place, form)
    assert options == {
        "fflags": "nobuffer", "flags": "low_delay", "framerate": "30", "video_size": "640x480",
    }  # fmt: skip


def test_a_size_or_rate_that_it_has_not_is_given_up(plugged):
    plugged.refusals = (errno.EINVAL, errno.EIO, errno.EINVAL)
    assert len(list(Camera(0, size_px=(1280, 720), fps_hz=60.0))) == 30
    wishes = [set(options) - {"fflags", "flags"} for _, _, options in plugged.asked]
    assert wishes == [
        {"framerate", "video_size", "input_format"}, {"framerate", "video_size"},
        {"framerate"}, set(),
    ]  # fmt: skip
    assert plugged.asked[0][2]["input_format"] == "mjpeg"
    plugged.asked = plugged.refusals = ()
    assert len(list(Camera(0, size_px=None))) == 30
    assert "video_size" not in plugged.asked[0][2]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (errno.ENOENT, "none of that name; to be seen: /dev/video0 (A Camera); give one of these"),
        (errno.ENODEV, "none of that name"),
        (errno.EACCES, "one that may not be used; "),
        (errno.EBUSY, "one that is in use; close the program that films with it"),
        (errno.EIO, "refused; to be seen: /dev/video0 (A Camera); close other programs"),
    ],
)
def test_a_camera_that_does_not_open_says_why_and_what_to_do(
    plugged, monkeypatch, system, code, told
):
    monkeypatch.setattr(sys, "platform", system)
    plugged.refusals = 9 * (code,)
    with pytest.raises(BadInput) as refused:
        iter(Camera(0))
    assert f"camera 0: expected a camera that opens, found {told}" in str(refused.value)


def test_without_any_camera_the_message_says_how_to_be_allowed_one(plugged, monkeypatch):
    monkeypatch.setattr(module, "cameras", list)
    plugged.refusals = 9 * (errno.ENOENT,)
    with pytest.raises(BadInput, match=r"to be seen: no camera; plug one in, add yourself to the"):
        iter(Camera(3))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="opens a device file of Linux")
def test_ffmpeg_itself_says_that_there_is_no_such_camera():
    with pytest.raises(BadInput, match="camera 97: expected a camera that opens, found none"):
        iter(Camera(97))


def test_a_system_that_ffmpeg_films_nothing_on_is_named(monkeypatch):
    monkeypatch.setattr(sys, "platform", "plan9")
    assert cameras() == []
    with pytest.raises(BadInput, match="found plan9; give an iterator of frames"):
        iter(Camera(0))


class Decoder:
    """A container that decodes as it is told: pictures, and errors between them."""

    def __init__(self, container, script):
        self.container, self.script = container, list(script)
        self.streams = container.streams

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.container.close()

    def decode(self, _stream):
        while self.script:
            step = self.script.pop(0)
            if isinstance(step, Exception):
                raise step
            yield step


@pytest.mark.usefixtures("plugged")
def test_a_camera_without_a_picture_yet_is_asked_again(monkeypatch, clip):
    """On macOS FFmpeg does not wait: it says that there is nothing."""
    with OPEN(str(clip)) as container:
        shown = list(container.decode(video=0))
    nothing = av.error.BlockingIOError(errno.EAGAIN, "nothing")
    script = [nothing, nothing, shown[0], nothing, *shown[1:]]
    monkeypatch.setattr(av, "open", lambda *_, **__: Decoder(OPEN(str(clip)), script))
    assert [frame.index for frame in Camera(0)] == list(range(30))
    silent = Camera(0)
    monkeypatch.setattr(
        av, "open", lambda *_, **__: Decoder(OPEN(str(clip)), itertools.repeat(nothing, 10**4))
    )
    stream = iter(silent)
    silent.close()
    assert list(stream) == []
    assert silent.problem is None


@pytest.mark.usefixtures("plugged")
def test_a_camera_that_is_unplugged_ends_and_says_after_how_many_pictures(monkeypatch, clip):
    with OPEN(str(clip)) as container:
        shown = list(container.decode(video=0))
    gone = av.error.FFmpegError(errno.ENODEV, "No such device")
    monkeypatch.setattr(av, "open", lambda *_, **__: Decoder(OPEN(str(clip)), [*shown[:7], gone]))
    source = Camera("A Camera")
    assert len(list(source)) == 7
    assert "camera A Camera: " in str(source.problem)
    assert "found 7, then: No such device" in str(source.problem)


@pytest.mark.usefixtures("plugged")
def test_a_closed_camera_ends_without_a_problem():
    source = Camera(0)
    stream = iter(source)
    next(stream)
    source.close()
    assert list(stream) == []
    assert source.problem is None


# What can be seen


def test_linux_lists_cameras_by_number_and_leaves_their_other_nodes_out(monkeypatch, tmp_path):
    for node, name, index in (
        ("video10", "Last", 0), ("video2", "USB Camera", 0), ("video3", "USB Camera", 1),
        ("video0", "Integrated", 0),
    ):  # fmt: skip
        (tmp_path / node).mkdir()
        (tmp_path / node / "name").write_text(f"{name}\n")
        (tmp_path / node / "index").write_text(f"{index}\n")
    (tmp_path / "video4").mkdir()  # says nothing of itself
    monkeypatch.setattr(module, "LISTING", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    assert [str(camera) for camera in cameras()] == [
        "/dev/video0 (Integrated)", "/dev/video2 (USB Camera)", "/dev/video4 (video4)",
        "/dev/video10 (Last)",
    ]  # fmt: skip
    monkeypatch.setattr(module, "LISTING", tmp_path / "nowhere")
    assert cameras() == []


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_ffmpeg_lists_them_where_it_can(monkeypatch, system):
    from types import SimpleNamespace as Device

    monkeypatch.setattr(sys, "platform", system)
    found = [
        Device(name="0", description="FaceTime", media_types=["video"]),
        Device(name="1", description="Microphone", media_types=["audio"]),
        Device(name="2", description="", media_types=[]),
    ]
    listing = Device(enumerate_input_devices=lambda _form: found)
    monkeypatch.setattr(av, "device", listing, raising=False)
    assert cameras() == [CameraInfo("0", "FaceTime"), CameraInfo("2", "2")]
    assert [str(camera) for camera in cameras()] == ["0 (FaceTime)", "2"]

    def refuse(form):
        raise av.error.FFmpegError(errno.ENOSYS, f"{form} lists nothing")

    listing.enumerate_input_devices = refuse
    assert cameras() == []
    monkeypatch.delattr(av, "device")  # an older PyAV
    assert cameras() == []


# Files and frames


def test_a_file_plays_in_real_time_and_its_frames_are_the_files(clip):
    began_s = time.perf_counter()
    got = []
    for frame in Played(clip):
        assert time.perf_counter() - began_s >= frame.time_s
        got.append(frame)
    there = list(frames(clip))
    assert [(f.index, f.time_s) for f in got] == [(f.index, f.time_s) for f in there]
    for frame, same in zip(got, there, strict=True):
        np.testing.assert_array_equal(frame.image, same.image)


def test_the_stride_of_a_file_is_that_of_its_analysis(clip):
    source = Played(clip, at_most_hz=15.0, pace=False)
    assert [frame.index for frame in source] == list(range(0, 30, 2))
    assert source.problem is None


def test_a_file_that_breaks_off_ends_with_a_problem(monkeypatch, clip):
    broken = Problem(str(clip), expected="30 frames", found="7, then: invalid data")

    def breaks_off(path, *, at_most_hz, on_problem):
        assert (path, at_most_hz) == (clip, math.inf)
        yield from list(frames(path))[:7]
        on_problem(broken)

    monkeypatch.setattr(module, "frames", breaks_off)
    source = Played(clip, pace=False)
    assert len(list(source)) == 7
    assert source.problem is broken


def test_closing_ends_a_file_also_between_two_frames():
    slow = [Frame(0, 0.0, np.zeros((8, 8, 3), np.uint8)), Frame(1, 60.0, np.zeros((8, 8, 3)))]
    source = Given(slow)
    stream = iter(source)
    assert next(stream).index == 0
    source.close()
    began_s = time.perf_counter()
    assert list(stream) == []
    assert time.perf_counter() - began_s < 5.0


def test_frames_are_given_as_they_are_and_a_list_plays_in_real_time():
    own = [Frame(5 + n, 40.0 + n / 50, image) for n, image in enumerate(pictures(10))]
    assert list(Given(own, pace=False)) == own
    began_s = time.perf_counter()
    assert list(Given(iter(own))) == own
    assert time.perf_counter() - began_s >= 9 / 50


@pytest.mark.parametrize("items", [list(pictures(3)), np.zeros((3, 8, 8, 3), np.uint8)])
def test_arrays_that_are_not_filmed_now_need_times(items):
    with pytest.raises(BadInput, match=r"a time of its own.*give Frame\(index, time_s, image\)"):
        list(Given(items))
    with pytest.raises(BadInput, match="a time of its own"):
        list(Given(iter(items), pace=False))


def test_what_is_no_frame_is_named():
    with pytest.raises(BadInput, match=r"frame 1: expected a Frame or an array.*found str"):
        list(Given(iter([*pictures(1), "no"])))


# What a person means


def test_words_become_sources(monkeypatch, clip):
    monkeypatch.setattr(module, "cameras", lambda: [CameraInfo("/dev/video2", "USB Camera")])
    for given in (0, np.int64(0), "0", "/dev/video2", "USB Camera", "video=USB Camera"):
        source = source_of(given, at_most_hz=25.0)
        assert isinstance(source, Camera)
        assert source.at_most_hz == 25.0
        assert source.name == f"camera {given}"
    for given in (clip, str(clip)):
        source = source_of(given, pace=False)
        assert isinstance(source, Played)
        assert (source.name, source.paced) == ("clip.mkv", False)
    for given in ([], iter(()), pictures(1), np.zeros((1, 8, 8, 3), np.uint8)):
        assert isinstance(source_of(given), Given)
    own = Camera(1)
    assert source_of(own) is own
    assert all(isinstance(one, FrameSource) for one in (own, Played(clip), Given([])))


def test_what_is_neither_file_nor_camera_is_refused(monkeypatch):
    monkeypatch.setattr(module, "cameras", lambda: [CameraInfo("/dev/video2", "USB Camera")])
    with pytest.raises(BadInput, match=r"no such file; cameras: /dev/video2 \(USB Camera\)"):
        source_of("no.mp4")
    monkeypatch.setattr(module, "cameras", list)
    with pytest.raises(BadInput, match="no such file and no camera"):
        source_of("rtsp://somewhere")  # nothing is fetched
    with pytest.raises(BadInput, match="found float"):
        source_of(1.5)
    with pytest.raises(BadInput, match="expected a video file, found no such file"):
        iter(source_of(Path("no.mp4")))
