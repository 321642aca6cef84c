"""What tests of several rooms share."""

import os
from pathlib import Path

import pytest
import torch

from made_store import make_store

# Two test processes on two cores: more threads would only wait for each other, in the processes
# that tests start as well.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data():
    """Real recordings beside the project, or a skip that says what is missing."""
    default = Path(__file__).parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("PULSEFER_SHARED_DATA", default)).resolve()
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set PULSEFER_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def small_store(tmp_path_factory):
    """4 persons, 4 trials of 12 s, a plain effect of the label."""
    return make_store(tmp_path_factory.mktemp("store"), effect=40.0)
