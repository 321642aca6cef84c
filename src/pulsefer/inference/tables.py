"""A table to a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file

SUFFIXES = (".csv", ".parquet")


def check_output(path: Path) -> None:
    """Refuse a name that `write_table` could not write: before the work, not after it.

    Raises:
        BadInput: another suffix, or a folder.
    """
    if path.suffix.lower() not in SUFFIXES or path.is_dir():
        raise BadInput(
            str(path),
            expected=f"an output file that ends in {' or '.join(SUFFIXES)}",
            found="a folder" if path.is_dir() else repr(path.suffix),
            remedy=f"for example {path.with_suffix(SUFFIXES[0]).name}",
        )


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write CSV or Parquet by the suffix. Parquet carries `attrs` in its metadata.

    Raises:
        BadInput: another suffix.
    """
    path = Path(path)
    check_output(path)
    with whole_file(path) as part:
        if path.suffix.lower() == ".csv":
            # Six digits: a hundredth of a pixel and of a bpm, whatever the last bit was.
            table.to_csv(part, index=False, float_format="%.6g")
        else:
            table.to_parquet(part, index=False)
