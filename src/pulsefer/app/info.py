"""`pulsefer info`."""

from __future__ import annotations

import platform
from typing import Literal

import pulsefer
from pulsefer.app.console import OK, next_step
from pulsefer.core.extras import extras, versions
from pulsefer.models.crnn import CrnnConfig
from pulsefer.models.layers import layers


def info(*, input: Literal["appearance", "difference", "both"] = "appearance") -> int:
    """Versions, extras found, devices, and the network layer by layer.

    Args:
        input: What the network sees: appearance (the paper's), difference, or both.
    """
    import torch
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"pulsefer {pulsefer.__version__}, Python {platform.python_version()}")
    found = [f"{name} {version}" for name, version in versions().items() if version]
    console.print(", ".join(found), highlight=False)
    for name, there in extras().items():
        console.print(f"extra [{name}]: {'found' if there else 'not installed'}", markup=False)
    cuda = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    console.print(f"GPU: {cuda}; CPU threads: {torch.get_num_threads()}", highlight=False)
    for heart_rate, name in ((False, "STL"), (True, "MTL")):
        rows = layers(CrnnConfig(input=input, heart_rate=heart_rate))
        table = Table(title=f"{name}, input {input}", title_justify="left", show_footer=True)
        table.add_column("layer", "total")
        table.add_column("output shape")
        table.add_column("parameters", f"{sum(row.parameters for row in rows):,}", justify="right")
        for row in rows:
            table.add_row(row.name, row.output_shape, f"{row.parameters:,}")
        console.print(table)
    next_step("pulsefer demo")
    return OK
