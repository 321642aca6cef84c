"""Run every command and every snippet of README.md and docs/*.md where only the wheel is installed.

    build/wheel-venv/bin/python tests/docs/run_documented.py [PAGE ...]

Blocks marked `sh`, `bash`, `console` or `python` are run; words within a sentence are not.
Every page has a folder of its own with what it takes for granted: a film of a face, small specimens
of the data sets, and what the README's commands leave (`TAKES`). Its commands come first, in their
order, by one shell as far as folder and variables go; then its Python blocks, in one process,
because they show what the commands have made. Exit status 0 is asked for; what is printed is not
compared.

What is not done as it is written stands in the tables below, with its reason, and is said in the
output. A block that can never be run has `<!-- not run: REASON -->` before it in its page.
Exit status: 0 all of it ran; 1 something did not, and is named; 2 this is no environment for it.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
README = "README.md"

LIMIT_S = 300.0
"""For one command; it takes seconds."""
TOLD_LINES = 20
"""Of the output of a command that failed."""

QUICK = """\
train: {epochs: 1, folds: 2, validation: 0.0, step_s: 2.0}
pretrain: {epochs: 1, folds: 2}
"""
"""quick.yaml of every page's folder."""

SMALL = "--seconds 6 --fps-hz 10 --width-px 192 --height-px 160"
PREPARED = (
    f"pulsefer data fake deap data/DEAP --subjects 5 --trials 4 {SMALL}",
    f"pulsefer data fake mahnob_hci data/MAHNOB --subjects 4 --trials 2 {SMALL}",
    "pulsefer data fake afew_va data/AFEW-VA --actors 4 --clips 4 --frames 3 "
    "--width-px 360 --height-px 288",
)
"""What stands for the licensed recordings. Five persons are needed for the five folds that are the
default, four for two folds with persons held out."""
FILM, FILM_SECONDS, FILM_FPS_HZ, FILM_PX, FILM_BPM = "interview.mp4", 12, 25.0, (480, 384), 77.0
"""The film of a reader's own, large enough for a pulse to get through H.264."""


@dataclass(frozen=True)
class Rule:
    """What is done in place of what is written.

    Attributes:
        pattern: Where, as a regular expression.
        put: What is put there.
        why: The reason, as it is printed.
    """

    pattern: str
    put: str
    why: str


STANDS_FOR: Mapping[str, str] = {
    "/data/DEAP": "data/DEAP",
    "/data/MAHNOB": "data/MAHNOB",
    "/data/AFEW-VA": "data/AFEW-VA",
    "DEAP": "deap",
    "RESULTS": "results-new",
}
"""Words that a reader replaces, and the thing that is there; in commands and in Python."""

SHORTER = (
    Rule(r"\bpulsefer (?=(train|pretrain)\b)", "pulsefer --config quick.yaml ",
         "1 epoch, 2 folds, a window every 2 s: 15 epochs of 5 folds take minutes"),
    Rule(r"(?<=--budget )(desk|paper)\b", "smoke",
         "the budget that shows that everything runs; the others take minutes to days"),
    Rule(r"\bpulsefer reproduce (?!.*--(budget|dry-run)\b)", "pulsefer reproduce --budget smoke ",
         "the same, where the command leaves the budget out"),
    Rule(r"\bpulsefer reproduce (?=.*\b(table1|table2|leakage|weighting)\b)",
         "pulsefer reproduce --dry-run ",
         "data and trainings are looked up, nothing is trained: `make smoke` trains every one"),
    Rule(r"--nproc-per-node=4\b", "--nproc-per-node=2", "two processes without a GPU"),
    Rule(r"--backend ray --workers 8\b", "--backend ray --workers 2", "two cores"),
    Rule(r"^make demo$", f"pulsefer demo --out demo --subjects 4 --trials 4 --epochs 1 {SMALL}",
         "what make starts, on a smaller specimen"),
)  # fmt: skip
"""What is done on a smaller scale."""

