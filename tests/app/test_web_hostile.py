"""What `pulsefer serve` is sent by mistake, and by those who mean it no good."""

import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from fractions import Fraction

import av
import pytest

pytest.importorskip("fastapi", reason="the extra [web] is not installed")

from served import Client, served, write_specimen

from odd_files import cut, picture, spoilt, write, write_sound
from pulsefer.app.web import film_process

MEMORY_MB = 2048
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """2.5 s of somebody."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return write_specimen(path, 2.5, width_px=320, height_px=240)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(
        tmp_path_factory.mktemp("server") / "s", "--limits.running", "2", "--limits.waiting", "16",
        "--limits.size-mb", "1", "--limits.minutes", "0.1", "--limits.memory-mb", str(MEMORY_MB),
    ) as one:  # fmt: skip
        yield one


class Sender(Client):
    """Somebody who deletes what they sent."""

    def __init__(self, address):
        super().__init__(address)
        self.ask("GET", "/")
        self.sent = []

    def send(self, film, **more):
        self.sent.append(super().send(film, **more))
        return self.sent[-1]

    def delete(self):
        for job in self.sent:
            assert self.ask("DELETE", f"/api/jobs/{job['id']}")[0] == 204


@pytest.fixture
def sender(server):
    client = Sender(server.address)
    yield client
    client.delete()


def host(server):
    return server.address.split("/")[2]


def opened(server):
    """A connection."""
    name, _, port = host(server).partition(":")
    return socket.create_connection((name, int(port)), 10)


def asked(server, lines, content=b""):
    """The answer to bytes as they are: an honest client would not send them.

    Returns:
        Status, problem.
    """
    head = "\r\n".join([*lines, f"Host: {host(server)}", "", ""]).encode()
    with opened(server) as connection:
        connection.sendall(head + content)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read())["problem"]


def wait_until(is_so, wait_s=10.0):
    end = time.monotonic() + wait_s
    while not is_so() and time.monotonic() < end:
        time.sleep(0.05)
    assert is_so()


# More than is taken


def test_a_film_that_says_it_is_too_large_is_refused_before_it_comes(server):
    before = time.monotonic()
    status, told = asked(server, ["POST /api/jobs HTTP/1.1", f"Content-Length: {10**12}"])
    assert status == 413
    assert told["text"] == "film: expected at most 1 MB, found more; cut it, or make it smaller"
    assert time.monotonic() - before < 2
    assert server.films == []


def test_one_that_does_not_say_is_refused_once_it_is(server):
    piece = f"{2**16:x}\r\n".encode() + bytes(2**16) + b"\r\n"
    status, told = asked(
        server, ["POST /api/jobs HTTP/1.1", "Transfer-Encoding: chunked"], 20 * piece
    )
    assert (status, told["where"]) == (413, "film")
    wait_until(lambda: server.films == [])


@pytest.mark.parametrize("length", ["-1", "1e3", "abc"])
def test_a_length_that_is_none_takes_nothing(server, length):
    lines = f"POST /api/jobs HTTP/1.1\r\nHost: {host(server)}\r\nContent-Length: {length}\r\n\r\n"
    with opened(server) as connection:
        connection.sendall(lines.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert server.films == []


@linux
def test_a_sender_that_breaks_off_leaves_nothing(server, sender):
    lines = f"POST /api/jobs HTTP/1.1\r\nHost: {host(server)}\r\nContent-Length: 900000\r\n\r\n"
    with opened(server) as connection:
        connection.sendall(lines.encode() + bytes(100_000))
        wait_until(lambda: server.films != [])
    wait_until(lambda: server.films == [])
    assert server.children() == []
    assert sender.ask("GET", "/api/about")[0] == 200


# No films


def playlist(path, head, line, secret):
    """It names a film beside it, a secret, and a place in the net."""
    write(path.with_name("neighbour.mp4"), 25 * [picture()])
    names = [path.with_name("neighbour.mp4"), secret, f"file://{secret}", "http://192.0.2.1/a.mp4"]
    path.write_text(head + "".join(line.format(name) for name in names))
    return path


WRONG = {
    "a text": (lambda p, _: p.write_text("Hello"), "a text"),
    "nothing": (lambda p, _: p.write_bytes(b""), "an empty file"),
    "a picture": (lambda p, _: _picture(p), "a picture (png)"),
    "sound": (lambda p, _: _sound(p), "only sound"),
    "zeros": (lambda p, _: p.write_bytes(bytes(10_000)), ""),
    "a list of HLS": (
        lambda p, s: playlist(p, "#EXTM3U\n#EXT-X-TARGETDURATION:9\n", "#EXTINF:9,\n{}\n", s),
        "a playlist",
    ),
    "a list of FFmpeg": (lambda p, s: playlist(p, "ffconcat version 1.0\n", "file '{}'\n", s), ""),
    "a cut MP4": (lambda p, _: cut(write(p.with_suffix(".mp4"), 25 * [picture()])), ""),
}
"""How it is written, and what is found."""


def _picture(path):
    from PIL import Image

    Image.fromarray(picture()).save(path, "png")


def _sound(path):
    write_sound(path.with_suffix(".m4a")).rename(path)


@pytest.fixture(scope="module")
def wrong(server, tmp_path_factory):
    """What became of each of them, two at a time."""
    client, jobs = Sender(server.address), {}
    for kind, (make, _) in WRONG.items():
        folder = tmp_path_factory.mktemp("wrong")
        (folder / "secret").write_text("root:x:0:0:root")
        path = make(folder / "sent", folder / "secret")
        path = path if isinstance(path, os.PathLike) else folder / "sent"
        jobs[kind] = client.send(path, name="talk.mp4")
    jobs = {kind: client.wait(job) for kind, job in jobs.items()}
    codes = {kind: client.ask("GET", f"/api/jobs/{job['id']}/table")[0]
             for kind, job in jobs.items()}  # fmt: skip
    assert set(codes.values()) == {409}
    assert server.films == []
    client.delete()
    return jobs


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_film_is_said_to_be_none_and_what_it_names_stays_shut(server, wrong, kind):
    job = wrong[kind]
    assert (job["state"], job["files"], job["summary"]) == ("failed", [], None)
    assert job["problem"]["text"].startswith("talk.mp4: expected ")
    assert WRONG[kind][1] in job["problem"]["found"]
    assert str(server.temporary) not in json.dumps(job)
    assert "root:" not in json.dumps(job)
    assert server.tried == ""


def test_a_film_without_a_face_is_a_result(sender, tmp_path):
    done = sender.wait(sender.send(write(tmp_path / "a.mp4", 25 * [picture()])))
    assert done["summary"]["sentence"] == "No face was found."
    assert done["summary"]["median_hr_bpm"] is None
    assert done["state"] == "done"


def test_what_was_passed_over_in_a_film_is_noted_under_its_name(server, sender, film, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(film.read_bytes())
    done = sender.wait(sender.send(spoilt(path, n_bytes=4000), name="talk.mp4"))
    assert done["state"] == "done"
    assert done["notes"]
    assert done["notes"][0].startswith("talk.mp4")
    assert str(server.temporary) not in json.dumps(done)


# Little to send, much to do


def many(path, n, *, width=64, height=64, fps_hz=25, codec="libx264", pix_fmt="yuv420p", **options):
    """So many empty pictures: next to no bytes."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=fps_hz)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.options = {key: str(value) for key, value in options.items()}
        empty = av.VideoFrame(width, height, pix_fmt)
        for plane in empty.planes:
            plane.update(bytes(plane.buffer_size))
        for number in range(n):
            empty.pts, empty.time_base = number, Fraction(1, fps_hz)
            file.mux(stream.encode(empty))
        file.mux(stream.encode())
    return path


