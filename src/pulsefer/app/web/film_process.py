"""The process that opens one film: foreign bytes are decoded here and nowhere else.

    python -m pulsefer.app.web.film_process FOLDER

FOLDER holds the film, called `film`, and `ask.json`. Lines of JSON on standard output say how far
it is: {"of_s": 30.0}, {"done_s": 1.0}, {"problem": {...}}. What it made lies in FOLDER; the film is
deleted. It ends by itself when standard input is closed, and then takes FOLDER with it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulsefer.app.web.child import confine, end_with_parent
from pulsefer.core.errors import BadInput, Problem

if TYPE_CHECKING:
    import pandas as pd

ASK, FILM, RESULT, ROWS = "ask.json", "film", "result.json", "rows.json"
OVERLAY = "overlay.mp4"
FILES: Mapping[str, str] = {
    "table.csv": "text/csv",
    "table.parquet": "application/vnd.apache.parquet",
    "about.json": "application/json",
    OVERLAY: "video/mp4",
}
"""What can be fetched, and what it is."""
START_S = 60.0
"""Processor time for a start, in addition to that for the film."""


def main(folder: Path) -> int:
    """Analyse; 0 if there is a table."""
    ask = json.loads((folder / ASK).read_text("utf-8"))
    end_with_parent(lambda: shutil.rmtree(folder, ignore_errors=True))
    most_s = 60 * ask["minutes"]
    confine(
        memory_mb=ask["memory_mb"],
        cpu_s=START_S + ask["work_per_s"] * most_s,
        file_mb=int(4 * ask["size_mb"]) + 64,
    )
    name = ask["name"]
    try:
        _analyse(folder, ask, name, most_s)
    except BadInput as error:
        _say(problem=asdict(error.problem) | {"where": name})
        return 1
    except MemoryError:
        _say(
            problem=_problem(
                name, f"a film that can be analysed in {ask['memory_mb']} MB",
                "one that needs more", "make it smaller: 1280x720 is plenty",
            )
        )  # fmt: skip
        return 1
    except Exception as error:
        # Decoders, encoders and networks have errors of their own, also for want of memory.
        print(traceback.format_exc().replace(str(folder), "..."), file=sys.stderr)
        found = f"{type(error).__name__}: {getattr(error, 'strerror', None) or error}"
        found = found.replace(str(folder), "...")
        _say(
            problem=_problem(
                name, "a film that can be analysed", found,
                "save it as H.264 in MP4, not larger than 1280x720",
            )
        )  # fmt: skip
        return 1
    finally:
        (folder / FILM).unlink(missing_ok=True)
    return 0


def _analyse(folder: Path, ask: Mapping[str, Any], name: str, most_s: float) -> None:
    from pulsefer.inference.analyzer import Analyzer
    from pulsefer.inference.batch import summary
    from pulsefer.inference.sidecar import sidecar_path
    from pulsefer.inference.tables import write_table
    from pulsefer.media.video import probe

    film = folder / FILM
    duration_s = probe(film).duration_s
    if duration_s > most_s:
        raise _too_long(f"{duration_s / 60:.1f} minutes", most_s)
    _say(of_s=duration_s if math.isfinite(duration_s) else None)
    analyzer = Analyzer([Path(run) for run in ask["models"]] or None, device=ask["device"])
    done_s = 0.0

    def advance(step_s: float) -> None:
        nonlocal done_s
        done_s += step_s
        if done_s > most_s + step_s:
            # A header that says less than there is.
            raise _too_long("more", most_s)
        _say(done_s=done_s)

    problems: list[Problem] = []
    table = analyzer.video(
        film, overlay=folder / OVERLAY if ask["overlay"] else None, blur_faces=ask["blur_faces"],
        on_problem=problems.append, advance=advance,
    )  # fmt: skip
    # On the disk it is called `film`, whatever its owner calls it.
    table.attrs["source"] = name
    for kind in ("table.csv", "table.parquet"):
        write_table(table, folder / kind)
    sidecar_path(folder / "table.csv").replace(folder / "about.json")
    sidecar_path(folder / "table.parquet").unlink()
    (folder / ROWS).write_text(_rows(table, analyzer.config.step_s), "utf-8")
    told = summary(table)
    result = {
        "summary": {
            **told,
            "median_hr_bpm": told["median_hr_bpm"] if told["rows_with_rate"] else None,
            "sentence": sentence(told, analyzer.config.step_s),
        },
        "notes": [str(one).replace(str(film), name) for one in problems],
        "synthetic": analyzer.synthetic,
        "files": [file for file in FILES if (folder / file).is_file()],
    }
    (folder / RESULT).write_text(json.dumps(result, allow_nan=False), "utf-8")


def sentence(told: Mapping[str, Any], step_s: float) -> str:
    """A table in words.

    Args:
        told: Its summary.
        step_s: Seconds of a row.
    """
    from pulsefer.inference.columns import REASONS

    if not told["steps_with_face"]:
        return "No face was found."
    faces = "1 face" if told["faces"] == 1 else f"{told['faces']} faces"
    seen = f"{faces} in {told['steps_with_face'] * step_s:g} of {told['steps'] * step_s:g} s"
    if not told["rows_with_rate"]:
        why = REASONS.get(told["usual_reason"], told["usual_reason"])
        return f"{seen}; no heart rate that can be believed: {why}."
    return (
        f"{seen}; heart rate {told['median_hr_bpm']:.0f} bpm "
        f"(median of {told['rows_with_rate']} rows)."
    )


def _rows(table: pd.DataFrame, step_s: float) -> str:
    """Columns as lists, for a page to draw; what is missing is null."""
    shown = table.astype(object).where(table.notna(), None)
    rows = {name: shown[name].tolist() for name in shown.columns}
    return json.dumps({"step_s": step_s, "columns": list(rows), "rows": rows}, allow_nan=False)


def _too_long(found: str, most_s: float) -> BadInput:
    return BadInput(
        FILM,
        expected=f"a film of at most {most_s / 60:g} minutes",
        found=found,
        remedy="cut it, or analyse it with `pulsefer analyze`, which has no such bound",
    )


def _problem(where: str, expected: str, found: str, remedy: str) -> dict[str, Any]:
    return asdict(Problem(where, expected, found, remedy))


def _say(**told: Any) -> None:
    # Whoever listened may be gone; then this process will be, too.
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