NOT_RUN = (
    Rule(r"^make (test|smoke)$", "", "of the checkout, not of the wheel; CI runs it before this"),
    Rule(r"^pip install\b", "", "the wheel is installed already, with what this would add"),
    Rule(r"--nnodes=2\b", "", "two machines"),
    Rule(r"^srun\b", "", "SLURM"),
    Rule(r"\bpulsefer serve\b", "", "it goes on until it is stopped: what stands in `SERVED` runs"),
    Rule(r"^ray\b|^RAY_ADDRESS=", "", "a cluster of several machines"),
)
"""Commands that are not run at all."""

TAKES: Mapping[str, tuple[str, ...]] = {
    "docs/parallel.md": ("deap",),
    "docs/reading.md": ("results-new", "runs/valence", "runs/started"),
    "docs/small-devices.md": ("runs/valence",),
    "docs/systems.md": ("deap", "mahnob"),
    "docs/weighting.md": ("deap",),
}
"""What a page takes for granted, of what the README's commands leave."""

SERVED: Mapping[str, str] = {"docs/web.md": "pulsefer serve --port 8420"}
"""A server that runs beside the commands and Python blocks of a page."""
SERVED_S = 60.0
"""It is there within so long."""

COMMANDS, PYTHON = ("sh", "bash", "console"), "python"
SHOWN = ("", "text", "json", "yaml", "csv")
"""Languages of blocks that are to be looked at."""

FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<language>[^\s`]*)[^`]*$")
MARK = re.compile(r"<!-- *not run: *(?P<why>.+?) *-->")
# Quoted text is passed over, so that its # begins no comment.
COMMENT = re.compile(r"""('[^']*'|"(?:\\.|[^"\\])*"|\\.)|(?:^|(?<=\s))#.*""")


# Reading


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: Path of the page, from the root.
        line: Number of its first line, from 1.
        language: What it is marked as.
        lines: Its text, without the indentation of the fence.
        not_run: The reason that stands before it in the page, or nothing.
    """

    page: str
    line: int
    language: str
    lines: tuple[str, ...]
    not_run: str = ""


@dataclass(frozen=True)
class Command:
    """One command of a page, without its comments."""

    page: str
    line: int
    text: str

    @property
    def shown(self) -> str:
        """On one line, as far as it goes."""
        return re.sub(r"\s*\\\n\s*", " ", self.text)

    @property
    def where(self) -> str:
        """With its place."""
        return f"{self.page}:{self.line} {self.shown}"


def blocks_of(page: str, text: str) -> list[Block]:
    """Fenced blocks in their order.

    Raises:
        ValueError: a block without an end, of a language that nobody knows, or with a command in it
            and no language.
    """
    found: list[Block] = []
    begin: re.Match[str] | None = None
    line, inside, mark = 0, [""], ""
    for number, one in enumerate(text.splitlines(), 1):
        if begin is None:
            begin = FENCE.match(one)
            if begin is not None:
                line, inside = number + 1, []
            elif one.strip():
                marked = MARK.fullmatch(one.strip())
                mark = marked["why"] if marked else ""
        elif one.strip() and not one.strip().strip(begin["fence"][0]) and (
            len(one.strip()) >= len(begin["fence"])
        ):  # fmt: skip
            found.append(Block(page, line, begin["language"], tuple(inside), mark))
            _require_known(found[-1])
            begin, mark = None, ""
        else:
            indent = len(begin["indent"])
            inside.append(one[indent:] if not one[:indent].strip() else one)
    if begin is not None:
        raise ValueError(f"{page}:{line - 1}: the block has no end")
    return found


def _require_known(block: Block) -> None:
    where = f"{block.page}:{block.line - 1}"
    if block.language not in (*COMMANDS, PYTHON, *SHOWN):
        raise ValueError(
            f"{where}: expected {', '.join((*COMMANDS, PYTHON, *filter(None, SHOWN)))} behind the "
            f"fence, found {block.language}"
        )
    if block.language in ("", "text") and any(
        re.match(r"(\$ |pulsefer |python |pip )", line) for line in block.lines
    ):
        raise ValueError(f"{where}: a command in a block that is not marked `sh`")


def commands_of(block: Block) -> list[Command]:
    """Commands of a block: each is the fewest lines that bash takes for whole."""
    found: list[Command] = []
    pending: list[str] = []
    begin = 0
    for number, line in enumerate(block.lines, block.line):
        one = line
        if block.language == "console" and not pending:
            if not one.startswith("$ "):
                continue  # what a command has printed
            one = one[2:]
        if not pending or pending[-1].endswith("\\"):
            one = COMMENT.sub(lambda match: match[1] or "", one).rstrip()
        if not pending:
            begin = number
        if one or pending:
            pending.append(one)
        if pending and not one.endswith("\\") and _is_whole("\n".join(pending)):
            found.append(Command(block.page, begin, "\n".join(pending)))
            pending = []
    if pending:
        found.append(Command(block.page, begin, "\n".join(pending)))
    return found


def _is_whole(text: str) -> bool:
    # Of a text in the middle of which a here-document stops, bash only says so.
    said = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    return said.returncode == 0 and not said.stderr


# What is done in place of what is written


def instead(text: str) -> str:
    """The text with the things that are there in place of the words that a reader replaces."""
    for word, thing in STANDS_FOR.items():
        text = re.sub(rf"(?<![\w/.-]){re.escape(word)}(?![\w.-])", thing, text)
    return text


def why_not(command: Command) -> Rule | None:
    """The rule by which a command is not run, if there is one."""
    return next((rule for rule in NOT_RUN if re.search(rule.pattern, command.text)), None)


def shortened(text: str) -> tuple[str, list[Rule]]:
    """The command on a smaller scale, and the rules that made it so."""
    used = []
    for rule in SHORTER:
        text, n = re.subn(rule.pattern, rule.put, text)
        if n:
            used.append(rule)
    return text, used


def pages_of(root: Path) -> list[str]:
    """The README first, then the pages of docs by name."""
    return [README, *sorted(f"docs/{path.name}" for path in (root / "docs").glob("*.md"))]


def python_of(text: str, blocks: Iterable[Block]) -> str:
    """A page's Python blocks as one file, each on the lines on which it stands in the page."""
    lines = [""] * len(text.splitlines())
    for block in blocks:
        at = block.line - 1
        lines[at : at + len(block.lines)] = map(instead, block.lines)
    return "\n".join(lines) + "\n"


