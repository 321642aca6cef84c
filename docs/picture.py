"""The picture of the README, from what `make demo` left.

    python docs/picture.py demo

Copies the rows of the demonstration to results/demo.jsonl, so that every number in the picture
stands in the repository.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pulsefer.datasets.deap_fake import open_fake
from pulsefer.reports.figures import ACCENT, QUIET
from pulsefer.reports.row import read
from pulsefer.samples.split import LEAKY
from pulsefer.samples.store import open_store

ROOT = Path(__file__).resolve().parents[1]


def main(demo: Path) -> None:
    """Draw docs/demo.png."""
    shutil.copyfile(demo / "rows.jsonl", ROOT / "results" / "demo.jsonl")
    rows = [
        row for row in read(demo / "rows.jsonl")
        if (row.metric, row.selection) == ("balanced_accuracy", "last")
    ]  # fmt: skip
    figure = Figure(figsize=(10, 3.1), layout="constrained")
    FigureCanvasAgg(figure)
    faces, gap, pulse = figure.subplots(1, 3, width_ratios=[1.1, 1.25, 1.4])
    by_rating = sorted(open_store(demo / "store"), key=lambda r: r.record["ratings"]["valence"])
    shown = [by_rating[place] for place in (0, 1, -2, -1)]
    tiles = [recording.faces[len(recording.faces) // 2] for recording in shown]
    faces.imshow(np.vstack([np.hstack(tiles[:2]), np.hstack(tiles[2:])]))
    faces.set_title("synthetic faces, valence low, high", fontsize=9)
    faces.axis("off")
    for place, row in enumerate(reversed(rows)):
        colour = ACCENT if row.protocol in LEAKY else QUIET
        gap.plot([100 * row.low, 100 * row.high], [place, place], color=colour, lw=5, alpha=0.35)
        gap.plot([100 * row.value], [place], "o", color=colour)
    gap.axvline(50, color="#999999", ls="--", lw=1)
    gap.set_yticks(range(len(rows)), [f"{r.system}, by {r.protocol}" for r in reversed(rows)])
    gap.set(xlim=(20, 100), ylim=(-0.6, len(rows) - 0.4))
    gap.set_xlabel("balanced accuracy, % (synthetic; line: chance)", fontsize=8)
    gap.set_title("the same network, two protocols", fontsize=9)
    readings = pd.read_csv(demo / "readings.csv")
    first = open_store(demo / "store").recordings[0]
    tree = open_fake(demo / "deap")
    planted = tree.of(first.subject, int(first.trial.removeprefix("trial"))).hr_bpm
    pulse.axhline(planted, color="#333333", ls="--", lw=1, label=f"planted, {planted:.0f} bpm")
    pulse.plot(
        readings["time_s"],
        readings["hr_bpm"],
        ".-",
        color=ACCENT,
        label="found, last 12 s",
    )
    pulse.set(ylim=(40, 140), xlabel="time, s", ylabel="heart rate, bpm (synthetic)")
    pulse.set_title("heart rate from the colour of the skin", fontsize=9)
    pulse.legend(frameon=False, fontsize=8)
    for axis in (gap, pulse):
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8)
    figure.savefig(ROOT / "docs" / "demo.png", dpi=150, metadata={"Software": None})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
