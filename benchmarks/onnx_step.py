"""A streaming step of the exported network, on one core.

    python -m benchmarks.onnx_step [--rounds 200]

One step is one more face picture for W windows that lie over each other: bytes in, the CNN and the
input's convolution once, the state's convolutions for each window, both heads out. The paper's
network with both heads and random weights is exported by `pulsefer export`, which checks it, and
then three things take turns, each on one thread:

* `OnnxEngine.step`, ONNX Runtime;
* `TorchEngine.step`, PyTorch, the same weights;
* a square matrix product of PyTorch, whose rate stands for what the core can do.

Times are processor time of this process, medians of rounds. Work is counted by PyTorch's own
`FlopCounterMode`: two operations for each multiply-add of a convolution or a linear layer, padding
included.

Aim: 3 ms for one window.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import in_words, provenance
from pulsefer.inference.engine import Engine
from pulsefer.inference.engine_onnx import OnnxEngine
from pulsefer.inference.engine_torch import TorchEngine
from pulsefer.inference.onnx_export import export
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn

AIM_MS = 3.0
WINDOWS = (1, 10)
MATRIX = 1024
NOT_COUNTED = 10
"""First rounds, in which memory is handed out and kernels are chosen."""
ABOUT = {
    "store": {"follow": {"crop": {"size_px": 64, "top": 1.0, "bottom": 0.5}}},
    "windows": {"length_s": 1.0, "n_frames": 5, "dimension": "valence", "threshold": "ge5"},
    "protocol_name": "none: random weights",
    "data_kind": "synthetic",
    "datasets": [],
    "fingerprint": "none",
}
"""What `export` asks of a network; nothing of it changes the arithmetic."""

SECTION = """\
One more face picture for windows that lie over each other, on one thread: the paper's network with
both heads, as `pulsefer export` writes it (ONNX Runtime {onnxruntime}), beside the same in PyTorch.
*At the product's rate*: what the step's operations would take at the rate of one {matrix}x\
{matrix} matrix product, {matmul_gflop_per_s:.0f} GFLOP/s. Median of {rounds} rounds.

| windows | MFLOP | ONNX Runtime, ms | PyTorch, ms | at the product's rate, ms | aim, ms | reached |
|---:|---:|---:|---:|---:|---:|---|
{lines}

{machine}"""


def run(rounds: int = 200) -> dict[str, Any]:
    """Measure, on one thread.

    Args:
        rounds: Turns that everything takes, after some that do not count.

    Returns:
        Milliseconds and operations by number of windows, and whether the aim is reached.
    """
    about = provenance("benchmarks.onnx_step")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {"about": about, **_measure(rounds)}
    finally:
        torch.set_num_threads(before)


def _measure(rounds: int) -> dict[str, Any]:
    import onnxruntime

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as there:
        folder, out = Path(there) / "network", Path(there) / "exported"
        checkpoint.save(Crnn(), folder, card="", about=ABOUT)
        written = export(folder, out)
        engines: dict[str, Engine] = {
            "onnxruntime": OnnxEngine(out, 1),
            "torch": TorchEngine(checkpoint.load(folder)),
        }
    a, b = torch.rand(2, MATRIX, MATRIX)
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    matmul_s: list[float] = []
    by_windows = {}
    for n in WINDOWS:
        turns = {name: _stepper(engine, frame, n) for name, engine in engines.items()}
        with FlopCounterMode(display=False) as counter:
            turns["torch"]()
        seconds: dict[str, list[float]] = {name: [] for name in turns}
        for number in range(rounds + NOT_COUNTED):
            for name, turn in turns.items():
                own = _timed(turn)
                if number >= NOT_COUNTED:
                    seconds[name].append(own)
            if number >= NOT_COUNTED:
                matmul_s.append(_timed(lambda: a @ b))
        by_windows[str(n)] = {
            "mflop": round(counter.get_total_flops() / 1e6, 1),
            "ms": {name: round(1e3 * median(own), 2) for name, own in seconds.items()},
        }
    flop_per_s = 2 * MATRIX**3 / median(matmul_s)
    for row in by_windows.values():
        row["ms_at_rate_of_product"] = round(1e9 * row["mflop"] / flop_per_s, 2)
    return {
        "benchmark": "onnx_step",
        "rounds": rounds,
        "clock": "process_time",
        "threads": 1,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "onnxruntime": onnxruntime.__version__,
        "matrix": MATRIX,
        "matmul_gflop_per_s": round(flop_per_s / 1e9, 1),
        "windows": by_windows,
        "largest_difference": written.largest_difference,
        "size_bytes": written.size_bytes,
        "aim_ms": AIM_MS,
        "reached": by_windows["1"]["ms"]["onnxruntime"] <= AIM_MS,
    }


def _stepper(engine: Engine, frame: Any, n: int) -> Callable[[], object]:
    """A step in the middle of n windows."""
    states: list[Any] = [None] * n
    for _ in range(2):
        states = [answer.state for answer in engine.step(frame, None, states)]
    return lambda: engine.step(frame, None, states)


def _timed(turn: Callable[[], object]) -> float:
    began = time.process_time()
    turn()
    return time.process_time() - began


def section(result: Mapping[str, Any]) -> str:
    """For the page."""
    lines = []
    for n, row in result["windows"].items():
        aim = f"{result['aim_ms']:g} | {'yes' if result['reached'] else 'no'}"
        lines.append(
            f"| {n} | {row['mflop']:.0f} | {row['ms']['onnxruntime']:.1f} | "
            f"{row['ms']['torch']:.1f} | {row['ms_at_rate_of_product']:.1f} | "
            f"{aim if n == '1' else '– | –'} |"
        )
    return SECTION.format(
        **result,
        lines="\n".join(lines),
        machine=f"{in_words(result['about'])} Instruction set: {result['instruction_set']}.",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    print(json.dumps(run(parser.parse_args().rounds), indent=1))


if __name__ == "__main__":
    main()
