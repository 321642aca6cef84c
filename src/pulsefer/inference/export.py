"""A table to a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pulsefer.core.files import whole_file

SUFFIXES = (".csv", ".parquet")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write CSV or Parquet by the suffix. Parquet carries `attrs` in its metadata.

    Raises:
        ValueError: another suffix.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"output ends in {' or '.join(SUFFIXES)}, found {path.name!r}")
    with whole_file(path) as part:
        if path.suffix.lower() == ".csv":
            table.to_csv(part, index=False, float_format="%.6g")
        else:
            table.to_parquet(part, index=False)
