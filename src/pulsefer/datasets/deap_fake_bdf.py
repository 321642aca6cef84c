"""The BDF file of a specimen of DEAP: one whole session with its trigger codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.seeding import generator
from pulsefer.datasets import bdf
from pulsefer.datasets.deap_signal import MUSIC_CODE, PPG_LABEL
from pulsefer.datasets.deap_tree import LEAD_S

BDF_FS_HZ = 512
"""Sampling rate of data_original."""
# fmt: off
BDF_LABELS = (
    "Fp1", "AF3", "F7", "F3", "FC1", "FC5", "T7", "C3", "CP1", "CP5", "P7", "P3", "Pz", "PO3", "O1",
    "Oz", "O2", "PO4", "P4", "P8", "CP6", "CP2", "C4", "T8", "FC6", "FC2", "F4", "F8", "AF4", "Fp2",
    "Fz", "Cz", "EXG1", "EXG2", "EXG3", "EXG4", "EXG5", "EXG6", "EXG7", "EXG8", "GSR1", "GSR2",
    "Erg1", "Erg2", "Resp", "Plet", "Temp",
)
# fmt: on
"""Channels as at the first site, without the trigger channel, whose name varies."""
TRIGGERS = (("Status", 0), ("", 0x18FF00), ("-1", 0x18FF00), ("-1", 0x58FF00))
"""Name of the trigger channel and the bits above its codes; s01 has the first, s02 the second and
so on. In the fourth the battery bit comes up in the middle of a video."""
BATTERY_BIT = 0x400000

# Seconds of the screens of one trial around the video, and their trigger codes.
_FIXATION_S, _AFTER_S, _RATING_S = 5, 3, 2

# Seconds of the screens of one trial around the video.
_FIXATION_S, _AFTER_S, _RATING_S = 5, 3, 2


def write_session(
    path: Path,
    *,
    participant: int,
    pulses_uv: Sequence[NDArray[np.float64]],
    rest_uv: float,
    length_s: int,
    seed: int,
) -> None:
    """Write 48 channels at 512 Hz; all but the pulse and the triggers are noise drawn once.

    Args:
        path: The file.
        participant: Decides the name and the bits of the trigger channel.
        pulses_uv: The plethysmogram of each trial in the order of presentation, from 3 s before
            the video to its end.
        rest_uv: Its value between the trials.
        length_s: Length of a video.
        seed: Decides the noise.
    """
    plet, codes = _course(pulses_uv, rest_uv, length_s)
    label, bits = TRIGGERS[(participant - 1) % len(TRIGGERS)]
    codes |= bits & ~BATTERY_BIT
    if bits & BATTERY_BIT:
        first_music = int(np.flatnonzero(codes & 0xFF == MUSIC_CODE)[0])
        codes[first_music + BDF_FS_HZ + 100 :] |= BATTERY_BIT
    rng = generator(seed, "deap", "bdf", participant)
    record = np.zeros((len(BDF_LABELS) + 1, BDF_FS_HZ), np.int32)
    record[:-1] = rng.normal(scale=10 / bdf.UV_PER_STEP, size=record[:-1].shape)
    place = BDF_LABELS.index(PPG_LABEL)

    def records() -> Iterator[NDArray[np.int32]]:
        for start in range(0, len(codes), BDF_FS_HZ):
            record[place] = plet[start : start + BDF_FS_HZ]
            record[-1] = codes[start : start + BDF_FS_HZ]
            yield record

    bdf.write(
        path,
        records(),
        labels=(*BDF_LABELS, label),
        fs_hz=BDF_FS_HZ,
        n_records=len(codes) // BDF_FS_HZ,
    )


def _course(
    pulses_uv: Sequence[NDArray[np.float64]], rest_uv: float, length_s: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The session in digital steps: plethysmograph and trigger codes, in whole seconds."""
    screens = [(1, 2), (1, 4), (2, 1)]  # (code, seconds)
    for _ in pulses_uv:
        screens += [(3, _FIXATION_S), (MUSIC_CODE, length_s), (5, _AFTER_S), (1, _RATING_S)]
    screens += [(2, 1), (7, 1)]
    code_per_s = np.repeat([code for code, _ in screens], [long_s for _, long_s in screens])
    codes = np.repeat(code_per_s, BDF_FS_HZ).astype(np.int32)
    plet = np.full(len(codes), round(rest_uv / bdf.UV_PER_STEP), np.int32)
    is_music = code_per_s == MUSIC_CODE
    starts_s = np.flatnonzero(is_music[1:] & ~is_music[:-1]) + 1
    for start_s, pulse_uv in zip(starts_s, pulses_uv, strict=True):
        first = round((start_s - LEAD_S) * BDF_FS_HZ)
        plet[first : first + len(pulse_uv)] = np.rint(pulse_uv / bdf.UV_PER_STEP)
    return plet, codes
