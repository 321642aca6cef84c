"""A run of a compared system: the folds, the truth and the tables that the CRNN's run has.

RUN/run.json               system, settings, protocol, data, fingerprint; written first
RUN/splits.csv             who learns and who is tested, in every fold
RUN/folds/...              a folder per fold; a finished one is not fitted again
RUN/predictions.parquet    the test windows of all folds
RUN/history.csv            a row per fold: sizes, and the fingerprint of what was learned
RUN/costs.json             seconds and parameters; the only file that no second run repeats

The harness owns folds, labels and everything that has a name. A system is given samples and, of
the training side, their labels.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pulsefer.baselines.registry import SystemConfig
from pulsefer.core.bundle import Bundle, Labels
from pulsefer.core.errors import BadInput
from pulsefer.core.files import sweep, whole_file
from pulsefer.core.fingerprint import fingerprint
from pulsefer.metrics.thirds import COLUMNS
from pulsefer.samples.bundle_of import ABSENT, PULSE, bundle_of, groups_of, labels_of
from pulsefer.samples.split import PROTOCOLS, Split
from pulsefer.samples.split_file import write_split
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows
from pulsefer.training.config import Protocol
from pulsefer.training.epochs import Advance
from pulsefer.training.module import prediction_table
from pulsefer.training.run import Run
from pulsefer.training.run_folder import (
    about_of,
    claim,
    data_of,
    fold_folder,
    folds_of,
    plain,
    write_tables,
)
from pulsefer.training.training_side import training_side

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Samples:
    """What all folds are taken from: samples, what they are, and the sample of each window."""

    bundle: Bundle
    places: Ints
    labels: Labels
    persons: Ints
    trials: Ints
    n_classes: int


def train_system(
    store: Store,
    windows: Windows,
    protocol: Protocol,
    config: SystemConfig,
    *,
    folder: Path,
    seed: int = 0,
    marks: Mapping[str, Any] | None = None,
    colour: Mapping[str, Floats] | None = None,
    advance: Advance | None = None,
) -> Run:
    """Fit a system in every fold that the CRNN would have, gather what it says of the test sides.

    A kill loses at most one fold: the same call goes on, and ends in the same bytes but for
    costs.json.

    Choice: it learns from the training side alone, as the CRNN's last epoch does; the validation
    part, which the CRNN may choose an epoch by, is not looked at.

    Choice: the answer to a trial is given to each of its test windows, so that their mean is the
    system's own. A window without a sample (`samples.bundle_of`) is answered with the shares of
    the classes on the training side, and so is everything that is asked of one person's training
    side that has one class.

    Choice: of three classes, the probability of high is that of the highest third and half of the
    middle one's; truth and answers of the three have columns of their own.

    A system that has `predict_hr_bpm(bundle)` is a reference for heart rates: it may learn from
    the contact pulse of the training side, is asked for rates from faces alone, and for no emotion.

    Args:
        store: Where the samples are.
        windows: What was cut from it.
        protocol: How the folds are made.
        config: Which system, and its settings.
        folder: Where the run lives. A run of the same configuration goes on or is returned.
        seed: Given to the system.
        marks: What was done to the windows, for example {"permuted_labels": True}.
        colour: Heart rates by colour, as `training.run.train` has them.
        advance: Called with 1 after every fold.

    Raises:
        BadInput: the folder holds another run; a protocol that cuts trials, of a system that takes
            whole trials; signals that the store lacks; or a system that failed.
    """
    folder = Path(folder)
    system = config.make(seed)
    folds = folds_of(windows, protocol)
    samples = _samples(store, windows, config, system)
    for fold in folds:
        _refuse_cut_trials(fold, samples, config)
    about = _about(store, windows, protocol, config, folds, samples, system, seed, marks)
    claim(folder, about)
    write_split(folder / "splits.csv", windows.windows, folds)
    done = []
    for fold in folds:
        done.append(_fitted(fold_folder(folder, fold), fold, windows, samples, config, seed))
        if advance:
            advance(1)
    write_tables(folder, folds, done, colour or {})
    _write_costs(folder, folds)
    return Run(folder, about)


def _samples(store: Store, windows: Windows, config: SystemConfig, system: Any) -> _Samples:
    modality = tuple(system.modality)
    if _tells_rates(system):
        modality = (*modality, *(kind for kind in PULSE if kind not in modality))
    bundle, places = bundle_of(store, windows, modality, system.unit)
    labels = labels_of(store, windows, places, n_classes=config.n_classes)
    return _Samples(bundle, places, labels, *groups_of(windows, places), config.n_classes)


def _tells_rates(system: Any) -> bool:
    return hasattr(system, "predict_hr_bpm")


def _refuse_cut_trials(fold: Split, samples: _Samples, config: SystemConfig) -> None:
    train, test = (set(samples.places[list(side)]) - {ABSENT} for side in (fold.train, fold.test))
    if train & test:
        raise BadInput(
            f"{config.entry().title}, by {fold.by}",
            expected="a protocol that keeps trials whole, for a system that looks at whole trials",
            found=f"{len(train & test)} trials on both sides of fold {fold.fold}",
            remedy=f"what may cross by {fold.by}: {PROTOCOLS[fold.by]}; use another protocol",
        )


def _about(
    store: Store,
    windows: Windows,
    protocol: Protocol,
    config: SystemConfig,
    folds: list[Split],
    samples: _Samples,
    system: Any,
    seed: int,
    marks: Mapping[str, Any] | None,
) -> dict[str, Any]:
    what = {
        **data_of(store, windows, protocol),
        "compared": plain(config.identity()),
        "train": {"seed": seed},
        "others": others_of(store),
        "marks": dict(marks or {}),
    }
    entry = config.entry()
    about = about_of(
        what, store, windows, protocol, folds, system=entry.title, data_kind=store.data_kind
    )
    text = (type(system).__doc__ or "").strip().partition("\n")[0]
    return {
        **about,
        "cnn": None,
        "compared": {
            **about["compared"],
            "what": text,
            "source": entry.source,
            "modality": list(system.modality),
            "unit": system.unit,
            "fidelity": system.fidelity,
            "answers": "heart rate" if _tells_rates(system) else "emotion",
            "n_samples": len(samples.bundle),
            "n_windows_without": int((samples.places == ABSENT).sum()),
        },
    }


def others_of(store: Store) -> list[str]:
    """What the signals beside the pulse are, by their content: no recording's key says it."""
    return [fingerprint(recording.record.get("others", {})) for recording in store]


