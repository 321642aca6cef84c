"""The store of single pictures: 64x64 faces with valence and arousal, read a row at a time.

    STORE/faces.json                how the faces were made; one way per store
    STORE/index.parquet             a row per face
    STORE/parts/<key>/faces.u8      (n, 64, 64, 3) uint8 RGB, raw
                      faces.parquet a row per face of the part: whose, which clip, labels
                      part.json     how many faces, and which pictures were skipped and why

The key is made from the pictures' bytes, their labels and the configuration: what is there need
not be made again, and what was made differently has another name. Parts are not mapped into
memory: a large data set has more of them than a system lets a process hold open.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.files import whole_file
from pulsefer.core.types import DataKind

FORMAT = 1
"""Number of the layout above; a store of another number is refused."""
STILLS_JSON = "faces.json"
"""What a store of single pictures has and a store of recordings has not."""
RECORDINGS_JSON = "store.json"
"""The other way round."""
DIMENSIONS = ("valence", "arousal")
COLUMNS = ("dataset", "person", "clip", "name", *DIMENSIONS, "data_kind")
"""Columns of `faces.parquet`; `index.parquet` has `part` and `place` (row of the part) besides."""


@dataclass(frozen=True)
class FaceStore:
    """A folder of faces, in the order of their ids.

    Attributes:
        path: The folder.
        table: A row per face: dataset, person, clip, name, valence and arousal (-1 to 1, NaN where
            not known), data_kind, part, place.
        config: How the faces were found and cut.
    """

    path: Path
    table: pd.DataFrame
    config: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def data_kind(self) -> DataKind:
        """Either kind; "synthetic" as soon as one face is."""
        return "real" if set(self.table["data_kind"]) == {"real"} else "synthetic"

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets in it, sorted."""
        return tuple(sorted(set(self.table["dataset"])))

    @property
    def crop(self) -> Mapping[str, Any]:
        """Geometry of the crop, the fields of `CropConfig`."""
        return cast("Mapping[str, Any]", self.config["crop"])

    def faces(self, indices: Sequence[int] | NDArray[np.intp]) -> NDArray[np.uint8]:
        """Faces by their rows of the table.

        Args:
            indices: (n,).

        Returns:
            (n, 64, 64, 3) uint8 RGB.

        Raises:
            BadInput: a part was cut after the store was opened.
        """
        chosen = np.asarray(indices, np.intp)
        part, place = self._places
        size = int(self.crop["size_px"])
        found = np.empty((len(chosen), size, size, 3), np.uint8)
        for number in np.unique(part[chosen]):
            path = self.path / "parts" / str(self._keys[number]) / "faces.u8"
            with path.open("rb", buffering=0) as file:
                for row in np.flatnonzero(part[chosen] == number):
                    file.seek(int(place[chosen[row]]) * found[row].nbytes)
                    if file.readinto(found[row].data) != found[row].nbytes:
                        raise BadInput(str(path), expected="a face", found="the end of the file")
        return found

    @functools.cached_property
    def _keys(self) -> NDArray[np.object_]:
        return np.unique(self.table["part"].to_numpy(object))

    @functools.cached_property
    def _places(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """(n,) number of the part and (n,) row in it."""
        part = np.searchsorted(self._keys, self.table["part"].to_numpy(object))
        return part, self.table["place"].to_numpy(np.intp)


def open_face_store(path: Path) -> FaceStore:
    """Open what `prepare_stills` made.

    Raises:
        BadInput: no store there, one of recordings, an empty or damaged one, or one of another
            layout.
    """
    path = Path(path)
    index = path / "index.parquet"
    if (path / RECORDINGS_JSON).is_file():
        raise BadInput(
            str(path),
            expected="a store of single pictures",
            found="a store of recordings",
            remedy="train on it with `pulsefer train STORE`; pre-training takes what "
            "`pulsefer data prepare afew_va ROOT --store DIR` makes",
        )
    if not index.is_file():
        raise BadInput(
            str(path),
            expected=f"a store of single pictures with {STILLS_JSON} and index.parquet",
            found="none",
            remedy="make one with `pulsefer data prepare afew_va ROOT --store DIR`",
        )
    config = read_faces_json(path)
    try:
        table = pd.read_parquet(index)
        table = table[[*COLUMNS, "part", "place"]]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(
            str(index),
            expected="a table of faces",
            found=f"{type(error).__name__}: {error}",
            remedy="prepare again into the same folder; only what is missing is made",
        ) from error
    if table.empty:
        raise BadInput(
            str(path),
            expected="at least one face",
            found="an empty index",
            remedy="look at what was skipped and why",
        )
    size = int(config["crop"]["size_px"])
    for key, last in table.groupby("part")["place"].max().items():
        part = read_part(path / "parts" / str(key), size)
        if last >= part.n_faces:
            raise BadInput(
                str(index),
                expected=f"up to {part.n_faces} faces in part {key}",
                found=f"row {last}",
                remedy="prepare again into the same folder",
            )
    return FaceStore(path, table, config)


def read_faces_json(path: Path) -> dict[str, Any]:
    """How the faces of a store were made, or BadInput."""
    file = path / STILLS_JSON
    try:
        description = json.loads(file.read_text("utf-8"))
        found = int(description["format"])
        config = cast("dict[str, Any]", description["config"])
        int(config["crop"]["size_px"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            str(file), expected="a store description", found=f"{type(error).__name__}: {error}"
        ) from error
    if found != FORMAT:
        raise BadInput(
            str(file),
            expected=f"a store of layout {FORMAT}",
            found=f"layout {found}",
            remedy="prepare again into a new folder",
        )
    return config


@dataclass(frozen=True)
class Part:
    """Up to some hundred faces that were made together.

    Attributes:
        folder: `STORE/parts/<key>`.
        n_faces: Faces in it.
        problems: Pictures that gave none.
    """

    folder: Path
    n_faces: int
    problems: tuple[Problem, ...]

    @property
    def table(self) -> pd.DataFrame:
        """A row per face, with `part` and `place`."""
        table = pd.read_parquet(self.folder / "faces.parquet")
        return table.assign(part=self.folder.name, place=np.arange(len(table)))


def read_part(folder: Path, size_px: int) -> Part:
    """One part, or BadInput if its description is missing or its faces are cut."""
    try:
        about = json.loads((folder / "part.json").read_text("utf-8"))
        part = Part(folder, int(about["n_faces"]), tuple(Problem(**p) for p in about["problems"]))
        found = (folder / "faces.u8").stat().st_size
        (folder / "faces.parquet").stat()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            str(folder), expected="a part of a store", found=f"{type(error).__name__}: {error}"
        ) from error
    if found != (expected := part.n_faces * size_px * size_px * 3):
        raise BadInput(
            str(folder / "faces.u8"),
            expected=f"{expected} bytes",
            found=f"{found}",
            remedy="prepare again into the same folder",
        )
    return part


def write_part(
    folder: Path, faces: NDArray[np.uint8], table: pd.DataFrame, problems: Sequence[Problem] = ()
) -> None:
    """Fill an empty folder with a part.

    Args:
        folder: Already there.
        faces: (n, size, size, 3) uint8 RGB.
        table: n rows of `COLUMNS`.
        problems: Pictures that gave no face.
    """
    (folder / "faces.u8").write_bytes(np.ascontiguousarray(faces).tobytes())
    table[list(COLUMNS)].to_parquet(folder / "faces.parquet", index=False)
    about = {
        "n_faces": len(faces),
        "problems": [
            {"where": p.where, "expected": p.expected, "found": p.found, "remedy": p.remedy}
            for p in problems
        ],
    }
    (folder / "part.json").write_text(json.dumps(about, indent=1, sort_keys=True), "utf-8")


def write_face_index(path: Path, table: pd.DataFrame) -> None:
    """Put the table of faces beside the parts, sorted by id."""
    table = table[[*COLUMNS, "part", "place"]].sort_values(["dataset", "name"], ignore_index=True)
    with whole_file(path / "index.parquet") as part:
        table.to_parquet(part, index=False)