def says_less(path):
    """Write 2 s into the header of a Matroska film."""
    content = bytearray(path.read_bytes())
    place = content.index(b"\x44\x89\x88") + 3  # Duration, a float of 8 bytes; RFC 9559, 5.1.2.10
    content[place : place + 8] = struct.pack(">d", 2000.0)
    path.write_bytes(content)
    return path


X264 = {"preset": "ultrafast", "threads": 1}
BOMBS = {
    "hours": (lambda p: many(p / "a.mp4", 3 * 3600, fps_hz=1, **X264), "found 180.0 minutes"),
    "hours under a header of seconds": (
        lambda p: says_less(many(p / "a.mkv", 3600, fps_hz=1, **X264)), "found more"
    ),
    "hours without a header": (lambda p: many(p / "a.h264", 3600, fps_hz=1, **X264), "found more"),
    "hours between two pictures": (
        lambda p: says_less(
            write(p / "a.mkv", 3 * [picture()], times_s=[0, 3500, 7000], bf=0)
        ),
        "found more",
    ),
    "pictures of 8K": (lambda p: many(p / "a.mp4", 6, width=7680, height=4320, **X264), None),
    "more than 8K": (
        lambda p: many(p / "a.mp4", 2, width=8192, height=8192, qp=51, **X264), "found 8192x8192"
    ),
}  # fmt: skip
"""How they are written, and what is found; None: analysed or not, as it fits into the memory."""


@pytest.fixture(scope="module")
def bombs(server, tmp_path_factory):
    """What became of each of them, two at a time, and the most memory that a process took."""
    client, jobs, most_mb = Sender(server.address), {}, 0.0
    for kind, (make, _) in BOMBS.items():
        path = make(tmp_path_factory.mktemp("bomb"))
        assert path.stat().st_size < 300_000
        jobs[kind] = client.send(path)
    while any(job["state"] in ("waiting", "running") for job in jobs.values()):
        for _ in range(20):
            most_mb = max([most_mb, *map(data_mb, server.children())])
            time.sleep(0.02)
        jobs = {kind: client.json("GET", f"/api/jobs/{job['id']}") for kind, job in jobs.items()}
    client.delete()
    assert (server.films, server.children()) == ([], [])
    return jobs, most_mb


