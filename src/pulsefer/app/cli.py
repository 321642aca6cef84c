"""The command line. Commands are loaded when they are called: `--version` imports no torch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App
from cyclopts.config import Yaml

import pulsefer
from pulsefer.app.console import INTERRUPTED, OK, REFUSED, say
from pulsefer.core.errors import BadInput

HELP = """Emotion (valence, arousal) and heart rate from face video, by one network.

Start with `pulsefer demo`: it films a synthetic data set, trains on it, and writes a report.
With a video of your own: `pulsefer analyze VIDEO --output FILE.csv`.
With the DEAP licence: `pulsefer data check deap ROOT`, then `data prepare`, `train`, `evaluate`.

Not for decisions about people: not at work, not at school, not in court, not for diagnosis.
"""

app = App(name="pulsefer", version=pulsefer.__version__, help=HELP, help_format="markdown")
data = App(name="data", help="Write specimens, check a copy, prepare faces for training.")

app.command(data)
data.command("pulsefer.app.data:fake", name="fake", help="Write a byte-true synthetic data set.")
data.command("pulsefer.app.data:check", name="check", help="Compare a copy with the known facts.")
data.command("pulsefer.app.data:prepare", name="prepare", help="Cut faces and beats into a store.")
app.command("pulsefer.app.demo:demo", name="demo", help="The whole path on synthetic data.")
app.command("pulsefer.app.train:train", name="train", help="Train on a store, fold by fold.")
app.command("pulsefer.app.train:evaluate", name="evaluate", help="Score a finished run.")
app.command("pulsefer.app.analyze:analyze", name="analyze", help="A video in, a table out.")
app.command("pulsefer.app.info:info", name="info", help="Versions, extras, the network's layers.")


def run(tokens: Sequence[str]) -> int:
    """Run one command line and return its exit status.

    `--config FILE.yaml` anywhere gives defaults by command (`train: {epochs: 3}`); flags win.
    """
    try:
        words, file = _without_config(list(tokens))
        app.config = (Yaml(file, must_exist=True),) if file else ()
        status = app(words, result_action="return_value")
    except BadInput as bad:
        say(f"[bold red]error[/bold red] {_escaped(str(bad))}")
        return REFUSED
    except ValueError as wrong:
        say(f"[bold red]error[/bold red] {_escaped(str(wrong))}")
        return REFUSED
    except KeyboardInterrupt:
        say("stopped; what is finished is kept, and the same command goes on from there")
        return INTERRUPTED
    return status if isinstance(status, int) else OK


def main() -> None:
    """Entry point of the `pulsefer` script."""
    sys.exit(run(sys.argv[1:]))


def _without_config(words: list[str]) -> tuple[list[str], Path | None]:
    if "--config" not in words:
        return words, None
    place = words.index("--config")
    if place + 1 == len(words):
        raise ValueError("--config needs a YAML file behind it")
    return words[:place] + words[place + 2 :], Path(words[place + 1])


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
