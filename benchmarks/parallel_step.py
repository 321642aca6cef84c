"""The batch RMSE on several processes: the mean of their own roots, or the root of all.

    python -m benchmarks.parallel_step [--render]

One step of the network on random clips, on one process, then on two and on four (gloo, this
machine), in two ways: as data-parallel training is usually written (every process computes the
loss of its own part, the gradients are averaged), and as `training.parallel` does it. What deviates
from one process is the objective, not chance: weights, clips and labels are the same, nothing is
dropped.

Takes a minute; writes `results/benchmarks/parallel_step.json` and the table of `docs/parallel.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import SequentialSampler

from benchmarks.machine import DOCS, RESULTS, in_words, provenance
from pulsefer.core.files import whole_file
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.models.pixels import to_float
from pulsefer.objectives.emotion import binary_cross_entropy
from pulsefer.objectives.heart_rate import batch_rmse
from pulsefer.objectives.loss_weights import LossWeights, build
from pulsefer.objectives.static import Static
from pulsefer.samples.loader import Batch, Parts
from pulsefer.training.config import TrainConfig
from pulsefer.training.module import TwoTasks
from pulsefer.training.parallel import meet, this_process

BATCH, FRAMES = 65, 2
MEAN_BPM, SD_BPM = 75.0, 12.0
KNOWN = {"all": 1, "one in 4": 4, "one in 20": 20}
COUNTS = (1, 2, 4)
WAYS = {"own": "each its own loss", "joined": "`training.parallel`"}
TABLE = re.compile(r"(<!-- table -->\n).*(<!-- end -->)", re.DOTALL)


class OwnStep(nn.Module):
    """The step as data-parallel training is usually written."""

    def __init__(self, model: Crnn) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Tensor:
        """The loss of this process' part."""
        output = self.model(to_float(batch.frames))
        emotion = binary_cross_entropy(output.emotion_logit, batch.emotion)
        rmse = batch_rmse(output.hr_bpm, batch.hr_bpm)
        weighting = build(LossWeights())
        assert isinstance(weighting, Static)
        loss = weighting.alone(emotion) if rmse is None else weighting(torch.stack([emotion, rmse]))
        whole: Tensor = loss + 0.0 * output.hr_bpm.sum()
        return whole


class JoinedStep(nn.Module):
    """The step as `training.module` does it."""

    def __init__(self, model: Crnn) -> None:
        super().__init__()
        self.module = TwoTasks(TrainConfig(model=model.config))
        self.module.model = model

    def forward(self, batch: Batch) -> Tensor:
        """The loss of the whole batch."""
        return self.module.training_step(batch, 0)


def clips(every: int) -> Batch:
    """A batch of random clips; one in `every` has a heart rate."""
    chance = torch.Generator().manual_seed(0)
    frames = torch.randint(
        0, 256, (BATCH, FRAMES, 64, 64, 3), generator=chance, dtype=torch.uint8
    )  # fmt: skip
    rates = MEAN_BPM + SD_BPM * torch.randn(BATCH, generator=chance)
    rates[torch.arange(BATCH) % every != 0] = math.nan
    emotion = (torch.rand(BATCH, generator=chance) > 0.5).float()
    return Batch(frames, emotion, rates, torch.arange(BATCH))


def step(way: str, every: int) -> tuple[float, Tensor]:
    """Mean loss over the processes, and the gradient that the optimiser meets."""
    here = this_process()
    torch.manual_seed(0)
    model = Crnn(CrnnConfig(dropout=0.0))
    model.start_heart_rate_at(MEAN_BPM)
    stepping: nn.Module = OwnStep(model) if way == "own" else JoinedStep(model)
    batch = clips(every)
    if not here.alone:
        stepping = DistributedDataParallel(stepping)
        chosen = next(iter(Parts(SequentialSampler(range(BATCH)), BATCH, here.part)))
        batch = Batch(*(one[chosen] for one in batch))
    loss = stepping(batch)
    loss.backward()
    mean = loss.detach()
    if not here.alone:
        dist.all_reduce(mean)
        mean = mean / here.n
    gradients = [one.grad for one in model.parameters()]
    return float(mean), torch.cat([one.flatten() for one in gradients if one is not None])


def work(file: Path) -> None:
    """What one of the processes does; the first leaves what it found."""
    torch.set_num_threads(1)
    meet("benchmark")
    found = {f"{way} {known}": step(way, every) for way in WAYS for known, every in KNOWN.items()}
    if this_process().first:
        torch.save(found, file)


def run() -> dict[str, Any]:
    """Loss and gradient of every way and number of processes, against those of one."""
    about = provenance("benchmarks.parallel_step")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            file = Path(folder) / f"{count}.pt"
            start = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
            many = [*start, f"--nproc-per-node={count}"] if count > 1 else []
            command = [sys.executable, *many, "-m", "benchmarks.parallel_step", "--work", str(file)]
            subprocess.run(command, env={**os.environ, **hidden}, check=True)
            found[count] = torch.load(file, weights_only=True)
    rows = []
    for known in KNOWN:
        one_loss, one_gradient = found[1][f"joined {known}"]
        for count in COUNTS[1:]:
            row: dict[str, Any] = {"known": known, "processes": count, "loss": one_loss}
            for way in WAYS:
                loss, gradient = found[count][f"{way} {known}"]
                off = float((gradient - one_gradient).norm() / one_gradient.norm())
                row[way] = {"loss": loss, "gradient_off": off}
            rows.append(row)
    return {"about": about, "batch": BATCH, "frames": FRAMES, "rows": rows}


def render() -> None:
    """Put the table into the page."""
    result = json.loads((RESULTS / "parallel_step.json").read_text("utf-8"))
    lines = [
        "| heart rates known | processes | loss on one process | loss, each its own | off by "
        "| gradient off by | loss, joined | off by | gradient off by |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["rows"]:
        cells = [row["known"], str(row["processes"]), f"{row['loss']:.4f}"]
        for way in WAYS:
            loss, off = row[way]["loss"], row[way]["gradient_off"]
            cells += [f"{loss:.4f}", *map(_share, (abs(loss / row["loss"] - 1), off))]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"{in_words(result['about'])} {result['batch']} clips of {result['frames']} "
              "frames.", ""]  # fmt: skip
    page = DOCS / "parallel.md"
    text = "\n".join(lines)
    new = TABLE.sub(lambda found: f"{found[1]}{text}{found[2]}", page.read_text("utf-8"))
    with whole_file(page) as part:
        part.write_text(new, "utf-8")


def _share(off: float) -> str:
    return f"{off:.1%}" if off > 1e-4 or off == 0 else f"{off:.0e}"


def main() -> None:
    """Measure, then render."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--render", action="store_true", help="from the result that is there")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return
    if not given.render:
        text = json.dumps(run(), indent=1)
        with whole_file(RESULTS / "parallel_step.json") as part:
            part.write_text(text + "\n", "utf-8")
    render()


if __name__ == "__main__":
    main()
