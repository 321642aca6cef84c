"""A video of any length takes the same memory: frames pass through and are let go.

Decoded pictures lie outside of what Python counts, so this file runs itself as a process of its own
and asks the system for the highest resident set after each step.
"""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from pulsefer.core.types import Recording, Signal
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s, ppg
from pulsefer.inference.analyzer import Analyzer
from pulsefer.media.video import encode, frames
from pulsefer.samples.prepare import prepare

WIDTH_PX, HEIGHT_PX, FPS_HZ = 192, 160, 25.0
SHORT_S, LONG_S = 12, 48
HELD_BYTES = 3 * WIDTH_PX * HEIGHT_PX * FPS_HZ * (LONG_S - SHORT_S)
"""By so much the longer video grows if every frame is held: 83 MB."""


def write_clips(folder):
    """The same seconds of a face, shown once and four times."""
    (trial, *_) = draw_trials(Effects(), subjects=1, seed=0)
    images = list(
        film(
            trial, beat_times_s(trial.hr_bpm, -2.0, 14.0, seed=0), effects=Effects(),
            n_frames=round(SHORT_S * FPS_HZ), fps_hz=FPS_HZ, width_px=WIDTH_PX,
            height_px=HEIGHT_PX, seed=0,
        )
    )  # fmt: skip
    for length_s in (SHORT_S, LONG_S):
        shown = itertools.islice(itertools.cycle(images), round(length_s * FPS_HZ))
        encode(folder / f"{length_s}.avi", shown, fps_hz=FPS_HZ)


def analyzed(path, _length_s):
    assert Analyzer().video(path)["face_share"].min() > 0.9


def prepared(path, length_s):
    beats_s = beat_times_s(70.0, -3.0, length_s, seed=0)
    signal = Signal("ppg", ppg(beats_s, fs_hz=128.0, start_s=-3.0, end_s=length_s), 128.0, -3.0)
    recording = Recording(
        dataset="loop", subject="s01", trial="trial01", stimulus="video01", video=path,
        fps_hz=None, length_s=length_s, ratings={}, data_kind="synthetic",
        load_signal=lambda: signal,
    )  # fmt: skip
    assert prepare([recording], store=path.with_suffix(".store")).n_made == 1


def held(path, _length_s):
    assert list(frames(path))


def measure(folder):
    """Highest resident set so far, bytes, after every step."""

    def peak():
        # Not getrusage: Linux counts the memory of the parent into its answer.
        status = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    peaks = {}
    for way in (analyzed, prepared):
        way(folder / f"{SHORT_S}.avi", SHORT_S)
    peaks["short"] = peak()
    for way in (analyzed, prepared, held):
        way(folder / f"{LONG_S}.avi", LONG_S)
        peaks[way.__name__] = peak()
    return peaks


@pytest.fixture(scope="module")
def peaks(tmp_path_factory):
    if not Path("/proc/self/status").is_file():
        pytest.skip("this system does not tell the highest memory of a process")
    folder = tmp_path_factory.mktemp("length")
    write_clips(folder)
    command = [sys.executable, __file__, str(folder)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


@pytest.mark.parametrize("way", ["analyzed", "prepared"])
def test_four_times_the_length_takes_no_more_memory(peaks, way):
    assert peaks[way] - peaks["short"] < HELD_BYTES / 3


def test_frames_that_are_held_would_be_seen_by_this_test(peaks):
    assert peaks["held"] - peaks["short"] > HELD_BYTES / 2


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    print(json.dumps(measure(Path(sys.argv[1]))))
