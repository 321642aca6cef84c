"""What a bench of leakage has to show on data whose truth is planted."""

import pytest

from made_store import make_store
from pulsefer.experiments.scoring import gather
from pulsefer.models.crnn import CrnnConfig
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import train

# One frame a window: what is planted here stands in every frame, and five would cost five times.
ONE_FRAME = WindowConfig(n_frames=1, step_s=3.0)
# Without dropout a trial is learned in a third of the steps; the question is not how well.
QUICK = TrainConfig(model=CrnnConfig(heart_rate=False, dropout=0.0), epochs=12, batch_size=4)


def headline(store, by, folder):
    protocol = Protocol(by=by, folds=2, validation=0.0)
    run = train(store, window(store, ONE_FRAME), protocol, QUICK, folder=folder, final=False)
    rows = gather(run, experiment="canary", unit="window")
    return next(row for row in rows if row.metric == "balanced_accuracy")


@pytest.fixture(scope="module")
def meaningless(tmp_path_factory):
    """Every trial can be recognised, and its label belongs to nothing that is seen."""
    return make_store(
        tmp_path_factory.mktemp("permuted"),
        subjects=4, trials=4, effect=40.0, trial_mark=30.0, permuted=True,
    )  # fmt: skip


def test_labels_permuted_by_trial_are_learned_by_window_and_not_by_trial_or_subject(
    meaningless, tmp_path
):
    leaky = headline(meaningless, "window_pooled", tmp_path / "window")
    assert leaky.value > 0.8
    for by in ("trial_pooled", "subject"):
        honest = headline(meaningless, by, tmp_path / by)
        assert honest.value == pytest.approx(0.5, abs=0.15)
        assert leaky.low > honest.value + 0.1


def test_a_planted_effect_is_found_in_new_persons(tmp_path):
    store = make_store(tmp_path / "store", subjects=4, trials=4, effect=60.0, trial_mark=5.0)
    row = headline(store, "subject", tmp_path / "run")
    assert row.value > 0.8
    assert row.low > 0.5
