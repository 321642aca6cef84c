"""`pulsefer analyze`."""

from __future__ import annotations

import math
from pathlib import Path

from pulsefer.app.console import OK, SKIPPED, next_step, problems_of, say
from pulsefer.core.errors import Problem
from pulsefer.core.progress import progress
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.export import write_table
from pulsefer.media.video import probe


def analyze(
    video: Path,
    /,
    *,
    output: Path,
    model: list[Path] | None = None,
    start_s: float = 0.0,
    end_s: float = math.inf,
    device: str = "auto",
) -> int:
    """A video in, a table out: one row per second and face.

    Heart rate comes from the colour of the skin (POS) and needs no training; where the signal is
    too weak `hr_bpm` is empty and `hr_quality` near 0. A trained run adds valence or arousal.

    Args:
        video: Any video that FFmpeg reads.
        output: FILE.csv or FILE.parquet.
        model: Folder of a run that `pulsefer train` made; may be given once per dimension.
        start_s: First second wanted.
        end_s: Stop here.
        device: auto, cpu, cuda or mps.
    """
    analyzer = Analyzer(model, device=device)
    problems: list[Problem] = []
    duration_s = probe(video).duration_s
    total = min(end_s, duration_s) - start_s if math.isfinite(duration_s) else None
    with progress(f"analyse {video.name} (s)", total) as advance:
        table = analyzer.video(
            video, start_s=start_s, end_s=end_s, on_problem=problems.append, advance=advance
        )
    write_table(table, output)
    problems_of(problems)
    faces = table["face_id"].nunique()
    seconds = table["time_s"].nunique()
    with_face = table.loc[table["face_id"].notna(), "time_s"].nunique()
    say(f"{output}: {len(table)} rows; {faces} face(s) in {with_face} of {seconds} seconds")
    if not with_face:
        say("[yellow]no face was found[/yellow]: every row is empty on purpose")
    known = table[table["hr_bpm"].notna()]
    if len(known):
        say(
            f"heart rate: median {known['hr_bpm'].median():.0f} bpm, "
            f"quality {known['hr_quality'].median():.2f} of 1"
        )
    if any(predictor.about["data_kind"] == "synthetic" for predictor in analyzer.predictors):
        say("[yellow]the model was trained on synthetic faces: its figures say nothing of real "
            "people[/yellow]")  # fmt: skip
    if model is None:
        next_step(f"pulsefer analyze {video} --model RUN --output {output}   # adds valence")
    return SKIPPED if problems else OK
