"""From recordings to a store: decode once, follow the face, keep 64x64 pixels and the pulse.

A recording that cannot be used is skipped, named and counted; the others go on. A kill leaves
whole recordings or none, and a second start makes only what is missing: the bytes are the same.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import shutil
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import sweep, whole_file, whole_folder
from pulsefer.core.fingerprint import canonical_json, fingerprint, sha256_file
from pulsefer.core.types import Recording, Signal
from pulsefer.faces.follow import FollowConfig, Follower, SeenFace
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.faces.skin import skin_rgb
from pulsefer.media.video import frames, probe
from pulsefer.samples.other_signals import complete, read_others, write_others
from pulsefer.samples.store import (
    FORMAT,
    Store,
    open_store,
    read_record,
    read_store_json,
    write_index,
)
from pulsefer.signals.beats import beats

TRACK = (
    "time_s", "seen", "held", "box_x_px", "box_y_px", "box_w_px", "box_h_px",
    "skin_r", "skin_g", "skin_b",
)  # fmt: skip
"""Columns of `track.parquet`."""
SHORT_S = 0.5
"""A video may end this much before its trial does; DEAP's vary by a few frames."""


@dataclass(frozen=True)
class PrepareConfig:
    """How faces get into a store.

    Attributes:
        fps_hz: Frames kept per second, at most; every k-th of the video. None keeps all.
            Choice: 25 of DEAP's 50. A pulse up to 180 bpm needs 6, and the store halves.
        min_face_share: A recording whose face is seen in fewer of its frames is skipped.
        follow: How the face is found, followed and cut; always one face.
    """

    fps_hz: float | None = 25.0
    min_face_share: float = 0.5
    follow: FollowConfig = field(default_factory=FollowConfig)

    def __post_init__(self) -> None:
        if self.fps_hz is not None and self.fps_hz <= 0:
            raise ValueError(f"fps_hz must be positive, found {self.fps_hz}")
        if not 0.0 <= self.min_face_share <= 1.0:
            raise ValueError(f"min_face_share is 0-1, found {self.min_face_share}")
        # A trial has one person, whatever `follow` would allow for.
        object.__setattr__(self, "follow", dataclasses.replace(self.follow, max_faces=1))


@dataclass(frozen=True)
class Prepared:
    """What `prepare` did.

    Attributes:
        store: The open store; None if nothing could be prepared.
        n_made: Recordings made now.
        n_kept: Recordings that were already there.
        problems: What was skipped or deserves a look.
    """

    store: Store | None
    n_made: int
    n_kept: int
    problems: tuple[Problem, ...]

    @property
    def n_skipped(self) -> int:
        """Recordings that could not be used."""
        return len({p.where for p in self.problems if p.severity == "error"})


def prepare(
    recordings: Iterable[Recording],
    *,
    store: Path,
    config: PrepareConfig | None = None,
    workers: int = 1,
    on_problem: OnProblem | None = None,
    advance: Callable[[float], None] | None = None,
) -> Prepared:
    """Make or complete a store.

    Args:
        recordings: From any reader.
        store: Folder; made if absent. Recordings that it already holds stay.
        config: None takes the paper's crop at 25 frames/s.
        workers: Processes.
        on_problem: Told at once of every recording that is skipped.
        advance: Called with 1 after every recording.

    Raises:
        BadInput: the folder holds a store that was made in another way.
    """
    store = Path(store)
    config = config or PrepareConfig()
    description = _description(config)
    _claim(store, description)
    sweep(store)
    sweep(store / "recordings")
    jobs = [_Job(recording, store, config, fingerprint(description)) for recording in recordings]
    problems: list[Problem] = []
    newest: dict[str, str] = {}
    n_made = n_kept = 0
    for _number, outcome in fan_out(_prepare_one, jobs, workers=workers):
        for problem in outcome.problems:
            problems.append(problem)
            if on_problem:
                on_problem(problem)
        n_made += outcome.key is not None and outcome.made
        n_kept += outcome.key is not None and not outcome.made
        if outcome.key is not None:
            newest[outcome.id] = outcome.key
        if advance:
            advance(1)
    found = []
    for folder in sorted((store / "recordings").glob("[!.]*")):
        try:
            recording = read_record(folder)
        except BadInput as bad:
            problems.append(bad.problem)
            continue
        if newest.get(recording.id, recording.key) == recording.key:
            found.append(recording)
        else:
            _remove(folder)
    write_index(store, found)
    problems.sort(key=lambda problem: (problem.where, problem.found))
    return Prepared(open_store(store) if found else None, n_made, n_kept, tuple(problems))


@dataclass(frozen=True)
class _Job:
    recording: Recording
    store: Path
    config: PrepareConfig
    made_how: str


@dataclass(frozen=True)
class _Outcome:
    id: str
    key: str | None
    made: bool
    problems: tuple[Problem, ...]


