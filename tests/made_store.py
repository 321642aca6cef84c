"""A small prepared store, written without filming: what windows, folds and training need."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from pulsefer.datasets.synthetic_pulse import beat_times_s, ppg
from pulsefer.samples.store import FORMAT, open_store, read_record, write_index

FOLLOW = {
    "detect_every_s": 1.0, "look_every_s": 0.2, "min_face_fraction": 0.15, "start_score": 0.95,
    "iou_min": 0.3, "hold_s": 1.0, "remember_s": 5.0, "steady_s": 0.3, "still_band": 0.025,
    "max_faces": 1, "crop": {"size_px": 64, "top": 0.45, "bottom": 0.3},
}  # fmt: skip


def make_store(
    path,
    *,
    subjects=4,
    trials=4,
    seconds=12.0,
    fps_hz=5.0,
    effect=0.0,
    trial_mark=20.0,
    permuted=False,
    dataset="deap",
    hr_low_bpm=65.0,
    hr_step_bpm=2.0,
    crop_top=0.45,
    seed=0,
):
    """Faces of noise around a person's level and a trial's pattern; `effect` shows the label.

    Args:
        path: Where.
        subjects: Persons.
        trials: Trials each, half of them high.
        seconds: Length.
        fps_hz: Frames per second.
        effect: Grey levels that a high label adds to the lower half of the face.
        trial_mark: Strength of a pattern that every trial has to itself.
        permuted: What is shown has nothing to do with the label: within each label, every second
            trial shows high. `trials` must then be a multiple of 4.
        dataset: Name of the data set.
        hr_low_bpm: Heart rate of the first trial of the first person.
        hr_step_bpm: How much faster each further trial is; each further person half as much more.
        crop_top: A setting of the faces' crop.
        seed: Seed.
    """
    rng = np.random.default_rng(seed)
    found = []
    for s in range(1, subjects + 1):
        level = rng.uniform(90, 150)
        ratings = np.where(np.arange(trials) % 2 == 0, 3.0, 7.0)
        ratings = rng.permutation(ratings)
        for t in range(1, trials + 1):
            rank = int((ratings[:t] == ratings[t - 1]).sum())
            shown = 3.0 + 4.0 * (rank % 2) if permuted else ratings[t - 1]
            folder = Path(path) / "recordings" / f"{dataset}-s{s:02d}t{t:02d}"
            folder.mkdir(parents=True)
            n = round(seconds * fps_hz)
            coarse = rng.normal(0, trial_mark, (8, 8, 3)).repeat(8, 0).repeat(8, 1)
            faces = level + coarse + rng.normal(0, 6, (n, 64, 64, 3))
            faces[:, 32:] += effect * (shown > 5)
            faces = faces.clip(0, 255).astype(np.uint8)
            (folder / "faces.u8").write_bytes(faces.tobytes())
            track = {"time_s": np.arange(n) / fps_hz, "seen": True, "held": False}
            skin = faces.reshape(n, -1, 3).mean(axis=1)
            track |= {f"skin_{name}": skin[:, k] for k, name in enumerate("rgb")}
            pd.DataFrame(track).to_parquet(folder / "track.parquet", index=False)
            hr_bpm = hr_low_bpm + hr_step_bpm * (1.5 * (s - 1) + (t - 1))
            beats_s = beat_times_s(hr_bpm, -3.0, seconds, seed=s * 100 + t)
            np.save(folder / "signal.npy", ppg(beats_s, fs_hz=128.0, start_s=-3.0, end_s=seconds))
            record = {
                "dataset": dataset, "subject": f"s{s:02d}", "trial": f"trial{t:02d}",
                "stimulus": f"video{t:02d}", "data_kind": "synthetic", "length_s": seconds,
                "ratings": {"valence": float(ratings[t - 1]), "arousal": 5.0},
                "signal_kind": "ppg", "signal_fs_hz": 128.0, "signal_start_s": -3.0,
                "faces_shape": list(faces.shape), "video_sha256": "",
            }  # fmt: skip
            (folder / "record.json").write_text(json.dumps(record))
            found.append(read_record(folder))
    follow = {**FOLLOW, "crop": {**FOLLOW["crop"], "top": crop_top}}
    config = {"fps_hz": fps_hz, "min_face_share": 0.5, "follow": follow, "detector": "none"}
    (Path(path) / "store.json").write_text(json.dumps({"format": FORMAT, "config": config}))
    write_index(Path(path), found)
    return open_store(Path(path))