# Running


@dataclass
class Shell:
    """What stays from one command to the next."""

    folder: Path
    env: dict[str, str]

    def run(self, text: str, *, limit_s: float = LIMIT_S) -> tuple[int, str]:
        """Run one command.

        Returns:
            Its exit status, 124 where it took too long, and what it said.
        """
        with tempfile.TemporaryDirectory() as state:
            keep = f"trap 'pwd > {state}/folder; env -0 > {state}/env' EXIT; set -eo pipefail"
            status, said = _run(["bash", "-c", f"{keep}\n{text}"], self, limit_s)
            kept = Path(state, "env")
            if kept.exists():
                self.folder = Path(Path(state, "folder").read_text().rstrip("\n"))
                pairs = kept.read_text("utf-8", "surrogateescape").split("\0")
                self.env = dict(pair.split("=", 1) for pair in pairs if pair)
        return status, said


def _run(words: list[str], shell: Shell, limit_s: float) -> tuple[int, str]:
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            words, cwd=shell.folder, env=shell.env, stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = 124
        finally:
            # Whoever it has left behind, too: the next command is to have the machine.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        out.seek(0)
        said = out.read().decode("utf-8", "replace")
    return status, said + (f"\nstopped after {limit_s:g} s" if status == 124 else "")


@dataclass
class Told:
    """What was done."""

    n_commands: int = 0
    n_python: int = 0
    not_run: list[str] = field(default_factory=list)
    shorter: Counter[Rule] = field(default_factory=Counter)
    n_shorter: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, other: Told) -> None:
        """Take what was done elsewhere into account."""
        self.n_commands += other.n_commands
        self.n_python += other.n_python
        self.n_shorter += other.n_shorter
        self.not_run += other.not_run
        self.shorter += other.shorter
        self.failed += other.failed

    @property
    def status(self) -> int:
        """Exit status."""
        return 1 if self.failed else 0

    def summary(self, seconds: float) -> str:
        """Numbers, and everything that was not done as it is written."""
        lines = [
            f"{self.n_commands} commands and {self.n_python} Python blocks run in {seconds:.0f} s: "
            f"{self.n_shorter} commands shortened, {len(self.not_run)} not run, "
            f"{len(self.failed)} failed"
        ]
        lines += [f"  shortened {n} times: {rule.why}" for rule, n in self.shorter.items()]
        lines += [f"  not run: {one}" for one in self.not_run]
        lines += [f"  FAILED: {one}" for one in self.failed]
        return "\n".join(lines)


