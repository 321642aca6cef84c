"""Where DEAP's files lie in somebody's copy, and what a whole copy has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.types import DataKind
from pulsefer.datasets.files_below import files_below
from pulsefer.datasets.specimen import bad_marker, read_marker

N_STIMULI = 40
"""Music videos, and so trials of every participant."""
LEAD_S = 3.0
"""Signal before the first frame in `data_preprocessed_python`, seconds."""
DAT_FS_HZ = 128.0
"""Sampling rate of `data_preprocessed_python`."""
LICENCE = (
    "DEAP is given under a licence, asked for at www.eecs.qmul.ac.uk/mmv/datasets/deap; "
    "try `pulsefer demo` meanwhile"
)

_FOLDERS = {"face_video", "data_preprocessed_python", "data_original", "metadata_csv"}
_VIDEO = re.compile(r"s(\d\d)_trial(\d\d)\.avi", re.IGNORECASE)
_SIGNAL = re.compile(r"s(\d\d)\.(dat|bdf)", re.IGNORECASE)


def _published_videos() -> dict[str, int]:
    # Participants 23-32 were not filmed; the last trials of four others are missing.
    fewer = {"s03": 39, "s05": 39, "s11": 37, "s14": 39}
    return {name: fewer.get(name, N_STIMULI) for name in map(subject_name, range(1, 23))}


def subject_name(participant: int) -> str:
    """Folder and file name of a participant.

    >>> subject_name(7)
    's07'
    """
    return f"s{participant:02d}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a whole copy has. The defaults are DEAP's; a specimen brings its own.

    Attributes:
        length_s: A trial, from the video's first frame.
        fps_hz: Frame rate of the videos.
        width_px: Their width.
        height_px: Their height.
        n_participants: Participants in the table of ratings.
        n_videos: Videos of each participant who was filmed; missing ones are the last.

    Raises:
        ValueError: a size, length or rate that is not positive, or a name like no participant's.
    """

    length_s: float = 60.0
    fps_hz: float = 50.0
    width_px: int = 720
    height_px: int = 576
    n_participants: int = 32
    n_videos: Mapping[str, int] = field(default_factory=_published_videos)

    def __post_init__(self) -> None:
        """Refuse what no copy can have; a marker file may say anything."""
        if not min(self.length_s, self.fps_hz, self.width_px, self.height_px) > 0:
            raise ValueError(f"length, rate and size must be positive, found {self}")
        for name, n_videos in dict(self.n_videos).items():
            if not re.fullmatch(r"s\d\d", name) or not 0 <= n_videos <= N_STIMULI:
                raise ValueError(
                    f"0-{N_STIMULI} videos of s01, s02 ..., found {n_videos} of {name}"
                )

    @property
    def n_dat_samples(self) -> int:
        """Samples of one channel of one trial in a .dat file: 8064 in DEAP."""
        return round((LEAD_S + self.length_s) * DAT_FS_HZ)


DEAP_LAYOUT = Layout()


@dataclass(frozen=True, slots=True)
class Tree:
    """Files found, by participant and trial.

    Attributes:
        root: Folder that was searched.
        layout: What a whole copy has.
        data_kind: "synthetic" where the specimen's marker lies.
        videos: (participant, trial) to file.
        ratings: participant_ratings.csv; None if there is none.
        dats: participant to data_preprocessed_python/sXX.dat.
        bdfs: participant to data_original/sXX.bdf.
    """

    root: Path
    layout: Layout
    data_kind: DataKind
    videos: Mapping[tuple[int, int], Path]
    ratings: Path | None
    dats: Mapping[int, Path]
    bdfs: Mapping[int, Path]


def find(root: Path, *, on_problem: OnProblem, expect: Layout | None = None) -> Tree:
    """Look through a copy, whole or partial, as zipped or flat.

    Args:
        root: Folder that holds face_video, metadata_csv and so on, however deep.
        on_problem: Told of files that are there twice.
        expect: What a whole copy has; None takes the specimen's marker, or else DEAP.

    Raises:
        BadInput: no such folder, or a marker that cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput(
            str(root), expected="the folder of DEAP", found="no such folder", remedy=LICENCE
        )
    layout, kind = _layout(root)
    videos: dict[tuple[int, int], Path] = {}
    signals: dict[str, dict[int, Path]] = {"dat": {}, "bdf": {}}
    tables: dict[str, Path] = {}

    def place(path: Path) -> tuple[bool, int, str]:
        # DEAP's own folders come before somebody's backup, then what is nested least.
        return _FOLDERS.isdisjoint(path.parts), len(path.parts), str(path)

    for path in sorted(files_below(root), key=place):
        if match := _VIDEO.fullmatch(path.name):
            _take(videos, (int(match[1]), int(match[2])), path, on_problem)
        elif match := _SIGNAL.fullmatch(path.name):
            _take(signals[match[2].lower()], int(match[1]), path, on_problem)
        elif path.name.lower() == "participant_ratings.csv":
            _take(tables, "ratings", path, on_problem)
    return Tree(
        root=root,
        layout=expect or layout,
        data_kind=kind,
        videos=videos,
        ratings=tables.get("ratings"),
        dats=signals["dat"],
        bdfs=signals["bdf"],
    )


def missing_videos(tree: Tree) -> Iterator[Problem]:
    """What a whole copy has and this one has not: normal for a partial one."""
    filmed = {participant for participant, _ in tree.videos}
    by_name = {subject_name(participant): participant for participant in range(1, 100)}
    absent = [name for name in tree.layout.n_videos if by_name[name] not in filmed]
    if absent:
        yield Problem(
            str(tree.root),
            expected=f"videos of {len(tree.layout.n_videos)} participants",
            found=f"none of {', '.join(absent)}",
            remedy="a partial copy is fine",
            severity="note",
        )
    for name, n_videos in tree.layout.n_videos.items():
        gone = [t for t in range(1, n_videos + 1) if (by_name[name], t) not in tree.videos]
        if gone and name not in absent:
            yield Problem(
                f"{tree.root}: {name}",
                expected=f"{n_videos} videos",
                found=f"no {', '.join(f'{name}_trial{t:02d}.avi' for t in gone)}",
                remedy="a partial copy is fine",
                severity="note",
            )


def _take(found: dict[Any, Path], key: object, path: Path, on_problem: OnProblem) -> None:
    if key not in found:
        found[key] = path
        return
    on_problem(
        Problem(
            str(path),
            expected="this name once",
            found=f"another one at {found[key]}, which is taken",
            remedy="remove one of the two",
            severity="warning",
        )
    )


def _layout(root: Path) -> tuple[Layout, DataKind]:
    content = read_marker(root, "deap")
    if content is None:
        return DEAP_LAYOUT, "real"
    try:
        return Layout(**content["layout"]), "synthetic"
    except (ValueError, KeyError, TypeError) as error:
        raise bad_marker(root, error) from error
