"""Faces through a video: found, kept apart, held for a moment when lost, cropped in every frame.

One object serves a file and a camera. It looks only backwards, goes by time stamps instead of
frame numbers, and its answer depends on the frames and the configuration alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Frame
from pulsefer.faces.crop import CropConfig, Pose, crop, crop_frame
from pulsefer.faces.cuts import Cuts
from pulsefer.faces.detector import Detector, Face, Refiner, check_image
from pulsefer.faces.steady import Steady
from pulsefer.faces.tracks import Sight, Track, is_near, match

DOUBLE_IOU = 0.5
"""Two followed faces that overlap by this much are one."""
EARLY_S = 1e-4
"""A frame this much too early for its turn gets it: time stamps are rounded."""


@dataclass(frozen=True, slots=True)
class FollowConfig:
    """How faces are followed.

    Paper: nothing. Its public ancestor replaced faces that were not found by hand.
    Choice: whole pictures every two seconds, known faces five times a second: a head does little in
    between, and the pulse band (up to 3 Hz) is not touched by 5 Hz steps. A face that is lost for
    up to a second (a blink of the detector, a hand) keeps its crop; longer gaps stay gaps.

    Attributes:
        detect_every_s: Whole pictures are searched this often while all faces are in sight and
            there may be more.
        look_every_s: Known faces are measured anew this often; without any, or when one is
            missing, whole pictures are searched this often.
        min_face_fraction: Smallest face, in parts of the picture's height.
        start_score: A new face needs this score; a known one only what its detector lets pass.
        iou_min: A face that overlaps its last place by this much (IoU) is the same face.
        hold_s: A face out of sight is still reported, at its last place, this long.
        remember_s: A face that comes back to its last place within this time keeps its id.
        steady_s: Time constant of the filter of the crop's pose.
        still_band: The crop rests while the head moves less than this, in parts of its side.
        max_faces: At most so many are followed; the largest win.
        crop: Geometry of the crop.
    """

    detect_every_s: float = 2.0
    look_every_s: float = 0.2
    min_face_fraction: float = 0.15
    start_score: float = 0.9
    iou_min: float = 0.3
    hold_s: float = 1.0
    remember_s: float = 5.0
    steady_s: float = 0.3
    still_band: float = 0.025
    max_faces: int = 8
    crop: CropConfig = field(default_factory=CropConfig)

    def __post_init__(self) -> None:
        for name in ("look_every_s", "steady_s", "still_band"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        for name in ("min_face_fraction", "start_score", "iou_min"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in (0, 1], found {getattr(self, name)}")
        if self.detect_every_s < self.look_every_s:
            raise ValueError(f"detect_every_s must not be less than look_every_s, found {self}")
        if not 0 <= self.hold_s <= self.remember_s:
            raise ValueError(f"0 <= hold_s <= remember_s must hold, found {self}")
        if self.max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, found {self.max_faces}")


@dataclass(frozen=True, slots=True, eq=False)
class SeenFace:
    """One face in one frame.

    Attributes:
        face_id: From 0 in the order of appearance, larger faces first. It stands for a place that
            is followed through time, not for a person: nobody is recognised.
        face: Filtered box and landmarks, pixels; the score is that of the last measurement.
        crop: (size_px, size_px, 3) uint8, RGB.
        held: The face is out of sight; place and crop are those where it was last.
        pose: The square of the crop.
    """

    face_id: int
    face: Face
    crop: NDArray[np.uint8]
    held: bool
    pose: Pose


class Follower:
    """Follows the faces of one video; the next video gets a new one."""

    def __init__(
        self, config: FollowConfig | None = None, detector: Detector | None = None
    ) -> None:
        """Start without faces.

        Args:
            config: See `FollowConfig`.
            detector: MTCNN unless given. One that is also a `Refiner` is asked to search whole
                pictures less often.
        """
        self.config = config or FollowConfig()
        if detector is None:
            from pulsefer.faces.mtcnn import Mtcnn

            detector = Mtcnn(min_face_fraction=self.config.min_face_fraction)
        self.detector = detector
        self._tracks: list[Track] = []
        self._n_ids = 0
        self._cuts = Cuts()
        self._now_s = self._looked_s = self._searched_s = -math.inf

    def push(self, frame: Frame) -> list[SeenFace]:
        """Take the next frame.

        Args:
            frame: Later than the one before.

        Returns:
            The faces in sight or held, by id.

        Raises:
            BadInput: the frame is not later than the one before, or is no RGB picture.
        """
        check_image(frame.image)
        if not frame.time_s > self._now_s:
            raise BadInput(
                f"frame {frame.index}",
                expected=f"a time after {self._now_s} s",
                found=f"{frame.time_s} s",
                remedy="push frames in order, and use a new Follower for a new video",
            )
        elapsed_s, self._now_s = frame.time_s - self._now_s, frame.time_s
        # After a long gap there is no telling what happened: as after a cut.
        cut = self._cuts.is_cut(frame.image) or elapsed_s > self.config.hold_s
        for track in self._tracks:
            track.steady.advance(elapsed_s)
        if cut or self._is_due(self._looked_s, self.config.look_every_s):
            self._look(frame.image, cut=cut)
            self._looked_s = self._now_s
        for track in self._tracks:
            if self._now_s - track.seen_s > self.config.hold_s + EARLY_S:
                track.state = "lost"
        self._tracks = [
            track
            for track in self._tracks
            if track.state != "lost" or self._now_s - track.seen_s <= self.config.remember_s
        ]
        return [
            SeenFace(
                face_id=track.face_id,
                face=track.face,
                crop=crop(frame.image, track.steady.pose, self.config.crop.size_px),
                held=track.state == "held",
                pose=track.steady.pose,
            )
            for track in self._tracks
            if track.state != "lost"
        ]

    def _is_due(self, last_s: float, every_s: float) -> bool:
        return self._now_s - last_s >= every_s - EARLY_S

    def _look(self, image: NDArray[np.uint8], *, cut: bool) -> None:
        """Measure the known faces; search the whole picture where that is due or needed."""
        config = self.config
        in_sight = [track for track in self._tracks if track.state == "seen"]
        found: dict[int, Sight] = {}
        if not cut:
            for track in in_sight:
                sight = self._refined(image, track)
                if sight is not None:
                    found[track.face_id] = sight
        quick = not cut and in_sight and len(found) == sum(t.state != "lost" for t in self._tracks)
        strangers: list[Sight] = []
        full = len(in_sight) == config.max_faces  # nobody else would be let in
        if not quick or (not full and self._is_due(self._searched_s, config.detect_every_s)):
            sights = [s for face in self.detector.detect(image) if (s := _sight(face, config.crop))]
            self._searched_s = self._now_s
            matched = match(self._tracks, sights, iou_min=config.iou_min)
            found |= {track.face_id: sight for track, sight in matched}
            known = {id(sight) for sight in found.values()}
            strangers = [sight for sight in sights if id(sight) not in known]
        for track in self._tracks:
            if (sight := found.get(track.face_id)) is not None:
                track.measure(sight, self._now_s, jump=cut)
            elif cut:
                track.state = "lost"
            elif track.state == "seen":
                track.state = "held"
        self._drop_doubles()
        self._admit(strangers)

    def _refined(self, image: NDArray[np.uint8], track: Track) -> Sight | None:
        """The face of a track, looked for at its last place; None also where it jumped away."""
        if not isinstance(self.detector, Refiner):
            return None
        face = self.detector.refine(image, track.last.face)
        sight = None if face is None else _sight(face, self.config.crop)
        if sight is None or not match([track], [sight], iou_min=self.config.iou_min):
            return None
        return sight

    def _drop_doubles(self) -> None:
        """Where two tracks have run onto one face, the older one stays."""
        kept: list[Track] = []
        for track in self._tracks:
            if track.state != "seen" or not is_near(track.last, kept, iou_min=DOUBLE_IOU):
                kept.append(track)
        self._tracks = kept

    def _admit(self, strangers: list[Sight]) -> None:
        """Begin tracks for new faces, the larger first."""
        config = self.config
        for sight in sorted(strangers, key=lambda sight: -sight.face.area_px2):
            room = config.max_faces - sum(track.state != "lost" for track in self._tracks)
            if (
                room < 1
                or sight.face.score < config.start_score
                or is_near(sight, self._tracks, iou_min=DOUBLE_IOU)
            ):
                continue
            steady = Steady(sight.pose, steady_s=config.steady_s, band=config.still_band)
            self._tracks.append(Track(self._n_ids, sight, steady, self._now_s))
            self._n_ids += 1


def follow(
    frames: Iterable[Frame],
    config: FollowConfig | None = None,
    detector: Detector | None = None,
) -> Iterator[tuple[Frame, list[SeenFace]]]:
    """Every frame with the faces in it; see `Follower`."""
    follower = Follower(config, detector)
    for frame in frames:
        yield frame, follower.push(frame)


def _sight(face: Face, config: CropConfig) -> Sight | None:
    """The face with the pose of its crop; None where the landmarks cannot be a face's."""
    try:
        return Sight(face, crop_frame(face.landmarks_px, config))
    except BadInput:
        return None
