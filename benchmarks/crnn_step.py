"""A training step of the network, against a plain one and against the machine.

    python -m benchmarks.crnn_step [--rounds 9] [--threads 1] [--json FILE]

One step is forward, both losses, backward and Adam on 64 clips of 5 frames (the paper's batch).
Three things take turns in every round, so that a busy machine is busy for all of them; figures are
medians of rounds, ratios are medians of the ratios within a round:

* the network of `pulsefer.models`, in float32 and under bfloat16 autocast;
* a plain one, as the equations are usually written down: frame by frame, six convolutions a step,
  ReLU before pooling, default memory layout, default Adam. Same weights; outputs and gradients are
  compared before anything is timed;
* a square matrix product of PyTorch, whose rate stands for what the machine can do.

With one thread the clock is the processor time of this process, which neighbours on the machine
stretch little; with more it is the clock on the wall, and the machine has to be quiet.

Work is counted by PyTorch's own `FlopCounterMode` on the network's forward and backward: two
operations for each multiply-add of a convolution or a linear layer, padding included; the first
layer has no input gradient, and the first step of the GRU no state convolutions. Pooling,
activations, loss and Adam count nothing, so they only cost.

Aims: 1.25 times the plain step; 85 % of the matrix product's rate; under bfloat16, where the
machine multiplies it faster, 2.5 times the plain step.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from pulsefer.models.crnn import FRAMES_AT_ONCE, Crnn, Output
from pulsefer.models.pixels import to_float
from pulsefer.objectives.emotion import binary_cross_entropy
from pulsefer.objectives.heart_rate import batch_rmse
from pulsefer.objectives.loss_weights import LossWeights, build

BATCH, FRAMES = 64, 5
MATRIX = 2048
PLAIN_RATIO, MATMUL_SHARE, BFLOAT16_RATIO = 1.25, 0.85, 2.5


class PlainCrnn(nn.Module):
    """The same network without a thought for speed, and with the same numbers in it."""

    def __init__(self, model: Crnn) -> None:
        super().__init__()
        cnn = model.cnn
        self.convolutions = nn.ModuleList(
            _conv(layer.weight, layer.bias, int(layer.padding[0]))
            for layer in cnn
            if isinstance(layer, nn.Conv2d)
        )
        cell = model.gru.cell
        bias = cell.of_input.bias
        assert bias is not None
        kernels = zip(cell.of_input.weight.chunk(3), bias.chunk(3), strict=True)
        self.w_z, self.w_r, self.w = (_conv(weight, part, 1) for weight, part in kernels)
        self.u_z, self.u_r = (_conv(part, None, 1) for part in cell.of_state.weight.chunk(2))
        self.u = _conv(cell.of_reset.weight, None, 1)
        self.feature = _linear(model.feature)
        first, last = model.emotion[0], model.emotion[3]
        assert isinstance(first, nn.Linear)
        assert isinstance(last, nn.Linear)
        assert model.heart_rate is not None
        self.emotion = nn.Sequential(_linear(first), nn.ReLU(), nn.Dropout(0.5), _linear(last))
        self.heart_rate = _linear(model.heart_rate)

    def forward(self, x_BTCHW: Tensor) -> Output:
        """One frame after the other."""
        h = torch.zeros(x_BTCHW.shape[0], 128, 6, 6)
        for time_step in range(x_BTCHW.shape[1]):
            x = x_BTCHW[:, time_step]
            for convolution in self.convolutions:
                x = functional.max_pool2d(functional.relu(convolution(x)), 3, 2)
            z = torch.sigmoid(self.w_z(x) + self.u_z(h))
            r = torch.sigmoid(self.w_r(x) + self.u_r(h))
            candidate = torch.tanh(self.w(x) + self.u(r * h))
            h = (1 - z) * h + z * candidate
        feature = self.feature(h.flatten(1))
        return Output(self.emotion(feature).squeeze(1), self.heart_rate(feature).squeeze(1))


def run(rounds: int = 9, threads: int | None = None) -> dict[str, Any]:
    """Measure.

    Args:
        rounds: Turns that everything takes, after one that does not count.
        threads: Of PyTorch; None leaves them as they are.

    Returns:
        Settings, medians in milliseconds and in GFLOP/s, ratios, and whether the aims are reached.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        return _measure(rounds)
    finally:
        torch.set_num_threads(before)


