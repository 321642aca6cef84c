"""What an experiment is: a claim, the data that would show it, the trainings, and the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.progress import progress
from pulsefer.core.types import Recording
from pulsefer.core.version import __version__
from pulsefer.datasets import deap, deap_fake, mahnob_fake, mahnob_hci
from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.experiments.scoring import rows_of
from pulsefer.reports.row import Row
from pulsefer.samples.prepare import PrepareConfig, prepare
from pulsefer.training.run import Run

Say = Callable[[str], None]
DATASETS: Mapping[str, tuple[Callable[..., object], Callable[..., Iterable[Recording]]]] = {
    "deap": (deap_fake.write_fake, deap.read),
    "mahnob_hci": (mahnob_fake.write_fake, mahnob_hci.read),
}
Unit = Literal["window", "trial"]


@dataclass(frozen=True)
class Specimen:
    """Synthetic data in which an experiment's answer is planted.

    Attributes:
        name: What rows call it, for example "clip light".
        dataset: Whose files are written and read.
        effects: What is planted.
        subjects: Persons.
        trials: Trials of each.
        seconds: Length of a trial.
        fps_hz: Frame rate of the films.
        width_px: Width of the films.
        height_px: Height of the films.
        crf: Quality of the H.264; in films as small as these a pulse needs better than 18.
        seed: Another seed, other people.
    """

    name: str
    effects: Effects = field(default_factory=Effects)
    dataset: Literal["deap", "mahnob_hci"] = "deap"
    subjects: int = 6
    trials: int = 6
    seconds: float = 12.0
    fps_hz: float = 25.0
    width_px: int = 320
    height_px: int = 256
    crf: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Experiment:
    """One file of this room.

    Attributes:
        name: What `pulsefer reproduce` calls it.
        claim: What is claimed, before it runs.
        specimens: Synthetic data to use where no stores are given.
        arms: The trainings, for stores by their name (that of a data set or of a specimen).
        rows: What came out.
        needs: What a store must have, where not every store will do.
    """

    name: str
    claim: str
    specimens: Callable[[Budget], Sequence[Specimen]]
    arms: Callable[[Mapping[str, Path], Budget], list[Arm]]
    rows: Callable[[Grid, Mapping[str, Path], Budget], list[Row]]
    needs: str = ""


def store_of(specimen: Specimen, out: Path, *, workers: int, say: Say) -> Path:
    """Film a specimen and prepare it; what is there already is not made again.

    Args:
        specimen: What to film.
        out: Folder of the experiments; OUT/specimens and OUT/stores are used.
        workers: Processes.
        say: Told what happens.

    Raises:
        BadInput: not every trial could be prepared.
    """
    key = f"{specimen.name.replace(' ', '-')}-{fingerprint([__version__, specimen], length=8)}"
    tree, store, done = (
        out / "specimens" / key, out / "stores" / key, out / "stores" / f"{key}.done",
    )  # fmt: skip
    if done.is_file():
        return store
    if not tree.exists():
        say(f"film specimen “{specimen.name}”: {specimen.subjects} persons, {specimen.trials} "
            "trials each (synthetic)")  # fmt: skip
        settings = dataclasses.asdict(specimen) | {"effects": specimen.effects}
        del settings["name"], settings["dataset"]
        write_fake, _ = DATASETS[specimen.dataset]
        write_fake(tree, **settings, workers=workers, show_progress=True)
    problems: list[Problem] = []
    _, read = DATASETS[specimen.dataset]
    recordings = list(read(tree, on_problem=problems.append))
    with progress("prepare (trials)", len(recordings)) as advance:
        made = prepare(
            recordings, store=store, config=PrepareConfig(), workers=workers, advance=advance
        )
    bad = [one for one in (*problems, *made.problems) if one.severity == "error"]
    if bad:
        raise BadInput(bad[0].where, expected=bad[0].expected, found=bad[0].found,
                       remedy="delete the specimen's folder; it is filmed again")  # fmt: skip
    with whole_file(done) as part:
        part.write_text(key, "utf-8")
    return store


def of_seeds(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of several seeds as one.

    A trial of another seed is another answer, not a part of the same mean.
    """
    tables = [
        table.assign(
            trial=table["trial"] + f"#{number}",
            fold=table["fold"] + 10_000 * number,
        )
        for number, table in enumerate(predictions)
    ]
    return pd.concat(tables, ignore_index=True)


def pooled(
    runs: Sequence[Run],
    *,
    experiment: str,
    system: str,
    dataset: str,
    unit: Unit = "trial",
    x_name: str = "",
    x: float = float("nan"),
    predictions: Sequence[pd.DataFrame] = (),
) -> list[Row]:
    """All scores of the same arm over several seeds, for each selection rule.

    Choice: the answers of all seeds are counted together, each as one answer, and the interval
    draws persons with all their seeds. A mean over seeds of what one network would reach, not what
    several together would; `n` counts each window or trial once.

    Args:
        runs: One for each seed, of equal folds; where predictions are given, all that they are of.
        experiment: Name for the rows.
        system: Name of the arm.
        dataset: Name of the data.
        unit: Count windows, or trials.
        x_name: See `Row`.
        x: See `Row`.
        predictions: For each seed, what the runs predicted where they were asked otherwise, as by
            `training.probe`, or chosen among; empty takes their own.
    """
    tables = predictions or [run.predictions for run in runs]
    together = of_seeds(tables)
    rows = []
    for selection, table in together.groupby("selection", sort=True):
        found = rows_of(
            runs[0], table, experiment=experiment, unit=unit, dataset=dataset,
            protocol=runs[0].about["protocol_name"], selection=str(selection), compared=False,
            config=fingerprint([run.about["fingerprint"] for run in runs]),
            manifest=runs[0].about["manifest"],
        )  # fmt: skip
        rows += [
            dataclasses.replace(
                row, system=system, n=row.n // len(tables), x_name=x_name, x=x,
                seed=runs[0].about["train"]["seed"],
            )
            for row in found
        ]  # fmt: skip
    return rows


SMOKE = Specimen(
    "smoke", subjects=6, trials=8, seconds=6.0, fps_hz=12.5, width_px=192, height_px=160
)
FACE = Specimen(
    "face", Effects(rating_noise=0.5, clips_in_common=8), subjects=8, trials=8, fps_hz=12.5,
    width_px=192, height_px=160,
)  # fmt: skip


def specimen_for(budget: Budget) -> Specimen:
    """Faces that show what is rated; for a smoke test small ones."""
    return SMOKE if budget.name == "smoke" else FACE
