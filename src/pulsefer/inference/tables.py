"""A table to a file, whole or not at all; the name says in which format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.inference.bids import check_bids, write_bids
from pulsefer.inference.columns import COLUMNS
from pulsefer.inference.fex import write_fex
from pulsefer.inference.sidecar import check_sidecar, sidecar_path, write_sidecar

Format = Literal["csv", "parquet", "fex", "bids"]

ENDINGS: Mapping[Format, str] = {
    "fex": ".fex.csv",
    "bids": "_physio.tsv.gz",
    "csv": ".csv",
    "parquet": ".parquet",
}
"""The first that fits counts: `.fex.csv` is a `.csv` too."""


def check_output(path: Path | str, format: Format | None = None) -> Format:
    """Refuse what `write_table` could not write: before the work, not after it.

    Returns:
        The format.

    Raises:
        BadInput: a name of no format, a folder, a name that BIDS does not allow, or a file of the
            user's where the sidecar has to stand.

    >>> check_output("talk.fex.csv")
    'fex'
    """
    path = Path(path)
    name = path.name.lower()
    found = format or next((f for f, ending in ENDINGS.items() if name.endswith(ending)), None)
    if found is None or found not in ENDINGS or (path.is_dir() and found != "bids"):
        raise BadInput(
            str(path),
            expected="an output file that ends in "
            f"{', '.join(ENDINGS[f] for f in ('csv', 'parquet', 'fex'))} or {ENDINGS['bids']}",
            found="a folder" if path.is_dir() else repr(format or path.suffix),
            remedy=f"for example {path.with_suffix('.csv').name}" if path.name else "",
        )
    if found == "bids":
        check_bids(path)
    else:
        check_sidecar(path)
    return found


def write_table(
    table: pd.DataFrame, path: Path | str, format: Format | None = None
) -> tuple[Path, ...]:
    """Write CSV, Parquet, BIDS physio or py-feat's Fex: the same table gives the same bytes.

    Beside CSV, Parquet and Fex stands `FILE.json`, which says how the table was made and what its
    columns mean; BIDS has a JSON file of its own. Parquet carries `attrs` inside as well.

    Args:
        table: What `Analyzer` gives.
        path: `.csv`, `.parquet`, `.fex.csv` or `sub-…_task-…_physio.tsv.gz`.
        format: For a name that does not say it: "csv", "parquet", "fex" or "bids".

    Returns:
        The files that were written.

    Raises:
        BadInput: see `check_output`; or a table that the format cannot hold.
    """
    path = Path(path)
    found = check_output(path, format)
    if found == "bids":
        return write_bids(table, path)
    if found == "fex":
        return write_fex(table, path)
    with whole_file(path) as part:
        if found == "csv":
            part.write_text(csv_text(table), "utf-8", newline="\n")
        else:
            table.to_parquet(part, index=False)
    write_sidecar(path, table.attrs, {n: COLUMNS[n] for n in table.columns if n in COLUMNS})
    return (path, sidecar_path(path))


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV."""
    shown = table.copy(deep=False)
    if "time_s" in shown:
        # Six digits are too few for the fractions of a second after a few hours.
        shown["time_s"] = shown["time_s"].map("{:.12g}".format)
    # Six digits: a hundredth of a pixel and of a bpm, whatever the last bit was.
    text: str = shown.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return text
