"""One followed face, and which measured face belongs to which followed one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.faces.boxes import overlap
from pulsefer.faces.crop import Pose
from pulsefer.faces.detector import Face
from pulsefer.faces.steady import Steady

State = Literal["seen", "held", "lost"]


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A measured face and the pose of its crop."""

    face: Face
    pose: Pose


class Track:
    """A face that is followed.

    Attributes:
        face_id: Its number.
        last: The last measurement, unfiltered.
        seen_s: When that was.
        state: "seen" at the last look, "held" at its last place, or "lost": remembered only.
        steady: The filtered pose.
    """

    def __init__(self, face_id: int, sight: Sight, steady: Steady, now_s: float) -> None:
        self.face_id = face_id
        self.last = sight
        self.steady = steady
        self.seen_s = now_s
        self.state: State = "seen"

    def measure(self, sight: Sight, now_s: float, *, jump: bool) -> None:
        """The face was seen: glide there, or be there at once."""
        if jump or self.state == "lost":
            self.steady.jump(sight.pose)
        else:
            self.steady.measure(sight.pose, now_s - self.seen_s)
        self.last, self.seen_s, self.state = sight, now_s, "seen"

    @property
    def face(self) -> Face:
        """The last measured face, carried along with the filtered pose."""
        face, was, now = self.last.face, self.last.pose, self.steady.pose
        scale = now.side_px / was.side_px
        turn = now.angle_rad - was.angle_rad
        sin, cos = scale * math.sin(turn), scale * math.cos(turn)
        was_at = np.array([was.centre_x_px, was.centre_y_px])
        now_at = np.array([now.centre_x_px, now.centre_y_px])
        # The box stays upright, so it is moved and scaled but not turned.
        corners = now_at + scale * (face.corners_px.reshape(2, 2) - was_at)
        (left, upper), (right, lower) = corners.tolist()
        rotation: NDArray[np.float64] = np.array([[cos, -sin], [sin, cos]])
        return Face(
            box_x_px=left,
            box_y_px=upper,
            box_w_px=right - left,
            box_h_px=lower - upper,
            score=face.score,
            landmarks_px=now_at + (face.landmarks_px - was_at) @ rotation.T,
        )


def match(
    tracks: Sequence[Track], sights: Sequence[Sight], *, iou_min: float
) -> list[tuple[Track, Sight]]:
    """Pairs of a track and what was measured of it: greatest overlap first, each used once."""
    if not tracks or not sights:
        return []
    iou = overlap(
        np.stack([track.last.face.corners_px for track in tracks]),
        np.stack([sight.face.corners_px for sight in sights]),
    )
    pairs = []
    while iou.max() >= iou_min:
        row, column = divmod(int(iou.argmax()), len(sights))
        pairs.append((tracks[row], sights[column]))
        iou[row, :] = iou[:, column] = -1.0
    return pairs


def is_near(sight: Sight, tracks: Sequence[Track], *, iou_min: float) -> bool:
    """Whether one of the tracks that are in sight lies where this face is."""
    return any(
        float(overlap(sight.face.corners_px[None], track.last.face.corners_px[None])[0, 0])
        >= iou_min
        for track in tracks
        if track.state == "seen"
    )
