"""From a specimen of AFEW-VA to weights: a planted smile is read off actors never seen before."""

import pytest
import torch

from pulsefer.datasets import afew_fake, afew_va
from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.pretraining import gather
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn
from pulsefer.samples.prepare_stills import prepare_stills
from pulsefer.training.pretrain import PretrainConfig, pretrain

CONFIG = PretrainConfig(epochs=12, batch_size=16, folds=2, validation=0.0)


def made(folder, expression):
    """A pre-training on eight actors in sixteen clips."""
    afew_fake.write_fake(
        folder / "afew", actors=8, clips=16, frames=6, width_px=240, height_px=192,
        effects=Effects(expression=expression),
    )  # fmt: skip
    done = prepare_stills(afew_va.read(folder / "afew"), store=folder / "store")
    assert done.n_made == 96
    assert done.problems == ()
    return pretrain(done.store, CONFIG, folder=folder / "run")


@pytest.fixture(scope="module")
def smiling(tmp_path_factory):
    return made(tmp_path_factory.mktemp("smiling"), 1.0)


def test_a_planted_smile_beats_the_constant_on_actors_never_seen(smiling):
    rows = {(row.dimension, row.metric): row for row in gather(smiling)}
    ccc = rows["valence", "ccc"]
    assert ccc.low > 0  # a constant has 0
    assert rows["valence", "rmse"].value < rows["valence", "rmse_constant"].value
    assert (ccc.protocol, ccc.n, ccc.n_subjects, ccc.data_kind) == ("subject", 96, 8, "synthetic")


def test_the_papers_network_starts_with_exactly_those_weights(smiling):
    given = checkpoint.load_cnn(smiling.folder)
    learned = checkpoint.load_frame_affect(smiling.folder / "model").cnn.state_dict()
    network = Crnn()
    network.start_cnn_from(given.tensors)
    for name, value in network.cnn.state_dict().items():
        assert torch.equal(value, learned[name])


@pytest.mark.slow
def test_a_face_that_shows_nothing_teaches_nothing(tmp_path):
    rows = {(row.dimension, row.metric): row for row in gather(made(tmp_path, 0.0))}
    assert rows["valence", "ccc"].value < 0.3
    assert rows["valence", "ccc"].low <= 0
