"""`pulsefer live`."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from pulsefer.app.console import INTERRUPTED, OK, REFUSED, SKIPPED, next_step, problems_of, say
from pulsefer.core.errors import BadInput, Problem
from pulsefer.inference.advice import ADVICE, Row, heart_words, known, note
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.config import AnalyzeConfig
from pulsefer.inference.facts import SYNTHETIC
from pulsefer.inference.session import DAY_S, Session
from pulsefer.inference.tables import Format, check_output, write_table

if TYPE_CHECKING:
    from rich.console import RenderableType

LOOK_S = 0.25
"""The screen is drawn anew this often."""
WHOLE_EVERY_S = 10.0
"""Parquet cannot be added to: it is written anew this often."""
QUIET_S = 2.0
"""A camera that shows nothing for so long is mentioned."""


def live(
    source: str = "0",
    /,
    *,
    output: Path | None = None,
    model: Annotated[list[Path] | None, Parameter(negative=())] = None,
    seconds: Annotated[float, Parameter(show_default=False)] = math.inf,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
) -> int:
    """A camera in, a table on the screen: heart rate, and with a model valence and arousal.

    Shows for every face the heart rate, or what to do to get one. Ctrl-C ends it. Where the
    computer is too slow, late frames are dropped and counted, and the answers stay new. Nothing
    leaves this computer, and no picture is kept.

    * The first camera: `pulsefer live`

    * Another one, kept in a file: `pulsefer live 1 --output live.csv`

    * A film as if it were a camera: `pulsefer live talk.mp4 --model RUN`

    Args:
        source: Number or name of a camera, or a video file, which is played in real time.
        output: FILE.csv or FILE.parquet, a new file. CSV grows with every row; Parquet is written
            every 10 s, and holds 24 h.
        model: Folder of a run that `pulsefer train` made; may be given once per dimension.
        seconds: End after so long.
        device: Where the networks compute.
    """
    kind = _check_new(output) if output else None
    analyzer = Analyzer(model, device=device)
    end_s = min(seconds, DAY_S) if kind == "parquet" else seconds
    problems: list[Problem] = []
    session = Session(analyzer, source, end_s=end_s, on_problem=problems.append)
    recording = Recording(session, output)
    stopped = False
    try:
        with session, _screen(session) as show:
            for rows in _read(session):
                recording.add(rows)
                show(rows)
    except KeyboardInterrupt:
        stopped = True
    finally:
        # Also after an error: what came before it has been seen and is kept.
        try:
            recording.add(session.read(0.0))
        finally:
            recording.finish()
    problems_of(problems)
    _sum_up(session, recording)
    if analyzer.synthetic:
        say(f"[yellow]{SYNTHETIC}[/yellow]")
    if output is not None:
        next_step(f"open {output}")
    else:
        next_step(f"pulsefer live {source}{'' if model else ' --model RUN'} --output live.csv")
    if stopped:
        return INTERRUPTED
    if problems:
        return SKIPPED if session.n_rows else REFUSED
    return OK


class Recording:
    """Rows on disk while they come.

    A kill at any moment costs nothing of a CSV but the line that is being written, and of a
    Parquet file the last 10 s. At the end the file is what `analyze` writes, sidecar included;
    a CSV of more than 24 h stays as it grew.

    Args:
        session: Where the rows come from.
        path: CSV or Parquet, or None: nothing is written.
    """

    def __init__(self, session: Session, path: Path | None) -> None:
        self.session, self.path = session, path
        self._grows = path is not None and check_output(path) == "csv"
        self._begun = False
        self._written_at = -math.inf

    def add(self, rows: Sequence[Row]) -> None:
        """Keep some more."""
        if self.path is None or not rows:
            return
        if self._grows:
            table = self.session.analyzer.table(rows, source=self.session.source.name)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            table.to_csv(
                self.path, mode="a", header=not self._begun, index=False, float_format="%.9g",
                lineterminator="\n",
            )  # fmt: skip
        elif time.perf_counter() - self._written_at >= WHOLE_EVERY_S:
            write_table(self.session.table(), self.path)
            self._written_at = time.perf_counter()
        self._begun = True

    def finish(self) -> None:
        """Put the whole table in its place, in one move."""
        if self.path is None or not self._begun:
            return
        table = self.session.table()
        if len(table) == self.session.n_rows or not self._grows:
            write_table(table, self.path)


def line(row: Row, config: AnalyzeConfig) -> str:
    """One row in words, where there is no screen."""
    begin = f"{row['time_s']:g} s"
    if row.get("face_id") is None:
        return f"{begin}: {ADVICE['no_face']}"
    words = [heart_words(row, config)]
    if known(row.get("hr_bpm")) and known(row.get("hr_quality")):
        words.append(f"quality {row['hr_quality']:.2f}")
    words += [
        f"{name.removesuffix('_prob')} {value:.0%}"
        for name, value in row.items()
        if name.endswith("_prob") and known(value)
    ]
    return f"{begin}, face {row['face_id']}: {', '.join(words)}"


def counts(session: Session) -> str:
    """Frames per second, what was dropped, how late the answers are."""
    words = [] if math.isnan(session.fps_hz) else [f"{session.fps_hz:.0f} frames/s"]
    share = session.dropped / session.seen if session.seen else 0.0
    words.append(f"{session.dropped} of {session.seen} dropped ({share:.0%})")
    if not math.isnan(session.latency_s.median_s):
        words.append(f"latency {1000 * session.latency_s.median_s:.0f} ms")
    return ", ".join(words)


def screen(session: Session, faces: dict[int, Row]) -> RenderableType:
    """The faces of now, and how well the computer keeps up."""
    from rich.markup import escape
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    dimensions = [name for name in session.analyzer.columns if name.endswith("_prob")]
    below = counts(session)
    if session.silent_s > QUIET_S:
        below += f"\n[yellow]no picture for {session.silent_s:.0f} s[/yellow]"
    table = Table(title=f"{escape(session.source.name)}: Ctrl-C ends it", caption=below, width=72)
    table.add_column("face", width=5)
    table.add_column("heart rate", ratio=1)
    table.add_column("quality", width=12)
    for name in dimensions:
        table.add_column(name.removesuffix("_prob"), justify="right", width=8)
    for face_id, row in sorted(faces.items()):
        quality = row.get("hr_quality", math.nan)
        table.add_row(
            str(face_id),
            heart_words(row, session.analyzer.config),
            ProgressBar(total=1.0, completed=quality, width=12) if known(quality) else "",
            *(f"{row[name]:.0%}" if known(row.get(name)) else "" for name in dimensions),
        )
    if not faces:
        table.add_row("", ADVICE["no_face"] if session.n_rows else "a moment", "")
    return table


@contextlib.contextmanager
def _screen(session: Session) -> Iterator[Any]:
    """Something that shows rows: a table that is drawn anew, or a line each in a log."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    config = session.analyzer.config
    faces: dict[int, Row] = {}
    if not console.is_terminal:

        def print_lines(rows: Sequence[Row]) -> None:
            for row in rows:
                note(faces, [row], config.step_s)
                say(line(faces.get(row.get("face_id", -1), row), config))

        yield print_lines
        return
    with Live(screen(session, faces), console=console, auto_refresh=False, transient=True) as drawn:

        def draw(rows: Sequence[Row]) -> None:
            note(faces, rows, config.step_s)
            drawn.update(screen(session, faces), refresh=True)

        yield draw


def _read(session: Session) -> Iterator[list[Row]]:
    while not session.ended:
        yield session.read(LOOK_S)


def _check_new(output: Path) -> Format:
    """Refuse what could not be written, before the camera is opened."""
    kind = check_output(output)
    if kind not in ("csv", "parquet"):
        raise BadInput(
            str(output),
            expected="a live table that ends in .csv or .parquet",
            found=f"the format {kind}",
            remedy=f"for example {output.with_suffix('').with_suffix('.csv').name}",
        )
    if output.exists():
        raise BadInput(
            str(output),
            expected="a new file: what was filmed once cannot be filmed again",
            found="one that is there",
            remedy="give another name, or move it away",
        )
    return kind


def _sum_up(session: Session, recording: Recording) -> None:
    place = recording.path or "not written"
    say(f"{place}: {session.n_rows} rows; {counts(session)}")
    if session.n_rows and not math.isnan(session.latency_s.max_s):
        say(f"a row came {1000 * session.latency_s.median_s:.0f} ms after its last frame "
            f"(median; at most {1000 * session.latency_s.max_s:.0f} ms)")  # fmt: skip
