"""`pulsefer info`."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Literal

from pulsefer.app.console import OK, next_step, show
from pulsefer.core.extras import extras, versions
from pulsefer.core.version import __version__
from pulsefer.models.crnn import CrnnConfig
from pulsefer.models.layers import layers

LICENCES = {
    "code": "MIT",
    "face detector's weights": "MIT, of the distribution mtcnn 1.0 (learned from WIDER FACE and "
    "CelebA)",
    "networks you train": "bound by the licences of the recordings: `pulsefer info --model RUN`",
    "DEAP, MAHNOB-HCI, AFEW-VA": "theirs; nothing of them is here",
}


def info(
    *,
    model: Path | None = None,
    input: Literal["appearance", "difference", "both"] = "appearance",
) -> int:
    """Versions, extras, devices, licences, and the network layer by layer; or a model of yours.

    STL is the paper's network with the emotion head alone, MTL the one with the heart rate beside
    it; their totals are those of its Table 3.

    * What a run learned, from what, how it was validated, and what may be done with it:
      `pulsefer info --model RUN`

    Args:
        model: Folder of a run, of its network, or of what `pulsefer export` wrote.
        input: What the network sees: appearance (the paper's), difference, or both.
    """
    if model is not None:
        return _model(model)
    import torch
    from rich.markup import escape
    from rich.table import Table

    found = [f"{name} {version}" for name, version in versions().items() if version]
    there = [f"[{name}] {'found' if is_there else 'not installed'}" for name, is_there in
             extras().items()]  # fmt: skip
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    grid = Table.grid(padding=(0, 2))
    for what, value in (
        ("pulsefer", f"{__version__} on Python {platform.python_version()}"),
        ("libraries", ", ".join(found)),
        ("extras", ", ".join(there) or "none"),
        ("GPU", gpu),
        ("CPU threads", str(torch.get_num_threads())),
        *((f"licence: {what}", terms) for what, terms in LICENCES.items()),
    ):
        grid.add_row(what, escape(value))
    show(grid)
    for heart_rate, name in ((False, "STL"), (True, "MTL")):
        rows = layers(CrnnConfig(input=input, heart_rate=heart_rate))
        table = Table(title=f"{name}, input {input}", title_justify="left", show_footer=True)
        table.add_column("layer", "total")
        table.add_column("output shape")
        table.add_column("parameters", f"{sum(row.parameters for row in rows):,}", justify="right")
        for row in rows:
            table.add_row(row.name, row.output_shape, f"{row.parameters:,}")
        show(table)
    next_step("pulsefer demo")
    return OK


def _model(run: Path) -> int:
    from rich.markup import escape
    from rich.table import Table

    from pulsefer.inference.facts import facts_of

    told = facts_of(run)
    grid = Table.grid(padding=(0, 2))
    for what, value in (*told.lines, ("card", str(told.folder / "README.md"))):
        grid.add_row(what, escape(value))
    show(grid)
    next_step(f"pulsefer analyze VIDEO --model {run} --output FILE.csv")
    return OK
