"""The temperature of a run's network, from windows that its folds held out.

Choice: the network that is handed on learns from everything, so nothing is left to calibrate it by.
One temperature is fitted to what the networks of all folds say of their validation parts, at the
last epoch: the network handed on is of the last epoch too, and the validation part chose nothing
there. So it is the temperature of networks that learned as this one did, from fewer persons. Where
the protocol lets trials stand on both sides, they do so here as well, and it believes too much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.metrics.temperature import calibrate
from pulsefer.models.crnn import Crnn
from pulsefer.models.pixels import to_float
from pulsefer.samples.loader import loader
from pulsefer.samples.split import Split
from pulsefer.samples.store import Store
from pulsefer.samples.window import Windows
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.epochs import load_weights
from pulsefer.training.run_folder import fold_folder

HELD_OUT = "validation.parquet"
COLUMNS = (
    "dataset", "subject", "trial", "start_s", "within", "fold", "emotion", "emotion_logit",
)  # fmt: skip


def held_out(
    store: Store, windows: Windows, folds: Sequence[Split], config: TrainConfig, folder: Path
) -> pd.DataFrame:
    """What the network of every fold says of its validation part; kept in RUN/validation.parquet.

    Without a validation part the table is empty, and no file is written.

    Args:
        store: Where the frames are.
        windows: What was cut.
        folds: Of a run whose folds are all fitted.
        config: How they were.
        folder: Of the run.

    Returns:
        A row for each window and fold that held it out: `COLUMNS`. `emotion_logit` is that of
        "high"; `within` the person inside whom the fold was made, or "".

    Raises:
        BadInput: the weights of a fold are gone.
    """
    model = Crnn(config.model)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parts = []
    for fold in folds:
        if fold.validation:
            where = fold_folder(folder, fold)
            _load(model, where)
            logit = _logits(model.to(device), store, windows, fold.validation)
            chosen = [windows.windows[index] for index in fold.validation]
            rows = [
                (w.dataset, w.subject, w.trial, w.start_s, fold.within or "", fold.fold, w.emotion)
                for w in chosen
            ]
            parts.append(pd.DataFrame(rows, columns=list(COLUMNS[:-1])).assign(emotion_logit=logit))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    with whole_file(folder / HELD_OUT) as part:
        table.to_parquet(part, index=False)
    return table


def calibration_of(table: pd.DataFrame, protocol: Protocol) -> dict[str, Any]:
    """What `config.json` says below "calibration": `metrics.temperature.Calibration` and its place.

    Args:
        table: From `held_out`.
        protocol: How the folds were made.

    Returns:
        Plain values, None for what is not known: the fields of `Calibration`; folds, how many had
        a validation part; protocol and leaky, of what may cross to it; method.
    """
    person = _numbers(table["dataset"] + "/" + table["subject"])
    fold = _numbers(table["within"] + "/" + table["fold"].astype(str))
    found = calibrate(
        table["emotion_logit"].to_numpy(np.float64), table["emotion"].to_numpy(int) == 1,
        person, fold,
    )  # fmt: skip
    known = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(found).items()
    }
    return {
        **known,
        "bins": list(found.bins),
        "bins_before": list(found.bins_before),
        "folds": len(np.unique(fold)),
        "protocol": protocol.name,
        "leaky": protocol.leaky,
        "method": "temperature scaling (Guo et al., ICML 2017)",
    }


def _numbers(names: pd.Series[str]) -> NDArray[np.intp]:
    return np.unique(names.to_numpy(str), return_inverse=True)[1].astype(np.intp)


def _load(model: Crnn, folder: Path) -> None:
    file = folder / "last.safetensors"
    if not file.is_file():
        raise BadInput(
            str(file),
            expected="the weights of a finished fold, to calibrate the run's network by",
            found="no such file",
            remedy=f"delete {folder}, and give the same `pulsefer train` command again",
        )
    load_weights(model, folder, "last")


def _logits(
    model: Crnn, store: Store, windows: Windows, indices: Sequence[int]
) -> NDArray[np.float64]:
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        found = [
            model(to_float(batch.frames.to(device))).emotion_logit.double().cpu()
            for batch in loader(store, windows, indices, batch_size=256)
        ]
    return np.asarray(torch.cat(found).numpy(), np.float64)
