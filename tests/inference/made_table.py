"""A made-up table of an interview: two faces, absences, and rates withheld for reasons."""

import numpy as np
import pandas as pd

ABOUT = {
    "pulsefer": "0.0.0",
    "source": "interview.mp4",
    "source_sha256": "0" * 64,
    "detector": "mtcnn",
    "config": {"step_s": 1.0, "hr_window_s": 10.0},
    "models": [
        {"fingerprint": "f" * 16, "weights_sha256": "1" * 64, "data_kind": "real"},
        {"fingerprint": "e" * 16, "weights_sha256": "2" * 64, "data_kind": "real"},
    ],
}


def made_table(seconds=90, *, models=True, faces=(0, 1), step_s=1.0, data_kind="real", seed=0):
    """Face 0 is there but for 52-58 s; face 1 comes at 25 s and goes at 70 s."""
    rng = np.random.default_rng(seed)
    rows = []
    for step in range(round(seconds / step_s)):
        time_s = round(step * step_s, 6)
        shown = [0] if 0 in faces and not 52 <= time_s < 58 else []
        shown += [1] if 1 in faces and 25 <= time_s < 70 else []
        rows += [_row(time_s, face, rng) for face in shown]
        if not shown:
            rows.append({"time_s": time_s, "face_share": 0.0, "hr_reason": "no_face"})
    columns = list(_row(0.0, 0, rng))
    table = pd.DataFrame(rows, columns=columns if models else columns[:-3])
    kinds = {"face_id": "Int64", "hr_reason": object}
    table = table.astype({name: kinds.get(name, "float64") for name in table.columns})
    told = [model | {"data_kind": data_kind} for model in ABOUT["models"]] if models else []
    table.attrs = ABOUT | {"config": {"step_s": step_s, "hr_window_s": 10.0}, "models": told}
    return table


def _row(time_s, face, rng):
    since_s = time_s - (25 if face else 58 if time_s >= 58 else 0)
    true_bpm = (72 + 9 * np.exp(-(((time_s - 40) / 14) ** 2)) if face == 0 else 88) + np.sin(time_s)
    reason = "short" if since_s < 5 else ""
    if face == 0 and 30 <= time_s < 37:
        reason = "moving"
    if face == 1 and 48 <= time_s < 55:
        reason = "no_peak"
    if face == 1 and 62 <= time_s < 65:
        reason = "disagree"
    quality = 0.75 - 0.25 * face + 0.2 * np.sin(time_s / 7 + face) + rng.normal(0, 0.02)
    spread = 14 if reason else 1.2
    pos, chrom = (true_bpm + rng.normal(0, spread) for _ in range(2))
    early = since_s < 5
    return {
        "time_s": time_s,
        "face_id": face,
        "face_score": 0.998,
        "box_x_px": (412.0, 903.0)[face] + rng.normal(0, 2),
        "box_y_px": (180.0, 205.0)[face] + rng.normal(0, 2),
        "box_w_px": 190.0,
        "box_h_px": 244.0,
        "face_share": 1.0 if since_s >= 1 else 0.6,
        "hr_bpm": np.nan if reason else (pos + chrom) / 2,
        "hr_quality": np.nan if early else float(np.clip(quality * (0.3 if reason else 1), 0, 1)),
        "hr_reason": reason,
        "hr_pos_bpm": np.nan if early else pos,
        "hr_chrom_bpm": np.nan if early else chrom,
        "hrv_rmssd_ms": np.nan if reason else 34 + rng.normal(0, 4),
        "hrv_sdnn_ms": np.nan if reason else 48 + rng.normal(0, 4),
        "valence_prob": 0.5 + (0.33, -0.2)[face] * np.sin(time_s / 15 + face) + rng.normal(0, 0.03),
        "arousal_prob": 0.5 + 0.3 * np.cos(time_s / (19, 14)[face] + face) + rng.normal(0, 0.03),
        "hr_network_bpm": true_bpm + rng.normal(0, 5),
    }
