"""Independent trainings, each once: what is finished is found by its configuration.

OUT/windows/<key>.parquet   windows, cut once for all arms that want the same
OUT/windows/<key>.colour    their heart rates by POS and CHROM
OUT/runs/<key>/             a run, as `training.run` leaves it

The key is made from the stores' contents and the arm's settings, not from its name or from the
experiment: two experiments that want the same training share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pulsefer.baselines.registry import SystemConfig
from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.fan_out import Backend, fan_out
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.progress import progress, watched
from pulsefer.samples.placebo import Auxiliary, with_auxiliary, with_permuted_labels
from pulsefer.samples.skin_rate import skin_rates
from pulsefer.samples.store import Store, open_stores
from pulsefer.samples.window import WindowConfig, Windows, window
from pulsefer.samples.window_file import read_windows, write_windows
from pulsefer.training.compared import others_of, train_system
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import Run, epochs_done, epochs_of, open_run, steps_of, train
from pulsefer.training.run_folder import folds_of


@dataclass(frozen=True)
class Arm:
    """One training of a grid.

    Attributes:
        name: What it is called in tables; unique in its grid.
        stores: Folders that `data prepare` made.
        windows: What a sample is.
        protocol: How the folds are made.
        train: How one model is fitted; of a compared system, only its seed is taken.
        auxiliary: What the heart-rate head is taught.
        permuted: Labels of other trials instead of the true ones.
        system: A compared system in the place of the network.
    """

    name: str
    stores: tuple[Path, ...]
    windows: WindowConfig
    protocol: Protocol
    train: TrainConfig
    auxiliary: Auxiliary = "true"
    permuted: bool = False
    system: SystemConfig | None = None


@dataclass(frozen=True)
class Job:
    """An arm with its place and its size.

    Attributes:
        arm: What is to be trained.
        folder: OUT/runs/<key>.
        windows: OUT/windows/<key>.parquet.
        n_windows: How many there are.
        n_epochs: Of all folds together; of a compared system, the folds.
        n_steps: Of the network's optimiser, in all of them.
    """

    arm: Arm
    folder: Path
    windows: Path
    n_windows: int
    n_epochs: int
    n_steps: int

    @property
    def done(self) -> bool:
        """Whether it has been run."""
        return (self.folder / "predictions.parquet").is_file()


@dataclass(frozen=True)
class Grid:
    """What a grid left.

    Attributes:
        runs: By the names of the arms.
        problems: Arms that could not be trained.
    """

    runs: Mapping[str, Run]
    problems: tuple[Problem, ...]


def plan(
    arms: Sequence[Arm], *, out: Path, workers: int = 1, show_progress: bool = False
) -> list[Job]:
    """Cut the windows of every arm, and say where it will be and how large it is.

    Args:
        arms: What is to be trained.
        out: Folder of the grid.
        workers: Processes.
        show_progress: A bar on standard error.

    Raises:
        BadInput: a store that cannot be opened, or windows that cannot be cut.
        ValueError: two arms of one name.
    """
    # A worker on another machine starts in another folder.
    out = out.absolute()
    arms = [replace(arm, stores=tuple(store.absolute() for store in arm.stores)) for arm in arms]
    names = [arm.name for arm in arms]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"arms need names of their own, found twice: {', '.join(twice)}")
    opened = {paths: open_stores(paths) for paths in {arm.stores for arm in arms}}
    contents = {paths: _content(store) for paths, store in opened.items()}
    files = {
        arm.name: out / "windows" / f"{fingerprint([contents[arm.stores], arm.windows])}.parquet"
        for arm in arms
    }
    todo = {
        file: (arm.stores, arm.windows, file)
        for arm in arms
        if not (file := files[arm.name]).is_file()
    }
    with progress(
        "windows and heart rates", len(todo), show=show_progress and bool(todo)
    ) as advance:
        for _ in fan_out(_cut, list(todo.values()), workers=workers):
            advance(1)
    cut = {file: read_windows(file) for file in set(files.values())}
    jobs = []
    for arm in arms:
        windows = cut[files[arm.name]]
        key = fingerprint(_what(arm, opened[arm.stores]))
        folder = out / "runs" / key
        jobs.append(Job(arm, folder, files[arm.name], len(windows.windows), *_size(arm, windows)))
    return jobs


def run_jobs(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    backend: Backend = "processes",
    show_progress: bool = False,
) -> Grid:
    """Train what is not finished; a killed grid goes on where it was.

    An arm that cannot be trained is named, and the others go on.

    Args:
        jobs: From `plan`.
        workers: Processes.
        backend: Where they are; on Ray all machines must see the stores and the grid's folder.
        show_progress: A bar on standard error.

    Raises:
        BadInput: a backend that is not there, or a worker that was lost; what is finished is kept.
    """
    todo = {job.folder: job for job in jobs if not job.done}
    unique = {job.folder: job for job in jobs}
    problems: list[Problem] = []
    with (
        progress(
            "train (epochs)", sum(job.n_epochs for job in unique.values()), show=show_progress
        ) as advance,
        watched(lambda: epochs_done(unique), advance),
    ):
        for _, problem in fan_out(
            _train_one, list(todo.values()), workers=workers, backend=backend
        ):
            if problem:
                problems.append(problem)
    return Grid(finished(jobs), tuple(problems))


def finished(jobs: Sequence[Job]) -> dict[str, Run]:
    """The runs that are there, by the names of their arms."""
    return {job.arm.name: open_run(job.folder) for job in jobs if job.done}


def estimate_s(jobs: Sequence[Job], *, workers: int = 1) -> float:
    """Seconds that the unfinished jobs will take, from two measured steps of every kind of batch.

    Loading, validation and compared systems are not counted; it is an order of magnitude.
    """
    per_step: dict[object, float] = {}
    total = 0.0
    for job in {job.folder: job for job in jobs if not job.done}.values():
        if job.arm.system:
            continue
        kind = (job.arm.windows.n_frames, job.arm.train.batch_size, job.arm.train.model)
        if kind not in per_step:
            per_step[kind] = _step_s(job.arm)
        total += job.n_steps * per_step[kind]
    return total / max(workers, 1)


def _what(arm: Arm, store: Store) -> list[object]:
    """All that decides what a run says."""
    data = [_content(store), arm.windows, arm.protocol]
    if arm.system is None:
        return [*data, arm.train, arm.auxiliary, arm.permuted]
    own = [arm.system.identity(), arm.train.seed, others_of(store)]
    return [*data, *own, arm.auxiliary, arm.permuted]


def _size(arm: Arm, windows: Windows) -> tuple[int, int]:
    """Epochs and steps; a compared system tells of every fold that it has finished, as an epoch."""
    if arm.system:
        return len(folds_of(windows, arm.protocol)), 0
    epochs = epochs_of(windows, arm.protocol, arm.train, final=False)
    return epochs, steps_of(windows, arm.protocol, arm.train)


def _content(store: Store) -> list[object]:
    return [dict(store.config), [recording.key for recording in store]]


def _cut(job: tuple[tuple[Path, ...], WindowConfig, Path]) -> None:
    paths, config, file = job
    store = open_stores(paths)
    windows = window(store, config)
    with whole_file(file.with_suffix(".colour")) as part:
        pd.DataFrame(skin_rates(store, windows)).to_parquet(part, index=False)
    write_windows(file, windows)  # last: its presence says that both are there


def _targets(arm: Arm, windows: Windows) -> Windows:
    windows = with_auxiliary(windows, arm.auxiliary, seed=arm.train.seed)
    return with_permuted_labels(windows, seed=arm.train.seed) if arm.permuted else windows


def _train_one(job: Job) -> Problem | None:
    import torch

    n_threads = torch.get_num_threads()
    # The number of threads changes the last bits of a sum: the same one whatever the workers.
    torch.set_num_threads(1)
    arm = job.arm
    colour = pd.read_parquet(job.windows.with_suffix(".colour"))
    by_colour = {name: rates.to_numpy() for name, rates in colour.items()}
    marks = {"auxiliary": arm.auxiliary, "permuted_labels": arm.permuted}
    try:
        store, windows = open_stores(arm.stores), _targets(arm, read_windows(job.windows))
        if arm.system:
            train_system(
                store, windows, arm.protocol, arm.system,
                folder=job.folder, seed=arm.train.seed, marks=marks, colour=by_colour,
            )  # fmt: skip
        else:
            train(
                store, windows, arm.protocol, arm.train,
                folder=job.folder, final=False, marks=marks, colour=by_colour,
            )  # fmt: skip
    except (BadInput, ValueError) as error:
        found = error.problem if isinstance(error, BadInput) else Problem(
            str(job.folder), "an arm that can be trained", str(error)
        )  # fmt: skip
        return Problem(arm.name, found.expected, f"{found.found} ({found.where})", found.remedy)
    finally:
        torch.set_num_threads(n_threads)
    return None


def _step_s(arm: Arm) -> float:
    import time

    import torch

    from pulsefer.models.crnn import FACE_PX, Crnn

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = Crnn(arm.train.model)
        shape = (arm.train.batch_size, arm.windows.n_frames, 3, FACE_PX, FACE_PX)
        frames = torch.rand(shape)
        for _ in range(2):  # the first one also sets up
            started = time.perf_counter()
            model(frames).emotion_logit.sum().backward()
        return time.perf_counter() - started
    finally:
        torch.set_num_threads(n_threads)
