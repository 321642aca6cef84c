"""What a weighting of the two losses costs, against a plain backward pass of their sum.

    python -m benchmarks.weighting_step [--rounds 5]

One step is forward, both losses, backward and Adam on 64 clips of 5 frames (the paper's batch), on
one thread. *Plain* is the network, `alpha BCE + beta RMSE` and `loss.backward()`, and nothing else;
every method is `training.module` as a training runs it, its figures included. In each round all
take turns; a ratio is the median over rounds of a method's processor time over that of the plain
steps on both sides of it.

Every `weighing.MEASURED_EVERY` steps a method that does not look at all shared layers' gradients by
itself looks at them, to tell of them. Steps with and without a look are timed apart, and the cost
of a look is spread over the steps between.

Aims: 1.02 for methods of the losses, 1.5 for those that compare gradients (by default behind the
CNN), 1.05 for those that compare gradients of the shared features.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from statistics import median
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import in_words, provenance
from pulsefer.models.crnn import Crnn
from pulsefer.models.pixels import to_float
from pulsefer.objectives.emotion import binary_cross_entropy
from pulsefer.objectives.heart_rate import batch_rmse
from pulsefer.objectives.loss_weights import METHODS, PAPER_BETA, LossWeights
from pulsefer.samples.loader import Batch
from pulsefer.training.config import TrainConfig
from pulsefer.training.module import TwoTasks
from pulsefer.training.weighing import MEASURED_EVERY

BATCH, FRAMES = 64, 5
AIMS = {"losses": 1.02, "gradients": 1.5, "feature": 1.05, "trunk": None}
"""By what a method looks at. All shared layers have two whole backward passes: what that
is by the count of operations stands beside it, and nothing but fewer operations could bring it
down."""
SAID = {
    "losses": "the losses", "gradients": "gradients behind the CNN",
    "feature": "gradients of the shared features", "trunk": "gradients of all shared layers",
}  # fmt: skip


SECTION = """\
A step of {batch} clips of {frames} frames as a training has it, over a plain step of the same
network: forward, `alpha BCE + beta RMSE`, `backward`, Adam, and nothing else ({plain_ms:.0f} ms).
Median of {rounds} rounds. *A look*: what it costs more, in plain steps, to see the gradients of all
shared layers in order to tell of them, in one step of {measured_every}; its share is in the ratio.
*On the trunk* has no aim: by the count of its operations, a step with two whole backward passes is
{two_passes_by_operations:.2f} times a plain one.

| method | looks at | over plain | a look | aim | reached |
|---|---|---:|---:|---:|---|
{lines}