@linux
@pytest.mark.parametrize("kind", BOMBS)
def test_a_little_file_of_a_great_film_is_refused_for_what_it_is(bombs, kind):
    job, found = bombs[0][kind], BOMBS[kind][1]
    assert job["state"] == "failed" or found is None
    if job["state"] == "failed":
        assert job["problem"]["text"].startswith("film.mp4: ")
        assert (found or "1280x720") in job["problem"]["text"]


@linux
def test_it_costs_no_more_memory_than_is_allowed(bombs):
    assert 100 < bombs[1] <= MEMORY_MB


def data_mb(pid):
    """What `RLIMIT_DATA` counts of a process; 0 once it has gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            (line,) = (line for line in status if line.startswith("VmData"))
        return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        return 0


def test_after_all_that_a_film_is_analysed_as_ever(server, sender, film):
    done = sender.wait(sender.send(film))
    assert (done["state"], done["summary"]["faces"]) == ("done", 1)
    assert "Exception in ASGI application" not in server.log.read_text()


@linux
def test_memory_that_does_not_suffice_is_said_so(tmp_path):
    path = many(tmp_path / "a.mp4", 4, width=7680, height=4320, **X264).rename(tmp_path / "film")
    ask = {"name": "talk.mp4", "overlay": True, "blur_faces": False, "models": [], "device": "cpu",
           "minutes": 1, "size_mb": 1, "memory_mb": 800, "work_per_s": 8}  # fmt: skip
    (path.parent / film_process.ASK).write_text(json.dumps(ask))
    process = subprocess.Popen(
        [sys.executable, "-m", "pulsefer.app.web.film_process", path.parent],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    # Its input is left open: without it, it ends.
    with process:
        said = process.stdout.read()
        assert process.wait(60) == 1, process.stderr.read()
    problem = json.loads(said.splitlines()[-1])["problem"]
    assert problem["expected"].startswith("a film that can be analysed")
    assert "1280x720" in problem["remedy"]
    assert not path.exists()


# A queue has an end


def test_a_full_queue_says_when_to_come_again(sender, tmp_path):
    long = many(tmp_path / "long.mp4", 140, width=640, height=480, **X264)
    for _ in range(2):
        sender.wait(sender.send(long), until=("running",))
    places = [sender.send(long)["position"] for _ in range(16)]
    assert places == list(range(1, 17))
    status, headers, content = sender.ask("POST", "/api/jobs", long.read_bytes())
    assert (status, int(headers["Retry-After"]) > 0) == (503, True)
    assert json.loads(content)["problem"]["where"] == "queue"
    sender.delete()  # those that wait, too
    sender.sent.clear()
    assert sender.send(long)["state"] == "waiting"


@linux
def test_a_process_that_is_killed_is_named_by_what_killed_it(server, sender, tmp_path):
    long = many(tmp_path / "long.mp4", 140, width=640, height=480, **X264)
    job = sender.wait(sender.send(long), until=("running",))
    wait_until(server.children)
    os.kill(server.children()[0], signal.SIGKILL)
    assert sender.wait(job)["problem"]["found"] == "one that broke the decoder (SIGKILL)"


# How it ends


@linux
def test_a_server_that_is_killed_takes_its_films_along_and_the_next_one_sweeps(tmp_path):
    with served(tmp_path / "a", "--limits.running", "1") as one:
        client = Client(one.address)
        running = client.wait(
            client.send(many(tmp_path / "long.mp4", 2000, width=640, height=480, **X264)),
            until=("running",),
        )
        children = one.children()
        assert [folder.name for folder in one.films] == [running["id"]]
        os.kill(one.process.pid, signal.SIGKILL)
        one.process.wait()
        wait_until(lambda: not any(alive(pid) for pid in children))
        wait_until(lambda: one.films == [])
        assert len(list(one.temporary.iterdir())) == 1  # what would hold results
    kept = one.temporary / f"pulsefer-web-{os.getpid()}-living"
    other = one.temporary / "pulsefer-web-of-somebody"
    for folder in (kept, other):
        folder.mkdir()
    with served(tmp_path / "b", TMPDIR=str(one.temporary)) as two:
        assert Client(two.address).ask("GET", "/")[0] == 200
        found = sorted(one.temporary.iterdir())
        assert {kept, other} < set(found)
        assert len(found) == 3
        (root,) = set(found) - {kept, other}
        assert root.name.startswith(f"pulsefer-web-{two.process.pid}-")
        long = many(tmp_path / "b.mp4", 2000, width=640, height=480, **X264)
        client = Client(two.address)
        client.wait(client.send(long), until=("running",))
        client.send(long)
        children = two.children()
        assert len(children) >= 1
        two.process.send_signal(signal.SIGINT)
        assert two.process.wait(20) == 0
        assert sorted(one.temporary.iterdir()) == sorted([kept, other])
        assert not any(alive(pid) for pid in children)
    said = two.log.read_text()
    assert said.splitlines()[-1] == "stopped; films and results are deleted"
    assert "Traceback" not in said
    assert running["id"] not in one.log.read_text()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
