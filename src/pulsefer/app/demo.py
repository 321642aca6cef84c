"""`pulsefer demo`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pulsefer.app.console import CORES, OK, SKIPPED, next_step, problems_of, say, show
from pulsefer.experiments.demo import DemoConfig, rate_in_words
from pulsefer.experiments.demo import demo as run_demo
from pulsefer.reports.table import table

DEFAULT = DemoConfig()


def demo(
    *,
    out: Path = Path("demo"),
    config: Annotated[DemoConfig, Parameter(name="*")] = DEFAULT,
    workers: int = CORES,
) -> int:
    """The whole path on synthetic data: film, check, prepare, train, score, report, analyse.

    Takes a few minutes and may be stopped and started again.

    Args:
        out: Folder for everything it makes.
        config: Size.
        workers: Processes for filming and preparing.
    """
    begin = time.perf_counter()
    done = run_demo(out, config, workers=workers, say=say)
    title = "Valence on synthetic DEAP specimens: what the split is worth"
    show(table(done.headline, title=title))
    print(
        f"heart rate of one film (synthetic): planted {done.hr_planted_bpm:.1f} bpm, "
        f"found {rate_in_words(done.hr_found_bpm)}"
    )
    problems_of([problem for problem in done.problems if problem.severity != "note"])
    say(f"{time.perf_counter() - begin:.0f} s; all of it is synthetic and says so")
    next_step(f"open {done.out / 'report.html'}")
    return SKIPPED if any(p.severity == "error" for p in done.problems) else OK
