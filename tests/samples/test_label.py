"""The label of a rating, and the frames of a window."""

import numpy as np
import pytest

from pulsefer.core.label import label
from pulsefer.samples.window import WindowConfig, frame_indices, nearest


@pytest.mark.parametrize(
    ("rating", "ge5", "gt5", "drop"),
    [(1, 0, 0, 0), (4.4, 0, 0, 0), (4.9, 0, 0, None), (5, 1, 0, None), (5.04, 1, 1, None),
     (5.5, 1, 1, 1), (9, 1, 1, 1)],
)  # fmt: skip
def test_the_three_rules_differ_only_at_the_middle(rating, ge5, gt5, drop):
    assert label(rating, "ge5") == ge5
    assert label(rating, "gt5") == gt5
    assert label(rating, "drop_middle") == drop


@pytest.mark.parametrize("rating", [0.9, 9.1, float("nan"), float("inf")])
def test_a_rating_off_the_scale_is_refused(rating):
    with pytest.raises(ValueError, match="1-9"):
        label(rating)


def test_frames_are_found_by_time_and_not_by_counting():
    config = WindowConfig(length_s=1.0, n_frames=5)
    even = np.arange(0, 10, 1 / 25)
    assert frame_indices(even, 2.0, config).tolist() == [50, 55, 60, 65, 70]
    odd = np.arange(0, 10, 1 / 60.9708)
    times = odd[frame_indices(odd, 2.0, config)]
    np.testing.assert_allclose(times, [2.0, 2.2, 2.4, 2.6, 2.8], atol=0.5 / 60.9)


def test_the_nearest_frame_is_the_nearest_at_both_ends():
    times = np.array([0.0, 1.0, 2.0])
    assert nearest(times, np.array([-5.0, 0.4, 0.6, 1.9, 9.0])).tolist() == [0, 0, 1, 2, 2]
    assert nearest(np.array([3.0]), np.array([0.0, 9.0])).tolist() == [0, 0]
