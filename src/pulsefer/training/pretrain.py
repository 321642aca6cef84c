"""A pre-training: every fold of persons, then one network fitted to all pictures, in one folder.

RUN/pretrain.json          configuration, data, fingerprint; written first
RUN/folds/NN/              what a fold leaves
RUN/predictions.parquet    the test pictures of all folds
RUN/history.csv            the epochs of all folds
RUN/final/                 the fit to all pictures
RUN/model/                 its network, with card and settings: what `train --cnn RUN` begins with
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import canonical_json, fingerprint
from pulsefer.core.types import DataKind
from pulsefer.core.version import __version__
from pulsefer.metrics.affect import score
from pulsefer.models import checkpoint
from pulsefer.models.crnn import FACE_PX
from pulsefer.models.frame_affect import DIMENSIONS, FrameAffect, FrameAffectConfig
from pulsefer.models.terms import licence, use
from pulsefer.samples.face_store import FaceStore
from pulsefer.samples.split import Split, split
from pulsefer.training.epochs import Advance, load_weights
from pulsefer.training.parallel import first_does, meet, this_process
from pulsefer.training.pretrain_card import card
from pulsefer.training.pretrain_fold import PretrainConfig, fit_fold

__all__ = ["PretrainConfig", "PretrainRun", "epochs_of", "folds_of", "open_pretrain", "pretrain"]

RUN = "pretrain.json"
PROTOCOL = "subject"
"""How the folds are made; there is no other way."""


@dataclass(frozen=True)
class PretrainRun:
    """A finished pre-training. Tables are read when asked for.

    Attributes:
        folder: Its folder.
        about: What `pretrain.json` says.
    """

    folder: Path
    about: Mapping[str, Any]

    @property
    def data_kind(self) -> DataKind:
        """Either "real" or "synthetic"."""
        return cast(DataKind, self.about["data_kind"])

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every test picture of every fold, once per selection rule."""
        return pd.read_parquet(self.folder / "predictions.parquet")

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row per fold and epoch."""
        return pd.read_csv(self.folder / "history.csv")


def pretrain(
    store: FaceStore,
    config: PretrainConfig,
    *,
    folder: Path,
    final: bool = True,
    advance: Advance | None = None,
) -> PretrainRun:
    """Fit every fold, gather the predictions, fit one network to everything.

    Figures come from persons that a network has not seen; the test part chooses no epoch. A kill
    loses at most one epoch: the same call goes on, and ends in the same bytes.

    Args:
        store: Where the faces are. Those without any label are left out.
        config: How it is done.
        folder: Where the run lives. A run of the same configuration goes on or is returned.
        final: Also fit the network whose CNN is handed on. No figure comes from it.
        advance: Called with 1 after every epoch; `epochs_of` says how many there are.

    Raises:
        BadInput: the folder holds another run; fewer persons than folds; no labels, or with a
            binary target only one on a training side; faces of another size than the network's.
    """
    folder = Path(folder)
    labelled = _labelled(store)
    folds = folds_of(labelled, config)
    about = _about(store, labelled, config, folds)
    meet(about["fingerprint"])
    first_does(partial(_claim, folder, about))
    done = [
        fit_fold(labelled, fold, config, folder=folder / "folds" / f"{fold.fold:02d}",
                 advance=advance)
        for fold in folds
    ]  # fmt: skip
    histories = [
        history.assign(fold=fold.fold) for fold, (history, _) in zip(folds, done, strict=True)
    ]

    def write_tables() -> None:
        with whole_file(folder / "history.csv") as part:
            pd.concat(histories, ignore_index=True).to_csv(part, index=False)
        with whole_file(folder / "predictions.parquet") as part:
            pd.concat([predictions for _, predictions in done], ignore_index=True).to_parquet(
                part, index=False
            )

    first_does(write_tables)
    run = PretrainRun(folder, about)
    if final:
        _fit_final(labelled, config, run, advance)
    return run


def folds_of(store: FaceStore, config: PretrainConfig) -> list[Split]:
    """Who learns, who chooses an epoch, who is predicted: rows of the store's table.

    Choice: folds are balanced by the sign of the valence, of the arousal where there is none.

    Raises:
        BadInput: fewer persons than folds.
    """
    try:
        return list(
            split(
                _faces(store),
                by="subject",
                folds=config.folds,
                validation=config.validation,
                seed=config.split_seed,
            )
        )
    except ValueError as error:
        raise BadInput(
            str(store.path),
            expected=f"persons for {config.folds} folds and their validation parts",
            found=str(error),
        ) from error


def epochs_of(config: PretrainConfig, *, final: bool = True) -> int:
    """Epochs that `pretrain` will count, for a progress bar."""
    return config.epochs * (config.folds + final)


def open_pretrain(folder: Path) -> PretrainRun:
    """Open a pre-training that finished.

    Raises:
        BadInput: none there, or one that did not finish.
    """
    folder = Path(folder)
    try:
        about = json.loads((folder / RUN).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(
            str(folder),
            expected=f"a pre-training with {RUN}",
            found=f"{type(error).__name__}",
            remedy="make one with `pulsefer pretrain STORE --out RUN`",
        ) from error
    if not (folder / "predictions.parquet").is_file():
        raise BadInput(
            str(folder),
            expected="a finished pre-training",
            found="one that was interrupted",
            remedy="give the same `pulsefer pretrain` command again; it goes on where it was",
        )
    return PretrainRun(folder, about)


@dataclass(frozen=True, slots=True)
class _Face:
    """What `split` wants to know of a picture."""

    id: str
    dataset: str
    person: str
    trial: str
    emotion: int


def _faces(store: FaceStore) -> list[_Face]:
    table = store.table
    value = table["valence"].fillna(table["arousal"])
    return [
        _Face(f"{dataset}/{name}", dataset, f"{dataset}/{person}", clip, int(high))
        for dataset, name, person, clip, high in zip(
            table["dataset"], table["name"], table["person"], table["clip"], value > 0, strict=True
        )
    ]


def _labelled(store: FaceStore) -> FaceStore:
    if int(store.crop["size_px"]) != FACE_PX:
        raise BadInput(
            str(store.path),
            expected=f"faces of {FACE_PX}x{FACE_PX} px, as the network takes them",
            found=f"{store.crop['size_px']} px",
            remedy=f"prepare again with size_px {FACE_PX}",
        )
    table = store.table.dropna(subset=list(DIMENSIONS), how="all").reset_index(drop=True)
    if table.empty:
        raise BadInput(
            str(store.path),
            expected="faces with a valence or an arousal",
            found=f"{len(store)} faces, none with a label",
        )
    return dataclasses.replace(store, table=table)


def _about(
    store: FaceStore, labelled: FaceStore, config: PretrainConfig, folds: list[Split]
) -> dict[str, Any]:
    table, faces = labelled.table, _faces(labelled)
    what = {
        "pretrain": json.loads(canonical_json(config)),
        "store": dict(store.config),
        # A part's name is made from its pictures and labels.
        "faces": fingerprint(table[["part", "place"]].to_numpy(object).tolist()),
    }
    return {
        **what,
        "fingerprint": fingerprint(what),
        "manifest": fingerprint([fold.manifest(faces) for fold in folds]),
        "protocol_name": PROTOCOL,
        "system": "CNN",
        "data_kind": labelled.data_kind,
        "datasets": list(labelled.datasets),
        "version": __version__,
        "n_faces": len(table),
        "n_clips": len(table[["dataset", "clip"]].drop_duplicates()),
        "n_persons": len(table[["dataset", "person"]].drop_duplicates()),
        "n_unlabelled": len(store) - len(table),
        "labels": {
            name: {"n": int(known.sum()), "mean": float(table[name].mean()),
                   "sd": float(table[name].std(ddof=0))}
            for name in DIMENSIONS
            if (known := table[name].notna()).any()
        },
    }  # fmt: skip


def _claim(folder: Path, about: dict[str, Any]) -> None:
    file = folder / RUN
    if file.is_file():
        try:
            there = json.loads(file.read_text("utf-8")).get("fingerprint")
        except ValueError:
            there = "unreadable"
        if there != about["fingerprint"]:
            raise BadInput(
                str(folder),
                expected=f"pre-training {about['fingerprint']} or an empty folder",
                found=f"{there}, with other settings or data",
                remedy="choose another --out, or delete this one",
            )
        return
    if (folder / "run.json").is_file():
        raise BadInput(
            str(folder),
            expected="a folder of its own for a pre-training",
            found="a run of `pulsefer train`",
            remedy="choose another --out",
        )
    with whole_file(file) as part:
        part.write_text(json.dumps(about, indent=1, sort_keys=True), "utf-8")


def _fit_final(
    store: FaceStore, config: PretrainConfig, run: PretrainRun, advance: Advance | None
) -> None:
    place = run.folder / checkpoint.MODEL
    if first_does((place / checkpoint.CONFIG).is_file):
        if advance and this_process().first:
            advance(config.epochs)
        return
    everything = Split(
        by="subject", within=None, fold=0, folds=1, seed=config.seed,
        train=tuple(range(len(store))), validation=(), test=(),
    )  # fmt: skip
    fit_fold(store, everything, config, folder=run.folder / "final", advance=advance)

    def save() -> None:
        model = FrameAffect(FrameAffectConfig(config.dropout))
        load_weights(model, run.folder / "final", "last")
        about = {
            **run.about,
            "figures": _figures(run, config),
            # Of specimens too: which pictures of a mixed store are real is not told by its kind.
            "licence": licence(run.about["datasets"]),
            "use": use(run.data_kind),
        }
        checkpoint.save(model, place, card=card(about), about=about)

    first_does(save)


def _figures(run: PretrainRun, config: PretrainConfig) -> dict[str, dict[str, list[float | None]]]:
    """Value and interval by dimension and metric, of the last epoch, on persons not seen."""
    last = run.predictions[run.predictions["selection"] == "last"]
    return {
        dimension: {
            name: [None if math.isnan(end) else end for end in (v.value, v.low, v.high)]
            for name, v in score(last, dimension, config.target).values.items()
        }
        for dimension in run.about["labels"]
    }
