"""The last seconds of one face: where it was, the colour of its skin, and the pulse in it."""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefer.faces.crop import CropConfig
from pulsefer.faces.follow import SeenFace
from pulsefer.faces.skin import skin_rgb
from pulsefer.signals.colour import evenly, last_stretch, pulse_rate
from pulsefer.signals.evidence import evidence
from pulsefer.signals.variability import NO_VARIABILITY, Variability, variability

Floats = NDArray[np.float64]

SMALL_PX: Final = 48.0
"""Choice: a face whose square has a shorter side is enlarged to be looked at; too few pixels share
the camera's noise."""
DARK: Final = 25.0
"""Choice: mean grey level of the green of the skin below which rounding eats a pulse of 1 %."""
BRIGHT: Final = 245.0
"""Choice: mean grey level of the brightest channel above which much of the skin is clipped."""
MOVING_PER_S: Final = 0.1
"""Choice: a head that travels farther than this, in sides of its square per second, changes its
light faster than its colour can tell. A quiet speaker travels 0.01 to 0.04."""


class Heart(NamedTuple):
    """Heart rate of a face at a time.

    Attributes:
        hr_bpm: NaN where it is not to be believed.
        quality: As in `signals.evidence`; NaN where nothing could be looked at.
        reason: Why there is no rate: "short", "small", "dark", "bright", "moving", "no_peak"; ""
            where there is one.
        pos_bpm: By POS, however weak the signal.
        chrom_bpm: By CHROM, however weak the signal.
    """

    hr_bpm: float
    quality: float
    reason: str
    pos_bpm: float
    chrom_bpm: float


NO_HEART: Final = Heart(math.nan, math.nan, "short", math.nan, math.nan)


class Trace:
    """What is kept of one face.

    Attributes:
        n_new: Frames since the last row in which the face was seen, not held.
        last_s: Time of the newest frame.
    """

    def __init__(self, crop: CropConfig, *, keep_s: float) -> None:
        """Begin.

        Args:
            crop: Geometry of its pictures.
            keep_s: Colours older than this are let go.
        """
        self.crop = crop
        self.keep_s = keep_s
        self.n_new = 0
        self.last_s = -math.inf
        self._seen: SeenFace | None = None
        self._now: deque[tuple[float, ...]] = deque()

    def add(self, time_s: float, seen: SeenFace) -> None:
        """Take a frame of it."""
        self.last_s = time_s
        # Whatever hides the face has a colour too, but no pulse.
        if not seen.held:
            pose = seen.pose
            red, green, blue = (float(value) for value in skin_rgb(seen.crop, self.crop))
            self._now.append(
                (time_s, red, green, blue, pose.centre_x_px, pose.centre_y_px, pose.side_px)
            )
            self.n_new += 1
            self._seen = seen
        while self._now and self._now[0][0] < time_s - self.keep_s - 1.0:
            self._now.popleft()

    def place(self) -> dict[str, float]:
        """Box and score where it was seen last."""
        assert self._seen is not None
        face = self._seen.face
        return {
            "face_score": face.score,
            "box_x_px": face.box_x_px,
            "box_y_px": face.box_y_px,
            "box_w_px": face.box_w_px,
            "box_h_px": face.box_h_px,
        }

    def heart(self, end_s: float, *, window_s: float) -> Heart:
        """Heart rate at a time, from the frames of the window before it.

        Args:
            end_s: Time.
            window_s: Length of the window.
        """
        frames = np.array(self._now, np.float64).reshape(-1, 7)
        here = last_stretch(frames[:, 0], end_s, window_s=window_s)
        if here is None:
            return NO_HEART
        time_s, rgb_TC, place = frames[here, 0], frames[here, 1:4], frames[here, 4:]
        pos = pulse_rate(rgb_TC, time_s, method="pos")
        chrom = pulse_rate(rgb_TC, time_s, method="chrom")
        found = evidence(rgb_TC, time_s)
        if evenly(rgb_TC, time_s) is None:
            return NO_HEART
        reason = _spoilt(rgb_TC, place, float(time_s[-1] - time_s[0]))
        if not reason and not found.clear:
            reason = "no_peak"
        hr_bpm = math.nan if reason else found.hr_bpm
        return Heart(hr_bpm, found.quality, reason, pos.hr_bpm, chrom.hr_bpm)

    def variability(self, end_s: float, heart: Heart, *, window_s: float) -> Variability:
        """Variability of the heart rate at a time; nothing where the rate is not believed.

        Args:
            end_s: Time.
            heart: Of that time.
            window_s: Length of the window, longer than the rate's.
        """
        if heart.reason:
            return NO_VARIABILITY
        frames = np.array(self._now, np.float64).reshape(-1, 7)
        here = last_stretch(frames[:, 0], end_s, window_s=window_s)
        if here is None:
            return NO_VARIABILITY
        return variability(frames[here, 1:4], frames[here, 0], least_s=window_s)


def _spoilt(rgb_TC: Floats, place: Floats, length_s: float) -> str:
    """What stands against any pulse here, in one word."""
    side_px = place[:, 2]
    if float(np.median(side_px)) < SMALL_PX:
        return "small"
    level_C = rgb_TC.mean(axis=0)
    if level_C[1] < DARK:
        return "dark"
    if level_C.max() > BRIGHT:
        return "bright"
    steps_px = np.hypot(*np.diff(place[:, :2], axis=0).T)
    growth = np.abs(np.diff(np.log(side_px))) / 2  # the edge moves by half of it
    travelled = float((np.maximum(steps_px / side_px[1:], growth)).sum())
    return "moving" if travelled / length_s > MOVING_PER_S else ""
