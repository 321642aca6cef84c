"""From labelled pictures to a store of faces: find the face, make pixels square, keep 64x64.

A picture that cannot be used is skipped, named and counted; the others go on. A kill leaves whole
parts or none, and a second start makes only what is missing: the bytes are the same.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import sweep, whole_file, whole_folder
from pulsefer.core.fingerprint import canonical_json, fingerprint
from pulsefer.core.types import Still
from pulsefer.samples.face_store import (
    COLUMNS,
    DIMENSIONS,
    FORMAT,
    RECORDINGS_JSON,
    STILLS_JSON,
    FaceStore,
    open_face_store,
    read_faces_json,
    read_part,
    write_face_index,
    write_part,
)
from pulsefer.samples.still_face import StillsConfig, detector, face_of

__all__ = ["PreparedStills", "StillsConfig", "prepare_stills"]

MOST_OF_A_PART = 256
USUAL_PART = 128
"""A part ends, on average, after so many pictures, at one whose name decides it: a picture more or
less, or a folder that comes later, changes the part that it falls into and no other."""


@dataclass(frozen=True)
class PreparedStills:
    """What `prepare_stills` did.

    Attributes:
        store: The open store; None if it holds no face.
        n_made: Faces made now.
        n_kept: Faces that were already there.
        problems: Pictures that were skipped, each under its id.
    """

    store: FaceStore | None
    n_made: int
    n_kept: int
    problems: tuple[Problem, ...]

    @property
    def n_skipped(self) -> int:
        """Pictures that could not be used."""
        return len({p.where for p in self.problems if p.severity == "error"})


def prepare_stills(
    stills: Iterable[Still],
    *,
    store: Path,
    config: StillsConfig | None = None,
    workers: int = 1,
    on_problem: OnProblem | None = None,
    advance: Callable[[float], None] | None = None,
) -> PreparedStills:
    """Make or complete a store of faces.

    Args:
        stills: From any reader, in any order.
        store: Folder; made if absent. Faces that it already holds stay.
        config: None takes the paper's crop.
        workers: Processes.
        on_problem: Told of every picture that is skipped, as its part is done.
        advance: Called with the number of pictures after every part.

    Raises:
        BadInput: the folder holds a store that was made in another way, or of recordings.
    """
    store = Path(store)
    config = config or StillsConfig()
    description = _description(config)
    _claim(store, description)
    sweep(store)
    sweep(store / "parts")
    problems: list[Problem] = []

    def tell(problem: Problem) -> None:
        problems.append(problem)
        if on_problem:
            on_problem(problem)

    wanted = _once(stills, tell)
    jobs = [_Job(part, store, config, fingerprint(description)) for part in _parts(wanted)]
    new: list[str] = []
    n_made = n_kept = 0
    for number, outcome in fan_out(_prepare_part, jobs, workers=workers):
        for problem in outcome.problems:
            tell(problem)
        n_made += outcome.n_faces * outcome.made
        n_kept += outcome.n_faces * (not outcome.made)
        if outcome.key is not None:
            new.append(outcome.key)
        if advance:
            advance(len(jobs[number].stills))
    table = _gather(store, config.crop.size_px, new, tell)
    write_face_index(store, table)
    problems.sort(key=lambda problem: (problem.where, problem.found))
    found = None if table.empty else open_face_store(store)
    return PreparedStills(found, n_made, n_kept, tuple(problems))


def _once(stills: Iterable[Still], on_problem: OnProblem) -> list[Still]:
    """Pictures in the order of their ids; a second one of the same name is left out."""
    wanted: list[Still] = []
    for still in sorted(stills, key=lambda still: (still.dataset, still.name)):
        if wanted and wanted[-1].id == still.id:
            on_problem(Problem(still.id, "a name that occurs once", "a second picture"))
        else:
            wanted.append(still)
    return wanted


def _parts(stills: Sequence[Still]) -> list[tuple[Still, ...]]:
    parts: list[tuple[Still, ...]] = []
    part: list[Still] = []
    for still in stills:
        part.append(still)
        ends = int(fingerprint(still.id), 16) % USUAL_PART == 0
        if ends or len(part) == MOST_OF_A_PART:
            parts.append(tuple(part))
            part = []
    return [*parts, tuple(part)] if part else parts


@dataclass(frozen=True)
class _Job:
    stills: tuple[Still, ...]
    store: Path
    config: StillsConfig
    made_how: str


@dataclass(frozen=True)
class _Outcome:
    key: str | None
    n_faces: int
    made: bool
    problems: tuple[Problem, ...]


def _prepare_part(job: _Job) -> _Outcome:
    size = job.config.crop.size_px
    contents = [_content(still) for still in job.stills]
    key = fingerprint(
        {
            "how": job.made_how,
            "stills": [
                [s.id, s.person, s.clip, s.valence, s.arousal, s.data_kind, content]
                for s, content in zip(job.stills, contents, strict=True)
            ],
        },
        length=24,
    )
    folder = job.store / "parts" / key
    try:
        part = read_part(folder, size)
        return _Outcome(key, part.n_faces, False, part.problems)
    except BadInput:
        pass  # absent or damaged: it is made
    faces: list[NDArray[np.uint8]] = []
    rows: list[list[Any]] = []
    problems: list[Problem] = []
    for still in job.stills:
        try:
            _check_labels(still)
            faces.append(face_of(still.load(), job.config))
            rows.append([getattr(still, column) for column in COLUMNS])
        except (BadInput, OSError) as error:
            problems.append(_named(still, error))
    picture = np.stack(faces) if faces else np.empty((0, size, size, 3), np.uint8)
    try:
        with whole_folder(folder) as place:
            write_part(place, picture, _table(rows), problems)
    except OSError as error:
        first, last = job.stills[0].id, job.stills[-1].id
        lost = Problem(f"{first} to {last}", "a folder that can be written", str(error))
        return _Outcome(None, 0, False, (lost,))
    return _Outcome(key, len(faces), True, tuple(problems))


def _content(still: Still) -> str | None:
    """None where it cannot be read: once it can, its part has another key."""
    try:
        return still.content()
    except (BadInput, OSError):
        return None


def _named(still: Still, error: BadInput | OSError) -> Problem:
    """The problem under the picture's id."""
    if isinstance(error, OSError):
        return Problem(still.id, "a picture that can be read", str(error))
    found = error.problem
    return Problem(still.id, found.expected, f"{found.found} ({found.where})", found.remedy)