def _fitted(
    folder: Path, fold: Split, windows: Windows, samples: _Samples, config: SystemConfig, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and predictions of one fold; of a finished one, those that are there."""
    if not (folder / "predictions.parquet").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        history, cost, predictions = _fit(fold, windows, samples, config, seed)
        with whole_file(folder / "cost.json") as part:
            part.write_text(json.dumps(cost, indent=1, sort_keys=True), "utf-8")
        with whole_file(folder / "history.csv") as part:
            history.to_csv(part, index=False)
        with whole_file(folder / "predictions.parquet") as part:
            predictions.to_parquet(part, index=False)
    return pd.read_csv(folder / "history.csv"), pd.read_parquet(folder / "predictions.parquet")


def _fit(
    fold: Split, windows: Windows, samples: _Samples, config: SystemConfig, seed: int
) -> tuple[pd.DataFrame, dict[str, Any], pd.DataFrame]:
    """What the fold's history, cost and predictions are."""
    where = f"{config.entry().title}, by {fold.name}, fold {fold.fold}"
    train, test = (_of_side(samples.places, side) for side in (fold.train, fold.test))
    if not len(train):
        raise BadInput(where, expected="a training side with the signals", found="none")
    labels = samples.labels.take(train)
    shares = np.bincount(labels.classes, minlength=samples.n_classes) / len(train)
    proba = np.tile(shares, (len(samples.bundle), 1))
    rates_bpm = np.full(len(samples.bundle), np.nan)
    system = config.make(seed)
    tells_rates = _tells_rates(system)
    learns = tells_rates or not _has_one_class(where, labels, fold)
    learning, asked = samples.bundle.take(train), samples.bundle.take(test)
    given = (learning,) if tells_rates else (learning, labels, _groups(samples, train))
    times_s = [time.perf_counter()]
    if learns:
        _called(where, lambda: system.fit(*given))
    times_s.append(time.perf_counter())
    if tells_rates and len(test):
        blind = Bundle(asked.faces, asked.fps_hz, [{}] * len(test), asked.unit)
        rates_bpm[test] = _called(where, lambda: _rates(system.predict_hr_bpm(blind), len(test)))
    elif learns and len(test):
        answers = _called(where, lambda: system.predict_proba(asked))
        proba[test] = _probabilities(where, answers, len(test), samples.n_classes)
    times_s.append(time.perf_counter())
    fit_s, predict_s = np.diff(times_s)
    sizes = {
        "n_train": len(train),
        "n_test": len(test),
        "n_parameters": int(system.n_parameters) if learns else 0,
    }
    learned = _called(where, lambda: fingerprint(system.fitted())) if learns else "nothing"
    history = pd.DataFrame([{"epoch": 1, **sizes, "fitted": f"sha256:{learned}"}])
    ms_per_sample = 1000 * predict_s / len(test) if len(test) else math.nan
    cost = {**sizes, "fit_s": float(fit_s), "ms_per_sample": float(ms_per_sample)}
    return history, cost, _table(fold, windows, samples, proba, rates_bpm, shares)


def _of_side(places: Ints, side: tuple[int, ...]) -> Ints:
    """The samples of some windows, each once, in their order."""
    found = np.unique(places[list(side)])
    return np.asarray(found[found != ABSENT], np.int64)


def _groups(samples: _Samples, train: Ints) -> Ints:
    """Persons, numbered by who is there: the test side has no part in it.

    Choice: where one person is learned from, trials, so that a system's inner folds do not cut
    through them.
    """
    persons = np.unique(samples.persons[train], return_inverse=True)[1]
    if persons.max() == 0:
        persons = np.unique(samples.trials[train], return_inverse=True)[1]
    return np.asarray(persons, np.int64)


def _has_one_class(where: str, labels: Labels, fold: Split) -> bool:
    """Over persons it is a mistake; of one person it is what the person felt (`training.fit`)."""
    found = np.unique(labels.classes).tolist()
    if len(found) == 1 and not fold.within:
        raise BadInput(
            where,
            expected="several classes on the training side",
            found=f"only {found}",
            remedy="fewer folds, more recordings, or another threshold rule",
        )
    return len(found) == 1


def _called(where: str, ask: Callable[[], T]) -> T:
    """What a system gives; whatever it throws is named, and costs no other arm anything."""
    try:
        return ask()
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(
            where,
            expected="a system that learns and answers",
            found=f"{type(error).__name__}: {error}",
        ) from error


def _probabilities(where: str, answers: Any, n: int, n_classes: int) -> Floats:
    proba = np.asarray(answers, np.float64)
    if proba.shape != (n, n_classes):
        raise BadInput(
            where, expected=f"({n}, {n_classes}) probabilities", found=f"shape {proba.shape}"
        )
    sums = proba.sum(axis=1)
    if not (np.isfinite(proba).all() and proba.min() >= -1e-6 and np.allclose(sums, 1, atol=1e-4)):
        raise BadInput(
            where,
            expected="probabilities that sum to 1",
            found=f"{proba.min():g} to {proba.max():g}, sums {sums.min():g} to {sums.max():g}",
        )
    return proba.clip(0.0, 1.0)


def _rates(answers: Any, n: int) -> Floats:
    return np.asarray(answers, np.float64).reshape(n)


def _table(
    fold: Split,
    windows: Windows,
    samples: _Samples,
    proba: Floats,
    rates_bpm: Floats,
    shares: Floats,
) -> pd.DataFrame:
    """The test windows, as `training.fit` writes them."""
    tested = np.array(fold.test, np.int64)
    place = samples.places[tested]
    has = place != ABSENT
    answers = np.where(has[:, None], proba[place], shares)
    high = answers[:, -1] + (answers[:, 1] / 2 if samples.n_classes == 3 else 0.0)
    found = {
        "index": torch.from_numpy(tested),
        "emotion_prob": torch.from_numpy(high),
        "hr_pred_bpm": torch.from_numpy(np.where(has, rates_bpm[place], np.nan)),
    }
    side = training_side([windows.windows[index] for index in fold.train])
    table = prediction_table(windows, found, fold=fold.fold, selection="last", side=side)
    if samples.n_classes == 3:
        truth = np.where(has, samples.labels.classes[place], ABSENT)
        thirds = {name: answers[:, k] for k, name in enumerate(COLUMNS)}
        table = table.assign(third=truth, **thirds)
    return table


def _write_costs(folder: Path, folds: list[Split]) -> None:
    costs = [
        {
            "fold": fold.fold,
            "within": fold.within or "",
            **json.loads((fold_folder(folder, fold) / "cost.json").read_text("utf-8")),
        }
        for fold in folds
    ]
    with whole_file(folder / "costs.json") as part:
        part.write_text(json.dumps(costs, indent=1, sort_keys=True), "utf-8")