@contextmanager
def server(page: str, shell: Shell) -> Iterator[None]:
    """What has to run beside a page, for as long as the block runs.

    Raises:
        RuntimeError: it does not start; with what it said.
    """
    if page not in SERVED:
        yield
        return
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {SERVED[page]}"], cwd=shell.folder, env=shell.env,
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            until = time.monotonic() + SERVED_S
            while b"Ctrl-C ends it" not in (said := _all_of(out)):
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{SERVED[page]}:\n{said.decode('utf-8', 'replace')}")
                time.sleep(0.1)
            yield
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _all_of(file: IO[bytes]) -> bytes:
    # The process writes where the file's position is: that is not to be moved.
    return os.pread(file.fileno(), 1 << 20, 0)


def run_page(page: str, text: str, shell: Shell, *, limit_s: float = LIMIT_S) -> Told:
    """Run a page's commands, then its Python blocks, and say so."""
    with server(page, shell):
        return _run_blocks(page, text, shell, limit_s)


def _run_blocks(page: str, text: str, shell: Shell, limit_s: float) -> Told:
    told = Told()
    blocks = blocks_of(page, text)
    for block in blocks:
        for command in commands_of(block) if block.language in COMMANDS else ():
            if block.not_run:
                _leave_out(command, block.not_run, told)
            else:
                _run_command(command, shell, told, limit_s)
        if block.not_run and block.language not in COMMANDS:
            _leave_out(Command(page, block.line, block.language.title()), block.not_run, told)
    snippets = [one for one in blocks if one.language == PYTHON and not one.not_run]
    if snippets:
        where = f"{page}:{','.join(str(one.line) for one in snippets)} Python"
        file = shell.folder / f"{page.replace('/', '-')}.py"
        file.write_text(python_of(text, snippets), "utf-8")
        begin = time.perf_counter()
        # Isolated: no folder of the caller's, no variable, no site of the user's.
        done = _run(["python", "-I", file.name], shell, limit_s)
        told.n_python += len(snippets)
        _tell(where, "", *done, time.perf_counter() - begin, told)
    return told


def _run_command(command: Command, shell: Shell, told: Told, limit_s: float) -> None:
    rule = why_not(command)
    if rule is not None:
        _leave_out(command, rule.why, told)
        return
    text, used = shortened(instead(command.text))
    told.n_commands += 1
    told.n_shorter += bool(used)
    told.shorter.update(used)
    begin = time.perf_counter()
    done = shell.run(text, limit_s=limit_s)
    run = "" if text == command.text else replace(command, text=text).shown
    _tell(command.where, run, *done, time.perf_counter() - begin, told)


def _leave_out(command: Command, why: str, told: Told) -> None:
    told.not_run.append(f"{command.where}: {why}")
    print(f"not run  {told.not_run[-1]}", flush=True)


def _tell(where: str, run: str, status: int, said: str, seconds: float, told: Told) -> None:
    lines = [f"{seconds:5.1f} s  {where}"]
    if run:
        lines.append(f"     as  {run}")
    if status:
        told.failed.append(f"{where} (exit status {status})")
        lines.append(f" FAILED  exit status {status}")
        lines += [f"{'':9}{line}" for line in said.rstrip().splitlines()[-TOLD_LINES:]]
    print("\n".join(lines), flush=True)


