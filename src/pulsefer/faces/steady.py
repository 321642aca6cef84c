"""A crop that rests while the head rests, and glides after the head when it moves.

Landmarks jitter by some hundredths of the face from picture to picture. A crop that jitters along
moves edges through the skin area and writes a false pulse into its colour; so a still head must
get exactly the same square, frame after frame.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.faces.crop import Pose

Floats = NDArray[np.float64]

ANGLE_STEP_RAD = 1 / 256
"""Choice: angles are rounded to this, which moves no pixel of a 64x64 crop by more than a
tenth; few angles make quick crops, since each needs a matrix of its own."""


class Steady:
    """Causal filter of a pose; frame rate and picture size have no say in it.

    Choice: three parts. (1) A running mean of the measured poses (time constant `steady_s`).
    (2) A dead band: as long as that mean lies within `band` of the resting pose, the pose rests.
    (3) Outside, the pose follows the mean as a critically damped spring, the stiffer the farther
    behind, until it has arrived. The spring is solved exactly, so any frame rate gives the same
    path.

    Attributes:
        pose: The pose now.
    """

    def __init__(self, pose: Pose, *, steady_s: float, band: float) -> None:
        """Start at rest.

        Args:
            pose: First measured pose.
            steady_s: Time constant, seconds.
            band: Half width of the dead band, in parts of the side of the square.
        """
        self.steady_s = steady_s
        self.band = band
        self.jump(pose)

    def jump(self, pose: Pose) -> None:
        """Be there at once and at rest."""
        self._aim = self._at = _state(pose)
        self._speed = np.zeros(4)
        self._stiffness_per_s = 0.0
        self.pose = dataclasses.replace(pose, angle_rad=_stepped(pose.angle_rad))

    def measure(self, pose: Pose, elapsed_s: float) -> None:
        """Take a newly measured pose into account.

        Args:
            pose: As measured.
            elapsed_s: Since the last measurement.
        """
        measured = _state(pose)
        measured[3] -= math.tau * round((measured[3] - self._aim[3]) / math.tau)  # the short way
        haste = self._haste(_apart(measured, self._aim))
        share = -math.expm1(-elapsed_s * haste / self.steady_s)
        self._aim = self._aim + share * (measured - self._aim)
        behind = _apart(self._aim, self._at)
        resting = self._stiffness_per_s == 0.0
        if behind > (self.band if resting else self.band / 2):
            # A critically damped spring of stiffness w trails a steady motion by 2 / w seconds.
            self._stiffness_per_s = 2.0 / self.steady_s * self._haste(behind)
        else:
            self._stiffness_per_s = 0.0
            self._speed = np.zeros(4)

    def _haste(self, behind: float) -> float:
        """How many times as fast as `steady_s`: 1 for jitter, 4 for a head that is far off."""
        return min(4.0, 1.0 + (behind / (3.0 * self.band)) ** 2)

    def advance(self, elapsed_s: float) -> None:
        """Let time pass.

        Args:
            elapsed_s: Since the last frame.
        """
        w = self._stiffness_per_s
        if w == 0.0:
            return
        gap = self._at - self._aim
        pull = self._speed + w * gap
        decay = math.exp(-w * elapsed_s)
        self._at = self._aim + (gap + pull * elapsed_s) * decay
        self._speed = (self._speed - w * pull * elapsed_s) * decay
        x, y, log_side, angle = (float(part) for part in self._at)
        self.pose = Pose(x, y, math.exp(log_side), _stepped(angle))


def _state(pose: Pose) -> Floats:
    return np.array([pose.centre_x_px, pose.centre_y_px, math.log(pose.side_px), pose.angle_rad])


def _stepped(angle_rad: float) -> float:
    return round(angle_rad / ANGLE_STEP_RAD) * ANGLE_STEP_RAD


def _apart(a: Floats, b: Floats) -> float:
    """How far the square's edge moves from one pose to the other, in parts of its side.

    A change of size or angle moves the edge by half of that change, in parts of the side.
    """
    x, y, log_side, angle = (float(part) for part in a - b)
    side_px = math.exp(b[2])
    return max(math.hypot(x, y) / side_px, abs(log_side) / 2, abs(angle) / 2)
