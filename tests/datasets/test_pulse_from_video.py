"""The rate that was planted comes back out of the video, not out of the physiology.

The reading is that of a recorded trial: one rate from all frames (`pulse_rate`), by POS, on the
skin colours that `prepare` stores. A 10-s window, as a live table has to use, reads less from a
video that x264 has been through: docs/compression.md has both.
"""

import numpy as np
import pytest

from pulsefer.datasets import deap
from pulsefer.datasets.deap_fake import write_fake
from pulsefer.datasets.synthetic import subject
from pulsefer.samples.prepare import prepare
from pulsefer.signals.colour import pulse_rate

WITHIN_BPM = 3.0


def read_back(folder, **specimen):
    """(planted, found) by trial, the found rates by way of a store."""
    fake = write_fake(folder / "DEAP", crf=18, **specimen)
    store = prepare(deap.read(folder / "DEAP"), store=folder / "store").store
    planted, found = [], []
    for stored in store:
        colours = stored.track[["skin_r", "skin_g", "skin_b"]].to_numpy(float)
        planted.append(fake.of(stored.subject, int(stored.trial.removeprefix("trial"))).hr_bpm)
        found.append(pulse_rate(colours, stored.time_s).hr_bpm)
    return np.array(planted), np.array(found)


def test_the_rate_of_every_trial_comes_back_from_its_video(tmp_path):
    size = {"width_px": 384, "height_px": 288, "fps_hz": 25.0}
    planted, found = read_back(tmp_path, subjects=4, trials=1, seconds=20, **size)
    tones = [subject(0, f"s{number:02d}").tone for number in range(1, 5)]
    assert max(tones) - min(tones) > 0.35  # light and dark skin
    np.testing.assert_allclose(found, planted, atol=WITHIN_BPM)


@pytest.mark.slow
def test_more_people_of_every_skin_tone_in_the_geometry_of_deap(tmp_path):
    planted, found = read_back(tmp_path, subjects=6, trials=1, seconds=20)
    tones = [subject(0, f"s{number:02d}").tone for number in range(1, 7)]
    assert max(tones) - min(tones) > 0.5
    np.testing.assert_allclose(found, planted, atol=WITHIN_BPM)