def _check_labels(still: Still) -> None:
    for name in DIMENSIONS:
        value = getattr(still, name)
        if not (math.isnan(value) or -1.0 <= value <= 1.0):
            raise BadInput(name, expected="-1 to 1, or NaN", found=str(value))


def _table(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(DIMENSIONS, np.float64))


def _gather(store: Path, size_px: int, new: Sequence[str], on_problem: OnProblem) -> pd.DataFrame:
    """All faces of the store, of each picture the newest; parts that nobody needs are removed."""
    there: set[str] = set()
    tables = [_table([]).assign(part="", place=0)]
    newest_first = sorted(
        (store / "parts").glob("[!.]*"), key=lambda f: (f.name not in new, f.name)
    )
    for folder in newest_first:
        try:
            table = read_part(folder, size_px).table
        except BadInput as bad:
            on_problem(bad.problem)
            continue
        ids = table["dataset"] + "/" + table["name"]
        stays = table[~ids.isin(there)]
        there.update(ids)
        if len(stays):
            tables.append(stays)
        elif folder.name not in new:
            _remove(folder)
    return pd.concat(tables[1:], ignore_index=True) if len(tables) > 1 else tables[0]


def _remove(folder: Path) -> None:
    """Take away a part whose pictures are all in newer ones."""
    # Out of the way first: of a removal that is cut short, `sweep` takes the rest.
    away = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(away, ignore_errors=True)
    folder.rename(away)
    shutil.rmtree(away)


def _claim(store: Path, wanted: dict[str, Any]) -> None:
    """Write what the store is, or make sure that it is that."""
    if (store / RECORDINGS_JSON).is_file():
        raise BadInput(
            str(store),
            expected="an empty folder, or a store of single pictures",
            found="a store of recordings",
            remedy="choose another --store",
        )
    (store / "parts").mkdir(parents=True, exist_ok=True)
    if (store / STILLS_JSON).is_file():
        there = read_faces_json(store)
        if there != wanted:
            differing = sorted(k for k in wanted.keys() | there.keys()
                               if wanted.get(k) != there.get(k))  # fmt: skip
            raise BadInput(
                str(store),
                expected="a store made with the same settings",
                found=f"other values of {', '.join(differing)}",
                remedy="choose another --store, or delete this one",
            )
        return
    with whole_file(store / STILLS_JSON) as part:
        part.write_text(
            json.dumps({"format": FORMAT, "config": wanted}, indent=1, sort_keys=True), "utf-8"
        )


def _description(config: StillsConfig) -> dict[str, Any]:
    """Everything that decides what faces look like: the settings, and the detector's weights."""
    finder = detector(config.min_face_fraction)
    settings: dict[str, Any] = json.loads(canonical_json(config))
    return {**settings, "detector": {"name": finder.name, "fingerprint": finder.fingerprint}}
