"""Is `pulsefer analyze` faster than the film? On one core, everything included.

    python -m benchmarks.analyze_speed [--seconds 60] [--rounds 3] [--json FILE]

A synthetic face of 640x480 px at 30 frames/s is analysed in processes of their own, held on one
core with one thread each: heart rate alone; with an untrained network of the paper's size on the
paper's windows (1 s of 5 frames) and on windows that can show a pulse (10 s of 125 frames, ten of
them open at any time), in PyTorch and in ONNX Runtime; and with an overlay. Seconds are processor
time from the start of Python to its end, loading included, medians over rounds in turn; decoding
alone stands beside them. Faster than real time is less than 1.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import provenance
from pulsefer.core.seeding import derive_seed
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s
from pulsefer.media.video import encode

WIDTH_PX, HEIGHT_PX, FPS_HZ = 640, 480, 30.0
WINDOWS = {"paper": (1.0, 5), "pulse": (10.0, 125)}
WAYS = {
    "decode": "decoding alone",
    "rate": "heart rate alone",
    "paper": "and the network, 1 s of 5 frames",
    "pulse": "and the network, 10 s of 125 frames",
    "onnx": "the same in ONNX Runtime",
    "overlay": "heart rate and an overlay",
}


def run(seconds: float = 60.0, rounds: int = 3) -> dict[str, Any]:
    """Film once; analyse in every way, in turn."""
    about = provenance("benchmarks.analyze_speed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        effects = Effects()
        (trial, *_) = draw_trials(effects, subjects=1, seed=0)
        beats_s = beat_times_s(trial.hr_bpm, -2.0, seconds + 2, seed=0)
        images = film(
            trial, beats_s, effects=effects, n_frames=round(seconds * FPS_HZ), fps_hz=FPS_HZ,
            width_px=WIDTH_PX, height_px=HEIGHT_PX, seed=derive_seed(0, "analyze"),
        )  # fmt: skip
        encode(folder / "film.mp4", images, fps_hz=FPS_HZ)
        for window in WINDOWS:
            _save(folder / window, window)
        from pulsefer.inference.onnx_export import export

        export(folder / "pulse", folder / "onnx")
        taken: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way, some in taken.items():
                some.append(_child_s(way, folder))
    cpu_s = {way: round(statistics.median(some), 2) for way, some in taken.items()}
    return {
        "benchmark": "analyze_speed",
        "about": about,
        "data_kind": "synthetic",
        "picture": f"{WIDTH_PX}x{HEIGHT_PX}",
        "fps_hz": FPS_HZ,
        "seconds": seconds,
        "rounds": rounds,
        "cpu_s": cpu_s,
        "of_real_time": {way: round(value / seconds, 3) for way, value in cpu_s.items()},
        "reached": {way: value < seconds for way, value in cpu_s.items()},
    }


def _save(folder: Path, window: str) -> None:
    """An untrained network with what a run says of itself."""
    import dataclasses

    import torch

    from pulsefer.faces.follow import FollowConfig
    from pulsefer.models import checkpoint
    from pulsefer.models.crnn import Crnn
    from pulsefer.samples.window import WindowConfig

    length_s, n_frames = WINDOWS[window]
    torch.manual_seed(0)
    checkpoint.save(
        Crnn(), folder, card="", about={
            "store": {"follow": dataclasses.asdict(FollowConfig(max_faces=1))},
            "windows": dataclasses.asdict(WindowConfig(length_s=length_s, n_frames=n_frames)),
            "fingerprint": "untrained", "datasets": ["none"], "data_kind": "synthetic",
            "protocol_name": "none",
        },
    )  # fmt: skip


def _child_s(way: str, folder: Path) -> float:
    """Processor time of a process that does it, seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "benchmarks.analyze_speed", "--child", way, str(folder)],
        check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _child(way: str, folder: Path) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    path = folder / "film.mp4"
    if way == "decode":
        from pulsefer.media.video import frames

        for _ in frames(path, threads=1, every=10**9):
            pass
        return
    from pulsefer.inference.analyzer import Analyzer

    model = {"paper": folder / "paper", "pulse": folder / "pulse", "onnx": folder / "onnx"}
    analyzer = Analyzer(model.get(way), device="cpu")
    overlay = folder / "overlay.mp4" if way == "overlay" else None
    table = analyzer.video(path, overlay=overlay)
    if table["hr_pos_bpm"].isna().all():
        raise RuntimeError("no face was found: the run is not what it should be")
    if way in model and table["valence_prob"].isna().all():
        raise RuntimeError("the network did not answer: the run is not what it should be")


def section(result: dict[str, Any]) -> str:
    """For the page."""
    rows = [
        f"| {words} | {result['cpu_s'][way]:.1f} | {result['of_real_time'][way]:.2f} | "
        f"{'yes' if result['reached'][way] else 'no'} |"
        for way, words in WAYS.items()
    ]
    words = (
        "One core, one thread, from the start of Python to its end, loading included; median of "
        f"{result['rounds']} rounds in turn. `analyze` uses at most 25 frames a second."
    )
    return "\n".join(
        [
            words,
            "",
            f"| {result['seconds']:g} s of {result['picture']} px at {result['fps_hz']:g} "
            "frames/s | processor time, s | of real time | faster than the film |",
            "|---|---:|---:|---|",
            *rows,
        ]
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the result here as well")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _child(given.child[0], Path(given.child[1]))
        return
    text = json.dumps(run(given.seconds, given.rounds), indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
