"""The store: 64x64 faces, memory-mapped, and one Parquet index. Content names everything.

    STORE/store.json                      how the faces were made; one way per store
    STORE/index.parquet                   a row per recording
    STORE/recordings/<key>/faces.u8       (n, 64, 64, 3) uint8 RGB, raw
                           track.parquet  a row per frame: time, box, skin colour, face or not
                           signal.npy     the contact signal of the pulse, float64
                           eda.npy        another one, where it could be read
                           record.json    who, what, ratings, shapes

The key is made from the video's bytes, the signal, the labels and the configuration: what is
there need not be made again, and what was made differently has another name. Signals beside the
pulse are no part of it (`other_signals`); the record has a fingerprint of each.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.types import DataKind, Signal, SignalKind
from pulsefer.samples.face_store import STILLS_JSON

FORMAT = 1
"""Number of the layout above; a store of another number is refused."""

RATINGS = ("valence", "arousal")

FACES = ("follow", "detector")
"""What of a store's settings decides how a face looks. Rates and thresholds do not."""


@dataclass(frozen=True)
class StoredRecording:
    """One prepared recording. Arrays are opened when asked for.

    Attributes:
        folder: `STORE/recordings/<key>`.
        record: What `record.json` says.
    """

    folder: Path
    record: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Content address."""
        return self.folder.name

    @property
    def id(self) -> str:
        """Like `Recording.id`: "deap/s01/trial01"."""
        return f"{self.record['dataset']}/{self.record['subject']}/{self.record['trial']}"

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return str(self.record["dataset"])

    @property
    def subject(self) -> str:
        """Name of the person, unique inside the data set."""
        return str(self.record["subject"])

    @property
    def trial(self) -> str:
        """Name of the trial, unique for the person."""
        return str(self.record["trial"])

    @property
    def stimulus(self) -> str:
        """Name of the clip that was watched."""
        return str(self.record["stimulus"])

    @property
    def data_kind(self) -> DataKind:
        """Either "real" or "synthetic"."""
        return cast(DataKind, self.record["data_kind"])

    @property
    def length_s(self) -> float:
        """Length of the trial, seconds."""
        return float(self.record["length_s"])

    @cached_property
    def faces(self) -> NDArray[np.uint8]:
        """(n, 64, 64, 3) uint8 RGB, memory-mapped, read only. Zeros where there was no face."""
        shape = tuple(int(size) for size in self.record["faces_shape"])
        if math.prod(shape) == 0:
            return np.zeros(shape, np.uint8)
        return np.memmap(self.folder / "faces.u8", np.uint8, "r", shape=shape)

    @cached_property
    def track(self) -> pd.DataFrame:
        """A row per stored frame: time_s, seen, held, box_*_px, skin_r, skin_g, skin_b."""
        return pd.read_parquet(self.folder / "track.parquet")

    @cached_property
    def time_s(self) -> NDArray[np.float64]:
        """(n,) times of the stored frames."""
        return np.asarray(self.track["time_s"], np.float64)

    @cached_property
    def seen(self) -> NDArray[np.bool_]:
        """(n,) whether the frame shows a face."""
        return np.asarray(self.track["seen"], bool)

    @cached_property
    def signal(self) -> Signal:
        """The contact signal on the video's clock."""
        values = np.load(self.folder / "signal.npy", allow_pickle=False)
        kind = cast(SignalKind, self.record["signal_kind"])
        return Signal(
            kind, values, float(self.record["signal_fs_hz"]), float(self.record["signal_start_s"])
        )

    @cached_property
    def others(self) -> Mapping[SignalKind, Signal]:
        """Signals beside the pulse by kind ("eda"), on the same clock; empty where none is kept."""
        return {
            cast(SignalKind, kind): Signal(
                cast(SignalKind, kind),
                np.load(self.folder / f"{kind}.npy", allow_pickle=False),
                float(about["fs_hz"]),
                float(about["start_s"]),
            )
            for kind, about in self.record.get("others", {}).items()
        }


