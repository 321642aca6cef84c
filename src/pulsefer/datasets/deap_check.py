"""Is this copy of DEAP whole and what the reader takes it for? One table: expected, found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.fan_out import fan_out
from pulsefer.core.progress import progress
from pulsefer.datasets.check_report import CheckReport, CheckTable, Verdict
from pulsefer.datasets.deap_pickle import N_CHANNELS
from pulsefer.datasets.deap_ratings import Rated, read_ratings, row_of, rows_of
from pulsefer.datasets.deap_signal import (
    PPG_CHANNEL,
    music_onsets,
    prove_order,
    read_preprocessed,
    require_alive,
    signal_from_bdf,
)
from pulsefer.datasets.deap_tree import (
    DEAP_LAYOUT,
    LICENCE,
    N_STIMULI,
    Layout,
    Tree,
    find,
    missing_videos,
    subject_name,
)
from pulsefer.datasets.deap_video import SHORT_S, check_video
from pulsefer.media.video import frames

PUBLISHED_HIGH = {"valence": (0.57, 0.09), "arousal": (0.59, 0.15), "liking": (0.67, 0.12)}
"""Share of ratings above the middle: mean and spread over participants (Koelstra et al. 2012,
Sec. 6). They do not say to which side 5 itself goes; both rules are printed."""
RATING_MIDDLE = 5.0
SHARE_TOLERANCE = 0.02
"""A whole copy has the published means within this, by one rule or the other."""


def check(
    root: Path,
    *,
    expect: Layout | None = None,
    deep: bool = False,
    workers: int = 1,
    show_progress: bool = False,
) -> CheckReport:
    """Open every file that the reader would, and those that it would not.

    Args:
        root: Folder of a copy, whole or partial.
        expect: What a whole copy has; None takes the marker of a specimen, or else DEAP.
        deep: Decode every video and count its frames: hours for DEAP. Else headers only.
        workers: Processes that decode.
        show_progress: A bar on standard error.
    """
    table = CheckTable(Path(root))
    try:
        tree = find(root, on_problem=table.tell, expect=expect)
    except BadInput as bad:
        table.tell(bad.problem)
        return table.report()
    table.add("kind of data", "real or synthetic", tree.data_kind)
    ratings = _check_ratings(tree, table)
    participants = sorted(
        {participant for participant, _ in tree.videos} | set(tree.dats) | set(tree.bdfs)
    )
    _check_counts(tree, table)
    n_steps = len(participants) + len(tree.videos) * deep
    with progress("checking DEAP", n_steps, show=show_progress) as advance:
        for participant in participants:
            rows = _check_rows(tree, participant, ratings, table)
            _check_videos(tree, participant, table)
            _check_physiology(tree, participant, rows, table)
            advance(1)
        if deep:
            _count_all(tree, table, workers, advance)
    _check_shares(tree, ratings, table)
    return table.report()


def _check_ratings(tree: Tree, table: CheckTable) -> Mapping[int, Sequence[Rated]]:
    try:
        ratings = read_ratings(tree.ratings, root=tree.root, on_problem=table.tell)
    except BadInput as bad:
        table.tell(bad.problem)
        return {}
    n_rows = sum(map(len, ratings.values()))
    n_expected = tree.layout.n_participants * N_STIMULI
    table.add(
        table.short(tree.ratings),
        f"{n_expected} rows of {tree.layout.n_participants} participants",
        f"{n_rows} of {len(ratings)}",
        "ok" if n_rows == n_expected else "warning",
    )
    return ratings


def _check_counts(tree: Tree, table: CheckTable) -> None:
    if not tree.videos:
        table.tell(
            Problem(
                str(tree.root),
                expected="face videos, face_video/s01/s01_trial01.avi and so on",
                found="none",
                remedy=f"unpack face_video.zip here; {LICENCE}",
            )
        )
        return
    n_expected = sum(tree.layout.n_videos.values())
    n_found = len(tree.videos)
    table.add("videos", str(n_expected), str(n_found), "ok" if n_found == n_expected else "note")
    for problem in missing_videos(tree):
        table.partial = True
        table.tell(problem)


def _check_rows(
    tree: Tree, participant: int, ratings: Mapping[int, Sequence[Rated]], table: CheckTable
) -> Sequence[Rated]:
    """Ratings of one participant; a video without any is named."""
    if not ratings:
        return []
    try:
        rows = rows_of(ratings, participant, table=tree.ratings, on_problem=table.tell)
    except BadInput as bad:
        table.tell(bad.problem)
        return []
    for (owner, trial), path in sorted(tree.videos.items()):
        if owner == participant:
            try:
                row_of(rows, trial, video=path)
            except BadInput as bad:
                table.tell(bad.problem)
    return rows


def _check_videos(tree: Tree, participant: int, table: CheckTable) -> None:
    layout = tree.layout
    size, rate = f"{layout.width_px}x{layout.height_px}", f"{layout.fps_hz:g}"
    length = f"{layout.length_s:g} s, at most {SHORT_S:g} s less"
    for (owner, _), path in sorted(tree.videos.items()):
        if owner != participant:
            continue
        try:
            video = check_video(path, layout)
        except BadInput as bad:
            table.tell(bad.problem)
            continue
        name, info = table.short(path), video.info
        if video.warning:
            table.tell(video.warning)
        else:
            table.each("frames/s", name, rate, f"{info.fps_hz:.4g}")
        found = f"{info.width_px}x{info.height_px}"
        table.each("frame size", name, size, found, "ok" if found == size else "warning")
        if info.n_frames:  # a header without a number of frames says nothing about the length
            length_s = info.n_frames / (video.fps_hz or info.fps_hz)
            table.each("length of the videos", name, length, f"{length_s:.2f} s")


def _check_physiology(
    tree: Tree, participant: int, rows: Sequence[Rated], table: CheckTable
) -> None:
    name, layout = subject_name(participant), tree.layout
    dat, bdf = tree.dats.get(participant), tree.bdfs.get(participant)
    is_filmed = any(owner == participant for owner, _ in tree.videos)
    for path, look in ((dat, _check_dat), (bdf, _check_bdf)):
        if path is None:
            continue
        try:
            look(path, layout, rows, table)
        except BadInput as bad:
            table.tell(bad.problem)
    if is_filmed and not dat and not bdf:
        table.tell(
            Problem(
                f"{tree.root}: {name}",
                expected=f"data_preprocessed_python/{name}.dat or data_original/{name}.bdf",
                found="neither",
                remedy="without the pulse there is no heart rate; its videos are left out",
            )
        )


def _check_dat(path: Path, layout: Layout, rows: Sequence[Rated], table: CheckTable) -> None:
    content = read_preprocessed(path, layout)
    shape = f"({N_STIMULI}, {N_CHANNELS}, {layout.n_dat_samples})"
    table.each("data in the .dat files", table.short(path), shape, shape)
    n_alive = 0
    for row, values in enumerate(content.ppg):
        try:
            require_alive(values, f"{path}: row {row}, channel {PPG_CHANNEL}")
            n_alive += 1
        except BadInput as bad:
            table.tell(bad.problem)
    _add_alive(table, path, n_alive)
    if rows:
        prove_order(path, content.labels, rows)
        said = f"{len(rows)} rows of the table by Experiment_id"
        table.each("labels in the .dat files", table.short(path), said, f"{len(rows)} equal")


def _check_bdf(path: Path, layout: Layout, _rows: Sequence[Rated], table: CheckTable) -> None:
    starts = music_onsets(path, layout)
    name = table.short(path)
    table.each("starts of a video in the BDF files", name, str(N_STIMULI), str(len(starts)))
    n_alive = 0
    for trial in range(1, N_STIMULI + 1):
        try:
            signal_from_bdf(path, layout, trial)
            n_alive += 1
        except BadInput as bad:
            table.tell(bad.problem)
    _add_alive(table, path, n_alive)


def _add_alive(table: CheckTable, path: Path, n_alive: int) -> None:
    is_whole = n_alive == N_STIMULI
    verdict: Verdict = "ok" if is_whole else "broken"
    said = f"{N_STIMULI} trials, finite, not flat"
    table.each("pulse", table.short(path), said, str(n_alive), verdict)


def _count_all(
    tree: Tree, table: CheckTable, workers: int, advance: Callable[[float], None]
) -> None:
    jobs = [(tree.videos[key], tree.layout) for key in sorted(tree.videos)]
    counted: dict[int, Problem | int | None] = {}
    for number, outcome in fan_out(_count_frames, jobs, workers=workers):
        counted[number] = outcome
        advance(1)
    for number, (path, layout) in enumerate(jobs):
        outcome = counted[number]
        if isinstance(outcome, Problem):
            table.tell(outcome)
        elif outcome is not None:
            expected = f"{round(layout.length_s * layout.fps_hz)}, a few less"
            table.each("frames that decode", table.short(path), expected, str(outcome))


def _count_frames(job: tuple[Path, Layout]) -> Problem | int | None:
    """Frames that decode, or what is wrong with them; None where the header said so already."""
    path, layout = job
    breaks: list[Problem] = []
    try:
        video = check_video(path, layout)
    except BadInput:
        return None
    try:
        n_frames = sum(1 for _ in frames(path, fps_hz=video.fps_hz, on_problem=breaks.append))
    except BadInput as bad:
        return bad.problem
    if breaks:
        return breaks[0]
    rate = video.fps_hz or video.info.fps_hz
    if n_frames / rate < layout.length_s - SHORT_S:
        return Problem(
            str(path),
            expected=f"{video.info.n_frames} frames as the header says",
            found=f"{n_frames} that decode",
            remedy="the file is damaged; copy it again",
        )
    return n_frames


def _check_shares(tree: Tree, ratings: Mapping[int, Sequence[Rated]], table: CheckTable) -> None:
    """Share of high ratings by both rules: about 5 % of DEAP's lie just above 5."""
    if not ratings:
        return
    is_whole = tree.data_kind == "real" and len(ratings) == DEAP_LAYOUT.n_participants
    for scale, (mean, spread) in PUBLISHED_HIGH.items():
        shares = {
            participant: _high(np.array([row.ratings[scale] for row in rows]))
            for participant, rows in ratings.items()
        }
        above, from_ = np.array(list(shares.values())).T
        table.add(
            f"high {scale}, of each participant",
            "no figure published",
            f"> 5: {above.min():.0%}-{above.max():.0%}, >= 5: {from_.min():.0%}-{from_.max():.0%}",
            "note",
        )
        means = np.mean(list(shares.values()), axis=0)
        spreads = np.std(list(shares.values()), axis=0)
        is_near = bool((np.abs(means - mean) <= SHARE_TOLERANCE).any())
        table.add(
            f"high {scale}, mean over participants (spread)",
            f"{mean:.0%} ({spread:.0%}) in the whole of DEAP",
            f"> 5: {means[0]:.1%} ({spreads[0]:.1%}), >= 5: {means[1]:.1%} ({spreads[1]:.1%})",
            ("ok" if is_near else "warning") if is_whole else "note",
        )


def _high(ratings: NDArray[np.float64]) -> tuple[float, float]:
    return float((ratings > RATING_MIDDLE).mean()), float((ratings >= RATING_MIDDLE).mean())
