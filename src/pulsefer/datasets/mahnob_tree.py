"""Where the sessions of MAHNOB-HCI lie in a copy, how they are numbered, how many exist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.types import DataKind
from pulsefer.datasets.files_below import files_below
from pulsefer.datasets.specimen import bad_marker, read_marker

DATASET = "mahnob_hci"
N_TRIALS = 20
"""Emotion clips that everybody was to watch; each has a neutral clip before it."""
SESSIONS_OF_ONE = 130
"""Session numbers that are set aside for each participant."""
N_PARTICIPANTS = 30
BDF_LEAD_S = 30.0
"""Physiology before the stimulus, and again after it, seconds."""
LICENCE = (
    "MAHNOB-HCI is given under a licence, asked for at mahnob-db.eu/hci-tagging; "
    "try `pulsefer data fake mahnob_hci OUT` meanwhile"
)


def participant_of(session: int) -> int:
    """Whose session a number is: 130 numbers each.

    >>> [participant_of(session) for session in (1, 130, 131)]
    [1, 1, 2]
    """
    return (session - 1) // SESSIONS_OF_ONE + 1


def section_of(session: int) -> int:
    """Place among the participant's sessions, 1-130. Up to 40 they are emotion sessions.

    The odd ones are neutral clips, the even ones stimuli: 2k is the k-th stimulus.

    >>> [section_of(session) for session in (1, 130, 132)]
    [1, 130, 2]
    """
    return (session - 1) % SESSIONS_OF_ONE + 1


def session_number(participant: int, trial: int, *, neutral: bool = False) -> int:
    """The session in which a participant saw a stimulus, or the neutral clip before it.

    >>> session_number(2, 1), session_number(2, 1, neutral=True)
    (132, 131)
    """
    return (participant - 1) * SESSIONS_OF_ONE + 2 * trial - neutral


def subject_name(participant: int) -> str:
    """Name of a participant.

    >>> subject_name(7)
    'p07'
    """
    return f"p{participant:02d}"


def _published() -> dict[str, int]:
    # 12 and 15 have no sessions of stimuli; 26 has no video.
    fewer = {3: 17, 9: 14, 16: 16, 12: 0, 15: 0, 26: 0}
    counts = {p: fewer.get(p, N_TRIALS) for p in range(1, N_PARTICIPANTS + 1)}
    return {subject_name(p): n for p, n in counts.items() if n}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a whole copy has. The defaults are MAHNOB-HCI's; a specimen brings its own.

    Attributes:
        n_sessions: Sessions of stimuli with colour video and physiology, by subject.
        fps_hz: Frame rate of the colour camera, nominal.
        width_px: Width of its picture.
        height_px: Height of its picture.

    Raises:
        ValueError: a size or rate that is not positive, or a count that no copy can have.
    """

    n_sessions: Mapping[str, int] = field(default_factory=_published)
    fps_hz: float = 60.97
    width_px: int = 780
    height_px: int = 580

    def __post_init__(self) -> None:
        """Refuse what no copy can have; a marker file may say anything."""
        if not min(self.fps_hz, self.width_px, self.height_px) > 0:
            raise ValueError(f"rate and size must be positive, found {self}")
        if not dict(self.n_sessions):
            raise ValueError("a copy has sessions of at least one person, found none")
        for name, n_sessions in dict(self.n_sessions).items():
            if not re.fullmatch(r"p\d\d", name) or not 1 <= n_sessions <= N_TRIALS:
                raise ValueError(
                    f"1-{N_TRIALS} sessions of p01, p02 ..., found {n_sessions} of {name}"
                )


MAHNOB_LAYOUT = Layout()


@dataclass(frozen=True, slots=True)
class Tree:
    """A copy, whole or partial.

    Attributes:
        root: Folder that was searched.
        layout: What a whole copy has.
        data_kind: "synthetic" where the specimen's marker lies.
        folders: The folders that hold a session.xml, by the number in their name, each number
            once; what is not called by a number comes last.
    """

    root: Path
    layout: Layout
    data_kind: DataKind
    folders: tuple[Path, ...]


def find(root: Path, *, on_problem: OnProblem) -> Tree:
    """Look for session folders, however deep.

    Choice: where a session lies there twice (two downloads), the folder with more files is taken.

    Raises:
        BadInput: no such folder, no sessions in it, or a marker that cannot be read.
    """
    root = Path(root)
    if not root.is_dir():
        raise BadInput(
            str(root), expected="the folder of MAHNOB-HCI", found="no such folder", remedy=LICENCE
        )
    layout, kind = _layout(root)
    folders = {path.parent for path in files_below(root) if path.name == "session.xml"}
    if not folders:
        raise BadInput(
            str(root),
            expected="session folders, Sessions/2/session.xml and so on",
            found="none",
            remedy=f"unpack the downloads here; {LICENCE}",
        )
    taken: dict[str, Path] = {}

    def fullest(folder: Path) -> tuple[int, str]:
        return -sum(1 for _ in folder.iterdir()), str(folder)

    for folder in sorted(folders, key=fullest):
        if (first := taken.setdefault(folder.absolute().name, folder)) != folder:
            on_problem(
                Problem(
                    str(folder),
                    expected="this session once",
                    found=f"another one at {first}, which has as many files or more and is taken",
                    remedy="put the files of one session into one folder",
                    severity="warning",
                )
            )
    in_order = sorted(taken, key=lambda name: (number_of(name) or 10**9, name))
    return Tree(root, layout, kind, tuple(taken[name] for name in in_order))


def number_of(name: str) -> int | None:
    """The session that a folder's name or an attribute means; None if it is no number of one."""
    is_number = re.fullmatch(r"[1-9][0-9]{0,3}", name)
    number = int(name) if is_number else 0
    return number if 1 <= number <= N_PARTICIPANTS * SESSIONS_OF_ONE else None


def _layout(root: Path) -> tuple[Layout, DataKind]:
    content = read_marker(root, DATASET)
    if content is None:
        return MAHNOB_LAYOUT, "real"
    try:
        return Layout(**content["layout"]), "synthetic"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise bad_marker(root, error) from error
