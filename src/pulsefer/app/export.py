"""`pulsefer export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pulsefer.app.console import OK, next_step, say, show
from pulsefer.inference.predictor import model_folder

WHAT = {
    "model.onnx": "whole clips, any number and length",
    "step.onnx": "one more frame, state in and out",
    "pnet.onnx": "face detector, proposes",
    "rnet.onnx": "face detector, refines",
    "onet.onnx": "face detector, decides",
    "config.json": "what a user has to know",
    "README.md": "model card",
    "reliability.svg": "how the probabilities hold",
}


def export(run: Path, /, *, output: Annotated[Path, Parameter(name=["--output", "-o"])]) -> int:
    """A trained network and the face detector as ONNX, for devices without PyTorch.

    Writes a sequence model, a streaming step, the three networks of the detector, and what
    belongs to them. Before anything is written, ONNX Runtime has to give the same as PyTorch to
    1e-4, on noise and on the worst of inputs, over a whole window, and the state with it.

    * `pulsefer export RUN --output small`, then on the small device
      `pulsefer analyze talk.mp4 --model small/model.onnx --output talk.csv`

    Args:
        run: Folder of a run that `pulsefer train` made, or of its network.
        output: Folder to write; an earlier export there is replaced.
    """
    from rich.table import Table

    from pulsefer.inference.onnx_export import export as write

    folder = model_folder(run)
    say("writing and checking takes a minute …")
    written = write(folder, output)
    table = Table("file", "what", "size (kB)")
    table.columns[-1].justify = "right"
    for name, size in written.size_bytes.items():
        table.add_row(name, WHAT.get(name, ""), f"{size / 1000:,.0f}")
    show(table)
    worst = max(written.largest_difference, key=lambda name: written.largest_difference[name])
    say(
        f"{output}: as PyTorch to {written.largest_difference[worst]:.1g}, the largest difference "
        f"({worst}); 1e-4 is allowed"
    )
    next_step(f"pulsefer analyze VIDEO --model {output / 'model.onnx'} --output FILE.csv")
    return OK
