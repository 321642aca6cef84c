"""Where AFEW-VA's clips lie in somebody's copy: in folders or zips, as given out or one deeper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.types import DataKind
from pulsefer.datasets.afew_clip import is_clip_name
from pulsefer.datasets.members import Member, marker_of, members

LICENCE = (
    "AFEW-VA is given out for research, asked for at ibug.doc.ic.ac.uk/resources/afew-va-database; "
    "try `pulsefer demo` meanwhile"
)
_CUT_OUT = "_cropped"


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """The files of one clip.

    Attributes:
        name: "001".
        folder: Its folder's own name, which a whole copy has equal to `name`.
        labels: 001.json.
        pictures: Name of a frame to its PNG.
    """

    name: str
    folder: str
    labels: Member
    pictures: Mapping[str, Member]


@dataclass(frozen=True, slots=True)
class Tree:
    """What was found.

    Attributes:
        root: Where was looked.
        clips: By name.
        data_kind: "synthetic" where the specimen's marker lies.
        marker: Of the specimen, or None.
    """

    root: Path
    clips: Mapping[str, ClipFiles]
    data_kind: DataKind
    marker: Mapping[str, Any] | None


def find(root: Path, *, on_problem: OnProblem) -> Tree:
    """Look through a copy, whole or partial.

    001.json is looked for in and beside the folder 001; a zip counts as a folder of its name.
    Folders that end in `_cropped` are somebody's addition and passed over.

    Args:
        root: Folder or zip.
        on_problem: Told of pictures without labels and of clips that are there twice.

    Raises:
        BadInput: nothing there, or a marker that cannot be read.
    """
    found = members(root, on_problem=on_problem)
    marker = marker_of(found, "afew_va")
    pictures: dict[str, dict[str, Member]] = {}
    labels: list[Member] = []
    for member in found:
        if any(part.endswith(_CUT_OUT) for part in member.folder.split("/")):
            continue
        stem, _, suffix = member.name.rpartition(".")
        if suffix.lower() == "png":
            pictures.setdefault(member.folder, {}).setdefault(stem, member)
        elif suffix.lower() == "json" and is_clip_name(stem):
            labels.append(member)
    clips: dict[str, ClipFiles] = {}
    labelled: set[str] = set()
    for member in labels:
        name = member.name.rpartition(".")[0]
        folder = _folder_of(member, name, pictures)
        labelled.add(folder)
        if name in clips:
            on_problem(_twice(member, clips[name].labels))
            continue
        own = folder.rpartition("/")[2]
        clips[name] = ClipFiles(name, own, member, pictures.get(folder, {}))
    for folder in sorted(set(pictures) - labelled):
        if is_clip_name(name := folder.rpartition("/")[2]):
            on_problem(
                Problem(
                    f"{root}: {folder}",
                    expected=f"labels, {name}.json",
                    found="pictures alone, which are left out",
                    remedy="copy the labels too",
                )
            )
    kind: DataKind = "real" if marker is None else "synthetic"
    return Tree(root, dict(sorted(clips.items())), kind, marker)


def require_clips(tree: Tree) -> None:
    """Refuse a copy without any clip.

    Raises:
        BadInput: none there.
    """
    if not tree.clips:
        raise BadInput(
            str(tree.root),
            expected="clips, 001/00000.png and 001/001.json and so on, or zips of them",
            found="none",
            remedy=LICENCE,
        )


def _folder_of(labels: Member, name: str, pictures: Mapping[str, object]) -> str:
    below = f"{labels.folder}/{name}" if labels.folder else name
    if below not in pictures and is_clip_name(labels.folder.rpartition("/")[2]):
        return labels.folder
    return below


def _twice(second: Member, first: Member) -> Problem:
    return Problem(
        str(second),
        expected="this clip once",
        found=f"another one at {first}, which is taken",
        remedy="remove one of the two",
        severity="warning",
    )
