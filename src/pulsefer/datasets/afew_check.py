"""Is this copy of AFEW-VA whole and what the reader takes it for? One table: expected, found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.progress import progress
from pulsefer.datasets.afew_clip import Clip
from pulsefer.datasets.afew_tree import ClipFiles, Tree, find, require_clips
from pulsefer.datasets.afew_va import MARGIN, aspect_of, problems_of, read_labels
from pulsefer.datasets.check_report import CheckReport, CheckTable, Verdict
from pulsefer.datasets.stills_picture import picture_size

N_CLIPS = 600
"""Kossaifi et al. 2017. A specimen brings its own number."""


@dataclass
class _Seen:
    """What the clips have, added up while they are looked at."""

    good_clips: int = 0
    labelled: int = 0
    used: int = 0
    undecoded: int = 0
    outside: int = 0
    actors: Counter[str] = field(default_factory=Counter)
    unnamed: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    values: dict[str, list[float]] = field(default_factory=lambda: {"valence": [], "arousal": []})


def check(root: Path, *, deep: bool = False, show_progress: bool = False) -> CheckReport:
    """Read the labels of every clip and look at its pictures.

    Good clips are counted in one row per fact; what is wrong has a row of its own.

    Args:
        root: Folder of the clips or of their zips, or one zip.
        deep: Decode every picture: minutes for 30,000. Else the header of each clip's first.
        show_progress: A bar on standard error.
    """
    table = CheckTable(Path(root))
    try:
        tree = find(Path(root), on_problem=table.tell)
        require_clips(tree)
    except BadInput as bad:
        table.tell(bad.problem)
        return table.report()
    table.add("kind of data", "real or synthetic", tree.data_kind)
    _check_count(tree, table)
    seen = _Seen()
    with progress("checking AFEW-VA", len(tree.clips), show=show_progress) as advance:
        for files in tree.clips.values():
            try:
                clip = read_labels(files)
            except BadInput as bad:
                table.tell(bad.problem)
            else:
                for problem in problems_of(files, clip):
                    table.tell(problem)
                _look_at(files, clip, seen, table.tell, deep=deep)
            advance(1)
    _add_facts(tree, seen, table, deep=deep)
    return table.report()


def _check_count(tree: Tree, table: CheckTable) -> None:
    n_expected = N_CLIPS if tree.marker is None else len(tree.marker.get("planted", ()))
    n_found = len(tree.clips)
    table.partial = n_found < n_expected
    verdict: Verdict = "ok" if n_found == n_expected else "note"
    found = f"{n_found}, a partial copy is fine" if table.partial else f"{n_found}"
    table.add("clips", f"{n_expected}", found, verdict)


def _look_at(
    files: ClipFiles, clip: Clip, seen: _Seen, tell: Callable[[Problem], None], *, deep: bool
) -> None:
    seen.good_clips += 1
    seen.labelled += clip.n_frames
    seen.used += len(clip.frames)
    seen.actors[clip.actor] += bool(clip.actor)
    seen.unnamed += not clip.actor
    size: tuple[int, int] | None = None
    n_outside = 0
    for number, frame in enumerate(clip.frames):
        seen.values["valence"].append(frame.valence)
        seen.values["arousal"].append(frame.arousal)
        if deep or number == 0:
            try:
                size = picture_size(files.pictures[frame.name], deep=deep)
                seen.sizes[size] += 1
            except BadInput as bad:
                seen.undecoded += 1
                tell(bad.problem)
        if size:
            places = frame.landmarks_px / size
            n_outside += bool(places.min() < -MARGIN or places.max() > 1 + MARGIN)
    seen.outside += n_outside
    if n_outside and size:
        tell(
            Problem(
                str(files.labels),
                expected=f"landmarks inside pictures of {size[0]}x{size[1]}",
                found=f"some outside in {n_outside} of {len(clip.frames)} frames",
                remedy="a face at the edge, or pictures of another size than given out",
                severity="warning",
            )
        )


def _add_facts(tree: Tree, seen: _Seen, table: CheckTable, *, deep: bool) -> None:
    n_clips = len(tree.clips)
    _add(table, "labels that can be read, `video_id` as the folder", n_clips, seen.good_clips)
    _add(table, "frames with labels -10 - 10, 68 landmarks, a picture", seen.labelled, seen.used)
    _add(table, "frames with all landmarks inside", seen.used, seen.used - seen.outside)
    if deep:
        _add(table, "pictures that decode", seen.used, seen.used - seen.undecoded)
    actors = [actor for actor, n in seen.actors.items() if n]
    most = max(seen.actors.values(), default=0)
    unnamed = f"; {seen.unnamed} clips name none" * bool(seen.unnamed)
    found = f"{len(actors)}, up to {most} clips each{unnamed}"
    table.add("actors", "no figure published", found, "note")
    sizes = ", ".join(
        f"{width}x{height}, pixel {aspect_of(width, height):.3f} wide ({n})"
        for (width, height), n in sorted(seen.sizes.items())
    )
    table.add("picture size", "720x576, pixel 1.333 wide; not confirmed", sizes or "none", "note")
    for scale, values in seen.values.items():
        signs = np.sign(values)
        below, at, above = ((signs == sign).sum() for sign in (-1, 0, 1))
        found = f"{below} below 0, {at} at 0, {above} above"
        table.add(f"{scale} of {len(values)} frames", "no figure published", found, "note")


def _add(table: CheckTable, what: str, n_expected: int, n_found: int) -> None:
    """A fact and how many have it; those that have not are told by themselves."""
    table.add(what, f"{n_expected}", f"{n_found}", "ok" if n_found == n_expected else "note")
