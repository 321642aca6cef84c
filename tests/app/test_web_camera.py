"""A camera in a browser: pictures are sent, rows are told."""

import contextlib
import io
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("fastapi", reason="the extra [web] is not installed")

from PIL import Image
from served import FPS_HZ, RATE_BPM, Client, served, specimen
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pulsefer.app.web.camera_process import BAD_IN_A_ROW, MOST_PX, Sent, decoded
from pulsefer.app.web.picture_pipe import packed
from pulsefer.core.types import Frame
from pulsefer.faces.detector import Face
from pulsefer.inference.analyzer import Analyzer

SECONDS = 10
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


def encoded(image, format="JPEG", **options):
    content = io.BytesIO()
    Image.fromarray(image).save(content, format, **options)
    return content.getvalue()


@pytest.fixture(scope="module")
def jpegs():
    """Somebody with 72 beats a minute, as a browser sends them."""
    return [encoded(image, quality=90) for image in specimen(5, width_px=320, height_px=240)]


# Laws of the pictures


class There:
    """A face in the middle of every picture."""

    name = fingerprint = "there"

    def detect(self, image):
        height, width = image.shape[:2]
        marks = np.array([[-20.0, 0], [20, 0], [0, 22], [-16, 42], [16, 42]])
        place = np.array([width / 2, height / 2 - 20])
        return [Face(*(place - (45, 45)), 90, 120, 0.99, marks + place)]


def sent(pairs, **more):
    """Pictures and times, as they come through the pipe."""
    source = Sent(io.BytesIO(b"".join(packed(*pair) for pair in pairs)),
                  **{"at_most_hz": None, **more})  # fmt: skip
    return source, list(source)


def test_what_is_sent_gives_the_rows_that_the_same_pictures_give(jpegs):
    times_s = [1000.0 + number / FPS_HZ for number in range(len(jpegs))]
    source, frames = sent(zip(times_s, jpegs, strict=True))
    assert source.problem is None
    stated = [
        Frame(number, time_s - times_s[0], decoded(content))
        for number, (time_s, content) in enumerate(zip(times_s, jpegs, strict=True))
    ]
    analyzer = Analyzer(detector=There())
    rows = list(analyzer.frames(iter(frames)))
    assert rows == list(analyzer.frames(iter(stated)))
    assert len(rows) == 5
    assert {row["face_id"] for row in rows} == {0}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_picture_is_rgb_whatever_it_was(format, mode):
    image = np.full((48, 64, 3), 90, np.uint8)
    content = io.BytesIO()
    Image.fromarray(image).convert(mode).save(content, format)
    found = decoded(content.getvalue())
    assert (found.shape, found.dtype) == ((48, 64, 3), np.uint8)
    assert abs(found.astype(int) - 90).max() <= 2


def test_more_pictures_than_are_used_are_not_decoded(jpegs):
    times_s = np.arange(100) / 50
    garbage = [jpegs[0] if number % 2 == 0 else b"?" for number in range(100)]
    source, frames = sent(zip(times_s, garbage, strict=True), at_most_hz=25.0)
    assert source.problem is None
    np.testing.assert_allclose(np.diff([frame.time_s for frame in frames]), 1 / 25)


@pytest.mark.parametrize(
    ("times_s", "kept_s"),
    [
        ([5.0, 5.1, 5.05, 5.1, 5.2], [0.0, 0.1, 0.2]),
        ([np.nan, 1.0, np.nan, np.inf, 1.5], [0.0, 0.5]),
        ([0.0, -1.0, -2.0, 1.0], [0.0, 1.0]),
        ([-1e308, 1e308, -1e308 + 1], [0.0]),
        ([3.0, 3.0, 3.0], [0.0]),
    ],
)
def test_a_clock_that_does_not_go_forward_loses_pictures_and_nothing_else(jpegs, times_s, kept_s):
    source, frames = sent((time_s, jpegs[0]) for time_s in times_s)
    np.testing.assert_allclose([frame.time_s for frame in frames], kept_s, atol=1e-9)
    assert source.problem is None


def png_of(width, height):
    """A header that promises so many pixels, and nothing after it."""

    def chunk(kind, content):
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))  # fmt: skip

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000)))


