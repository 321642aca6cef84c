"""The table as a CSV that py-feat reads: `feat.utils.io.read_feat("talk.fex.csv")`.

Columns that mean what py-feat's mean have py-feat's names; the others keep their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.inference.columns import COLUMNS, Column, need
from pulsefer.inference.sidecar import check_sidecar, sidecar_path, write_sidecar
from pulsefer.inference.steps import steps

BOX = {
    "FaceRectX": "box_x_px",
    "FaceRectY": "box_y_px",
    "FaceRectWidth": "box_w_px",
    "FaceRectHeight": "box_h_px",
    "FaceScore": "face_score",
}

STRENGTHS = {"valence": "valence_score", "arousal": "arousal_score"}
"""Of networks of pictures, on the scale that py-feat's have."""

OWN: Mapping[str, Column] = {
    "frame": Column("", "0 or more", ""),
    "approx_time": Column("min:s", "MM:SS", "Start of the step; whole seconds, as py-feat has it."),
    **{name: COLUMNS[own] for name, own in (BOX | STRENGTHS).items()},
    "Identity": Column(
        "", "Person_0, Person_1 ...; missing: no face",
        "The number of a followed face. Unlike py-feat's it comes from place and time, not from "
        "what a face looks like.",
    ),
    "input": Column("", "file name", "The video, or the picture."),
}  # fmt: skip

FRAME_OF_VIDEO = "The frame of the video at the start of the step; the first is 0."
FRAME_OF_STEP = "The number of the step; the first of the video is 0. Not a frame of the video."
FRAME_OF_PICTURE = "The number of the picture; the first is 0."

KEPT = (
    "face_share", "hr_bpm", "hr_quality", "hr_reason", "hr_pos_bpm", "hr_chrom_bpm",
    "hrv_rmssd_ms", "hrv_sdnn_ms", "valence_prob", "arousal_prob", "hr_network_bpm",
)  # fmt: skip


def write_fex(
    table: pd.DataFrame, path: Path | str, *, fps_hz: float | None = None
) -> tuple[Path, ...]:
    """Write what py-feat's `read_feat` opens, and `FILE.json` beside it.

    Choice: py-feat's `valence` and `arousal` are strengths from -1 to 1. For a video ours are
    probabilities of a high class, and 2p - 1 would be a sure guess where theirs is a strong
    feeling. So only the scores of pictures, which are strengths too, get those names;
    `valence_prob` and `arousal_prob` keep their own.

    Choice: `frame` is the video's where its frame rate is known, for py-feat draws boxes on the
    frame of that number; else the number of the step. The sidecar says which.

    Args:
        table: What `Analyzer` gives.
        path: `talk.fex.csv`.
        fps_hz: Frame rate of the video. None takes `attrs["fps_hz"]`, if it is there.

    Raises:
        BadInput: a column is missing, times that fit no even steps, a frame rate that is none, or
            a file of the user's where the sidecar has to stand.
    """
    path = Path(path)
    need(table, ("face_id", *BOX.values()), where=str(path))
    check_sidecar(path)
    fps_hz = table.attrs.get("fps_hz") if fps_hz is None else fps_hz
    if fps_hz is not None and not 0 < fps_hz < np.inf:
        raise BadInput(str(path), expected="a positive fps_hz", found=repr(fps_hz))
    made = pd.DataFrame(index=table.index)
    if "picture" in table:
        frame = pd.factorize(table["picture"])[0]
        made["frame"], meaning = frame, FRAME_OF_PICTURE
    else:
        even = steps(table, where=str(path))
        time_s = table["time_s"].to_numpy(np.float64)
        if fps_hz is None:
            made["frame"] = even.of_row + round(even.start_s / even.step_s)
            meaning = FRAME_OF_STEP
        else:
            made["frame"] = np.rint(time_s * fps_hz).astype(np.int64)
            meaning = FRAME_OF_VIDEO
        made["approx_time"] = [f"{int(t // 60):02d}:{int(t % 60):02d}" for t in time_s + 1e-9]
    for name, own in (BOX | STRENGTHS).items():
        if own in table:
            made[name] = table[own]
    made["Identity"] = ["" if pd.isna(face) else f"Person_{int(face)}" for face in table["face_id"]]
    made["input"] = table.get("picture", str(table.attrs.get("source", "")))
    for name in KEPT:
        if name in table:
            made[name] = table[name]
    with whole_file(path) as part:
        made.to_csv(part, index=False, float_format="%.6g", lineterminator="\n")
    known: dict[str, Column] = {**OWN, **COLUMNS}
    known["frame"] = Column("", OWN["frame"].range, meaning)
    write_sidecar(path, table.attrs, {name: known[name] for name in made.columns})
    return (path, sidecar_path(path))
