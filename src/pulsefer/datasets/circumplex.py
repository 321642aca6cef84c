"""From a word for an emotion to valence and arousal: Russell's circle, or a table of the user's.

Russell, A circumplex model of affect, Journal of Personality and Social Psychology 39(6),
1161-1178, 1980. People laid 28 words on a circle; the angle is all they said.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pulsefer.core.errors import BadInput
from pulsefer.datasets.members import Member, read_member
from pulsefer.datasets.stills_csv import Table, number_in, parse

RUSSELL = "Russell 1980"
UNCHECKED = "Russell 1980, angle not checked against a second source"
CHOICE = "choice"

ANGLES_DEG: Mapping[str, tuple[float, str]] = {
    "happy": (7.8, RUSSELL),
    "delighted": (24.9, RUSSELL),
    "excited": (48.6, RUSSELL),
    "astonished": (69.8, RUSSELL),
    "aroused": (73.8, RUSSELL),
    "tense": (92.8, RUSSELL),
    "alarmed": (96.5, RUSSELL),
    "angry": (99.0, UNCHECKED),
    "afraid": (116.0, UNCHECKED),
    "annoyed": (123.0, UNCHECKED),
    "distressed": (138.0, UNCHECKED),
    "miserable": (188.7, RUSSELL),
    "sad": (207.5, RUSSELL),
    "bored": (242.0, UNCHECKED),
    "droopy": (256.6, RUSSELL),
    "tired": (267.7, RUSSELL),
    "sleepy": (271.9, RUSSELL),
    "calm": (316.2, RUSSELL),
    "content": (323.0, UNCHECKED),
    "serene": (328.6, RUSSELL),
    "pleased": (353.2, RUSSELL),
}
"""Direct circular scaling: 0 pleasure, 90 arousal, 180 misery, 270 sleep; and the source."""

SAME_AS: Mapping[str, str] = {
    "happiness": "happy",
    "joy": "happy",
    "surprise": "astonished",
    "surprised": "astonished",
    "anger": "angry",
    "fear": "afraid",
    "fearful": "afraid",
    "scared": "afraid",
    "sadness": "sad",
    # Not on Russell's circle; the nearest of his words.
    "contempt": "annoyed",
    "contemptuous": "annoyed",
    "disgust": "distressed",
    "disgusted": "distressed",
}
"""Words of other data sets, by one of Russell's. Choice: all of them."""


@dataclass(frozen=True, slots=True)
class Affect:
    """Where a word lies.

    Attributes:
        valence: -1 - 1.
        arousal: -1 - 1.
        source: Who says so.
    """

    valence: float
    arousal: float
    source: str


def circumplex() -> dict[str, Affect]:
    """The table that is used where the user brings none, by word.

    Choice: radius 1 for every word, as the circle has no other; "neutral" is its middle.

    >>> angry = circumplex()["anger"]
    >>> round(angry.valence, 2), round(angry.arousal, 2)
    (-0.16, 0.99)
    """
    table = {
        word: Affect(*_on_circle(angle_deg), source)
        for word, (angle_deg, source) in ANGLES_DEG.items()
    }
    table |= {
        word: Affect(table[same].valence, table[same].arousal, f"{CHOICE}: as {same}")
        for word, same in SAME_AS.items()
    }
    return table | {"neutral": Affect(0.0, 0.0, CHOICE)}


def read_circumplex(path: Path) -> dict[str, Affect]:
    """A table of the user's own: columns category, valence, arousal, the last two -1 - 1.

    Raises:
        BadInput: no such table, a word twice, or a number that is none or out of range.
    """
    table: Table = parse(
        read_member(Member(Path(path), None, Path(path).name)),
        where=str(path),
        needed=(("category",), ("valence",), ("arousal",)),
    )
    found: dict[str, Affect] = {}
    for line, row in table.rows:
        where = f"{path}, line {line}"
        word = normal(row["category"])
        values = [number_in(row[name], table.delimiter) for name in ("valence", "arousal")]
        if not word or word in found:
            raise BadInput(where, expected="every word once", found=f"{row['category']!r}")
        if not all(value is not None and abs(value) <= 1 for value in values):
            raise BadInput(
                where,
                expected="valence and arousal from -1 to 1",
                found=f"{row['valence']!r}, {row['arousal']!r}",
            )
        found[word] = Affect(float(values[0] or 0), float(values[1] or 0), str(path))
    return found


def normal(word: str) -> str:
    """A word without the accidents of its writing.

    >>> normal("  Happiness ")
    'happiness'
    """
    return " ".join(word.split()).casefold()


def _on_circle(angle_deg: float) -> tuple[float, float]:
    angle_rad = math.radians(angle_deg)
    return math.cos(angle_rad), math.sin(angle_rad)
