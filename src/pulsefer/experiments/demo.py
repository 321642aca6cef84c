"""The whole path on synthetic data: film, check, prepare, train, score, report, analyse.

The claim before it runs: where faces tell little of the rating, a network scores far higher when
windows of one trial stand on both sides (`window_pooled`) than when a new person is tested
(`subject`). The difference is recognition of the trial. It is printed as the leakage gap.

    pulsefer demo --out demo

Budget: at most 5 minutes on 2 cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.progress import progress, watched
from pulsefer.core.version import __version__
from pulsefer.datasets import deap, deap_check, deap_fake
from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.scoring import gather, leakage_gap
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.tables import write_table
from pulsefer.models.crnn import CrnnConfig
from pulsefer.reports.figures import heart_rate_trace, intervals, learning_curves
from pulsefer.reports.page import Page, Picture, write_page
from pulsefer.reports.row import Row, append
from pulsefer.samples.prepare import PrepareConfig, prepare
from pulsefer.samples.split import PROTOCOLS, By
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig, Windows, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import Run, epochs_done, epochs_of, open_run, train

Say = Callable[[str], None]

SYSTEMS = {"STL": False, "MTL": True}
BOTH: tuple[By, ...] = ("window_pooled", "subject")
HEADLINE = "balanced_accuracy"


@dataclass(frozen=True)
class DemoConfig:
    """Size of the demonstration.

    Attributes:
        subjects: Synthetic persons.
        trials: Trials per person.
        seconds: Length of a trial.
        fps_hz: Frame rate of the films.
        width_px: Width of the films.
        height_px: Height of the films.
        crf: Quality of the H.264; in films as small as these a pulse needs better than 18.
        n_frames: Frames in a window of 1 s. Choice of the paper preset: 5.
        epochs: Passes over the training side. Paper: 15.
        batch_size: Paper: 64. Smaller here, for there are few windows.
        dropout: None here: what is to be learned in so few steps must not be hidden half the time.
        folds: Folds of each protocol.
        rating_noise: How far the face is from the rating, points: a face that told everything
            would be read as well in new persons, and there would be no gap to show.
        seed: Equal seeds give equal figures on the same machine.
    """

    subjects: int = 6
    trials: int = 6
    seconds: float = 12.0
    fps_hz: float = 25.0
    width_px: int = 320
    height_px: int = 256
    crf: int = 10
    n_frames: int = 3
    epochs: int = 12
    batch_size: int = 8
    dropout: float = 0.0
    folds: int = 2
    rating_noise: float = 4.0
    seed: int = 0


@dataclass(frozen=True)
class Demo:
    """What the demonstration leaves.

    Attributes:
        out: Folder with deap/, store/, runs/, rows.jsonl, readings.csv, report.html.
        rows: All rows.
        headline: The rows worth a table in a terminal.
        hr_planted_bpm: Planted heart rate of the analysed film.
        hr_found_bpm: What `analyze` found in its video at the end; NaN where it abstained.
        problems: What was skipped on the way.
    """

    out: Path
    rows: tuple[Row, ...]
    headline: tuple[Row, ...]
    hr_planted_bpm: float
    hr_found_bpm: float
    problems: tuple[Problem, ...]


def demo(out: Path, config: DemoConfig | None = None, *, workers: int = 1, say: Say) -> Demo:
    """Run everything into one folder; what is already there is not made again.

    Args:
        out: Folder; made if absent.
        config: Size.
        workers: Processes for filming and preparing.
        say: Told what happens.

    Raises:
        BadInput: the specimens of `out` were made with other settings.
    """
    config = config or DemoConfig()
    out = Path(out)
    say("1/5 film a synthetic DEAP tree: faces with a planted expression and a planted pulse")
    tree = _film(out, config, workers)
    say("2/5 check it as one would check a licensed copy")
    report = deap_check.check(out / "deap")
    if not report.ok:
        raise BadInput(str(out / "deap"), expected="a whole specimen", found="a broken one",
                       remedy="delete the folder and start again")  # fmt: skip
    say("3/5 find and cut the faces, find the beats")
    problems: list[Problem] = []
    recordings = list(deap.read(out / "deap", on_problem=problems.append))
    with progress("prepare (trials)", len(recordings)) as advance:
        prepared = prepare(
            recordings, store=out / "store", config=PrepareConfig(), workers=workers,
            advance=advance,
        )  # fmt: skip
    problems.extend(prepared.problems)
    if prepared.store is None:
        raise BadInput(str(out / "store"), expected="prepared trials", found="none")
    say("4/5 train STL and MTL for valence, by window_pooled (leaky) and by subject")
    windows = window(prepared.store, WindowConfig(n_frames=config.n_frames))
    runs = _train(windows, config, out, workers)
    rows = [row for run in runs.values() for row in gather(run, experiment="demo", unit="window")]
    gaps = [
        leakage_gap([runs[system, "window_pooled"]], [runs[system, "subject"]], experiment="demo")
        for system in SYSTEMS
    ]
    rows += gaps
    append(out / "rows.jsonl", rows)
    headline = [
        row for row in rows
        if row.metric in (HEADLINE, "accuracy", "leakage_gap", "hr_rmse_bpm") and
        row.selection == "last"
    ]  # fmt: skip
    say("5/5 analyse one film: heart rate from the colour of the skin, no training needed")
    chosen = recordings[0]
    readings = Analyzer().video(chosen.video)
    write_table(readings, out / "readings.csv")
    planted = tree.of(chosen.subject, int(chosen.trial.removeprefix("trial"))).hr_bpm
    found = float(readings["hr_bpm"].iloc[-1])
    _report(out, config, rows, headline, gaps, runs, readings, chosen.id, planted, found)
    return Demo(out, tuple(rows), tuple(headline), planted, found, tuple(problems))


def rate_in_words(bpm: float) -> str:
    """A heart rate that may have been abstained.

    >>> rate_in_words(71.96), rate_in_words(math.nan)
    ('72.0 bpm', 'none that can be believed')
    """
    return f"{bpm:.1f} bpm" if math.isfinite(bpm) else "none that can be believed"


def _film(out: Path, config: DemoConfig, workers: int) -> deap_fake.FakeTree:
    """The specimen tree; the one that is there, if it was made with these settings."""
    settings = fingerprint([__version__, config])
    note = out / "settings.txt"
    if (out / "deap").exists():
        there = note.read_text("utf-8") if note.is_file() else "unknown ones"
        if there != settings:
            raise BadInput(
                str(out),
                expected=f"an empty folder, or a demonstration with settings {settings}",
                found=f"one with {there}",
                remedy="choose another --out, or delete this folder",
            )
        return deap_fake.open_fake(out / "deap")
    with whole_file(note) as part:
        part.write_text(settings, "utf-8")
    return deap_fake.write_fake(
        out / "deap", subjects=config.subjects, trials=config.trials, seconds=config.seconds,
        fps_hz=config.fps_hz, width_px=config.width_px, height_px=config.height_px,
        effects=Effects(rating_noise=config.rating_noise), crf=config.crf, seed=config.seed,
        workers=workers, show_progress=True,
    )  # fmt: skip


@dataclass(frozen=True)
class _Training:
    """One run, small enough to send to a process."""

    store: Path
    windows: Windows
    protocol: Protocol
    settings: TrainConfig
    folder: Path


def _train(
    windows: Windows, config: DemoConfig, out: Path, workers: int
) -> dict[tuple[str, By], Run]:
    """Both systems under both protocols, side by side: such small steps use one core each."""
    jobs = {
        (system, by): _Training(
            out / "store",
            windows,
            Protocol(by=by, folds=config.folds, split_seed=config.seed),
            TrainConfig(
                model=CrnnConfig(heart_rate=heart_rate, dropout=config.dropout),
                epochs=config.epochs,
                batch_size=config.batch_size,
                hr_start="train_mean",
                seed=config.seed,
            ),
            out / "runs" / f"{system}-{by}",
        )
        for by in BOTH
        for system, heart_rate in SYSTEMS.items()
    }
    total = sum(epochs_of(windows, j.protocol, j.settings, final=False) for j in jobs.values())
    todo = list(jobs.values())
    with (
        progress("train (epochs)", total) as advance,
        watched(lambda: epochs_done(job.folder for job in todo), advance),
    ):
        for _ in fan_out(_train_one, todo, workers=workers):
            pass
    return {name: open_run(job.folder) for name, job in jobs.items()}


def _train_one(job: _Training) -> None:
    import torch

    n_threads = torch.get_num_threads()
    # The number of threads changes the last bits of a sum: the same one whatever the workers.
    torch.set_num_threads(1)
    try:
        train(
            open_store(job.store), job.windows, job.protocol, job.settings,
            folder=job.folder, final=False,
        )  # fmt: skip
    finally:
        torch.set_num_threads(n_threads)


def _report(
    out: Path,
    config: DemoConfig,
    rows: list[Row],
    headline: list[Row],
    gaps: list[Row],
    runs: dict[tuple[str, By], Run],
    readings: pd.DataFrame,
    filmed: str,
    planted_bpm: float,
    found_bpm: float,
) -> None:
    last = [row for row in rows if row.selection == "last"]
    main = {(r.system, r.protocol): r for r in last if r.metric == HEADLINE}
    mtl_gap = next(gap for gap in gaps if gap.system == "MTL")
    constant = next(
        r for r in last
        if r.metric == "hr_rmse_constant_bpm" and (r.system, r.protocol) == ("MTL", "subject")
    )  # fmt: skip
    network = next(
        r for r in last
        if r.metric == "hr_rmse_bpm" and (r.system, r.protocol) == ("MTL", "subject")
    )  # fmt: skip
    about = runs["MTL", "subject"].about
    found = [
        "Split by shuffled windows, the MTL network reaches "
        f"{100 * main['MTL', 'window_pooled'].value:.0f} % balanced accuracy; "
        f"tested on new persons, {100 * main['MTL', 'subject'].value:.0f} %. "
        f"The leakage gap is {100 * mtl_gap.value:+.0f} points "
        f"(95 % interval {100 * mtl_gap.low:+.0f} to {100 * mtl_gap.high:+.0f}).",
        f"The network's heart rate is off by {network.value:.1f} bpm (RMSE, new persons); always "
        f"saying the mean is off by {constant.value:.1f}. {config.n_frames} frames in one second "
        "cannot show a pulse.",
        f"In the film of {filmed}, {planted_bpm:.1f} bpm were planted; the colour of the skin "
        f"shows {rate_in_words(found_bpm)}.",
    ]
    curves = {
        f"{system}, by {by}": run.history.groupby("epoch", as_index=False).mean(numeric_only=True)
        for (system, by), run in runs.items()
    }
    write_page(
        Page(
            title="PulseFER demonstration: how much of an accuracy is leakage?",
            found=found,
            rows=headline,
            pictures=[
                Picture(
                    intervals([r for r in last if r.metric == HEADLINE], chance=0.5),
                    "Balanced accuracy with 95 % intervals (bootstrap over persons). "
                    "By window_pooled, one trial stands on both sides.",
                ),
                Picture(
                    learning_curves(curves, synthetic=True),
                    "Cross-entropy by epoch, mean over folds; the held-out part is cut along the "
                    "same unit as the test part.",
                ),
                Picture(
                    heart_rate_trace(readings, planted_bpm=planted_bpm),
                    f"Heart rate found in the film of {filmed} (synthetic) over the last 12 s at "
                    "each second, where noise would not show such a rhythm.",
                ),
            ],
            how={
                "data": f"{about['n_subjects']} synthetic persons, {about['n_trials']} trials of "
                f"{config.seconds:g} s, {about['n_windows']} windows of 1 s and "
                f"{config.n_frames} frames",
                "planted": "a face that follows the rating with a spread of "
                f"{config.rating_noise:g} points, a pulse of 1 % of the skin's green",
                "labels": f"valence, 5 and above is high ({about['high_share']:.0%})",
                "training": f"Adam, {config.epochs} epochs (paper: 15), batch "
                f"{config.batch_size} (paper: 64), dropout {config.dropout:g}, last epoch; the "
                "heart-rate head starts at the mean of the learning side",
                "folds": f"{config.folds}, seed {config.seed}",
                **{f"by {by}, may cross": PROTOCOLS[by] for by in BOTH},
                "configuration": ", ".join(
                    f"{system} by {by} {run.about['fingerprint']}"
                    for (system, by), run in runs.items()
                ),
                "command": "pulsefer demo",
            },
            caveats=[
                "Nothing here was measured on a person. The paper's figures stand beside ours to "
                "show the table's form; they are not comparable.",
                f"{about['n_subjects']} persons give wide intervals; a difference inside them is "
                "no difference.",
            ],
        ),
        out / "report.html",
    )
