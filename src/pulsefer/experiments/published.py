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

TABLE_1: dict[tuple[str, str], Published] = {
    ("MTL-CNN", "valence"): Published(0.7231, math.nan, "Table 1"),
    ("MTL-CNN", "arousal"): Published(0.7115, math.nan, "Table 1"),
    ("VGG-16", "valence"): Published(0.7228, math.nan, "Table 1"),
    ("VGG-16", "arousal"): Published(0.7447, math.nan, "Table 1"),
    ("3D-CNN", "valence"): Published(0.71, math.nan, "Table 1"),
    ("3D-CNN", "arousal"): Published(0.7111, math.nan, "Table 1"),
    ("R-ELM", "valence"): Published(0.6406, math.nan, "Table 1"),
    ("R-ELM", "arousal"): Published(0.6328, math.nan, "Table 1"),
    ("mRMR + RF", "valence"): Published(0.7023, math.nan, "Table 1"),
    ("mRMR + RF", "arousal"): Published(0.6859, math.nan, "Table 1"),
    ("CNN", "valence"): Published(0.758, math.nan, "Table 1"),
    ("CNN", "arousal"): Published(0.763, math.nan, "Table 1"),
    ("MTL", "valence"): Published(0.9626, math.nan, "Table 1"),
    ("MTL", "arousal"): Published(0.9622, math.nan, "Table 1"),
}
"""Accuracy on DEAP by system and dimension, each as its own authors split; see `compared.LINES`."""

TABLE_2: dict[tuple[str, str], Published] = {
    ("MTL-CNN", "valence"): Published(0.7333, math.nan, "Table 2"),
    ("MTL-CNN", "arousal"): Published(0.6979, math.nan, "Table 2"),
    ("VGG-16", "valence"): Published(0.8513, math.nan, "Table 2"),
    ("VGG-16", "arousal"): Published(0.8157, math.nan, "Table 2"),
    ("NCA, 3 classes", "valence"): Published(0.641, math.nan, "Table 2"),
    ("NCA, 3 classes", "arousal"): Published(0.661, math.nan, "Table 2"),
    ("WMD-DTW", "valence"): Published(0.9369, math.nan, "Table 2"),
    ("WMD-DTW", "arousal"): Published(0.94, math.nan, "Table 2"),
    ("MTL", "valence"): Published(0.9697, math.nan, "Table 2"),
    ("MTL", "arousal"): Published(0.9675, math.nan, "Table 2"),
}
"""Accuracy on MAHNOB-HCI. The paper's NCA is of three classes; elsewhere of two."""
