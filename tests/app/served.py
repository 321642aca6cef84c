"""A server as a user starts it, in a process of its own that can reach nothing but this machine."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np

from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.media.video import encode

RATE_BPM = 72.0
FPS_HZ = 25.0
WAIT_S = 60.0

GUARD = """
import socket

def guarded(connect):
    def only_here(self, address, *more):
        here = not isinstance(address, tuple) or address[0] in ("127.0.0.1", "::1", "localhost")
        if not here:
            with open({log!r}, "a") as log:
                print(address, file=log)
            raise OSError(101, "Network is unreachable")
        return connect(self, address, *more)
    return only_here

socket.socket.connect = guarded(socket.socket.connect)
socket.socket.connect_ex = guarded(socket.socket.connect_ex)
"""
"""Python reads a `sitecustomize` before anything else, in every process that is started so."""


class Served:
    """A server that runs.

    Attributes:
        address: "http://127.0.0.1:43211/".
        process: Its process.
        temporary: Its folder for temporary files.
        log: What it said.
        tried: Addresses of other machines that it, or a process of its, tried to reach.
    """

    def __init__(self, address, process, folder):
        self.address, self.process = address, process
        self.temporary, self.log, self._tried = folder / "tmp", folder / "log", folder / "tried"

    @property
    def tried(self):
        return self._tried.read_text() if self._tried.exists() else ""

    @property
    def films(self):
        """Folders of films that are on the disk now."""
        return [one for root in self.temporary.glob("pulsefer-web-*") for one in root.iterdir()]

    def children(self):
        """Process numbers of the films and cameras that are looked at now."""
        stat = Path("/proc").glob("[0-9]*/stat")
        found = []
        for file in stat:
            try:
                pid, _, rest = file.read_text().partition(" ")
                words = file.with_name("cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            state, parent = rest.rpartition(") ")[2].split()[:2]
            # Python has helpers of its own among them.
            if int(parent) == self.process.pid and state != "Z" and b"pulsefer.app.web" in words:
                found.append(int(pid))
        return found

    def is_quiet(self):
        """Whether the last of them ends soon."""
        until = time.monotonic() + WAIT_S
        while self.children() and time.monotonic() < until:
            time.sleep(0.1)
        return not self.children()


@contextmanager
def served(folder, *words, module="pulsefer", **environment):
    """A server, for as long as the block runs.

    Args:
        folder: For its temporary files and its log.
        words: Of the command line, after `pulsefer serve --port 0`.
        module: What is run.
        environment: More of it.
    """
    (folder / "guard").mkdir(parents=True)
    (folder / "tmp").mkdir()
    (folder / "guard" / "sitecustomize.py").write_text(GUARD.format(log=str(folder / "tried")))
    path = os.pathsep.join(filter(None, [str(folder / "guard"), os.environ.get("PYTHONPATH")]))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "serve", "--port", "0", *map(str, words)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder / "tmp"), **environment},
        )  # fmt: skip
    try:
        yield Served(_address(process, folder / "log"), process, folder)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _address(process, log):
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        found = re.search(r"open (https?://\S+)", log.read_text())
        if found:
            return found.group(1)
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


class Client:
    """Somebody who asks, with a cookie of their own."""

    def __init__(self, address, **headers):
        self.host = urlsplit(address).netloc
        self.headers = headers
        self.cookies = {}

    def ask(self, method, path, body=None, *, headers=None, chunked=False):
        """Status, headers and content of an answer."""
        connection = http.client.HTTPConnection(self.host, timeout=WAIT_S)
        sent = {**self.headers, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(method, path, body, sent, encode_chunked=chunked)
            answer = connection.getresponse()
            for line in answer.headers.get_all("set-cookie") or []:
                for name, cookie in SimpleCookie(line).items():
                    self.cookies[name] = cookie.value
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def json(self, method, path, body=None, **more):
        """The answer's JSON."""
        return json.loads(self.ask(method, path, body, **more)[2])

    def send(self, film, *, name="film.mp4", **options):
        """The job of a film."""
        more = "".join(f"&{key}={str(value).lower()}" for key, value in options.items())
        content = film if isinstance(film, bytes) else Path(film).read_bytes()
        return self.json("POST", f"/api/jobs?name={quote(name)}{more}", content)

    def wait(self, job, *, until=("done", "failed"), wait_s=WAIT_S):
        """The job, once it is as far."""
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            job = self.json("GET", f"/api/jobs/{job['id']}")
            if job["state"] in until:
                return job
            time.sleep(0.1)
        raise AssertionError(f"not {until} after {wait_s:g} s: {job}")


def specimen(seconds, *, width_px=640, height_px=480, fps_hz=FPS_HZ, rate_bpm=RATE_BPM):
    """Frames of a synthetic face with a steady pulse; whole beats: shown over and over, it goes on.

    Args:
        seconds: Length; a whole number of beats has to fit into it.
        width_px: Of the picture.
        height_px: Of the picture.
        fps_hz: Frames a second.
        rate_bpm: The heart rate.
    """
    (trial, *_) = draw_trials(Effects(), subjects=1, seed=0)
    assert (seconds * rate_bpm / 60) % 1 == 0, "the last beat would be cut"
    beats_s = np.arange(-4, seconds * rate_bpm / 60 + 4) * 60 / rate_bpm
    return film(
        trial, beats_s, effects=Effects(), n_frames=round(seconds * fps_hz), fps_hz=fps_hz,
        width_px=width_px, height_px=height_px, seed=0,
    )  # fmt: skip


def write_specimen(path, seconds, **look):
    """The same as a film."""
    encode(path, specimen(seconds, **look), fps_hz=look.get("fps_hz", FPS_HZ))
    return path
