"""How soon after its last frame a row is there, while a camera films.

    python -m benchmarks.live_latency [--seconds 30]

A film of a synthetic face, 640x480 at 30 frames/s, is played in real time to a session that has one
core and one thread for everything: decoding, faces, heart rate, and the network where there is one.
The network is not trained (its arithmetic is the same) and sees windows of 10 s and 125 frames, one
a second. Ten seconds are filmed and shown over and over; each way is a process of its own.

The latency of a row is the time from the last frame of its step being there to the row being ready:
the wait for the frame that ends the step (33 ms at 30 frames/s) is part of it. The first rows are
left in: a person who starts a camera waits for them too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import in_words, provenance
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s
from pulsefer.media.video import encode

WIDTH_PX, HEIGHT_PX, FPS_HZ = 640, 480, 30.0
LOOP_S = 10.0
AIM_MS = 100.0
WAYS = {"heart rate": "heart rate alone", "network": "with a network (windows of 10 s, 125 frames)"}

SECTION = """\
A film of {picture} px at {fps_hz:g} frames/s, played in real time for {seconds:g} s to a session
that has one core and one thread for everything. Latency: from the last frame of a step being there
to its row being ready, the wait for the frame that ends the step ({gap_ms:.0f} ms) included. Busy:
processor time over time.

| | median, ms | 99th percentile, ms | longest, ms | frames dropped | busy | aim, ms | reached |
|---|---:|---:|---:|---:|---:|---:|---|
{lines}

{machine}"""


def run(seconds: float = 30.0) -> dict[str, Any]:
    """Film once, play it to each way in a process of its own.

    Args:
        seconds: Length of the film.

    Returns:
        Milliseconds, counts and shares by way, and whether the aim is reached.
    """
    about = provenance("benchmarks.live_latency")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        _film(path, seconds)
        ways = {}
        for way in WAYS:
            child = subprocess.run(
                [sys.executable, "-m", "benchmarks.live_latency", "--child", way, str(path)],
                check=True, capture_output=True, text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            ways[way] = json.loads(child.stdout)
    return {
        "benchmark": "live_latency",
        "about": about,
        "data_kind": "synthetic",
        "picture": f"{WIDTH_PX}x{HEIGHT_PX}",
        "fps_hz": FPS_HZ,
        "seconds": seconds,
        "aim_ms": AIM_MS,
        "ways": ways,
        "reached": {way: found["p99_ms"] <= AIM_MS for way, found in ways.items()},
    }


def _film(path: Path, seconds: float) -> None:
    (trial, *_) = draw_trials(Effects(), subjects=1, seed=0)
    images = list(
        film(
            trial, beat_times_s(72.0, -2.0, LOOP_S + 2.0, seed=0), effects=Effects(),
            n_frames=round(LOOP_S * FPS_HZ), fps_hz=FPS_HZ, width_px=WIDTH_PX,
            height_px=HEIGHT_PX, seed=0,
        )
    )  # fmt: skip
    shown = itertools.islice(itertools.cycle(images), round(seconds * FPS_HZ))
    encode(path, shown, fps_hz=FPS_HZ)


def _child(way: str, path: Path) -> dict[str, Any]:
    """Play the film to one session on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import torch

    torch.set_num_threads(1)
    from pulsefer.inference.analyzer import Analyzer

    analyzer = Analyzer(device="cpu")
    if way == "network":
        analyzer.predictors = (_untrained(),)
    with analyzer.live(path) as session:
        began_s, worked_s = time.perf_counter(), time.process_time()
        rows = list(session)
        passed_s = time.perf_counter() - began_s
        busy = (time.process_time() - worked_s) / passed_s
    if any(row.get("face_id") is None for row in rows):
        raise RuntimeError("no face was found: the run is not what it should be")
    if way == "network" and not np.isfinite(rows[-1]["valence_prob"]):
        raise RuntimeError("the network said nothing: the run is not what it should be")
    latencies_ms = 1000 * np.array(session.latencies_s)
    return {
        "rows": len(rows),
        "median_ms": round(float(np.median(latencies_ms)), 1),
        "p99_ms": round(float(np.quantile(latencies_ms, 0.99)), 1),
        "max_ms": round(float(latencies_ms.max()), 1),
        "seen": session.seen,
        "dropped": session.dropped,
        "busy": round(busy, 3),
    }


def _untrained() -> Any:
    import torch

    from pulsefer.inference.engine_torch import TorchEngine
    from pulsefer.inference.predictor import Predictor
    from pulsefer.models.crnn import Crnn

    torch.manual_seed(0)
    return Predictor(
        engine=TorchEngine(Crnn()), length_s=10.0, n_frames=125, dimension="valence",
        heart_rate=True, temperature=1.0, about={"data_kind": "synthetic"},
    )  # fmt: skip


def section(result: Mapping[str, Any]) -> str:
    """For the page."""
    lines = [
        f"| {WAYS[way]} | {found['median_ms']:.0f} | {found['p99_ms']:.0f} | "
        f"{found['max_ms']:.0f} | {found['dropped']} of {found['seen']} | {found['busy']:.0%} | "
        f"{result['aim_ms']:g} | {'yes' if result['reached'][way] else 'no'} |"
        for way, found in result["ways"].items()
    ]
    return SECTION.format(
        **result, gap_ms=1000 / result["fps_hz"], lines="\n".join(lines),
        machine=in_words(result["about"]),
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_child(given.child[0], Path(given.child[1]))))
        return
    print(json.dumps(run(given.seconds), indent=2))


if __name__ == "__main__":
    main()
