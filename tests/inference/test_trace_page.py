"""What docs/heart-rate.md says of limits is what the code has."""

from pathlib import Path

import pytest

from pulsefer.core.types import MAX_BPM, MIN_BPM
from pulsefer.inference.config import AnalyzeConfig
from pulsefer.inference.trace import BRIGHT, DARK, MOVING_PER_S, SMALL_PX
from pulsefer.signals.colour import MIN_FS_HZ, MIN_LENGTH_S
from pulsefer.signals.evidence import CHANCE
from pulsefer.signals.variability import NOISE_MS

PAGE = " ".join((Path(__file__).parents[2] / "docs" / "heart-rate.md").read_text("utf-8").split())


@pytest.mark.parametrize(
    "said",
    [
        f"from {MIN_BPM:g} to {MAX_BPM:g} bpm",
        f"from {1 - CHANCE:.2f} on",
        f"the last {AnalyzeConfig().hr_window_s:g} s",
        f"from {MIN_LENGTH_S:g} s on",
        f"at {MIN_FS_HZ:g} frames a second or more",
        f"a side below {SMALL_PX:g} px",
        f"green is below {DARK:g} of 255, or its brightest channel above {BRIGHT:g}",
        f"need {AnalyzeConfig().hrv_window_s:g} s of a trusted rate",
        f"less than {NOISE_MS:g} ms of RMSSD",
    ],
)
def test_the_page_has_the_limits_of_the_code(said):
    assert said in PAGE


def test_a_tenth_is_a_tenth():
    assert MOVING_PER_S == 0.1
    assert "more than a tenth of its square per second" in PAGE
