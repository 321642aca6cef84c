"""What a trained network has to say of itself: how faces are given to it, and what it is worth.

`config.json` of a run's network, below "about" (the rest: `models.description`):

store.follow.crop.size_px     side of the face picture, pixels
store.follow.crop.top         upper edge above the line of the eyes, in parts of the distance from
                              there to the corners of the mouth
store.follow.crop.bottom      lower edge below the corners of the mouth, in the same parts
store.follow                  how faces were followed; times in seconds (`faces.FollowConfig`)
windows.length_s              length of what it looks at, seconds
windows.n_frames              frames in it, evenly spaced: n_frames / length_s a second
windows.dimension             the rating it learned, "valence"
windows.threshold             where a rating of 5 goes, "ge5" (`core.label`)
windows                       everything else of a window; times in seconds (`samples.WindowConfig`)
protocol_name                 how it was validated, "subject"; by other networks, one for each fold
leaky                         whether a trial stood on both sides there
data_kind                     "real" or "synthetic"
datasets                      names of the data sets it learned from
licence.word                  what may be done with the weights, for machines
licence.sentence              the same for people
use.intended                  what it is for, in words for machines
use.out_of_scope              what it must not be used for
calibration.temperature       a logit is divided by it; then its sigmoid is the probability
calibration                   how it was fitted, and what it is worth (`metrics.temperature`)
fingerprint                   of the run that made it
version                       of pulsefer
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import sha256_file
from pulsefer.core.label import THRESHOLDS, Threshold
from pulsefer.core.types import DataKind
from pulsefer.models.description import CONFIG, CRNN, FACE_PX, WEIGHTS, described, file_of

KINDS: tuple[DataKind, ...] = get_args(DataKind)
MOST_FRAMES = 10_000
"""In one window; a description that asks for more would take all the memory."""
LARGEST = 1e9
"""No number here is as large; JSON has some that no float can hold."""
UNKNOWN = "unknown"
"""The licence, where nothing is said: pass nothing on before you know."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Crop:
    """Geometry of the face picture; `faces.CropConfig` has the same three.

    Attributes:
        size_px: Side.
        top: Upper edge above the eyes, in parts of the distance from eyes to mouth.
        bottom: Lower edge below the mouth, in the same parts.
    """

    size_px: int
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a user of a saved network needs, read and checked.

    Attributes:
        crop: Geometry of the face picture.
        follow: How faces were followed, plain values; its "crop" is `crop`.
        windows: What the network looks at, plain values.
        length_s: Length of a window.
        n_frames: Frames in it.
        dimension: The rating it learned.
        threshold: Where a rating of 5 goes.
        protocol: How it was validated.
        leaky: Whether a trial stood on both sides of that.
        data_kind: Either "real" or "synthetic".
        datasets: What it learned from.
        licence: Word for machines; `UNKNOWN` where nothing is said.
        licence_sentence: The same for people.
        intended_use: Words for machines.
        out_of_scope: The same, of what it must not be used for.
        temperature: A logit is divided by it before the sigmoid; 1 where none was fitted.
        calibration: How that was fitted; empty where it was not.
        fingerprint: Of the run.
        version: Of pulsefer.
        weights_sha256: Of the file of weights.
    """

    crop: Crop
    follow: Mapping[str, Any]
    windows: Mapping[str, Any]
    length_s: float
    n_frames: int
    dimension: str
    threshold: Threshold
    protocol: str
    leaky: bool
    data_kind: DataKind
    datasets: tuple[str, ...]
    licence: str
    licence_sentence: str
    intended_use: tuple[str, ...]
    out_of_scope: tuple[str, ...]
    temperature: float
    calibration: Mapping[str, Any]
    fingerprint: str
    version: str
    weights_sha256: str

    @property
    def frame_rate_hz(self) -> float:
        """Frames per second that the network looks at."""
        return self.n_frames / self.length_s

    @classmethod
    def read(cls, folder: Path) -> Artefact:
        """What the network in a folder says of itself.

        Args:
            folder: Of the network: "runs/valence/model".

        Raises:
            BadInput: no network of a run there, or a key that lacks or does not fit; the message
                names it.
        """
        folder = Path(folder)
        values = described(folder, CRNN)
        say = _Said(folder / CONFIG, values)
        follow = say.at("about.store.follow", dict, expected="an object")
        calibration = say.at("about.calibration", dict, expected="an object", default={})
        threshold = say.at(
            "about.windows.threshold", str, expected=" or ".join(THRESHOLDS), one_of=THRESHOLDS
        )
        data_kind = say.at("about.data_kind", str, expected="real or synthetic", one_of=KINDS)
        return cls(
            crop=_crop(say),
            follow=follow,
            windows=say.at("about.windows", dict, expected="an object"),
            length_s=say.number("about.windows.length_s", "seconds above 0", lambda x: x > 0),
            n_frames=say.at(
                "about.windows.n_frames", int, expected=f"1 to {MOST_FRAMES}",
                fits=lambda x: 1 <= x <= MOST_FRAMES,
            ),
            dimension=say.at(
                "about.windows.dimension", str, expected="the name of a rating",
                fits=str.isidentifier,
            ),
            threshold=cast(Threshold, threshold),
            protocol=say.word("about.protocol_name"),
            leaky=say.at("about.leaky", bool, expected="true or false", default=False),
            data_kind=cast(DataKind, data_kind),
            datasets=say.words("about.datasets"),
            licence=say.word("about.licence.word", UNKNOWN),
            licence_sentence=say.word("about.licence.sentence", "It does not say."),
            intended_use=say.words("about.use.intended", []),
            out_of_scope=say.words("about.use.out_of_scope", []),
            temperature=say.number(
                "about.calibration.temperature", "a number above 0", lambda x: x > 0
            ) if calibration else 1.0,
            calibration=calibration,
            fingerprint=say.word("about.fingerprint"),
            version=say.word("about.version", UNKNOWN),
            weights_sha256=say.word("weights_sha256", "")
            or sha256_file(file_of(folder / WEIGHTS)),
        )  # fmt: skip


def _crop(say: _Said) -> Crop:
    where = "about.store.follow.crop"
    names = {"size_px", "top", "bottom"}
    say.at(where, dict, expected="size_px, top and bottom", fits=lambda x: x.keys() == names)
    top, bottom = (
        say.number(f"{where}.{name}", "0 or more", lambda x: x >= 0) for name in ("top", "bottom")
    )
    size_px = say.at(f"{where}.size_px", int, expected=f"{FACE_PX}", one_of=(FACE_PX,))
    return Crop(size_px, top, bottom)


_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class _Said:
    """A description that is asked key by key, and whose faults are told by their key."""

    path: Path
    values: Mapping[str, Any]

    def at(
        self,
        key: str,
        kind: type[T],
        *,
        expected: str,
        one_of: Sequence[T] | None = None,
        fits: Callable[[T], bool] = lambda _: True,
        default: T = _REQUIRED,
    ) -> T:
        """The value at a path of keys, if it is of the kind and fits."""
        there: Any = self.values
        for name in key.split("."):
            there = there.get(name, _REQUIRED) if isinstance(there, Mapping) else _REQUIRED
        if there is _REQUIRED and default is not _REQUIRED:
            return default
        # True is a whole number to Python, and to nobody else.
        right = isinstance(there, kind) and (kind is bool or not isinstance(there, bool))
        if not right or not fits(there) or (one_of is not None and there not in one_of):
            raise BadInput(
                str(self.path),
                expected=f'"{key}": {expected}',
                found="nothing" if there is _REQUIRED else json.dumps(there)[:80],
                remedy="give a network that this version of `pulsefer train` made",
            )
        return cast(T, there)

    def number(
        self, key: str, expected: str, fits: Callable[[float], bool], default: float = _REQUIRED
    ) -> float:
        """A number, whole or not."""
        found = self.at(
            key, cast("type[float]", int | float), expected=expected, default=default,
            fits=lambda x: -LARGEST < x < LARGEST and fits(x),
        )  # fmt: skip
        return float(found)

    def word(self, key: str, default: str = _REQUIRED) -> str:
        """A text that is not empty."""
        return self.at(key, str, expected="a text", fits=bool, default=default)

    def words(self, key: str, default: list[str] = _REQUIRED) -> tuple[str, ...]:
        """A list of texts."""
        found = self.at(
            key, list, expected="a list of texts", default=default,
            fits=lambda x: all(isinstance(one, str) for one in x),
        )  # fmt: skip
        return tuple(found)