@dataclass(frozen=True)
class Store:
    """A folder of prepared recordings, in the order of their ids."""

    path: Path
    recordings: tuple[StoredRecording, ...]
    config: Mapping[str, Any]

    def __iter__(self) -> Iterator[StoredRecording]:
        return iter(self.recordings)

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def data_kind(self) -> DataKind:
        """Either kind; "synthetic" as soon as one recording is."""
        kinds = {recording.data_kind for recording in self.recordings}
        return "real" if kinds == {"real"} else "synthetic"

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the data sets in it, sorted."""
        return tuple(sorted({recording.dataset for recording in self.recordings}))


def open_store(path: Path) -> Store:
    """Open what `prepare` made.

    Raises:
        BadInput: no store there, an empty one, or one of another layout.
    """
    path = Path(path)
    if (path / STILLS_JSON).is_file():
        raise BadInput(
            str(path),
            expected="a store of trials",
            found="one of single pictures",
            remedy=f"use it by `pulsefer pretrain {path} --out RUN`",
        )
    index = path / "index.parquet"
    if not index.is_file():
        raise BadInput(
            str(path),
            expected="a store with index.parquet",
            found="none",
            remedy="make one with `pulsefer data prepare deap ROOT --store DIR`",
        )
    config = read_store_json(path)
    keys = pd.read_parquet(index)["key"]
    recordings = tuple(read_record(path / "recordings" / key) for key in keys)
    if not recordings:
        raise BadInput(
            str(path),
            expected="at least one prepared recording",
            found="an empty index",
            remedy="look at what `prepare` skipped and why",
        )
    return Store(path, recordings, config)


def open_stores(paths: Sequence[Path]) -> Store:
    """Several stores as one, for training on data sets together.

    Frame rates may differ: windows are found by time. A recording that is in two of them counts
    once.

    Raises:
        BadInput: as `open_store`; faces that were cut differently; or one trial twice, prepared
            from different files.
    """
    stores = [open_store(path) for path in paths]
    first, *others = stores
    for other in others:
        require_alike(other, first.config, f"{first.path}")
    by_id: dict[str, StoredRecording] = {}
    for recording in (recording for store in stores for recording in store):
        there = by_id.setdefault(recording.id, recording)
        if there.key != recording.key:
            raise BadInput(
                str(recording.folder),
                expected=f"{recording.id} once",
                found=f"another one, made from other files, at {there.folder}",
                remedy="leave one of the two stores out",
            )
    together = {
        name: value if len(differing) == 1 else differing
        for name, value in first.config.items()
        for differing in [_distinct(store.config[name] for store in stores)]
    }
    return Store(first.path, tuple(by_id[name] for name in sorted(by_id)), together)


def require_alike(store: Store, config: Mapping[str, Any], whose: str) -> None:
    """Refuse faces that were found or cut otherwise than those of `config`.

    Raises:
        BadInput: so it is; the message names what differs.
    """
    differing = [name for name in FACES if store.config.get(name) != config.get(name)]
    if differing:
        raise BadInput(
            str(store.path),
            expected=f"faces found and cut as in {whose}",
            found=f"other values of {', '.join(differing)}",
            remedy="prepare again into a new store, with the same options",
        )


def _distinct(values: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def read_store_json(path: Path) -> dict[str, Any]:
    """The store's own description, or BadInput."""
    file = path / "store.json"
    try:
        description = cast("dict[str, Any]", json.loads(file.read_text("utf-8")))
        found = int(description["format"])
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
    return cast("dict[str, Any]", description["config"])


def read_record(folder: Path) -> StoredRecording:
    """One recording, or BadInput if its description is missing or its faces are cut."""
    try:
        record = json.loads((folder / "record.json").read_text("utf-8"))
        expected = math.prod(record["faces_shape"])
        found = (folder / "faces.u8").stat().st_size
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            str(folder), expected="a prepared recording", found=f"{type(error).__name__}: {error}"
        ) from error
    if expected != found:
        raise BadInput(
            str(folder / "faces.u8"),
            expected=f"{expected} bytes",
            found=f"{found}",
            remedy="delete this folder and prepare again",
        )
    return StoredRecording(folder, record)


def write_index(path: Path, recordings: list[StoredRecording]) -> None:
    """Put the table of recordings beside them, sorted by id."""
    rows = [
        {
            "id": recording.id,
            "key": recording.key,
            "dataset": recording.dataset,
            "subject": recording.subject,
            "trial": recording.trial,
            "stimulus": recording.stimulus,
            "data_kind": recording.data_kind,
            "length_s": recording.length_s,
            "n_frames": len(recording.track),
            "face_share": float(recording.seen.mean()) if len(recording.track) else 0.0,
            **{name: float(recording.record["ratings"].get(name, math.nan)) for name in RATINGS},
        }
        for recording in sorted(recordings, key=lambda recording: recording.id)
    ]
    columns = [
        "id", "key", "dataset", "subject", "trial", "stimulus", "data_kind", "length_s",
        "n_frames", "face_share", *RATINGS,
    ]  # fmt: skip
    with whole_file(path / "index.parquet") as part:
        pd.DataFrame(rows, columns=columns).to_parquet(part, index=False)
