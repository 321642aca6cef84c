"""`pulsefer analyze`."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from pulsefer.app.console import OK, REFUSED, SKIPPED, next_step, problems_of, say, show
from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.progress import progress
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.batch import Ask, Done, analyze_all, jobs_of, summary, videos_in
from pulsefer.inference.columns import REASONS
from pulsefer.inference.facts import SYNTHETIC
from pulsefer.inference.pictures import SUFFIXES as PICTURES
from pulsefer.inference.tables import ENDINGS, Format, check_output, write_table
from pulsefer.media.video import probe

if TYPE_CHECKING:
    import pandas as pd

MOST_LINES = 40
"""Of a batch, so many videos are listed; the rest is counted."""


def analyze(
    *videos: Path,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    model: Annotated[list[Path] | None, Parameter(negative=())] = None,
    start_s: float = 0.0,
    end_s: Annotated[float, Parameter(show_default=False)] = math.inf,
    step_s: float = 1.0,
    overlay: Annotated[Path | None, Parameter(show_default=False)] = None,
    blur_faces: Annotated[bool, Parameter(negative=())] = False,
    format: Format = "csv",
    workers: int = 1,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """A video in, a table out: one row per time step and face. Or many, or pictures.

    The heart rate `hr_bpm` comes from the colour of the skin and needs no training. It is given
    where noise would show such a rhythm in fewer than one window in thirty; elsewhere the cell is
    empty and `hr_reason` says why: short, small, dark, bright, moving, no_peak, no_face. A trained
    run adds `valence_prob` or `arousal_prob`, the probability of the high class. What each column
    means stands beside the table, in FILE.json.

    * Heart rate alone: `pulsefer analyze talk.mp4 --output talk.csv`

    * With valence: `pulsefer analyze talk.mp4 --model RUN --output talk.parquet`

    * A film to look at: `pulsefer analyze talk.mp4 --output talk.csv --overlay talk.overlay.mp4`

    * A folder: `pulsefer analyze talks --output tables`. Stop it and go on at will: what is done
      is kept, a bad file is named and passed over

    * Pictures: `pulsefer analyze photos --output faces.csv`, with `--model` of a run of
      `pulsefer pretrain` for their valence and arousal

    Args:
        videos: Files that FFmpeg reads, folders of them, or patterns ("talks/*.mp4"); or one folder
            of pictures.
        output: FILE.csv, FILE.parquet, FILE.fex.csv (py-feat), sub-X_task-Y_physio.tsv.gz (BIDS);
            for several videos a folder.
        model: Folder of a run that `pulsefer train` made, or what `pulsefer export` made of it; may
            be given once per dimension.
        start_s: First second wanted.
        end_s: Stop here; the end of the video unless given.
        step_s: Seconds per row.
        overlay: FILE.mp4 with boxes, values, traces and the sound. For several videos any name:
            each has its own beside its table.
        blur_faces: Hide the faces in the overlay. One that is not found is not hidden.
        format: Of the tables of several videos.
        workers: Videos at a time, each in a process of its own.
        device: Where the networks compute.
    """
    if not videos:
        raise BadInput(
            "analyze", expected="a video", found="none",
            remedy="pulsefer analyze VIDEO --output FILE.csv",
        )  # fmt: skip
    if blur_faces and overlay is None:
        raise BadInput(
            "--blur-faces", expected="a film to hide faces in", found="no --overlay",
            remedy="add --overlay FILE.mp4",
        )  # fmt: skip
    if len(videos) == 1 and _holds_pictures(videos[0]):
        return _pictures(videos[0], output, model, device)
    one = len(videos) == 1 and (videos[0].is_file() or not _stands_for_many(videos[0]))
    if one and not output.is_dir():
        return _one(
            videos[0], output, model, start_s=start_s, end_s=end_s, step_s=step_s,
            overlay=overlay, blur_faces=blur_faces, device=device,
        )  # fmt: skip
    ask = Ask(
        tuple(str(run) for run in model or ()), device, start_s, end_s, step_s,
        overlay is not None, blur_faces,
    )  # fmt: skip
    return _many(videos_in(videos), output, ask, format, workers)


def _holds_pictures(path: Path) -> bool:
    """Whether a folder has pictures and no video, or the file is a picture."""
    if path.is_file():
        return path.suffix.lower() in PICTURES
    if not path.is_dir() or not any(p.suffix.lower() in PICTURES for p in path.iterdir()):
        return False
    try:
        return not videos_in([path])
    except BadInput:
        return True


def _stands_for_many(path: Path) -> bool:
    return path.is_dir() or any(sign in str(path) for sign in "*?[")


def _one(
    video: Path,
    output: Path,
    model: list[Path] | None,
    *,
    start_s: float,
    end_s: float,
    step_s: float,
    overlay: Path | None,
    blur_faces: bool,
    device: str,
) -> int:
    check_output(output)
    duration_s = probe(video).duration_s
    analyzer = Analyzer(model, device=device)
    problems: list[Problem] = []
    # The container may be wrong about its length, or not say it: then the bar is, not the table.
    span_s = min(duration_s, end_s) - start_s
    total = math.ceil(span_s) if math.isfinite(span_s) and span_s > 0 else None
    with progress(f"analyse {video.name} (s)", total) as advance:
        table = analyzer.video(
            video, start_s=start_s, end_s=end_s, step_s=step_s, overlay=overlay,
            blur_faces=blur_faces, on_problem=problems.append, advance=advance,
        )  # fmt: skip
    written = write_table(table, output)
    problems_of(problems)
    _sum_up(table, written[0])
    if overlay:
        say(f"film: {overlay}" + (" (a face that was not found is not hidden: look at it before "
            "you show it)" if blur_faces else ""))  # fmt: skip
    _of_whom(analyzer)
    if overlay is None:
        # Whoever has a table wants to see whether it is right.
        words = [*(f"--model {run}" for run in model or ()), f"--output {output}"]
        film = video.with_suffix(".overlay.mp4").name
        next_step(f"pulsefer analyze {video} {' '.join(words)} --overlay {film}")
    elif model is None:
        next_step(f"pulsefer analyze {video} --model RUN --output {output}")
    else:
        next_step(f"open {overlay}")
    return SKIPPED if problems else OK


def _many(videos: list[Path], folder: Path, ask: Ask, format: Format, workers: int) -> int:
    if folder.is_file() or any(folder.name.lower().endswith(e) for e in ENDINGS.values()):
        raise BadInput(
            str(folder),
            expected=f"a folder for the tables of {len(videos)} videos",
            found="a file" if folder.is_file() else "the name of one table",
            remedy=f"pulsefer analyze ... --output {folder.with_name(folder.name.split('.')[0])}",
        )
    if format == "bids":
        raise BadInput(
            "--format", expected="csv, parquet or fex", found="bids",
            remedy="BIDS wants the person and the task in the name: analyse one by one",
        )  # fmt: skip
    jobs = jobs_of(videos, folder, ask, format=format)
    done: list[Done] = []
    with progress(f"analyse {len(jobs)} videos", len(jobs)) as advance:
        done.extend(analyze_all(jobs, workers=workers, advance=advance))
    done.sort(key=lambda one: jobs.index(one.job))
    problems_of([problem for one in done for problem in one.problems])
    _list(done)
    count = Counter(one.state for one in done)
    say(
        f"{folder}: {count['made']} made, {count['kept']} kept from before, "
        f"{count['failed']} failed, of {len(done)}"
    )
    if count["failed"] == len(done):
        return REFUSED
    next_step(f"open {folder}")
    return SKIPPED if any(one.problems for one in done) else OK


def _list(done: list[Done]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("video", "", "faces", "seconds with a face", "heart rate", header_style="bold")
    for one in done[:MOST_LINES]:
        colour = {"made": "green", "kept": "dim", "failed": "red"}[one.state]
        told = one.summary
        table.add_row(
            escape(str(one.job.source)),
            f"[{colour}]{one.state}[/]",
            str(told["faces"]) if told else "",
            f"{told['steps_with_face']} of {told['steps']}" if told else "",
            _rate(told) if told else "",
        )
    show(table)
    if len(done) > MOST_LINES:
        say(f"… and {len(done) - MOST_LINES} more")


def _rate(told: dict[str, float | str]) -> str:
    """The heart rate of a table in one cell."""
    if told["rows_with_rate"]:
        return f"{told['median_hr_bpm']:.0f} bpm in {told['rows_with_rate']} of {told['rows_seen']}"
    return f"none: {REASONS.get(str(told['usual_reason']), 'no face')}"


def _pictures(folder: Path, output: Path, model: list[Path] | None, device: str) -> int:
    from pulsefer.inference.pictures import pictures_in

    check_output(output)
    analyzer = Analyzer(model, device=device)
    problems: list[Problem] = []
    with progress(f"look at {folder.name} (pictures)", len(pictures_in(folder))) as advance:
        table = analyzer.images(folder, on_problem=problems.append, advance=advance)
    written = write_table(table, output)
    problems_of(problems)
    seen = table[table["face_id"].notna()]
    say(
        f"{written[0]}: {len(table)} rows, {table['picture'].nunique()} pictures; "
        f"{len(seen)} faces in {seen['picture'].nunique()} of them"
    )
    if model is None:
        next_step(
            f"pulsefer analyze {folder} --model RUN --output {output}  # of pulsefer pretrain"
        )
    else:
        next_step(f"open {written[0]}")
    return SKIPPED if problems else OK


def _sum_up(table: pd.DataFrame, output: Path) -> None:
    told = summary(table)
    say(
        f"{output}: {told['rows']} rows, {told['steps']} steps; "
        f"{told['faces']} face(s) in {told['steps_with_face']} of them"
    )
    seen = table[table["face_id"].notna()]
    if not len(seen):
        say("[yellow]no face was found[/yellow]: every row is empty on purpose")
        return
    for face_id, own in seen.groupby("face_id"):
        known = own["hr_bpm"].dropna()
        why = ", ".join(
            f"{n} x {REASONS.get(reason, reason)}"
            for reason, n in Counter(own.loc[own["hr_bpm"].isna(), "hr_reason"]).most_common()
        )
        if not len(known):
            say(f"face {face_id}: no heart rate that can be believed ({why})")
            continue
        say(
            f"face {face_id}: heart rate {known.median():.0f} bpm (median of {len(known)} rows, "
            f"from {known.min():.0f} to {known.max():.0f})" + (f"; none in: {why}" if why else "")
        )


def _of_whom(analyzer: Analyzer) -> None:
    if analyzer.synthetic:
        say(f"[yellow]{SYNTHETIC}[/yellow]")
