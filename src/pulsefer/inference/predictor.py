"""A trained network at the end of a face's trace: the window it learned, taken by time."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import sha256_file
from pulsefer.faces.crop import CropConfig
from pulsefer.faces.follow import FollowConfig
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn
from pulsefer.models.pixels import to_float
from pulsefer.samples.window import WindowConfig, frame_indices, frame_times_s


@dataclass(frozen=True)
class Predictor:
    """One network and the window it takes.

    Attributes:
        model: In evaluation mode, on its device.
        windows: Length and number of frames it learned from, and the dimension.
        about: For the table's metadata: run, fingerprint, SHA-256 of the weights, data kind.
        device: Where it computes.
    """

    model: Crnn
    windows: WindowConfig
    about: dict[str, Any]
    device: torch.device

    @property
    def length_s(self) -> float:
        """Seconds of face it looks at."""
        return self.windows.length_s

    @property
    def columns(self) -> tuple[str, ...]:
        """What it adds to a row."""
        own = (f"{self.windows.dimension}_prob",)
        return (*own, "hr_network_bpm") if self.model.config.heart_rate else own

    def __call__(
        self, time_s: NDArray[np.float64], crops: Sequence[NDArray[np.uint8]], end_s: float
    ) -> dict[str, float]:
        """Answers for the window that ends at `end_s`.

        NaN where the face was not there for all of it: a wanted frame farther from any seen one
        than two usual steps is missing.
        """
        start_s = end_s - self.length_s
        nothing = dict.fromkeys(self.columns, math.nan)
        if len(time_s) < 2:
            return nothing
        indices = frame_indices(time_s, start_s, self.windows)
        wanted_s = frame_times_s(start_s, self.length_s, self.windows.n_frames)
        usual_s = float(np.median(np.diff(time_s)))
        if np.abs(time_s[indices] - wanted_s).max() > max(2 * usual_s, self.length_s / 10):
            return nothing
        clip = torch.from_numpy(np.stack([crops[index] for index in indices]))[None]
        with torch.inference_mode():
            output = self.model(to_float(clip.to(self.device)))
        found = {self.columns[0]: float(output.emotion_prob)}
        if output.hr_bpm is not None:
            found["hr_network_bpm"] = float(output.hr_bpm)
        return found


def load_predictors(
    runs: Sequence[Path], device: str
) -> tuple[tuple[Predictor, ...], FollowConfig]:
    """Networks of several runs, and the one way of cutting faces that they share.

    Raises:
        BadInput: no run, an unfinished one, two that learned the same dimension, or from
            differently cut faces.
    """
    place = torch.device(_auto() if device == "auto" else device)
    predictors, follows = [], []
    for run in runs:
        predictor, follow = _load(_model_folder(run), place)
        predictors.append(predictor)
        follows.append(follow)
    dimensions = [predictor.windows.dimension for predictor in predictors]
    if len(set(dimensions)) < len(dimensions):
        raise BadInput(
            "model",
            expected="one run per dimension",
            found=f"{', '.join(dimensions)}",
            remedy="leave one out, or analyse once per run",
        )
    if any(follow != follows[0] for follow in follows):
        raise BadInput(
            "model",
            expected="runs trained on faces cut in the same way",
            found="different crops",
            remedy="analyse once per run",
        )
    # A trial has one person, a video may have several.
    follow = dataclasses.replace(follows[0], max_faces=FollowConfig().max_faces)
    return tuple(predictors), follow


def _model_folder(run: Path) -> Path:
    """The folder of the network: a run's, or one that was given itself."""
    if (run / "model" / checkpoint.CONFIG).is_file():
        return run / "model"
    if (run / checkpoint.CONFIG).is_file():
        return run
    if (run / "run.json").is_file():
        raise BadInput(
            str(run),
            expected="a run with a network fitted to everything",
            found="one that was interrupted, or trained with --no-final",
            remedy="give its `pulsefer train` command again, without --no-final",
        )
    raise BadInput(
        str(run),
        expected="the folder of a run, or of a network",
        found="neither run.json nor config.json" if run.is_dir() else "no such folder",
        remedy="make one with `pulsefer train STORE --out RUN`",
    )


def _load(folder: Path, place: torch.device) -> tuple[Predictor, FollowConfig]:
    model = checkpoint.load(folder)
    about = checkpoint.about(folder)
    try:
        told_follow = dict(about["store"]["follow"])
        crop = CropConfig(**told_follow.pop("crop"))
        follow = FollowConfig(**told_follow, crop=crop)
        windows = WindowConfig(**about["windows"])
        told = {
            "fingerprint": about["fingerprint"],
            "weights_sha256": sha256_file(folder / checkpoint.WEIGHTS),
            "trained_on": about["datasets"],
            "data_kind": about["data_kind"],
            "protocol": about["protocol_name"],
        }
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            str(folder / checkpoint.CONFIG),
            expected="what a run says of its windows, faces and data",
            found=f"{type(error).__name__}: {error}",
            remedy="give a run that this version of `pulsefer train` made",
        ) from error
    return Predictor(model.to(place), windows, told, place), follow


def _auto() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
