"""`pulsefer analyze`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pulsefer.app.console import OK, SKIPPED, next_step, problems_of, say
from pulsefer.core.errors import Problem
from pulsefer.core.progress import progress
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.tables import check_output, write_table
from pulsefer.media.video import probe

if TYPE_CHECKING:
    import pandas as pd


def analyze(
    video: Path,
    /,
    *,
    output: Path,
    model: Annotated[list[Path] | None, Parameter(negative=())] = None,
    start_s: float = 0.0,
    end_s: Annotated[float, Parameter(show_default=False)] = math.inf,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """A video in, a table out: one row per second and face.

    The heart rate `hr_bpm` comes from the colour of the skin (POS) and needs no training. It is
    the best guess from the last 10 s, empty only until a face was in sight for 5 s; `hr_quality`
    says from 0 to 1 how much of the signal looks like one pulse. Trust no rate whose quality is
    near 0. A head that nods in rhythm has some quality too. A trained run adds `valence_prob`
    or `arousal_prob`, the probability of the high class.

    * Heart rate alone: `pulsefer analyze talk.mp4 --output talk.csv`

    * With valence: `pulsefer analyze talk.mp4 --model RUN --output talk.parquet`

    Args:
        video: Any video that FFmpeg reads.
        output: FILE.csv or FILE.parquet. Parquet also says how the table was made.
        model: Folder of a run that `pulsefer train` made; may be given once per dimension.
        start_s: First second wanted.
        end_s: Stop here; the end of the video unless given.
        device: Where the networks compute.
    """
    check_output(output)
    duration_s = probe(video).duration_s
    analyzer = Analyzer(model, device=device)
    problems: list[Problem] = []
    # The container may be wrong about its length: then the bar is, not the table.
    span_s = min(end_s, duration_s) - start_s
    with progress(
        f"analyse {video.name} (s)", math.ceil(span_s) if span_s > 0 else None
    ) as advance:
        table = analyzer.video(
            video, start_s=start_s, end_s=end_s, on_problem=problems.append, advance=advance
        )
    write_table(table, output)
    problems_of(problems)
    _sum_up(table, output)
    if any(predictor.about["data_kind"] == "synthetic" for predictor in analyzer.predictors):
        say("[yellow]the model was trained on synthetic faces: its figures say nothing of real "
            "people[/yellow]")  # fmt: skip
    if model is None:
        next_step(f"pulsefer analyze {video} --model RUN --output {output}")
    else:
        next_step(f"open {output}")
    return SKIPPED if problems else OK


def _sum_up(table: pd.DataFrame, output: Path) -> None:
    seconds = table["time_s"].nunique()
    seen = table[table["face_id"].notna()]
    say(
        f"{output}: {len(table)} rows, {seconds} seconds; "
        f"{seen['face_id'].nunique()} face(s) in {seen['time_s'].nunique()} of them"
    )
    if not len(seen):
        say("[yellow]no face was found[/yellow]: every row is empty on purpose")
        return
    for face_id, own in seen.groupby("face_id"):
        known = own[own["hr_bpm"].notna()]
        if not len(known):
            say(f"face {face_id}: no heart rate; it takes 5 s of a face without a break")
            continue
        # The median: the row of the best quality is more often wrong, for a false rhythm is clear.
        say(
            f"face {face_id}: heart rate {known['hr_bpm'].median():.0f} bpm (median of "
            f"{len(known)} rows, from {known['hr_bpm'].min():.0f} to {known['hr_bpm'].max():.0f}; "
            f"median quality {known['hr_quality'].median():.2f} of 1)"
        )