def _measure(rounds: int) -> dict[str, Any]:
    torch.manual_seed(0)
    model = Crnn()
    plain = PlainCrnn(model)
    frames = torch.randint(0, 256, (BATCH, FRAMES, 64, 64, 3), dtype=torch.uint8)
    x = to_float(frames)
    x_plain = x.contiguous()
    high = torch.randint(0, 2, (BATCH,))
    bpm = 60 + 40 * torch.rand(BATCH)

    _must_agree(model, plain, x, x_plain, high, bpm)
    with FlopCounterMode(display=False) as counter:
        torch.autograd.backward(_loss(model(x), high, bpm))
    flops = counter.get_total_flops()

    ours = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    theirs = torch.optim.Adam(plain.parameters(), lr=1e-3)
    a, b = torch.rand(2, MATRIX, MATRIX)
    a16, b16 = a.bfloat16(), b.bfloat16()
    turns: dict[str, Callable[[], object]] = {
        "plain": lambda: _step(plain, theirs, x_plain, high, bpm, bfloat16=False),
        "ours": lambda: _step(model, ours, x, high, bpm, bfloat16=False),
        "ours_bfloat16": lambda: _step(model, ours, x, high, bpm, bfloat16=True),
        "matmul": lambda: a @ b,
        "matmul_bfloat16": lambda: a16 @ b16,
    }
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for number in range(rounds + 1):
        for name, turn in turns.items():
            began = clock()
            turn()
            if number:
                seconds[name].append(clock() - began)

    def ratio(over: str, under: str) -> float:
        pairs = zip(seconds[over], seconds[under], strict=True)
        return median(first / second for first, second in pairs)

    # Work of the step by work of the product, times the ratio of their times, is a share of rate.
    work = flops / (2 * MATRIX**3)
    has_bfloat16 = ratio("matmul", "matmul_bfloat16") > 1.2
    reached = {
        "over_plain": ratio("plain", "ours") >= PLAIN_RATIO,
        "matmul_share": work * ratio("matmul", "ours") >= MATMUL_SHARE,
    }
    if has_bfloat16:
        reached["bfloat16_over_plain"] = ratio("plain", "ours_bfloat16") >= BFLOAT16_RATIO
    gflops = {"plain": flops, "ours": flops, "ours_bfloat16": flops}
    return {
        "benchmark": "crnn_step",
        "batch": BATCH,
        "frames": FRAMES,
        "frames_at_once": FRAMES_AT_ONCE,
        "rounds": rounds,
        "clock": clock.__name__,
        "threads": torch.get_num_threads(),
        "cpus": os.cpu_count(),
        "machine": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "torch": torch.__version__,
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "gflop_per_step": round(flops / 1e9, 1),
        "ms": {name: round(1e3 * median(values), 1) for name, values in seconds.items()},
        "gflop_per_s": {
            name: round(gflops.get(name, 2 * MATRIX**3) / median(values) / 1e9, 1)
            for name, values in seconds.items()
        },
        "over_plain": round(ratio("plain", "ours"), 2),
        "matmul_share": round(work * ratio("matmul", "ours"), 2),
        "bfloat16_over_plain": round(ratio("plain", "ours_bfloat16"), 2),
        "bfloat16_over_float32": round(ratio("ours", "ours_bfloat16"), 2),
        "machine_multiplies_bfloat16_faster": has_bfloat16,
        "reached": reached,
    }


def _step(
    model: nn.Module, adam: torch.optim.Optimizer, x: Tensor, high: Tensor, bpm: Tensor, *,
    bfloat16: bool,
) -> None:  # fmt: skip
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        output = model(x)
    adam.zero_grad()
    torch.autograd.backward(_loss(output, high, bpm))
    adam.step()


def _loss(output: Output, high: Tensor, bpm: Tensor) -> Tensor:
    assert output.hr_bpm is not None
    rmse = batch_rmse(output.hr_bpm, bpm)
    assert rmse is not None
    weighting = build(LossWeights())
    loss: Tensor = weighting(torch.stack([binary_cross_entropy(output.emotion_logit, high), rmse]))
    return loss


def _must_agree(
    model: Crnn, plain: PlainCrnn, x: Tensor, x_plain: Tensor, high: Tensor, bpm: Tensor
) -> None:
    """Same outputs to 1e-5 and the same gradients; without dropout, which is left to chance."""
    model.eval()
    plain.eval()
    ours, theirs = model(x), plain(x_plain)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    torch.autograd.backward(_loss(ours, high, bpm))
    torch.autograd.backward(_loss(theirs, high, bpm))
    first = plain.convolutions[0].weight
    pairs = [
        (model.cnn.get_parameter("conv1.weight").grad, first.grad),
        (model.gru.cell.of_reset.weight.grad, plain.u.weight.grad),
        (model.feature.weight.grad, plain.feature.weight.grad),
    ]
    for mine, other in pairs:
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-5)
    model.train()
    plain.train()


def _conv(weight: Tensor, bias: Tensor | None, padding: int) -> nn.Conv2d:
    wide_out, wide_in = weight.shape[:2]
    layer = nn.Conv2d(wide_in, wide_out, 3, padding=padding, bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None and layer.bias is not None:
            layer.bias.copy_(bias)
    return layer


def _linear(source: nn.Linear) -> nn.Linear:
    layer = nn.Linear(source.in_features, source.out_features)
    layer.load_state_dict(source.state_dict())
    return layer


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, help="of PyTorch; its own choice if not given")
    parser.add_argument("--json", type=Path, help="write the result here as well")
    arguments = parser.parse_args()
    text = json.dumps(run(arguments.rounds, arguments.threads), indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