{machine}"""
ANSWER = {True: "yes", False: "no", None: "–"}


def cases() -> dict[str, tuple[str, LossWeights]]:
    """Every method at its defaults: name, what it looks at, settings."""
    found = {}
    for name in [*METHODS, "torchjd:AlignedMTL"]:
        weights = LossWeights(method=name)
        found[name] = ("gradients" if weights.on_gradients else "losses", weights)
    for name in ("pcgrad", "pcd"):
        found[f"{name}, on the feature"] = ("feature", LossWeights(method=name, on="feature"))
    found["pcgrad, on the trunk"] = ("trunk", LossWeights(method="pcgrad", on="trunk"))
    return found


LOOKED_AT = {"losses": "static", "gradients": "pcgrad", "feature": "pcgrad, on the feature"}
"""What a look costs is timed once for each kind: it has nothing to do with the method."""


def run(rounds: int = 5) -> dict[str, Any]:
    """Measure, on one thread.

    Args:
        rounds: Turns that everything takes, after one that does not count.

    Returns:
        Ratios and milliseconds by method, and whether the aims are reached.
    """
    about = provenance("benchmarks.weighting_step")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {"about": about, **_measure(rounds)}
    finally:
        torch.set_num_threads(before)


def _measure(rounds: int) -> dict[str, Any]:
    batch = _batch()
    plain = _plain(batch)
    methods = cases()
    turns = {name: _stepper(weights, batch) for name, (_, weights) in methods.items()}
    plain_s: list[float] = []
    ratios: dict[str, list[float]] = {name: [] for name in turns}
    looks: dict[str, list[float]] = {level: [] for level in LOOKED_AT}
    for number in range(rounds + 1):
        last = _timed(plain)
        for name, turn in turns.items():
            own = _timed(partial(turn, 1))
            look = _timed(partial(turn, 0)) if name in LOOKED_AT.values() else 0.0
            after = _timed(plain)
            if number:
                plain_s.append(after)
                ratios[name].append(2 * own / (last + after))
                if look:
                    looks[methods[name][0]].append(2 * (look - own) / (last + after))
            last = after
    rows = {}
    for name, (level, _) in methods.items():
        look = median(looks[level]) if level in looks else 0.0
        over = round(median(ratios[name]) + look / MEASURED_EVERY, 3)
        aim = AIMS[level]
        rows[name] = {
            "level": level, "over_plain": over, "look": round(look, 2),
            "reached": aim and over <= aim,
        }  # fmt: skip
    return {
        "benchmark": "weighting_step", "batch": BATCH, "frames": FRAMES, "rounds": rounds,
        "measured_every": MEASURED_EVERY, "two_passes_by_operations": two_passes_by_operations(),
        "plain_ms": round(1e3 * median(plain_s), 1),
        "methods": rows,
    }  # fmt: skip


def two_passes_by_operations() -> float:
    """Operations of a step with two backward passes over those of one, as PyTorch counts them."""
    torch.manual_seed(0)
    model, batch = Crnn(), _batch(8)
    counts = []
    for passes in (0, 1):
        with FlopCounterMode(display=False) as counter:
            logit = model(to_float(batch.frames)).emotion_logit
            if passes:
                torch.autograd.backward(logit.sum())
        counts.append(counter.get_total_flops())
    forward, both = counts
    return float(round((2 * both - forward) / both, 2))


def _timed(turn: Callable[[], object]) -> float:
    began = time.process_time()
    turn()
    return time.process_time() - began


def _batch(n: int = BATCH) -> Batch:
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (n, FRAMES, 64, 64, 3), dtype=torch.uint8)
    emotion, place = torch.randint(0, 2, (n,)).float(), torch.arange(n)
    return Batch(frames, emotion, 60 + 40 * torch.rand(n), place)


def _plain(batch: Batch) -> Callable[[], None]:
    torch.manual_seed(0)
    model = Crnn().train()
    adam = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def turn() -> None:
        adam.zero_grad()
        output = model(to_float(batch.frames))
        rmse = batch_rmse(output.hr_bpm, batch.hr_bpm)
        assert rmse is not None
        loss = binary_cross_entropy(output.emotion_logit, batch.emotion) + PAPER_BETA * rmse
        torch.autograd.backward(loss)
        adam.step()

    return turn


def _stepper(weights: LossWeights, batch: Batch) -> Callable[[int], None]:
    torch.manual_seed(0)
    module = TwoTasks(TrainConfig(weights=weights)).train()
    adam = module.configure_optimizers()

    def turn(step: int) -> None:
        """A step of the training; the first looks at the gradients, the second does not."""
        module.weighting.step.fill_(step)
        adam.zero_grad()
        loss = module.training_step(batch, 0)
        module.backward(loss)
        module.on_before_optimizer_step(adam)
        adam.step()

    return turn


def section(result: Mapping[str, Any]) -> str:
    """For the page."""
    lines = [
        f"| {name} | {SAID[row['level']]} | {row['over_plain']:.3f} | {row['look'] or '–'} | "
        f"{AIMS[row['level']] or '–'} | {ANSWER[row['reached']]} |"
        for name, row in result["methods"].items()
    ]
    return SECTION.format(**result, lines="\n".join(lines), machine=in_words(result["about"]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    print(json.dumps(run(parser.parse_args().rounds), indent=2))


if __name__ == "__main__":
    main()
