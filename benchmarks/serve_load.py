"""Eight films at once on two cores: whether all end well, how much memory, how long.

    python -m benchmarks.serve_load [--films 8] [--seconds 30]

A server is started as a user starts it, on two cores, with two films at a time. A film (640x480 px,
25 frames/s, a synthetic face with a steady pulse of 72 bpm) is sent by one person, and then by as
many at once as asked for; each film gets its overlay. Memory is the resident set of the server, and
of the server and its processes together, looked at every 50 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import in_words, provenance
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.media.video import encode

CORES, RUNNING = 2, 2
WIDTH_PX, HEIGHT_PX, FPS_HZ, RATE_BPM = 640, 480, 25.0, 72.0
LOOK_S = 0.05
AGREE_BPM = 3.0
MOST_MIB = 2048.0

SECTION = """\
`pulsefer serve --limits.running {running}` on {cores} cores; {n_films} people send a film
of {seconds:g} s ({picture} px at {fps_hz:g} frames/s, with overlay) at the same moment, after one
person alone has.
Synthetic, {rate_bpm:g} bpm planted.

| | one film | {n_films} at once | ratio |
|---|---:|---:|---:|
| ended well, with the planted rate | {ok_one} of 1 | {ok_all} of {n_films} | |
| resident set of the server, MiB | {server_one:.0f} | {server_all:.0f} | {server_ratio:.2f} |
| with its processes, MiB | {all_one:.0f} | {all_all:.0f} | {all_ratio:.2f} |
| until the last one is done, s | {s_one:.1f} | {s_all:.1f} | {s_ratio:.2f} |

Aim: all end well with less than {most:.0f} MiB together: {reached}.

{machine}"""


def run(n_films: int = 8, seconds: float = 30.0) -> dict[str, Any]:
    """Start a server, send one film and then many."""
    about = provenance("benchmarks.serve_load")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        _film(path, seconds)
        content = path.read_bytes()
        with _server(Path(folder)) as (address, process):
            one = _send_all(address, process.pid, content, 1)
            many = _send_all(address, process.pid, content, n_films)
    return {
        "benchmark": "serve_load",
        "about": about,
        "data_kind": "synthetic",
        "picture": f"{WIDTH_PX}x{HEIGHT_PX}",
        "fps_hz": FPS_HZ,
        "rate_bpm": RATE_BPM,
        "seconds": seconds,
        "films": n_films,
        "cores": CORES,
        "running": RUNNING,
        "film_mib": round(len(content) / 2**20, 2),
        "one": one,
        "many": many,
        "most_mib": MOST_MIB,
        "reached": many["ended_well"] == n_films and many["all_mib"] < MOST_MIB,
    }


def _film(path: Path, seconds: float) -> None:
    (trial, *_) = draw_trials(Effects(), subjects=1, seed=0)
    beats_s = np.arange(-4, seconds * RATE_BPM / 60 + 4) * 60 / RATE_BPM
    images = film(
        trial, beats_s, effects=Effects(), n_frames=round(seconds * FPS_HZ), fps_hz=FPS_HZ,
        width_px=WIDTH_PX, height_px=HEIGHT_PX, seed=0,
    )  # fmt: skip
    encode(path, images, fps_hz=FPS_HZ)


@contextmanager
def _server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    words = ["serve", "--port", "0", "--limits.running", str(RUNNING)]
    allowed = sorted(os.sched_getaffinity(0))[:CORES]
    process = subprocess.Popen(
        [sys.executable, "-m", "pulsefer", *words],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(folder)},
        preexec_fn=lambda: os.sched_setaffinity(0, allowed),
    )  # fmt: skip
    try:
        assert process.stderr is not None
        for line in process.stderr:
            found = re.search(r"open (http://\S+)/", line)
            if found:
                break
        else:
            raise RuntimeError("the server did not start")
        yield found.group(1), process
    finally:
        process.terminate()
        process.wait()


def _send_all(address: str, server: int, content: bytes, n_films: int) -> dict[str, Any]:
    """So many people, a film each, at once."""
    peak = {"server_mib": 0.0, "all_mib": 0.0}
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(LOOK_S):
            own = _resident_mib(server)
            peak["server_mib"] = max(peak["server_mib"], own)
            below = sum(map(_resident_mib, _children(server)))
            peak["all_mib"] = max(peak["all_mib"], own + below)

    looking = threading.Thread(target=look)
    looking.start()
    begin_s = time.perf_counter()
    try:
        with ThreadPoolExecutor(n_films) as people:
            jobs = list(people.map(lambda _: _send(address, content), range(n_films)))
        passed_s = time.perf_counter() - begin_s
    finally:
        stop.set()
        looking.join()
    right = [
        job["state"] == "done" and abs(job["summary"]["median_hr_bpm"] - RATE_BPM) < AGREE_BPM
        for job in jobs
    ]
    return {
        "ended_well": sum(right),
        "seconds": round(passed_s, 1),
        **{name: round(value, 1) for name, value in peak.items()},
    }


def _send(address: str, content: bytes) -> dict[str, Any]:
    """One person: sends, waits, fetches, deletes."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(address + path, body, method=method)
        with opener.open(request, timeout=600) as answer:
            found: bytes = answer.read()
        return found

    job: dict[str, Any] = json.loads(ask("POST", "/api/jobs?name=film.mp4", content))
    path = f"/api/jobs/{job['id']}"
    while job["state"] in ("waiting", "running"):
        time.sleep(0.5)
        job = json.loads(ask("GET", path))
    for name in job["files"]:
        ask("GET", f"{path}/{name}")
    ask("DELETE", path)
    return job


def _children(parent: int) -> list[int]:
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, _, rest = file.read_text().partition(" ")
        except OSError:
            continue  # gone by now
        if int(rest.rpartition(") ")[2].split()[1]) == parent:
            found.append(int(pid))
    return found


def _resident_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0  # gone by now
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def section(result: Mapping[str, Any]) -> str:
    """For the page."""
    one, many = result["one"], result["many"]
    return SECTION.format(
        running=result["running"], cores=result["cores"], n_films=result["films"],
        seconds=result["seconds"], picture=result["picture"], fps_hz=result["fps_hz"],
        rate_bpm=result["rate_bpm"], ok_one=one["ended_well"], ok_all=many["ended_well"],
        server_one=one["server_mib"], server_all=many["server_mib"],
        server_ratio=many["server_mib"] / one["server_mib"], all_one=one["all_mib"],
        all_all=many["all_mib"], all_ratio=many["all_mib"] / one["all_mib"],
        s_one=one["seconds"], s_all=many["seconds"], s_ratio=many["seconds"] / one["seconds"],
        most=result["most_mib"], reached="yes" if result["reached"] else "no",
        machine=in_words(result["about"]),
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--films", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    print(json.dumps(run(given.films, given.seconds), indent=2))


if __name__ == "__main__":
    main()
