"""A trained network and the window it takes, for the end of every row of a table."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulsefer.core.errors import BadInput
from pulsefer.faces.crop import CropConfig
from pulsefer.faces.follow import FollowConfig
from pulsefer.inference.engine import Engine
from pulsefer.inference.windows import FaceWindows
from pulsefer.models.description import CONFIG, CRNN, MODEL, described

if TYPE_CHECKING:
    from pulsefer.models.artefact import Artefact

ONNX = ".onnx"


@dataclass(frozen=True, eq=False)
class Predictor:
    """One network, wherever it computes.

    Attributes:
        engine: It takes one frame at a time.
        length_s: Length of the window it learned from.
        n_frames: Frames in it.
        dimension: The rating it learned.
        heart_rate: Whether it has a heart-rate head.
        temperature: A logit is divided by it; 1 where none was fitted.
        about: For the table's metadata: fingerprint, SHA-256 of the weights, data kind.
    """

    engine: Engine
    length_s: float
    n_frames: int
    dimension: str
    heart_rate: bool
    temperature: float
    about: Mapping[str, Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """What it adds to a row."""
        own = (f"{self.dimension}_prob",)
        return (*own, "hr_network_bpm") if self.heart_rate else own

    def along(self, *, start_s: float, step_s: float) -> FaceWindows:
        """Its windows along a new face.

        Args:
            start_s: Start of row 0.
            step_s: From row to row.
        """
        return FaceWindows(self.engine, self.length_s, self.n_frames, start_s, step_s)

    def row(self, windows: FaceWindows, number: int) -> dict[str, float]:
        """Its part of a row: of the window that ends where the row does.

        NaN where the face was not there for all of it.
        """
        answer = windows.answer(number)
        if answer is None:
            return dict.fromkeys(self.columns, math.nan)
        found = {self.columns[0]: _sigmoid(answer.emotion_logit / self.temperature)}
        if self.heart_rate:
            found["hr_network_bpm"] = answer.hr_bpm
        return found


def load_predictors(
    runs: Sequence[Path], device: str
) -> tuple[tuple[Predictor, ...], FollowConfig]:
    """Networks of several runs, and the one way of cutting faces that they share.

    Raises:
        BadInput: no run, an unfinished one, two that learned the same dimension, or from
            differently cut faces.
    """
    predictors, follows = [], []
    for run in runs:
        predictor, follow = _load(run, device)
        predictors.append(predictor)
        follows.append(follow)
    dimensions = [predictor.dimension for predictor in predictors]
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


def model_folder(run: Path) -> Path:
    """The folder of a network: a run's, or one that was given itself.

    Raises:
        BadInput: neither is there.
    """
    if (run / MODEL / CONFIG).is_file():
        return run / MODEL
    if (run / CONFIG).is_file():
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


def is_onnx(run: Path) -> bool:
    """Whether it names what `pulsefer export` wrote: the folder, or a network in it."""
    return run.suffix == ONNX or (run / f"step{ONNX}").is_file()


def _load(run: Path, device: str) -> tuple[Predictor, FollowConfig]:
    if is_onnx(run):
        from pulsefer.inference.engine_onnx import OnnxEngine

        folder = run.parent if run.suffix == ONNX else run
        return _described(folder, OnnxEngine(folder), runs_on="onnxruntime")
    from pulsefer.inference.engine_torch import TorchEngine
    from pulsefer.models import checkpoint

    folder = model_folder(run)
    place = place_of(device)
    return _described(folder, TorchEngine(checkpoint.load(folder), place), runs_on=place)


def _described(folder: Path, engine: Engine, *, runs_on: str) -> tuple[Predictor, FollowConfig]:
    from pulsefer.models.artefact import Artefact

    told = Artefact.read(folder)
    predictor = Predictor(
        engine=engine,
        length_s=told.length_s,
        n_frames=told.n_frames,
        dimension=told.dimension,
        heart_rate=bool(described(folder, CRNN)["heart_rate"]),
        temperature=told.temperature,
        about={
            "fingerprint": told.fingerprint,
            "weights_sha256": told.weights_sha256,
            "trained_on": list(told.datasets),
            "data_kind": told.data_kind,
            "protocol": told.protocol,
            "leaky": told.leaky,
            "temperature": told.temperature,
            "licence": told.licence,
            "runs_on": runs_on,
        },
    )
    return predictor, _follow(folder, told)


def _follow(folder: Path, told: Artefact) -> FollowConfig:
    try:
        plain = {name: value for name, value in told.follow.items() if name != "crop"}
        return FollowConfig(**plain, crop=CropConfig(**dataclasses.asdict(told.crop)))
    except (TypeError, ValueError) as error:
        raise BadInput(
            str(folder / "config.json"),
            expected='"about.store.follow": how faces were followed',
            found=str(error),
            remedy="give a run that this version of `pulsefer train` made",
        ) from error


def _sigmoid(logit: float) -> float:
    if math.isnan(logit):
        return math.nan
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))


def place_of(device: str) -> str:
    """What "auto" means on this machine: "cuda", "mps" or "cpu"; any other word is itself."""
    if device != "auto":
        return device
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
