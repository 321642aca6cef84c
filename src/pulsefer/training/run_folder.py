"""What every run has on disk, whatever was trained in it: folds, a description, tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import canonical_json, fingerprint
from pulsefer.core.types import DataKind
from pulsefer.core.version import __version__
from pulsefer.samples.audit import audits
from pulsefer.samples.split import Split, split
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows
from pulsefer.training.config import Protocol
from pulsefer.training.training_side import training_side


def folds_of(windows: Windows, protocol: Protocol) -> list[Split]:
    """The folds of a protocol: the same for everything that is trained on these windows.

    Raises:
        BadInput: the data do not allow them.
    """
    try:
        return list(
            split(
                windows.windows,
                by=protocol.by,
                folds=protocol.folds,
                validation=protocol.validation,
                seed=protocol.split_seed,
            )
        )
    except ValueError as error:
        raise BadInput(
            f"protocol {protocol.name}", expected="folds that the data allow", found=str(error)
        ) from error


def data_of(store: Store, windows: Windows, protocol: Protocol) -> dict[str, Any]:
    """What was learned from and how it is tested: what the fingerprint of every run has."""
    return {
        "windows": plain(windows.config),
        "protocol": plain(protocol),
        "store": dict(store.config),
        "recordings": [recording.key for recording in store],
    }


def about_of(
    what: Mapping[str, Any],
    store: Store,
    windows: Windows,
    protocol: Protocol,
    folds: list[Split],
    *,
    system: str,
    data_kind: DataKind,
) -> dict[str, Any]:
    """What `run.json` says of every run.

    Args:
        what: All that decides the result; its fingerprint is the run's.
        store: Where the frames are.
        windows: What was cut from it.
        protocol: How the folds are made.
        folds: As `folds_of` gave them.
        system: Name in tables.
        data_kind: Of all that was learned from.
    """
    labels = [window.emotion for window in windows.windows]
    counted = list(audits(windows.windows, folds))
    return {
        **what,
        "fingerprint": fingerprint(what),
        "manifest": fingerprint([fold.manifest(windows.windows) for fold in folds]),
        "protocol_name": protocol.name,
        "leaky": protocol.leaky,
        "system": system,
        "data_kind": data_kind,
        "datasets": list(store.datasets),
        "persons": sorted({window.person for window in windows.windows}),
        "version": __version__,
        "n_windows": len(windows.windows),
        "n_trials": len({window.key for window in windows.windows}),
        "n_subjects": len({window.person for window in windows.windows}),
        "high_share": sum(labels) / len(labels),
        "windows_left_out": dict(windows.left_out),
        "hr_rejected": dict(windows.hr_rejected),
        "training_side": plain(training_side(windows.windows)),
        "shared": {
            name: max(getattr(one.test, name) for one in counted)
            for name in ("windows", "seconds", "trials", "subjects", "stimuli")
        },
    }


def plain(thing: Any) -> Any:
    """As JSON will have it, so that a run that was just made equals one that is opened."""
    return json.loads(canonical_json(thing))


def claim(folder: Path, about: Mapping[str, Any]) -> None:
    """Write what the run is, or make sure that it is that.

    Raises:
        BadInput: the folder holds another run.
    """
    file = folder / "run.json"
    if file.is_file():
        try:
            there = json.loads(file.read_text("utf-8")).get("fingerprint")
        except ValueError:
            there = "unreadable"
        if there != about["fingerprint"]:
            raise BadInput(
                str(folder),
                expected=f"run {about['fingerprint']} or an empty folder",
                found=f"run {there}, with other settings or data",
                remedy="choose another --out, or delete this one",
            )
        return
    with whole_file(file) as part:
        part.write_text(json.dumps(about, indent=1, sort_keys=True), "utf-8")


def fold_folder(folder: Path, fold: Split) -> Path:
    """Where a fold of the run in `folder` is: RUN/folds/03, or RUN/folds/deap-s01-03."""
    person = fold.within.replace("/", "-") + "-" if fold.within else ""
    return folder / "folds" / f"{person}{fold.fold:02d}"


def write_tables(
    folder: Path,
    folds: Sequence[Split],
    done: Sequence[tuple[pd.DataFrame, pd.DataFrame]],
    colour: Mapping[str, NDArray[np.float64]],
) -> None:
    """Put the folds' tables together.

    Args:
        folder: Of the run.
        folds: In their order.
        done: History and predictions of each.
        colour: Heart rates by colour, (n,) bpm for the windows, by the method's name.
    """
    predictions = pd.concat([predicted for _, predicted in done], ignore_index=True)
    for method, rates_bpm in colour.items():
        predictions[f"hr_{method}_bpm"] = rates_bpm[predictions["place"].to_numpy()]
    histories = [
        history.assign(fold=one.fold, within=one.within or "")
        for one, (history, _) in zip(folds, done, strict=True)
    ]
    with whole_file(folder / "history.csv") as part:
        pd.concat(histories, ignore_index=True).to_csv(part, index=False)
    with whole_file(folder / "predictions.parquet") as part:
        predictions.to_parquet(part, index=False)
