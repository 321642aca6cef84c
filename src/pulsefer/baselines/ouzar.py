"""Face clips and the pulse that is filmed in them, fused late.

Ouzar, Bousefsaf, Djeldjli & Maaoui, "Video-based multimodal spontaneous emotion recognition using
facial expressions and physiological signals", CVPR workshops 2022. Confirmed by its abstract: the
face by a three-dimensional Xception with squeeze-and-excitation; the pulse from the same video, as
a signal or as features of its variability; the signal did better (71.90 %, over which classes and
under which split it does not say). Not confirmed: MTTS-CAN as the source of the signal, which the
paper of this project reports. Depth, widths, lengths and training are ours: a reading, not a
reproduction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import Tensor
from torch.nn.functional import cross_entropy

from pulsefer.baselines.face_frames import evenly, read_frames, require_faces, require_labels
from pulsefer.baselines.network_fit import (
    drawn,
    fit_network,
    n_parameters,
    predict_network,
    state_arrays,
)
from pulsefer.core.bundle import Bundle, Fidelity, Labels, Modality, Unit
from pulsefer.faces.skin import skin_rgb
from pulsefer.models.pixels import to_float
from pulsefer.models.xception3d_se import FaceAndPulse, Xception3dConfig
from pulsefer.signals.colour import pos

Trace = Callable[[NDArray[np.uint8], float], NDArray[np.float64]]
"""Pulse wave of one window, from its faces (T, 64, 64, 3) and their rate."""


@dataclass(frozen=True, slots=True)
class OuzarConfig:
    """Size of the network, and how it learns.

    Attributes:
        face: Depth and widths of the face's branch.
        most_frames: Frames of a clip, evenly placed where a window has more. Choice: 32. The
            pulse's branch sees every frame.
        trace_features: What the pulse's branch gives. Choice: 64.
        hidden: Units of the layer over both. Choice: 64.
        dropout: Behind that layer. Choice: 0.5.
        epochs: Passes over the windows. Choice: 15, as the paper's own network has.
        batch_size: Windows per step. Choice: 16.
        lr: Learning rate of Adam. Choice: 0.001.
    """

    face: Xception3dConfig = field(default_factory=Xception3dConfig)
    most_frames: int = 32
    trace_features: int = 64
    hidden: int = 64
    dropout: float = 0.5
    epochs: int = 15
    batch_size: int = 16
    lr: float = 1e-3


def pos_trace(faces: NDArray[np.uint8], fps_hz: float) -> NDArray[np.float64]:
    """Pulse wave of one window by POS, from the mean colour of the skin; not filtered.

    Choice: it stands in for MTTS-CAN, whose trained weights do not come with this project, and is
    fitted to nothing.

    Args:
        faces: (T, 64, 64, 3) uint8.
        fps_hz: Their rate.

    Returns:
        (T,); up means more blood.
    """
    return pos(skin_rgb(faces), fps_hz)


class OuzarSystem:
    """Windows of faces, each judged by its clip and by the pulse in it.

    Windows of 10 s show some ten beats. In one of 1 s there is about one beat, filmed in five
    frames at the paper's rate: the pulse's branch then has next to nothing to see, and what is
    compared is the face's branch.

    Choice: the signal rather than features of its variability, for it did better there; and those
    need half a minute.

    Args:
        config: None is the default.
        seed: Of the first weights, the order of the windows and the dropout.
        trace: Where the pulse comes from. `MttsCanPulse.trace` of one that was fitted to other
            persons can stand here; one that has seen the tested persons would carry them over.
    """

    modality: tuple[Modality, ...] = ("face",)
    unit: Unit = "window"
    fidelity: Fidelity = "abstract"

    def __init__(
        self, config: OuzarConfig | None = None, *, seed: int, trace: Trace = pos_trace
    ) -> None:
        self.config = config or OuzarConfig()
        self.seed = seed
        self.trace = trace
        self._network = self._drawn()
        self._n_frames = 0

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from the windows; faces are read anew in every epoch, pulses once.

        Choice: pulses are cut to the shortest of the training side, so that windows that differ
        by a frame can stand in one batch.

        Args:
            bundle: Windows with faces.
            labels: Of the windows, two classes; the other rating is not looked at.
            groups: Not looked at: nothing is chosen by an inner cross-validation.

        Raises:
            BadInput: no faces, another unit, labels that do not fit, or windows too short for
                the source of the pulse.
        """
        require_faces(bundle, self.unit)
        require_labels(bundle, labels, groups)
        traces = self._traces(bundle)
        n_samples = min(len(trace) for trace in traces)
        traces_NL = torch.stack([trace[:n_samples] for trace in traces])
        config = self.config
        n_frames = min(config.most_frames, len(read_frames(bundle, 0)))
        self._network = self._drawn()
        fit_network(
            self._network,
            lambda places: (_clips(bundle, places, n_frames), traces_NL[places]),
            torch.from_numpy(labels.classes),
            loss=cross_entropy,
            epochs=config.epochs,
            batch_size=config.batch_size,
            lr=config.lr,
            seed=self.seed,
        )
        self._n_frames = n_frames

    def predict_proba(self, bundle: Bundle) -> NDArray[np.float64]:
        """(n, 2) probabilities of low and high.

        Raises:
            BadInput: as `fit`.
            RuntimeError: nothing was learned yet.
        """
        if not self._n_frames:
            raise RuntimeError(f"{type(self).__name__} has not learned yet: call fit first")
        require_faces(bundle, self.unit)
        traces = self._traces(bundle)
        # One at a time: a window is then added up in the same order whatever stands beside it.
        logits = predict_network(
            self._network,
            lambda places: (_clips(bundle, places, self._n_frames), traces[places[0]][None]),
            len(bundle),
            1,
        )
        return np.asarray(softmax(logits.astype(np.float64), axis=1))

    def fitted(self) -> Mapping[str, NDArray[Any]]:
        """The network's weights and running statistics, and the frames of a clip."""
        return {**state_arrays(self._network), "n_frames": np.array(self._n_frames)}

    @property
    def n_parameters(self) -> int:
        """Weights of the network."""
        return n_parameters(self._network)

    def _drawn(self) -> FaceAndPulse:
        config = self.config
        return drawn(
            lambda: FaceAndPulse(
                config.face,
                trace_features=config.trace_features,
                hidden=config.hidden,
                dropout=config.dropout,
                classes=2,
            ),
            self.seed,
        )

    def _traces(self, bundle: Bundle) -> list[Tensor]:
        return [
            _standardised(self.trace(read_frames(bundle, place), bundle.fps_hz))
            for place in range(len(bundle))
        ]


def _standardised(trace: NDArray[np.float64]) -> Tensor:
    """(L,) of order 1: its shape is kept, its size is left out; zeros where there is no pulse."""
    centred = trace - trace.mean()
    # Below a billionth of the brightness there is rounding, and no pulse.
    flat = np.ptp(centred) < 1e-9
    return torch.from_numpy(centred / (1.0 if flat else centred.std())).to(torch.float32)


def _clips(bundle: Bundle, places: NDArray[np.int64], n_frames: int) -> Tensor:
    """(B, T, 3, 64, 64) in [0, 1]."""
    clips = [read_frames(bundle, int(place)) for place in places]
    chosen = np.stack([clip[evenly(len(clip), n_frames)] for clip in clips])
    return to_float(torch.from_numpy(chosen))
