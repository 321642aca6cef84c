"""On what, when and how: what stands beside every number."""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import sys
from pathlib import Path
from typing import Any

from pulsefer.core.version import __version__

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
DOCS = Path(__file__).parents[1] / "docs"


def provenance(module: str) -> dict[str, Any]:
    """Command, day, machine and versions; nothing that names a person or a host."""
    import av
    import numpy
    import torch

    if Path(sys.argv[0]).name == "__main__.py":  # all benchmarks in one go
        module = "benchmarks"
    return {
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "av": av.__version__,
        "pulsefer": __version__,
    }


def in_words(about: dict[str, Any]) -> str:
    """One sentence for a page."""
    load = about["load_1min"]
    shared = f", load {load:g} at the start: other work ran beside" if load else ""
    return (
        f"`{about['command']}`, {about['date']}, {about['processor']}, {about['cores']} cores"
        f"{shared}; Python {about['python']}, PyTorch {about['torch']}, PyAV {about['av']}, "
        f"PulseFER {about['pulsefer']}."
    )


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    name = platform.processor() or "unknown"
    if cpuinfo.is_file():
        for line in cpuinfo.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    return f"{name} ({platform.machine()})"
