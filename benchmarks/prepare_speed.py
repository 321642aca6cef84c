"""How fast `prepare` is against doing nothing but decode the same file.

    python -m benchmarks.prepare_speed [--rounds 7] [--seconds 20] [--json FILE]

Two films of DEAP's geometry (720x576 px, 50 frames/s, H.264 in AVI), synthetic. One is a specimen
as `write_fake` makes it, at CRF 18: a quiet, clean picture in which there is little to decode. The
other has DEAP's own bit rate (15.3 GB for 874 videos of a minute: 2.3 Mbit/s) from more camera
noise and a lower CRF: the realistic one. Three things take turns in every round:

* decoding: FFmpeg through PyAV, no colour conversion, frames thrown away;
* decoding with every frame converted to RGB;
* `prepare` at its defaults, into a new store each time: pulse checked, video hashed, decoded, every
  second frame converted, face found and followed, 64x64 crop and skin colour stored.

All on one thread. The clock is the processor time of this process, which neighbours on the machine
stretch little. Rates are frames of the file per second; rates are medians of rounds, shares are
medians of the shares within a round.

Aim: 40 % of the decode rate per core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import av
import torch

from benchmarks.machine import provenance
from pulsefer.core.types import Recording
from pulsefer.datasets import deap
from pulsefer.datasets.deap_fake import write_fake
from pulsefer.datasets.synthetic import Effects
from pulsefer.samples.prepare import prepare

DECODE_SHARE = 0.40
DEAP_MEGABITS_PER_S = 8e-6 * 15.3e9 / (874 * 60)
"""DEAP's download page: 15.3 GB of face video, 874 trials of a minute."""
FILMS = {
    "specimen": {"crf": 18, "effects": Effects()},
    "bit rate of DEAP": {"crf": 16, "effects": Effects(sensor_noise=3.0)},
}


def run(rounds: int = 7, seconds: float = 20.0) -> dict[str, Any]:
    """Film, measure.

    Args:
        rounds: Turns that everything takes, after one that does not count.
        seconds: Length of the films.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    about = provenance("benchmarks.prepare_speed")
    try:
        with tempfile.TemporaryDirectory() as folder:
            films = {
                name: _measure(name, Path(folder) / str(number), rounds, seconds)
                for number, name in enumerate(FILMS)
            }
    finally:
        torch.set_num_threads(before)
    return {
        "benchmark": "prepare_speed",
        "about": about,
        "data_kind": "synthetic",
        "rounds": rounds,
        "seconds": seconds,
        "aim": DECODE_SHARE,
        "films": films,
    }


def _measure(name: str, folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    film: dict[str, Any] = FILMS[name]
    write_fake(folder / "deap", subjects=1, trials=1, seconds=seconds, **film)
    (recording,) = deap.read(folder / "deap")
    turns: dict[str, Callable[[int], object]] = {
        "decode": lambda _: _decode(recording.video, rgb=False),
        "decode_rgb": lambda _: _decode(recording.video, rgb=True),
        "prepare": lambda number: _prepare(recording, folder / f"store{number}"),
    }
    spent_s: dict[str, list[float]] = {turn: [] for turn in turns}
    for number in range(rounds + 1):
        for turn, do in turns.items():
            began = time.process_time()
            do(number)
            if number:
                spent_s[turn].append(time.process_time() - began)
    n_frames = _decode(recording.video, rgb=False)

    def share(of: str) -> float:
        pairs = zip(spent_s[of], spent_s["prepare"], strict=True)
        return round(median(plain / ours for plain, ours in pairs), 3)

    return {
        "megabits_per_s": round(8e-6 * recording.video.stat().st_size / seconds, 2),
        "crf": film["crf"],
        "sensor_noise": film["effects"].sensor_noise,
        "n_frames": n_frames,
        "frames_per_s": {turn: round(n_frames / median(spent_s[turn])) for turn in turns},
        "share_of_decode": share("decode"),
        "share_of_decode_rgb": share("decode_rgb"),
        "reached": share("decode") >= DECODE_SHARE,
    }


def _decode(path: Path, *, rgb: bool) -> int:
    n_frames = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        for picture in container.decode(stream):
            n_frames += 1
            if rgb:
                picture.to_ndarray(format="rgb24")
    return n_frames


def _prepare(recording: Recording, store: Path) -> None:
    done = prepare([recording], store=store)
    if done.n_made != 1:
        raise RuntimeError(f"the film could not be prepared: {done.problems}")


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", type=Path, help="write the result here as well")
    given = parser.parse_args()
    text = json.dumps(run(given.rounds, given.seconds), indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
