import os
import shutil

import pytest


@pytest.fixture(scope="session")
def deap_specimen(tmp_path_factory):
    """A small whole tree with pickles: 2 people x 3 trials x 6 s. Never change it; copy it."""
    from pulsefer.datasets.deap import write_fake

    root = tmp_path_factory.mktemp("deap") / "DEAP"
    return write_fake(root, trials=3, seconds=6, fps_hz=25, width_px=96, height_px=80)


@pytest.fixture(scope="session")
def deap_bdf_specimen(tmp_path_factory):
    """Four people, so one of each kind of trigger channel; pickle and BDF of the same heart."""
    from pulsefer.datasets.deap import write_fake

    root = tmp_path_factory.mktemp("deap") / "DEAP"
    size = {"width_px": 64, "height_px": 48}
    return write_fake(root, subjects=4, trials=1, seconds=2, fps_hz=25, physiology="both", **size)


@pytest.fixture
def deap_copy(deap_specimen, tmp_path):
    """A copy of the small tree to break. Files are hard links: replace them, never edit."""
    return shutil.copytree(deap_specimen.root, tmp_path / "DEAP", copy_function=os.link)
