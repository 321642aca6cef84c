"""One picture of a synthetic face, and small movements of its head from one to the next."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.seeding import generator
from pulsefer.datasets.synthetic import Effects, Subject, Trial

FRAMES_PER_SWAY = 12.0
"""Frames in which a head comes back, about."""


def felt(value: float, effects: Effects, rng: np.random.Generator) -> float:
    """What a face shows of a label: both -1 - 1; `effects.rating_noise` lies between them."""
    return float(np.clip(value + effects.rating_noise / 4 * rng.normal(), -1, 1))


def swaying(person: Subject, effects: Effects, n_frames: int, *, seed: int) -> list[Subject]:
    """The person, frame by frame, as the head moves, rolls and comes nearer a little.

    Args:
        person: At rest.
        effects: `motion_px` says how far.
        n_frames: Length.
        seed: Another seed, another way.
    """
    rng = generator(seed, "sway", person.name)
    periods = FRAMES_PER_SWAY / rng.uniform(0.4, 1.2, 4)
    phases = rng.uniform(0, 2 * math.pi, 4)
    spread = effects.motion_px / 576 * math.sqrt(2) * np.array([1.0, 0.7, 0.8, 0.8])
    ways = np.sin(2 * math.pi * np.arange(n_frames)[:, None] / periods + phases) * spread
    return [
        dataclasses.replace(
            person,
            offset_x=person.offset_x + float(right),
            offset_y=person.offset_y + float(down),
            tilt_rad=person.tilt_rad + float(roll),
            face_height=person.face_height * (1 + float(growth)),
        )
        for right, down, roll, growth in ways
    ]


def snap(
    person: Subject,
    *,
    valence: float,
    arousal: float,
    effects: Effects,
    width_px: int,
    height_px: int,
    number: int,
    seed: int,
) -> NDArray[np.uint8]:
    """Photograph a face: no pulse, no flush, a noisy camera.

    Args:
        person: As the head stands.
        valence: Felt, -1 - 1.
        arousal: Felt, -1 - 1.
        effects: `expression` says how visible it is; `sensor_noise`.
        width_px: Width of the picture, square pixels.
        height_px: Height.
        number: Of the picture; another number, other noise.
        seed: Same seed and number, same bytes.

    Returns:
        (height_px, width_px, 3) uint8, RGB.
    """
    from pulsefer.datasets.synthetic_face import film

    pleasant, awake = 5 + 4 * valence, 5 + 4 * arousal  # on a scale of 1 - 9
    trial = Trial(person, number, 1, pleasant, awake, pleasant, awake, effects.hr_mean_bpm)
    images = film(
        trial,
        np.array([0.0]),
        effects=dataclasses.replace(effects, pulse_amplitude=0.0, motion_px=0.0),
        n_frames=1,
        fps_hz=25.0,
        width_px=width_px,
        height_px=height_px,
        seed=seed,
    )
    return next(iter(images))
