"""The paper's own figures, with their place. They are printed beside ours, never as ours."""

from __future__ import annotations

import math
from typing import NamedTuple


class Published(NamedTuple):
    """A figure of the paper.

    Attributes:
        value: A share.
        spread: What stands behind its ±; the paper does not say what it is.
        where: Its place.
    """

    value: float
    spread: float
    where: str


NONE = Published(math.nan, math.nan, "")

TABLE_3: dict[tuple[str, str, str], Published] = {
    ("deap", "valence", "STL"): Published(0.904, 0.005, "Table 3"),
    ("deap", "valence", "MTL"): Published(0.963, 0.005, "Table 3"),
    ("deap", "arousal", "STL"): Published(0.918, 0.006, "Table 3"),
    ("deap", "arousal", "MTL"): Published(0.962, 0.010, "Table 3"),
    ("mahnob_hci", "valence", "STL"): Published(0.964, 0.011, "Table 3"),
    ("mahnob_hci", "valence", "MTL"): Published(0.970, 0.005, "Table 3"),
    ("mahnob_hci", "arousal", "STL"): Published(0.961, 0.007, "Table 3"),
    ("mahnob_hci", "arousal", "MTL"): Published(0.967, 0.005, "Table 3"),
}
"""Accuracy by data set, dimension and system. Its split is not stated."""

TABLE_4: dict[float, tuple[Published, Published]] = {
    0.0: (Published(0.9367, math.nan, "Table 4"), Published(0.1607, math.nan, "Table 4")),
    0.001: (Published(0.9641, math.nan, "Table 4"), Published(0.0945, math.nan, "Table 4")),
    0.01: (Published(0.9655, math.nan, "Table 4"), Published(0.0919, math.nan, "Table 4")),
    0.1: (Published(0.9551, math.nan, "Table 4"), Published(0.1235, math.nan, "Table 4")),
    1.0: (Published(0.9449, math.nan, "Table 4"), Published(0.1514, math.nan, "Table 4")),
}
"""Accuracy and cross-entropy on DEAP by beta; the dimension is not named. Its beta of 0 is 93.67 %,
where Table 3 has 90.4 and 91.8 % for the same system on the same data."""
