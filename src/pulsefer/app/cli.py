"""The command line. Commands are loaded when they are called: `--version` imports no torch."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError
from cyclopts.config import Dict

from pulsefer.app.console import INTERRUPTED, OK, REFUSED, refuse, say
from pulsefer.core.errors import BadInput
from pulsefer.core.version import __version__

HELP = """Emotion (valence, arousal) and heart rate from face video, by one network.

* Start with `pulsefer demo`: it films a synthetic data set, trains on it, and writes a report.

* With a video of your own: `pulsefer analyze VIDEO --output FILE.csv`. With a camera:
  `pulsefer live`. In a browser: `pulsefer serve`.

* With a licence of DEAP or MAHNOB-HCI: `pulsefer data check deap ROOT`, then `data prepare`,
  `train`, `evaluate`.

`--config FILE.yaml` anywhere gives defaults by command, for example `train: {epochs: 3}`; flags
win. Exit status: 0 done; 1 something was skipped or is broken, and is named; 2 nothing could be
done; 130 stopped by Ctrl-C.

Not for decisions about people: not at work, not at school, not in court, not for diagnosis.
"""


def _help(module: str, function: str) -> str:
    """The docstring of a command, read without importing it: torch takes seconds."""
    tree = ast.parse(Path(__file__).with_name(f"{module}.py").read_text("utf-8"))
    text = next(
        ast.get_docstring(node) or ""
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return text.partition("\nArgs:\n")[0]


def _add(to: App, module: str, function: str) -> None:
    path = f"pulsefer.app.{module}:{function}"
    to.command(path, name=function, help=_help(module, function), sort_key=len(list(to)))


app = App(name="pulsefer", version=__version__, help=HELP, help_format="markdown")
data = App(
    name="data",
    help="Write specimens, check a copy, prepare faces for training.",
    help_format="markdown",
)
DATASETS = ("deap", "mahnob_hci", "afew_va", "stills")
for name, does in {
    "fake": "Write a byte-true synthetic specimen with known heart rates and ratings.",
    "check": "Compare a copy with the facts that are known of the data set.",
    "prepare": "Find and cut the faces, and keep them in a store that training maps.",
}.items():
    of_data = App(name=name, help=does, help_format="markdown", sort_key=len(list(data)))
    for dataset in DATASETS:
        _add(of_data, name, dataset)
    data.command(of_data)
_add(app, "demo", "demo")
data.sort_key = len(list(app))
app.command(data)
_add(app, "pretrain", "pretrain")
_add(app, "train", "train")
_add(app, "train", "evaluate")
_add(app, "report", "report")
_add(app, "reproduce", "reproduce")
_add(app, "analyze", "analyze")
_add(app, "export", "export")
_add(app, "live", "live")
_add(app, "serve", "serve")
_add(app, "info", "info")


def run(tokens: Sequence[str]) -> int:
    """Run one command line and return its exit status.

    `--config FILE.yaml` anywhere gives defaults by command (`train: {epochs: 3}`); flags win.
    """
    try:
        words, file = _without_config(tokens)
        app.config = (Dict(_defaults(file), source=str(file)),) if file else ()
        status = app(words, result_action="return_value", exit_on_error=False)
    except CycloptsError:
        return REFUSED  # it has been said
    except (BadInput, ValueError) as error:
        refuse(str(error))
        return REFUSED
    except BrokenPipeError:
        # Whoever read us has gone (`| head`); nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        refuse(f"{error.filename or 'system'}: {error.strerror or error}")
        return REFUSED
    except KeyboardInterrupt:
        say("stopped; what is finished is kept, and the same command goes on from there")
        return INTERRUPTED
    return status if isinstance(status, int) else OK


def main() -> None:
    """Entry point of the `pulsefer` script."""
    sys.exit(run(sys.argv[1:]))


def _without_config(tokens: Iterable[str]) -> tuple[list[str], Path | None]:
    words: list[str] = []
    file = None
    rest = iter(tokens)
    for word in rest:
        flag, equals, value = word.partition("=")
        if flag != "--config":
            words.append(word)
            continue
        value = value if equals else next(rest, "")
        if not value:
            raise BadInput("--config", expected="a YAML file behind it", found="nothing")
        file = Path(value)
    return words, file


def _defaults(file: Path) -> dict[str, Any]:
    """What a YAML file says, by command.

    Raises:
        BadInput: no such file, not YAML, or not about our commands.
    """
    import yaml

    remedy = "for example:  train: {epochs: 3}"
    try:
        found = yaml.safe_load(file.read_text("utf-8")) or {}
    except FileNotFoundError as error:
        raise BadInput(
            str(file), expected="a YAML file", found="no such file", remedy="check the path"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError, IsADirectoryError) as error:
        text = " ".join(str(error).split())
        raise BadInput(str(file), expected="YAML", found=text, remedy=remedy) from error
    commands = [command for command in app if not command.startswith("-")]
    if not isinstance(found, dict) or not found.keys() <= set(commands):
        raise BadInput(
            str(file),
            expected=f"defaults by command: {', '.join(commands)}",
            found=", ".join(map(str, found)) if isinstance(found, dict) else type(found).__name__,
            remedy=remedy,
        )
    return found
