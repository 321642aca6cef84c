"""Many videos, a table each: what is done stays done, and one bad file never stops the rest."""

from __future__ import annotations

import functools
import glob
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.fan_out import fan_out
from pulsefer.core.fingerprint import sha256_file
from pulsefer.inference.analyzer import Advance, Analyzer
from pulsefer.inference.sidecar import json_text, read_object, sidecar_path
from pulsefer.inference.tables import ENDINGS, Format, write_table

SUFFIXES: Final = (
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv",
    ".flv", ".3gp", ".ts", ".ogv",
)  # fmt: skip
"""What counts as a video in a folder; a file that is named itself may be called anything."""

OVERLAY: Final = ".overlay.mp4"

State = Literal["made", "kept", "failed"]


@dataclass(frozen=True)
class Ask:
    """What is asked of every video.

    Attributes:
        models: Folders of runs.
        device: Where the networks compute.
        start_s: First second wanted.
        end_s: Nothing from here on is wanted.
        step_s: Seconds per row; None is the usual one.
        overlay: Whether a film is written beside each table.
        blur_faces: Whether faces are hidden in it.
    """

    models: tuple[str, ...] = ()
    device: str = "auto"
    start_s: float = 0.0
    end_s: float = math.inf
    step_s: float | None = None
    overlay: bool = False
    blur_faces: bool = False


@dataclass(frozen=True)
class Job:
    """One video and its table.

    Attributes:
        source: The video.
        output: The table.
        ask: What is asked.
    """

    source: Path
    output: Path
    ask: Ask

    @property
    def film(self) -> Path | None:
        """The overlay, where one is asked for."""
        return (
            self.output.with_name(f"{self.source.stem}.overlay.mp4") if self.ask.overlay else None
        )


@dataclass(frozen=True)
class Done:
    """What became of a job.

    Attributes:
        job: The job.
        state: "made", "kept" (it was there already, of the same film and settings) or "failed".
        problems: What was skipped or refused.
        summary: Of the table; empty where it failed.
    """

    job: Job
    state: State
    problems: tuple[Problem, ...]
    summary: dict[str, Any]


def videos_in(words: Sequence[Path | str]) -> list[Path]:
    """Files, folders (every video in them, at any depth) and patterns ("talks/*.mp4").

    Returns:
        Each file once, in the order given; those of a folder by name.

    Raises:
        BadInput: a word that stands for no file.
    """
    found: dict[Path, None] = {}
    for word in words:
        path = Path(word)
        if path.is_dir():
            some = [
                p
                for p in sorted(path.rglob("*"))
                if p.suffix.lower() in SUFFIXES and not p.name.endswith(OVERLAY)
            ]
        elif path.exists():
            some = [path]
        else:
            some = [Path(name) for name in sorted(glob.glob(str(word), recursive=True))]
        some = [p for p in some if not p.is_dir() and not p.name.startswith(".")]
        if not some:
            raise BadInput(
                str(word),
                expected="a video file, a folder of videos, or a pattern such as 'talks/*.mp4'",
                found="no video in it" if path.is_dir() else "no such file",
                remedy="check the path",
            )
        found.update(dict.fromkeys(some))
    return list(found)


def jobs_of(videos: Sequence[Path], folder: Path, ask: Ask, *, format: Format = "csv") -> list[Job]:
    """Where the table of each video goes: below `folder` as the videos lie below what they share.

    Two that would have one name ("a.mp4", "a.mov") keep their whole names.
    """
    parents = [video.absolute().parent for video in videos]
    shared = Path(os.path.commonpath(parents))
    places = [folder / parent.relative_to(shared) for parent in parents]
    stems = Counter((place, video.stem) for place, video in zip(places, videos, strict=True))
    jobs = []
    for place, video in zip(places, videos, strict=True):
        name = video.name if stems[place, video.stem] > 1 else video.stem
        jobs.append(Job(video, place / f"{name}{ENDINGS[format]}", ask))
    return jobs


