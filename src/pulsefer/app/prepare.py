"""`pulsefer data prepare DATASET ROOT --store STORE`: faces, memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pulsefer.app.console import CORES, OK, REFUSED, SKIPPED, next_step, problems_of, say
from pulsefer.core.errors import OnProblem, Problem
from pulsefer.core.label import balance
from pulsefer.core.progress import progress
from pulsefer.core.types import Recording, Still
from pulsefer.datasets import afew_va as afew
from pulsefer.datasets import deap as deap_reader
from pulsefer.datasets import mahnob_hci as mahnob
from pulsefer.datasets import stills as stills_reader
from pulsefer.samples.prepare import PrepareConfig
from pulsefer.samples.prepare import prepare as prepare_store
from pulsefer.samples.prepare_stills import StillsConfig, prepare_stills
from pulsefer.samples.store import RATINGS, Store

flat = Parameter(name="*")
VIDEOS, PICTURES = PrepareConfig(), StillsConfig()


def deap(
    root: Path,
    /,
    *,
    store: Path,
    config: Annotated[PrepareConfig, flat] = VIDEOS,
    workers: int = CORES,
) -> int:
    """Find and cut the faces of DEAP, find the beats, and keep both in a store.

    May be stopped and started again at any time. Exit status 1: something was skipped, and is
    named; the rest is there. 2: nothing could be prepared.

    * `pulsefer data prepare deap ROOT --store STORE`

    * Smaller faces in the picture: `--follow.min-face-fraction 0.1`

    Args:
        root: Folder of the data set.
        store: Folder of the store; made if absent, completed if there.
        config: How faces are cut.
        workers: Processes.
    """
    return _recordings(
        "deap", root, lambda tell: deap_reader.read(root, on_problem=tell), store, config, workers
    )


def mahnob_hci(
    root: Path,
    /,
    *,
    store: Path,
    config: Annotated[PrepareConfig, flat] = VIDEOS,
    workers: int = CORES,
) -> int:
    """Find and cut the faces of MAHNOB-HCI, find the beats, and keep both in a store.

    Only the stimulus itself is kept: not the half minutes around it, not the questionnaire. May be
    stopped and started again at any time. Exit status 1: something was skipped, and is named; the
    rest is there. 2: nothing could be prepared.

    * `pulsefer data prepare mahnob_hci ROOT --store STORE`

    Args:
        root: Folder of the data set, or any folder above its sessions.
        store: Folder of the store; made if absent, completed if there.
        config: How faces are cut.
        workers: Processes.
    """
    return _recordings(
        "mahnob_hci", root, lambda tell: mahnob.read(root, on_problem=tell), store, config, workers
    )


def afew_va(
    root: Path,
    /,
    *,
    store: Path,
    pixel_aspect: float | None = None,
    config: Annotated[StillsConfig, flat] = PICTURES,
    workers: int = CORES,
) -> int:
    """Cut the faces of AFEW-VA by their landmarks, for `pulsefer pretrain`.

    May be stopped and started again at any time. Exit status 1: something was skipped, and is
    named; the rest is there. 2: nothing could be prepared.

    Args:
        root: Folder of the data set, folders or zip files.
        store: Folder of the store; made if absent, completed if there.
        pixel_aspect: Width of a pixel over its height; else 4/3 for 720x576, 1 for other sizes.
        config: How faces are cut.
        workers: Processes.
    """

    def read(tell: OnProblem) -> Iterator[Still]:
        return afew.read(root, on_problem=tell, pixel_aspect=pixel_aspect)

    return _stills("afew_va", root, read, store, config, workers)


def stills(
    root: Path,
    /,
    *,
    store: Path,
    table: Path | None = None,
    circumplex: Path | None = None,
    scale: float = 1.0,
    config: Annotated[StillsConfig, flat] = PICTURES,
    workers: int = CORES,
) -> int:
    """Find and cut the faces of a folder of pictures, for `pulsefer pretrain`.

    The CSV has a column `image`, and either `valence` and `arousal` or a word in `category`; with
    a column `person`, nobody is ever on both sides of a fold.

    * Numbers on -10 to 10: `pulsefer data prepare stills ROOT --store STORE --scale 10`

    * Other words, or other places for them: `--circumplex FILE.csv` (category,valence,arousal)

    Args:
        root: Folder with the pictures (or zip files of them) and the CSV.
        store: Folder of the store; made if absent, completed if there.
        table: The CSV, if there are several.
        circumplex: A table of your own.
        scale: What valence and arousal are divided by to lie in -1 to 1.
        config: How faces are found and cut.
        workers: Processes.
    """

    def read(tell: OnProblem) -> Iterator[Still]:
        return stills_reader.read(
            root, on_problem=tell, table=table, circumplex=circumplex, scale=scale
        )

    return _stills("stills", root, read, store, config, workers)


def _recordings(
    dataset: str,
    root: Path,
    read: Callable[[OnProblem], Iterator[Recording]],
    store: Path,
    config: PrepareConfig,
    workers: int,
) -> int:
    problems: list[Problem] = []
    recordings = list(read(problems.append))
    with progress("prepare (trials)", len(recordings)) as advance:
        done = prepare_store(
            recordings, store=store, config=config, workers=workers, advance=advance
        )
    problems.extend(done.problems)
    made = f"{done.n_made} trials made, {done.n_kept} already there"
    if done.store is not None:
        _say_balance(done.store)
    return _told(
        dataset, root, store, problems, made, done.store is not None,
        f"pulsefer train {store} --out RUN",
    )  # fmt: skip


def _stills(
    dataset: str,
    root: Path,
    read: Callable[[OnProblem], Iterator[Still]],
    store: Path,
    config: StillsConfig,
    workers: int,
) -> int:
    problems: list[Problem] = []
    found = list(read(problems.append))
    with progress("prepare (pictures)", len(found)) as advance:
        done = prepare_stills(found, store=store, config=config, workers=workers, advance=advance)
    problems.extend(done.problems)
    made = f"{done.n_made} pictures made, {done.n_kept} already there"
    return _told(
        dataset, root, store, problems, made, done.store is not None,
        f"pulsefer pretrain {store} --out RUN",
    )  # fmt: skip


def _say_balance(store: Store) -> None:
    """How many trials are low and high by each rule: whole-number ratings make 5 a large bin."""
    for name in RATINGS:
        ratings = [one.record["ratings"][name] for one in store if name in one.record["ratings"]]
        if ratings:
            rules = balance(ratings).items()
            counts = "; ".join(f"{rule} {low} low, {high} high" for rule, (low, high) in rules)
            say(f"{name} of {len(ratings)} trials: {counts}")


def _told(
    dataset: str,
    root: Path,
    store: Path,
    problems: Sequence[Problem],
    made: str,
    is_there: bool,
    then: str,
) -> int:
    problems_of(problems)
    n_bad = sum(problem.severity == "error" for problem in problems)
    say(f"{store}: {made}, {n_bad} skipped")
    if not is_there:
        next_step(f"pulsefer data check {dataset} {root}")
        return REFUSED
    next_step(then)
    return SKIPPED if n_bad else OK
