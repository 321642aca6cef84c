"""The film of a synthetic face: an expression, a pulse, a moving head, a noisy camera.

It is one public-domain portrait, warped and coloured into people who do not exist. What it shows
is what was planted; nothing about real faces follows from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from pulsefer.core.seeding import derive_seed, generator
from pulsefer.datasets.synthetic import Effects, Subject, Trial
from pulsefer.datasets.synthetic_portrait import HEIGHT_PX, LEFT_PX, TOP_PX, WIDTH_PX, paint
from pulsefer.datasets.synthetic_pulse import pulse_wave
from pulsefer.datasets.synthetic_warp import framed, shutting, undo_expression, undo_identity

PULSE_RGB = (0.33 / 0.77, 1.0, 0.53 / 0.77)
"""Share of the pulse in red, green and blue, green = 1 (de Haan & van Leest 2014: 0.33, 0.77,
0.53)."""
FLUSH_RGB = (0.0, 1.0, 0.8)
"""Share of a flush in red, green and blue: blood takes green and blue away."""
N_NOISE_FIELDS = 4
"""Noise is drawn once and reused; drawn anew for each frame, it would cost half as much again."""
NOISE_MARGIN_PX = 48
"""A frame takes its noise from a random place, up to this far from the corner of a field."""
SLACK = 0.12
"""An expression relaxes by this share and comes back, slowly."""


def film(
    trial: Trial,
    beats_s: NDArray[np.float64],
    *,
    effects: Effects,
    n_frames: int,
    fps_hz: float,
    width_px: int,
    height_px: int,
    seed: int,
) -> Iterator[NDArray[np.uint8]]:
    """Film one trial, frame by frame; one frame is held at a time.

    The skin of frame i is its resting colour times 1 - amplitude x wave(i / fps) x direction: blood
    takes light away, most of it green. Rounding to whole grey levels comes after the noise, so a
    pulse smaller than a grey level survives in the mean over many pixels.

    Args:
        trial: Who, what is felt, in which light, and (for the flush) the heart rate.
        beats_s: (n_beats,) times of the beats, seconds, the first frame at 0; with those just
            before 0.
        effects: What is planted.
        n_frames: Length.
        fps_hz: Frame rate.
        width_px: Width of the picture.
        height_px: Height of the picture.
        seed: Decides motion and noise; with the same arguments the same bytes come out.

    Yields:
        (height_px, width_px, 3) uint8, RGB.

    Raises:
        ValueError: a size, length or rate that is not positive.
    """
    if min(n_frames, width_px, height_px) < 1 or not 0 < fps_hz < math.inf:
        raise ValueError(
            "a film needs positive n_frames, fps_hz, width_px and height_px, found "
            f"{n_frames}, {fps_hz}, {width_px}, {height_px}"
        )
    return _frames(trial, beats_s, effects, n_frames, fps_hz, width_px, height_px, seed)


def _frames(
    trial: Trial,
    beats_s: NDArray[np.float64],
    effects: Effects,
    n_frames: int,
    fps_hz: float,
    width_px: int,
    height_px: int,
    seed: int,
) -> Iterator[NDArray[np.uint8]]:
    person = trial.subject
    pleasant = effects.expression * (trial.felt_valence - 5) / 4
    awake = effects.expression * (trial.felt_arousal - 5) / 4
    plain, slack = (
        _still(trial, share * pleasant, share * awake, width_px, height_px)
        for share in (1.0, 1.0 - SLACK)
    )
    faster = (trial.hr_bpm - effects.hr_mean_bpm) / 30
    flush = effects.hr_to_flush * faster * torch.tensor(FLUSH_RGB)[:, None, None]
    for still in (plain, slack):
        still[:3] *= 1 - flush * still[3]
    relax = slack - plain

    time_s = np.arange(n_frames) / fps_hz
    pulse = effects.pulse_amplitude * pulse_wave(beats_s, time_s)
    rng = generator(seed, "film", person.name, trial.trial)
    poses = _poses(time_s, effects.motion_px / 576, rng)
    relaxed = np.clip(0.5 + 0.5 * _wander(time_s, 0.1, rng), 0, 1)
    noise = _noise_fields(effects.sensor_noise, width_px, height_px, derive_seed(seed, "noise"))
    places = rng.integers(0, NOISE_MARGIN_PX, (n_frames, 2))
    banks = rng.integers(0, N_NOISE_FIELDS, n_frames)
    now, grid_1HW2 = torch.empty_like(plain), torch.empty(1, height_px, width_px, 2)
    for i in range(n_frames):
        torch.add(plain, relax, alpha=float(relaxed[i]), out=now)
        _moved(poses[i], out_1HW2=grid_1HW2)
        picture = F.grid_sample(now[None], grid_1HW2, "bilinear", "border", align_corners=False)[0]
        colours, skin = picture[:3], picture[3]
        for colour, share in zip(colours, PULSE_RGB, strict=True):
            colour.addcmul_(colour, skin, value=-float(pulse[i]) * share)
        row, column = places[i]
        colours += noise[banks[i], :, row : row + height_px, column : column + width_px]
        whole = colours.add_(0.5).clamp_(0, 255).to(torch.uint8)
        yield torch.stack([*whole], dim=-1).numpy()


def _still(
    trial: Trial, pleasant: float, awake: float, width_px: int, height_px: int
) -> torch.Tensor:
    """(4, height, width): the lit person at rest, and the share of skin."""
    person = trial.subject
    x, y = framed(person, width_px, height_px)
    lit = _light(person, width_px, height_px) * torch.tensor(trial.light_rgb)[:, None, None]
    x, y = undo_identity(x, y, person)
    x, y = undo_expression(x, y, pleasant, awake)
    canvas = torch.from_numpy(paint(person, shut=shutting(pleasant)))
    grid = np.stack(
        [(x - LEFT_PX + 0.5) / WIDTH_PX * 2 - 1, (y - TOP_PX + 0.5) / HEIGHT_PX * 2 - 1], axis=-1
    )
    grid_1HW2 = torch.from_numpy(np.asarray(grid, np.float32))[None]
    still = F.grid_sample(canvas[None], grid_1HW2, "bicubic", "border", align_corners=False)[0]
    still[:3] = (still[:3] * lit).clamp(0, 250)  # room for noise; skin stays below
    still[3].clamp_(0, 1)
    return still


def _light(person: Subject, width_px: int, height_px: int) -> torch.Tensor:
    """(3, height, width): gain of the light on the picture."""
    x = (torch.arange(width_px) - width_px / 2) / (height_px / 2)
    y = (torch.arange(height_px) - height_px / 2) / (height_px / 2)
    angle = person.light_angle_rad
    slope = math.cos(angle) * x[None, :] + math.sin(angle) * y[:, None]
    gain = (person.light_level * (1 + person.light_slope * slope)).clamp(0.3, 1.15)
    warm = torch.tensor([1 + person.light_warmth, 1.0, 1 - person.light_warmth])
    return warm[:, None, None] * gain


def _wander(
    time_s: NDArray[np.float64], top_hz: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A smooth walk around 0, spread about 1, nothing in it faster than `top_hz`."""
    rates_hz = rng.uniform(0.2, 1.0, 5) * top_hz
    phases = rng.uniform(0, 2 * math.pi, 5)
    waves = np.sin(2 * math.pi * time_s[:, None] * rates_hz + phases)
    return np.asarray(waves.sum(axis=1) * math.sqrt(2 / 5), np.float64)