def _prepare_one(job: _Job) -> _Outcome:
    recording = job.recording
    problems: list[Problem] = []
    try:
        signal = recording.load_signal()
        beats(signal)  # refuses what no pulse can be read from, before any frame is decoded
        others = read_others(recording, problems.append)
        video_sha256 = sha256_file(recording.video) if recording.video.is_file() else None
        key = fingerprint(
            {
                "how": job.made_how,
                "video": video_sha256,
                "signal": [signal.kind, signal.values, signal.fs_hz, signal.start_s],
                "id": recording.id,
                "stimulus": recording.stimulus,
                "ratings": dict(recording.ratings),
                "length_s": recording.length_s,
                "fps_hz": recording.fps_hz,
                "begin_s": recording.begin_s,
            },
            length=24,
        )
        folder = job.store / "recordings" / key
        made = not _is_whole(folder)
        if made:
            with whole_folder(folder) as part:
                record = _write(part, recording, signal, job.config, problems.append)
                record["video_sha256"] = video_sha256
                record |= write_others(part, others)
                text = json.dumps(record, indent=1, sort_keys=True)
                (part / "record.json").write_text(text, "utf-8")
        else:
            complete(folder, others)
    except (BadInput, OSError) as error:
        found = error.problem if isinstance(error, BadInput) else Problem(
            str(recording.video), "files that can be read and written", str(error)
        )  # fmt: skip
        problems.append(Problem(recording.id, found.expected, f"{found.found} ({found.where})",
                                found.remedy))  # fmt: skip
        return _Outcome(recording.id, None, False, tuple(problems))
    return _Outcome(recording.id, key, made, tuple(problems))


def _is_whole(folder: Path) -> bool:
    try:
        read_record(folder)
    except BadInput:
        return False
    return True


def _write(
    folder: Path,
    recording: Recording,
    signal: Signal,
    config: PrepareConfig,
    on_problem: OnProblem,
) -> dict[str, Any]:
    """Write everything but the record, which is returned."""
    info = probe(recording.video)
    source_hz = recording.fps_hz or info.fps_hz
    every = max(1, round(source_hz / config.fps_hz)) if config.fps_hz else 1
    follower = Follower(config.follow, _detector(config.follow))
    size = config.follow.crop.size_px
    empty = np.zeros((size, size, 3), np.uint8)
    columns = {name: array("d") for name in TRACK}  # 90 bytes a frame: an hour is nothing
    cut: list[Problem] = []
    with (folder / "faces.u8").open("wb") as file:
        for frame in frames(
            recording.video,
            every=every,
            fps_hz=recording.fps_hz,
            start_s=recording.begin_s,
            end_s=recording.begin_s + recording.length_s,
            on_problem=cut.append,
            threads=1,
        ):
            seen = follower.push(frame)
            crop = seen[0].crop if seen else empty
            file.write(np.ascontiguousarray(crop).tobytes())
            row = (frame.time_s - recording.begin_s, *_place_and_colour(seen))
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    n_frames = len(columns["time_s"])
    covered_s = columns["time_s"][-1] + every / source_hz if n_frames else 0.0
    if cut or covered_s < recording.length_s - SHORT_S:
        raise BadInput(
            str(recording.video),
            expected=f"{recording.length_s:.1f} s of video, as long as the physiology",
            found=f"{covered_s:.1f} s" + (f", then: {cut[0].found}" if cut else ""),
            remedy="copy the file again",
        )
    track = pd.DataFrame({name: np.array(column) for name, column in columns.items()})
    track = track.astype({"seen": bool, "held": bool})
    share = float(track["seen"].mean())
    if share < config.min_face_share:
        raise BadInput(
            str(recording.video),
            expected=f"a face in at least {config.min_face_share:.0%} of the frames",
            found=f"{share:.0%}",
            remedy="look at the video; a smaller face needs a smaller min_face_fraction",
        )
    if share < 1.0:
        on_problem(
            Problem(
                recording.id,
                expected="a face in every frame",
                found=f"{share:.1%} of the frames",
                remedy="windows without a face are left out",
                severity="note",
            )
        )
    track.to_parquet(folder / "track.parquet", index=False)
    np.save(folder / "signal.npy", signal.values)
    return {
        "dataset": recording.dataset,
        "subject": recording.subject,
        "trial": recording.trial,
        "stimulus": recording.stimulus,
        "data_kind": recording.data_kind,
        "length_s": recording.length_s,
        "ratings": dict(recording.ratings),
        "signal_kind": signal.kind,
        "signal_fs_hz": signal.fs_hz,
        "signal_start_s": signal.start_s,
        "faces_shape": [n_frames, size, size, 3],
    }


def _place_and_colour(seen: Sequence[SeenFace]) -> tuple[float, ...]:
    """A row of the track from its second column on."""
    if not seen:
        return (False, False, *[math.nan] * (len(TRACK) - 3))
    face = seen[0].face
    box_px = (face.box_x_px, face.box_y_px, face.box_w_px, face.box_h_px)
    return (True, seen[0].held, *box_px, *skin_rgb(seen[0].crop))


def _claim(store: Path, wanted: dict[str, Any]) -> None:
    """Write what the store is, or make sure that it is that."""
    (store / "recordings").mkdir(parents=True, exist_ok=True)
    if (store / "store.json").is_file():
        there = read_store_json(store)
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
    with whole_file(store / "store.json") as part:
        part.write_text(
            json.dumps({"format": FORMAT, "config": wanted}, indent=1, sort_keys=True), "utf-8"
        )


def _remove(folder: Path) -> None:
    """Take away a recording whose video or labels changed: it has a new key now."""
    # Out of the way first: of a removal that is cut short, `sweep` takes the rest.
    away = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(away, ignore_errors=True)
    folder.rename(away)
    shutil.rmtree(away)


@functools.lru_cache(maxsize=2)
def _detector(config: FollowConfig) -> Mtcnn:
    """One per process: reading the weights takes longer than a frame."""
    return Mtcnn(min_face_fraction=config.min_face_fraction)


def _description(config: PrepareConfig) -> dict[str, Any]:
    """Everything that decides what faces look like: the settings, and the detector's weights."""
    detector = _detector(config.follow)
    settings: dict[str, Any] = json.loads(canonical_json(config))
    return {**settings, "detector": {"name": detector.name, "fingerprint": detector.fingerprint}}