def analyze_all(
    jobs: Sequence[Job], *, workers: int = 1, advance: Advance | None = None
) -> Iterator[Done]:
    """Do the jobs; yield what became of each, as they finish.

    Stop it and start it again at will: a table that is there, whole and made of the same bytes by
    the same settings, weights and version, is kept.

    Args:
        jobs: See `jobs_of`.
        workers: Processes.
        advance: Called with 1 after every video.

    Raises:
        BadInput: a model that cannot be used: that is the same for every video.
    """
    for ask in {job.ask for job in jobs}:
        _analyzer(ask)  # refuse before anything is done
    one = functools.partial(_one, alone=workers == 1)
    for _, done in fan_out(one, jobs, workers=workers):
        if advance:
            advance(1)
        yield done


def summary(table: pd.DataFrame) -> dict[str, Any]:
    """A table in a few numbers, for one line on a screen."""
    seen = table[table["face_id"].notna()]
    trusted = seen["hr_bpm"].dropna()
    why = Counter(seen.loc[seen["hr_bpm"].isna(), "hr_reason"]).most_common(1)
    return {
        "rows": len(table),
        "steps": int(table["time_s"].nunique()),
        "steps_with_face": int(seen["time_s"].nunique()),
        "faces": int(seen["face_id"].nunique()),
        "rows_with_rate": len(trusted),
        "rows_seen": len(seen),
        "median_hr_bpm": float(trusted.median()) if len(trusted) else math.nan,
        "usual_reason": why[0][0] if why else "",
    }


@functools.lru_cache(maxsize=2)
def _analyzer(ask: Ask) -> Analyzer:
    """One per process: loading takes longer than a short video."""
    return Analyzer([*ask.models] or None, device=ask.device)


def _one(job: Job, *, alone: bool) -> Done:
    if not alone:
        import contextlib

        with contextlib.suppress(ImportError):
            import torch

            torch.set_num_threads(1)  # every core has a process of its own
    problems: list[Problem] = []
    try:
        analyzer = _analyzer(job.ask)
        known = _kept(job, analyzer)
        if known is not None:
            return Done(job, "kept", (), known)
        job.output.parent.mkdir(parents=True, exist_ok=True)
        table = analyzer.video(
            job.source, start_s=job.ask.start_s, end_s=job.ask.end_s, step_s=job.ask.step_s,
            overlay=job.film, blur_faces=job.ask.blur_faces, on_problem=problems.append,
        )  # fmt: skip
        write_table(table, job.output)
    except BadInput as error:
        return Done(job, "failed", (*problems, error.problem), {})
    except (OSError, ValueError, MemoryError) as error:
        found = f"{type(error).__name__}: {error}"
        told = Problem(str(job.source), expected="a video that can be analysed", found=found)
        return Done(job, "failed", (*problems, told), {})
    return Done(job, "made", tuple(problems), summary(table))


def _kept(job: Job, analyzer: Analyzer) -> dict[str, Any] | None:
    """The summary of a table that is there already, if it is what would be made."""
    told = read_object(sidecar_path(job.output))
    if not told or not job.output.is_file() or (job.film and not job.film.is_file()):
        return None
    wanted = analyzer.about_video(
        job.source, start_s=job.ask.start_s, end_s=job.ask.end_s, step_s=job.ask.step_s
    )
    wanted = json.loads(json_text(wanted))
    about = told.get("about")
    if not isinstance(about, dict) or {k: about.get(k) for k in wanted} != wanted:
        return None
    if told.get("table_sha256") != sha256_file(job.output):
        return None
    if job.output.name.endswith(ENDINGS["fex"]):
        return {}  # its columns are py-feat's; what it says is not read back
    if job.output.name.endswith(ENDINGS["parquet"]):
        return summary(pd.read_parquet(job.output))
    return summary(pd.read_csv(job.output, converters={"hr_reason": str}))