BAD = {
    "garbage": b"no picture",
    "a cut picture": encoded(np.zeros((64, 64, 3), np.uint8))[:300],
    "a picture of 20000x20000": png_of(20_000, 20_000),
    "one a little too large": png_of(1281, 1280),
    "one of nothing": png_of(0, 0),
    "another format": encoded(np.zeros((64, 64, 3), np.uint8), "BMP"),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_picture_that_cannot_be_read_is_passed_over_and_many_are_an_error(jpegs, kind):
    mixed = [jpegs[0], *BAD_IN_A_ROW * [BAD[kind]], jpegs[1], BAD[kind], jpegs[2]]
    source, frames = sent((number / 25, content) for number, content in enumerate(mixed))
    assert (len(frames), source.problem) == (3, None)
    source, frames = sent((number / 25, BAD[kind]) for number in range(99))
    assert frames == []
    assert source.problem.expected.startswith("pictures (JPEG, PNG or WebP")
    assert source.problem.found
    assert MOST_PX >= 1280 * 720


def test_pictures_of_another_size_end_it_with_a_reason(jpegs):
    turned = encoded(np.zeros((320, 240, 3), np.uint8))
    source, frames = sent([(0.0, jpegs[0]), (0.1, jpegs[1]), (0.2, turned), (0.3, jpegs[2])])
    assert len(frames) == 2
    assert source.problem.expected == "pictures of 320x240 px, as before"
    assert source.problem.found == "240x320 px"


# A whole camera


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(
        tmp_path_factory.mktemp("server") / "s", "--limits.cameras", "1",
        "--limits.camera-minutes", "0.5",
    ) as one:  # fmt: skip
        yield one


class Camera:
    """What a browser does."""

    def __init__(self, server):
        address = server.address.replace("http", "ws", 1) + "api/camera"
        self.opened = connect(address, proxy=None, compression=None, max_size=None)
        self.told = []

    def __enter__(self):
        self.socket = self.opened.__enter__()
        return self

    def __exit__(self, *how):
        self.opened.__exit__(*how)

    def hear(self, kind, wait_s=30):
        """The next message of a kind; what comes before it is kept, too."""
        until = time.monotonic() + wait_s
        while True:
            self.told.append(json.loads(self.socket.recv(max(0.0, until - time.monotonic()))))
            if self.told[-1]["kind"] == kind:
                return self.told[-1]

    def hear_out(self, wait_s=30):
        """Everything until it is closed, and the code of the end."""
        until = time.monotonic() + wait_s
        try:
            while True:
                self.told.append(json.loads(self.socket.recv(max(0.0, until - time.monotonic()))))
        except ConnectionClosed as end:
            return end.rcvd.code

    def send(self, time_s, content):
        self.socket.send(struct.pack("<d", time_s) + content)

    def rows(self):
        return [row for told in self.told if told["kind"] == "rows" for row in told["rows"]]


@contextlib.contextmanager
def next_camera(server, wait_s=10):
    """A camera as soon as there is room: the last one's process may be on its way out."""
    until = time.monotonic() + wait_s
    while True:
        with Camera(server) as camera:
            try:
                camera.hear("ready")
            except ConnectionClosed:
                assert time.monotonic() < until
                continue
            yield camera
            return


@linux
def test_a_camera_is_told_its_rows_and_gets_the_table_at_the_end(server, jpegs):
    with Camera(server) as camera:
        assert camera.hear("ready")["step_s"] == 1.0
        assert len(server.children()) == 1

        def film():
            begin = time.monotonic()
            for number in range(round(SECONDS * FPS_HZ) + 1):
                time.sleep(max(0.0, begin + number / FPS_HZ - time.monotonic()))
                camera.send(7e5 + number / FPS_HZ, jpegs[number % len(jpegs)])

        filming = threading.Thread(target=film)
        filming.start()
        for _ in range(SECONDS):
            camera.hear("rows")
        filming.join()
        camera.socket.send("stop")
        end = camera.hear("end")
        assert camera.hear_out() == 1000
        rows, told = camera.rows(), [one for one in camera.told if one["kind"] == "rows"]
    assert [row["time_s"] for row in rows] == list(range(len(rows)))
    assert [row["face_id"] for row in rows[1:SECONDS]] == (SECONDS - 1) * [0]
    assert all(row["words"] for row in rows)
    rates = [row["hr_bpm"] for row in rows if row["hr_bpm"] is not None]
    assert rates
    assert abs(rates[-1] - RATE_BPM) < 3.0
    assert next(row for row in rows if row["hr_bpm"] == rates[-1])["words"].endswith(" bpm")
    assert told[-1]["seen"] >= SECONDS * FPS_HZ - 1
    assert 0 <= told[-1]["dropped"] < told[-1]["seen"] / 2
    assert told[-1]["latency_ms"] > 0
    # What was told is what is kept.
    table = pd.read_csv(io.StringIO(end["csv"]))
    assert table["time_s"].tolist() == [row["time_s"] for row in rows]
    for name in ("face_id", "box_x_px", "hr_bpm", "hr_quality"):
        there = np.array([np.nan if row.get(name) is None else row[name] for row in rows])
        np.testing.assert_allclose(table[name].to_numpy(float), there, rtol=1e-4)
    assert "words" not in table
    assert server.is_quiet()
    assert server.tried == ""


@linux
def test_one_camera_too_many_is_told_so_and_gets_its_turn_later(server, jpegs):
    with Camera(server) as first:
        first.hear("ready")
        with Camera(server) as second:
            assert second.hear_out() == 1008
            (told,) = second.told
            assert told["kind"] == "problem"
            assert told["problem"]["text"] == (
                "camera: expected at most 1 cameras at a time, found one more; "
                "try again in a few minutes"
            )
        assert len(server.children()) == 1
        first.send(0.0, jpegs[0])
        # It just goes away.
    assert server.is_quiet()
    with next_camera(server) as third:
        # Wrong messages are passed over, and what is right is seen.
        for message in (b"", b"1234567", bytes(8), struct.pack("<d", 0.0) + bytes(1_000_050)):
            third.socket.send(message)
        for time_s in (np.nan, np.inf, -np.inf):
            third.send(time_s, jpegs[0])
        for number in range(30):
            third.send(5.0 + number / 10, jpegs[number])
            time.sleep(0.02)
        third.hear("rows")
        # Even if it is somebody else who is ended.
        (process,) = server.children()
        os.kill(process, signal.SIGSEGV)
        assert third.hear_out() == 1008
        assert third.told[-1]["problem"]["found"] == "one that broke the decoder"
        assert third.told[-1]["problem"]["remedy"]
    assert server.is_quiet()


@linux
def test_a_turned_device_ends_with_a_reason_and_the_rows_so_far(server, jpegs):
    with next_camera(server) as camera:
        for number in range(12):
            camera.send(number / 10, jpegs[number])
            time.sleep(0.05)
        camera.send(1.2, encoded(np.zeros((320, 240, 3), np.uint8)))
        told = camera.hear("problem")
        assert told["problem"]["found"] == "240x320 px"
        csv = camera.hear("end")["csv"]
        assert csv.startswith("time_s,face_id,")
        assert len(csv.splitlines()) >= 2
        assert camera.hear_out() == 1000
    assert server.is_quiet()


@linux
def test_a_message_that_is_too_large_closes_the_socket_and_no_more(server):
    with next_camera(server) as camera:
        camera.socket.send(bytes(3_000_000))
        assert camera.hear_out() == 1009
    assert server.is_quiet()
    assert Client(server.address).ask("GET", "/api/about")[0] == 200


@linux
def test_a_camera_that_leaps_to_its_end_is_ended_there(server, jpegs):
    with next_camera(server) as camera:
        camera.send(0.0, jpegs[0])
        camera.send(1e9, jpegs[1])
        camera.hear("end")
        assert len(camera.rows()) == 30  # of 0.5 minutes
        assert camera.hear_out() == 1000
    assert server.is_quiet()
    assert "Exception in ASGI application" not in server.log.read_text()


def test_silence_is_an_end_with_a_reason_and_holds_nothing_up():
    script = (
        "import sys\nfrom pulsefer.app.web import camera_process as module\n"
        "module.Sent.patience_s = 0.5\n"
        "sys.exit(module.main({'models': [], 'device': 'cpu', 'minutes': 1, 'memory_mb': 2048}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        told = [json.loads(line) for line in process.stdout]
        assert process.wait(20) == 0, process.stderr.read()
    assert [one["kind"] for one in told] == ["ready", "problem", "end"]
    assert told[1]["problem"]["found"] == "none for 0.5 s"
    assert told[2]["csv"].startswith("time_s,")
