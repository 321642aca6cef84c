"""Windows in one Parquet file: cutting them finds every beat of a data set, which takes minutes."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.samples.window import Window, WindowConfig, Windows

ABOUT = b"pulsefer.windows"
"""Key of the file's metadata: configuration, what was left out, why rates were rejected."""


def write_windows(path: Path, windows: Windows) -> None:
    """One row per window; what `window` counted goes into the metadata."""
    # Not through pandas: it would write an unknown rate (NaN) as a missing value.
    columns = {
        field.name: [getattr(one, field.name) for one in windows.windows]
        for field in fields(Window)
    }
    about = {
        "config": asdict(windows.config),
        "left_out": dict(windows.left_out),
        "hr_rejected": dict(windows.hr_rejected),
    }
    with whole_file(path) as part:
        pq.write_table(
            pa.table(columns).replace_schema_metadata({ABOUT: json.dumps(about, sort_keys=True)}),
            part,
        )


def read_windows(path: Path) -> Windows:
    """What `write_windows` was given, equal in every field.

    Raises:
        BadInput: no such file, or none that `write_windows` made.
    """
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {})[ABOUT])
        columns = [table[field.name].to_pylist() for field in fields(Window)]
        return Windows(
            tuple(Window(*values) for values in zip(*columns, strict=True)),
            WindowConfig(**about["config"]),
            about["left_out"],
            about["hr_rejected"],
        )
    except (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            str(path),
            expected="windows as `write_windows` writes them",
            found=f"{type(error).__name__}: {error}",
            remedy="delete the file; they are cut again",
        ) from error
