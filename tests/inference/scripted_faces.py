"""Films of grey frames with a coloured patch, and a detector that reads the answer off a pixel."""

import numpy as np

from pulsefer.core.types import Frame
from pulsefer.faces.detector import Face

LANDMARKS = np.array([[-20.0, 0.0], [20.0, 0.0], [0.0, 22.0], [-16.0, 42.0], [16.0, 42.0]])
HERE, THERE = (80.0, 60.0), (230.0, 60.0)
SKIN = np.array([170.0, 120.0, 100.0])


def face_at(x, y):
    return Face(x - 45, y - 45, 90, 120, 0.99, np.array([x, y]) + LANDMARKS)


class Scripted:
    """A `Detector`: pixel (0, 0) of the frame carries its time in milliseconds."""

    name = "scripted"
    fingerprint = "scripted"

    def __init__(self, places_at):
        self.places_at = places_at

    def detect(self, image):
        high, middle, low = (int(value) for value in image[0, 0])
        return [face_at(*place) for place in self.places_at((high * 256 + middle) * 256 + low)]


def one_face(_ms):
    return [HERE]


def two_faces(_ms):
    return [HERE, THERE]


def film(times_s, *, bpm=(72.0, 96.0), amplitude=0.01, seed=0):
    """Frames with a beating patch at `HERE` and another at `THERE`, under a sensor's noise."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1.5, (16, 160, 320, 3)).astype(np.float32)
    for index, time_s in enumerate(times_s):
        image = np.full((160, 320, 3), 90.0, np.float32)
        for (x, _y), rate in zip((HERE, THERE), bpm, strict=True):
            loss = amplitude * np.sin(2 * np.pi * rate / 60 * time_s) * np.array([0.4, 1.0, 0.6])
            image[:, int(x) - 60 : int(x) + 60] = SKIN * (1 - loss)
        image = (image + noise[rng.integers(16)]).round().clip(0, 255).astype(np.uint8)
        ms = round(1000 * float(time_s))
        image[0, 0] = [ms // 65536, ms // 256 % 256, ms % 256]
        yield Frame(index, float(time_s), image)


def steady(seconds, fps_hz=25.0):
    """Times of an even film."""
    return np.arange(round(seconds * fps_hz)) / fps_hz
