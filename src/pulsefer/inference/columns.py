"""What the columns of the table mean: said once, for the files, the page and the pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from pulsefer.core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        unit: "s", "px", "bpm", "ms"; "1" is a plain number; "" is text.
        range: Which values there can be.
        meaning: One or two sentences.
    """

    unit: str
    range: str
    meaning: str


REASONS: Mapping[str, str] = {
    "no_face": "no face in sight",
    "short": "not yet in sight for long enough",
    "small": "the face is too small",
    "dark": "the face is too dark",
    "bright": "the face is overexposed",
    "moving": "the head moves too much",
    "no_peak": "no rhythm in the skin's colour that noise would not show",
}
"""Words of `hr_reason`. A table may hold others: they are shown as they are."""

COLUMNS: Mapping[str, Column] = {
    "picture": Column("", "file name", "Only for pictures, in place of `time_s`."),
    "time_s": Column(
        "s", "0 or more", "Start of the step, by the clock of the video; every step is there."
    ),
    "face_id": Column(
        "", "0, 1, 2 ...; missing: no face",
        "Number of a followed face, by order of appearance. It keeps it through a short absence; "
        "it is not recognition.",
    ),
    "face_score": Column("1", "0 to 1", "How sure the detector was of the last face it measured."),
    "box_x_px": Column(
        "px", "any", "Left edge of the face's box, in the upright picture; negative: outside."
    ),
    "box_y_px": Column(
        "px", "any", "Upper edge of the face's box, in the upright picture; negative: outside."
    ),
    "box_w_px": Column("px", "above 0", "Width of the face's box."),
    "box_h_px": Column("px", "above 0", "Height of the face's box."),
    "face_share": Column("1", "0 to 1", "Share of the step's frames in which the face was seen."),
    "hr_bpm": Column(
        "bpm", "40 to 180; missing: abstained",
        "Heart rate from the colour of the skin, over the window that ends with the step.",
    ),
    "hr_quality": Column(
        "1", "0 to 1; missing: nothing to look at",
        "1 minus the chance that noise without a pulse shows a rhythm as clear and as "
        "blood-coloured. Not the probability that the rate is right.",
    ),
    "hr_reason": Column(
        "", f"empty where `hr_bpm` is given; else a word, for example {', '.join(REASONS)}",
        "Why there is no heart rate.",
    ),
    "hr_pos_bpm": Column(
        "bpm", "40 to 180", "The estimate of POS alone, however weak the signal."
    ),
    "hr_chrom_bpm": Column(
        "bpm", "40 to 180", "The estimate of CHROM alone, however weak the signal."
    ),
    "hrv_rmssd_ms": Column(
        "ms", "0 or more", "Root mean square of the successive differences between beats."
    ),
    "hrv_sdnn_ms": Column("ms", "0 or more", "Standard deviation of the intervals between beats."),
    "valence_prob": Column(
        "1", "0 to 1",
        "The network's probability that valence is in the high class. Not how pleasant it is.",
    ),
    "arousal_prob": Column(
        "1", "0 to 1",
        "The network's probability that arousal is in the high class. Not how aroused one is.",
    ),
    "valence_score": Column(
        "1", "-1 to 1",
        "Only for pictures: how pleasant the network of `pulsefer pretrain` finds the face.",
    ),
    "arousal_score": Column(
        "1", "-1 to 1",
        "Only for pictures: how aroused the network of `pulsefer pretrain` finds the face.",
    ),
    "hr_network_bpm": Column(
        "bpm", "any", "The estimate of the network's own heart-rate head, however weak the signal."
    ),
}  # fmt: skip
"""Every column there can be, in their order."""


def need(table: pd.DataFrame, names: Iterable[str], *, where: str, remedy: str = "") -> None:
    """Refuse a table without columns that are needed.

    Raises:
        BadInput: it names those that are missing.
    """
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise BadInput(
            where,
            expected=f"a table with {', '.join(names)}",
            found=f"no {', no '.join(missing)}",
            remedy=remedy or "give a table that Analyzer made, or one read back from its file",
        )


def faces(table: pd.DataFrame) -> list[int]:
    """Numbers of the faces, in their order.

    >>> faces(pd.DataFrame({"face_id": [1.0, None, 0.0, 1.0]}))
    [0, 1]
    """
    return sorted({int(face) for face in table["face_id"].dropna()})
