"""Single faces and a small store of them, written without filming: what pre-training needs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import Picture, Still
from pulsefer.samples.face_store import (
    FORMAT,
    STILLS_JSON,
    open_face_store,
    read_part,
    write_face_index,
    write_part,
)

CONFIG = {
    "min_face_fraction": 0.1,
    "crop": {"size_px": 64, "top": 0.45, "bottom": 0.3},
    "detector": {"name": "none", "fingerprint": "none"},
}


def make_faces(
    path,
    *,
    persons=6,
    clips=2,
    frames=6,
    effect=0.0,
    person_mark=15.0,
    permuted=False,
    arousal=True,
    size_px=64,
    seed=0,
):
    """Faces of noise around a person's pattern; `effect` shows the labels.

    Args:
        path: Where.
        persons: How many; each has a brightness, a pattern and a mean valence.
        clips: Clips of each.
        frames: Pictures of each clip, all with labels of their own.
        effect: Grey levels that the largest valence adds to the lower half of the face, and the
            largest arousal to the left half.
        person_mark: Strength of the pattern that every person has.
        permuted: The labels of each person are shuffled after the faces are made.
        arousal: Whether there are labels of arousal.
        size_px: Side of the faces.
        seed: Seed.
    """
    path, rng = Path(path), np.random.default_rng(seed)
    tables = []
    for number in range(1, persons + 1):
        n, half = clips * frames, size_px // 2
        value = rng.uniform(-0.9, 0.9, (n, 2)) * 0.9 + rng.uniform(-0.1, 0.1, 2)
        pattern = rng.normal(0, person_mark, (8, 8, 3)).repeat(size_px // 8, 0)
        faces = rng.uniform(100, 150) + pattern.repeat(size_px // 8, 1)
        faces = faces + rng.normal(0, 6, (n, size_px, size_px, 3))
        faces[:, half:] += effect * value[:, 0, None, None, None]
        faces[:, :, :half] += effect * value[:, 1, None, None, None]
        if permuted:
            value = rng.permutation(value)
        table = pd.DataFrame(
            {
                "dataset": "afew_va",
                "person": f"p{number:02d}",
                "clip": [f"{number:02d}{k // frames}" for k in range(n)],
                "name": [f"{number:02d}{k // frames}/{k % frames:05d}" for k in range(n)],
                "valence": value[:, 0],
                "arousal": value[:, 1] if arousal else np.nan,
                "data_kind": "synthetic",
            }
        )
        folder = path / "parts" / f"{number:024d}"
        folder.mkdir(parents=True)
        write_part(folder, faces.clip(0, 255).astype(np.uint8), table)
        tables.append(read_part(folder, size_px).table)
    config = {**CONFIG, "crop": {**CONFIG["crop"], "size_px": size_px}}
    (path / STILLS_JSON).write_text(json.dumps({"format": FORMAT, "config": config}))
    write_face_index(path, pd.concat(tables, ignore_index=True))
    return open_face_store(path)


def noise_still(number, **wishes):
    """A picture of noise with landmarks in its middle; every number is another one."""
    image = np.random.default_rng(number).integers(0, 255, (96, 96, 3), np.uint8)
    landmarks_px = np.array([[36, 36], [60, 36], [48, 48], [38, 62], [58, 62]], np.float64)
    still = {
        "dataset": "noise",
        "person": f"p{number // 40}",
        "clip": f"{number // 20:03d}",
        "name": f"{number // 20:03d}/{number:05d}",
        "valence": (number % 21) / 10 - 1,
        "arousal": float("nan") if number % 3 == 0 else (number % 5) / 4,
        "data_kind": "synthetic",
        "load": lambda: Picture(image, landmarks_px),
        "content": lambda: fingerprint(image),
    }
    return Still(**{**still, **wishes})
