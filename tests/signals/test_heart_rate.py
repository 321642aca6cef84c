import numpy as np
import pytest

from pulsefer.signals.rate import heart_rate_bpm


@pytest.mark.parametrize("bpm", [40.0, 45.0, 75.0, 150.0, 180.0])
def test_rate_of_a_steady_beat_is_that_beat(bpm):
    assert heart_rate_bpm(np.arange(20) * 60.0 / bpm) == pytest.approx(bpm, abs=1e-5)


def test_one_missed_beat_does_not_move_the_rate():
    beats_s = np.arange(12) * 0.8
    assert heart_rate_bpm(np.delete(beats_s, 5)) == pytest.approx(75.0)


def test_the_clock_does_not_matter():
    beats_s = np.cumsum([0.8, 0.9, 0.7, 0.85, 0.8])
    assert heart_rate_bpm(beats_s - 3.0) == pytest.approx(heart_rate_bpm(beats_s + 1000.0))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_beats_have_no_rate(n):
    with pytest.raises(ValueError, match=f"at least 3 beats, found {n}"):
        heart_rate_bpm(np.arange(n) * 0.8)


@pytest.mark.parametrize("bpm", [39.0, 181.0, 600.0])
def test_a_rate_that_no_heart_has_is_refused(bpm):
    with pytest.raises(ValueError, match="outside 40-180: check fs_hz"):
        heart_rate_bpm(np.arange(9) * 60.0 / bpm)


@pytest.mark.parametrize("beats_s", [[0.0, 0.0, 0.0], [3.0, 2.0, 1.0], [0.0, np.nan, 1.0]])
def test_times_that_do_not_increase_are_refused(beats_s):
    with pytest.raises(ValueError, match="have to increase"):
        heart_rate_bpm(np.array(beats_s))