def _poses(
    time_s: NDArray[np.float64], motion: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(n, 4): shift right and down in picture heights, roll in radians, growth."""
    spread = motion * np.array([1.0, 0.7, 0.8, 0.8])
    return np.stack([_wander(time_s, 0.45, rng) for _ in spread], axis=1) * spread


def _moved(pose: NDArray[np.float64], *, out_1HW2: torch.Tensor) -> None:
    """Where in the still picture each pixel of the moved one lies, in `grid_sample`'s -1 - 1.

    What `affine_grid` computes, as sums of a row and a column: an eighth of the time.
    """
    _, height_px, width_px, _ = out_1HW2.shape
    right, down, roll, growth = (float(value) for value in pose)
    cos, sin = math.cos(roll) / (1 + growth), math.sin(roll) / (1 + growth)
    aspect = width_px / height_px
    x = (2 * torch.arange(width_px) + 1) / width_px - 1
    y = ((2 * torch.arange(height_px) + 1) / height_px - 1)[:, None]
    torch.add(cos * x - 2 * right / aspect, sin / aspect * y, out=out_1HW2[0, :, :, 0])
    torch.add(-sin * aspect * x, cos * y - 2 * down, out=out_1HW2[0, :, :, 1])


def _noise_fields(spread: float, width_px: int, height_px: int, seed: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    size = (N_NOISE_FIELDS, 3, height_px + NOISE_MARGIN_PX, width_px + NOISE_MARGIN_PX)
    return torch.randn(size, generator=source).mul_(spread)