# The place


def environment(home: Path) -> dict[str, str]:
    """Variables of a reader who has installed the wheel, and nothing of this checkout."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PULSEFER", "VIRTUAL_ENV", "RAY_"))
    }
    path = os.pathsep.join((str(Path(sys.executable).parent), env.get("PATH", os.defpath)))
    return env | {
        "PATH": path, "HOME": str(home), "NO_COLOR": "1",
        "PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1",
        "OMP_NUM_THREADS": "1",  # batches as small as these only wait for a second thread
    }  # fmt: skip


def film(path: Path) -> None:
    """A synthetic face with a pulse that can be found."""
    from pulsefer.datasets.synthetic import Effects, draw_trials
    from pulsefer.datasets.synthetic_face import film as frames
    from pulsefer.datasets.synthetic_pulse import beat_times_s
    from pulsefer.media.video import encode

    effects = Effects(pulse_amplitude=0.01)
    beats_s = beat_times_s(FILM_BPM, -2.0, FILM_SECONDS, seed=0, variability=0.02)
    images = frames(
        draw_trials(effects, subjects=1, seed=0)[0], beats_s, effects=effects,
        n_frames=round(FILM_SECONDS * FILM_FPS_HZ), fps_hz=FILM_FPS_HZ,
        width_px=FILM_PX[0], height_px=FILM_PX[1], seed=0,
    )  # fmt: skip
    encode(path, images, fps_hz=FILM_FPS_HZ, crf=18)


def prepare(place: Path, pool: Executor) -> Told:
    """Specimens and the film, once for all pages."""
    told = Told()

    def make(text: str) -> None:
        begin = time.perf_counter()
        done = Shell(place, environment(place / "home")).run(text)
        _tell(f"made: {text}", "", *done, time.perf_counter() - begin, told)

    made = pool.map(make, PREPARED)
    begin = time.perf_counter()
    film(place / FILM)
    print(f"{time.perf_counter() - begin:5.1f} s  made: {FILM}", flush=True)
    list(made)  # raises what was raised there
    return told


def folder_of(page: str, place: Path) -> Path:
    """A page's own folder, with what it takes for granted."""
    folder = place / page.replace("/", "-").removesuffix(".md")
    folder.mkdir()
    (folder / "quick.yaml").write_text(QUICK, "utf-8")
    shutil.copy(place / FILM, folder)
    (folder / "data").symlink_to(place / "data")
    for name in TAKES.get(page, ()):
        left = place / "README" / name
        if left.exists():
            shutil.copytree(left, folder / name)
    return folder


def chosen(pages: Iterable[str], there: Iterable[str]) -> list[str]:
    """The pages that are asked for, and the README with those that take what it leaves."""
    pages = set(pages) or set(there)
    if TAKES.keys() & pages:
        pages.add(README)
    return [page for page in there if page in pages]


def main() -> int:
    """Run what is documented."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="README.md, docs/...; else all")
    wanted = parser.parse_args().pages
    there = pages_of(ROOT)
    if not set(wanted) <= set(there):
        parser.error(f"expected pages of {', '.join(there)}")
    import pulsefer

    if not Path(pulsefer.__file__).is_relative_to(sys.prefix):
        parser.error(f"expected the Python of an installed wheel, found {pulsefer.__file__}")
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="documented-") as name, ThreadPoolExecutor(2) as pool:
        place = Path(name)
        (place / "home").mkdir()
        told = prepare(place, pool)

        def run(page: str) -> Told:
            shell = Shell(folder_of(page, place), environment(place / "home"))
            return run_page(page, (ROOT / page).read_text("utf-8"), shell)

        # The README alone, as other pages take what it leaves; those do not know of each other.
        pages = chosen(wanted, there)
        if README in pages:
            told.add(run(README))
        for done in pool.map(run, [page for page in pages if page != README]):
            told.add(done)
    print(told.summary(time.perf_counter() - begin))
    return told.status


if __name__ == "__main__":
    sys.exit(main())
