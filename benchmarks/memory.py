"""Peak memory of `analyze` and `prepare`, and their time per frame, by the length of the video.

    python -m benchmarks.memory [--seconds 60 600] [--json FILE]

Both have to be flat. A synthetic face is filmed for some seconds and shown over and over until the
video is long enough (1280x720 px, 25 frames/s, H.264). Each run is a process of its own on one
thread; what counts is its resident set at the highest, as the system reports it, libraries
included, and its processor time after they are loaded. All frames of the longest video held at once
would be many times that: the table says how much.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import provenance
from pulsefer.core.seeding import derive_seed
from pulsefer.core.types import Recording, Signal
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s, ppg
from pulsefer.media.video import encode

WIDTH_PX, HEIGHT_PX, FPS_HZ = 1280, 720, 25.0
LOOP_S = 10.0
FLAT = 1.10
"""The longest video may need this much of what the shortest needs."""
MOST_MIB = 1024.0


def run(lengths_s: tuple[float, ...] = (60.0, 600.0)) -> dict[str, Any]:
    """Film once, measure each way and length in a process of its own."""
    about = provenance("benchmarks.memory")
    peak_mib: dict[str, dict[str, float]] = {"analyze": {}, "prepare": {}}
    ms_per_frame: dict[str, dict[str, float]] = {"analyze": {}, "prepare": {}}
    with tempfile.TemporaryDirectory() as folder:
        (trial, *_) = draw_trials(Effects(), subjects=1, seed=0)
        images = film(
            trial, beat_times_s(trial.hr_bpm, -2.0, LOOP_S + 2.0, seed=0), effects=Effects(),
            n_frames=round(LOOP_S * FPS_HZ), fps_hz=FPS_HZ, width_px=WIDTH_PX,
            height_px=HEIGHT_PX, seed=derive_seed(0, "memory"),
        )  # fmt: skip
        loop = Path(folder) / "loop.mp4"
        encode(loop, images, fps_hz=FPS_HZ)
        for length_s in lengths_s:
            path = Path(folder) / f"{length_s:g}.mp4"
            _repeat(loop, path, round(length_s / LOOP_S))
            for way in peak_mib:
                child = subprocess.run(
                    [sys.executable, "-m", "benchmarks.memory", "--child", way, str(path)],
                    check=True, capture_output=True, text=True,
                )  # fmt: skip
                peak, seconds = (float(word) for word in child.stdout.split())
                peak_mib[way][f"{length_s:g}"] = round(peak, 1)
                ms_per_frame[way][f"{length_s:g}"] = round(1000 * seconds / length_s / FPS_HZ, 3)
    growth, slower = (
        {
            way: round(list(by_length.values())[-1] / next(iter(by_length.values())), 3)
            for way, by_length in found.items()
        }
        for found in (peak_mib, ms_per_frame)
    )
    return {
        "benchmark": "memory",
        "about": about,
        "data_kind": "synthetic",
        "picture": f"{WIDTH_PX}x{HEIGHT_PX}",
        "fps_hz": FPS_HZ,
        "peak_mib": peak_mib,
        "growth": growth,
        "ms_per_frame": ms_per_frame,
        "slower": slower,
        "most_mib": MOST_MIB,
        "all_frames_mib": round(3 * WIDTH_PX * HEIGHT_PX * FPS_HZ * max(lengths_s) / 2**20),
        "reached": {
            way: growth[way] <= FLAT
            and slower[way] <= FLAT
            and max(peak_mib[way].values()) < MOST_MIB
            for way in peak_mib
        },
    }


def _repeat(loop: Path, path: Path, times: int) -> None:
    """The same seconds again and again, without encoding them again."""
    import av

    with av.open(str(loop)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        assert stream.time_base is not None
        loop_ticks = round(LOOP_S / stream.time_base)
        own = [(packet.pts or 0, packet.dts or 0) for packet in packets]
        for number in range(times):
            for packet, (pts, dts) in zip(packets, own, strict=True):
                packet.stream = copy
                # The output's clock may tick otherwise, and changes the packet's.
                packet.time_base = stream.time_base
                packet.pts, packet.dts = pts + number * loop_ticks, dts + number * loop_ticks
                target.mux(packet)


def _child(way: str, path: Path) -> tuple[float, float]:
    """Peak resident set of this process after one video, MiB, and its seconds of processor time."""
    import torch

    torch.set_num_threads(1)
    if way == "analyze":
        from pulsefer.inference.analyzer import Analyzer

        analyzer = Analyzer()
        begin = time.process_time()
        if analyzer.video(path)["hr_pos_bpm"].isna().all():
            raise RuntimeError("no face was found: the run is not what it should be")
    else:
        from pulsefer.samples.prepare import prepare

        begin = time.process_time()
        done = prepare([_recording(path)], store=path.with_suffix(".store"))
        if done.n_made != 1:
            raise RuntimeError(f"the film could not be prepared: {done.problems}")
    return _peak_mib(), time.process_time() - begin


def _peak_mib() -> float:
    """Highest resident set of this process."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux counts the parent into ru_maxrss, but not into this
        (line,) = (x for x in status.read_text("utf-8").splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes


def _recording(path: Path) -> Recording:
    length_s = float(path.stem)
    values = ppg(beat_times_s(70.0, -3.0, length_s, seed=0), fs_hz=128.0, start_s=-3.0,
                 end_s=length_s)  # fmt: skip
    return Recording(
        dataset="loop", subject="s01", trial="trial01", stimulus="video01", video=path,
        fps_hz=None, length_s=length_s, ratings={"valence": 5.0, "arousal": 5.0},
        data_kind="synthetic", load_signal=lambda: Signal("ppg", values, 128.0, -3.0),
    )  # fmt: skip


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0, 600.0])
    parser.add_argument("--json", type=Path, help="write the result here as well")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(*_child(given.child[0], Path(given.child[1])))
        return
    text = json.dumps(run(tuple(given.seconds)), indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
