"""The table as BIDS physiological recordings: `*_physio.tsv.gz` and its JSON, one per face.

Brain Imaging Data Structure 1.11, "Physiological recordings" and "Tabular files": even samples,
tabs, no header, `n/a` for what is missing; the JSON file has to give `SamplingFrequency`,
`StartTime` and `Columns`.
"""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.version import __version__
from pulsefer.inference.columns import COLUMNS, faces
from pulsefer.inference.sidecar import json_text, read_object
from pulsefer.inference.steps import Steps, steps

STEM = re.compile(
    r"sub-[0-9A-Za-z]+(_ses-[0-9A-Za-z]+)?_task-[0-9A-Za-z]+(_acq-[0-9A-Za-z]+)?(_run-[0-9]+)?"
)
"""What may stand before `_recording-…_physio`, in the order that BIDS wants."""

ENDING = "_physio.tsv.gz"
OURS = "Pulsefer"
"""Key of the JSON file that tells one of ours from a recording of the user's."""


def check_bids(path: Path | str) -> Path:
    """The stem of the files, without `_recording-…_physio`.

    Choice: who it is and what the task was have to be given in the name. A label made up from the
    video's name would put that name, which may be a person's, into a data set that is shared.

    Raises:
        BadInput: a name without `sub-` and `task-`, or recordings there that are not ours.

    >>> check_bids("sub-01_task-talk_physio.tsv.gz").name
    'sub-01_task-talk'
    """
    path = Path(path)
    stem = path.with_name(path.name.removesuffix(ENDING)) if path.name else path
    if path.is_dir() or not STEM.fullmatch(stem.name):
        raise BadInput(
            str(path),
            expected="sub-LABEL[_ses-LABEL]_task-LABEL[_acq-LABEL][_run-NUMBER], then "
            f"{ENDING} or nothing; labels are letters and digits",
            found="a folder" if path.is_dir() else repr(path.name),
            remedy=f"for example sub-01/beh/sub-01_task-interview{ENDING}; "
            "_recording-… is added for each face",
        )
    for place in _written(stem):
        if OURS not in read_object(place):
            raise BadInput(
                str(place),
                expected="nothing there, or what was written from an earlier table",
                found="another recording",
                remedy="give the name an entity of its own, for example _acq-video",
            )
    return stem


def write_bids(table: pd.DataFrame, path: Path | str) -> tuple[Path, ...]:
    """Write a recording per face, each with every step of the table.

    Choice: numbers alone. Readers of these files take them as an array, so `hr_reason`, which is
    text, stays in CSV and Parquet. The video's name stays there too; its SHA-256 is kept.

    Where there was no face at all, one recording `noface` says so with `n/a` in every step.
    Recordings of ours under the same name that this table does not have are taken away.

    Args:
        table: What `Analyzer` gives for a video.
        path: `FOLDER/sub-01_task-interview`, with or without `_physio.tsv.gz`.

    Returns:
        For each face the recording and its JSON file.

    Raises:
        BadInput: a name that BIDS does not allow, pictures instead of a video, or times that fit
            no even steps.
    """
    stem = check_bids(path)
    even = steps(table, where=str(path))
    columns = [name for name in COLUMNS if name in table and name not in ("time_s", "face_id")]
    columns = [name for name in columns if COLUMNS[name].unit]
    old = set(_written(stem))
    written: list[Path] = []
    shown: list[int | None] = [*faces(table)]
    for face in shown or [None]:
        rows = (table["face_id"] == face).fillna(False).to_numpy(bool)
        label = "noface" if face is None else f"face{face}"
        data = stem.with_name(f"{stem.name}_recording-{label}{ENDING}")
        about = data.with_name(data.name.removesuffix(".tsv.gz") + ".json")
        values = {
            name: even.place(rows, table[name].to_numpy(np.float64, na_value=np.nan))
            for name in columns
        }
        with whole_file(about) as part:
            told = _about(table, even, columns, task=stem.name.split("_task-")[1].split("_")[0])
            part.write_text(json_text(told), "utf-8", newline="\n")
        with whole_file(data) as part:
            part.write_bytes(_packed(pd.DataFrame(values)))
        written += [data, about]
    for gone in old - set(written):
        gone.with_name(gone.name.removesuffix(".json") + ".tsv.gz").unlink(missing_ok=True)
        gone.unlink()
    return tuple(written)


def _about(table: pd.DataFrame, even: Steps, columns: list[str], *, task: str) -> dict[str, Any]:
    return {
        "TaskName": task,
        "SamplingFrequency": 1 / even.step_s,
        "StartTime": even.start_s,
        "Columns": columns,
        "PhysioType": "generic",
        "SoftwareVersions": f"PulseFER {table.attrs.get('pulsefer', __version__)}",
        OURS: {key: value for key, value in table.attrs.items() if key != "source"},
        **{
            name: {
                "Description": f"{COLUMNS[name].meaning} Range: {COLUMNS[name].range}.",
                "Units": COLUMNS[name].unit,
            }
            for name in columns
        },
    }


def _packed(values: pd.DataFrame) -> bytes:
    text = values.to_csv(
        sep="\t", header=False, index=False, na_rep="n/a", float_format="%.6g", lineterminator="\n"
    )
    buffer = io.BytesIO()
    # No name and no hour in the header: the same table gives the same bytes.
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    return buffer.getvalue()


def _written(stem: Path) -> list[Path]:
    """JSON files of the recordings of faces under this name."""
    own = re.compile(re.escape(stem.name) + r"_recording-(face[0-9]+|noface)_physio\.json")
    if not stem.parent.is_dir():
        return []
    return sorted(path for path in stem.parent.iterdir() if own.fullmatch(path.name))
