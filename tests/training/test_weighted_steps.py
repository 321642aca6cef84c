"""Weightings inside the training: what Lightning does to a step, and what a step must not do."""

import dataclasses
import math

import pandas as pd
import pytest
import torch
from lightning.pytorch import Trainer
from torch.utils.data import DataLoader
from weightings import METHODS

from pulsefer.core.errors import BadInput
from pulsefer.models.crnn import CrnnConfig
from pulsefer.objectives.loss_weights import LossWeights
from pulsefer.samples.loader import Batch, loader
from pulsefer.samples.split import Split
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training import module as module_file
from pulsefer.training import weighing
from pulsefer.training.config import TrainConfig
from pulsefer.training.fit import fit
from pulsefer.training.module import TwoTasks
from pulsefer.training.parallel import Process
from pulsefer.training.weighing import COLUMNS

SUMS = {on: LossWeights(method="torchjd:Sum", on=on) for on in ("trunk", "recurrent", "feature")}
"""By way of gradients what `static` does by way of losses."""

QUICK = TrainConfig(epochs=3, batch_size=4, hr_start="train_mean")
STILL = dataclasses.replace(QUICK, model=CrnnConfig(dropout=0.0))
NAN = math.nan


@pytest.fixture(scope="module")
def cut(small_store):
    """Ten windows of two frames, of each label; two of them to choose an epoch by, two to test."""
    every = window(small_store, WindowConfig(n_frames=2, step_s=4.0))
    chosen = [one for one in every.windows if one.emotion] [:5] + [
        one for one in every.windows if not one.emotion
    ][:5]  # fmt: skip
    return dataclasses.replace(every, windows=tuple(chosen))


FOLD = Split("window_pooled", None, 0, 2, 0, (0, 1, 2, 5, 6, 7), (3, 8), (4, 9))


def gaps(cut):
    """The same, most of them without a heart rate: of many a batch, none."""
    sparse = [w if n in (0, 6) else dataclasses.replace(w, hr_bpm=NAN)
              for n, w in enumerate(cut.windows)]  # fmt: skip
    return dataclasses.replace(cut, windows=tuple(sparse))


def with_weights(config, weights):
    return dataclasses.replace(config, weights=weights)


def batch(rates=(62.0, 71.0, 80.0, 95.0)):
    chance = torch.Generator().manual_seed(1)
    frames = torch.randint(
        0, 256, (len(rates), 2, 64, 64, 3), generator=chance, dtype=torch.uint8
    )  # fmt: skip
    place = torch.arange(len(rates))
    return Batch(frames, place.remainder(2).float(), torch.tensor(rates), place)


def stepped(weights, *, rates=(62.0, 71.0, 80.0, 95.0), n=1, config=STILL):
    """A network after n steps on one batch, by hand; and its module."""
    torch.manual_seed(0)
    made = TwoTasks(with_weights(config, weights))
    made.model.start_heart_rate_at(70.0)
    adam = made.configure_optimizers()
    for number in range(n):
        adam.zero_grad()
        made.backward(made.training_step(batch(rates), number))
        made.on_before_optimizer_step(adam)
        adam.step()
    return made


class Plainly(TwoTasks):
    """Goes along its gradients. Adam divides a gradient by its own length, so where it is near 0
    rounding turns a step round."""

    def configure_optimizers(self):
        return torch.optim.SGD(self.model.parameters(), lr=1e-3)


def trained(small_store, cut, config, *, more=None):
    """State of a network after Lightning has trained it."""
    torch.manual_seed(0)
    made = Plainly(config)
    batches = loader(small_store, cut, FOLD.train, batch_size=config.batch_size, shuffle_seed=1)
    trainer = Trainer(
        max_epochs=config.epochs, logger=False, enable_checkpointing=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False, **(more or {}),
    )  # fmt: skip
    trainer.fit(made, batches)
    return {name: value.clone() for name, value in made.model.state_dict().items()}


def furthest(one, other):
    return max(float((one[name].float() - other[name].float()).abs().max()) for name in one)


def files(folder):
    """Every byte of a fit but TensorBoard's, which carry the time of day."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tensorboard" not in path.parts
    }


# The sum by way of gradients is the sum.


@pytest.mark.parametrize("on", SUMS)
def test_gradients_added_up_are_the_gradient_of_the_sum(on):
    plain, ours = (stepped(weights, n=0) for weights in (LossWeights(), SUMS[on]))
    for made in (plain, ours):
        made.backward(made.training_step(batch(), 0))
    theirs = dict(plain.model.named_parameters())
    for name, weight in ours.model.named_parameters():
        wanted = theirs[name].grad
        assert float((weight.grad - wanted).norm()) < 1e-4 * float(wanted.norm()), name


QUIET = pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:.*val_dataloader",
                                   "ignore:.*LeafSpec", "ignore:.*Lightning.*tip",
                                   "ignore:.*logging interval")  # fmt: skip


@QUIET
@pytest.mark.parametrize("on", SUMS)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"accumulate_grad_batches": 2},
        {"gradient_clip_val": 0.05},
        {
            "accumulate_grad_batches": 2,
            "gradient_clip_val": 0.05,
            "gradient_clip_algorithm": "norm",
        },
    ],
    ids=["plain", "accumulated", "clipped", "both"],
)
def test_accumulation_and_clipping_stay_lightnings(small_store, cut, on, more):
    """Two ways to the same steps, whatever Lightning makes of them."""
    config = dataclasses.replace(STILL, epochs=2, batch_size=3)
    plain, ours, others = (
        trained(small_store, cut, with_weights(config, weights), more=more)
        for weights in (LossWeights(), SUMS[on], LossWeights(beta=0.02))
    )
    assert furthest(plain, ours) < 1e-2 * furthest(plain, others)


@QUIET
@pytest.mark.parametrize("name", METHODS)
def test_bfloat16_trains_and_the_gramian_is_in_single_precision(small_store, cut, name):
    config = with_weights(dataclasses.replace(STILL, epochs=1), METHODS[name])
    seen = []

    def watch(_layer, given, _out):
        seen.append(given[0].dtype)

    torch.manual_seed(0)
    made = TwoTasks(config)
    made.weighting.register_forward_hook(watch)
    trainer = Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False, precision="bf16-mixed",
    )  # fmt: skip
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    trainer.fit(made, loader(small_store, cut, FOLD.train, batch_size=4, shuffle_seed=1))
    assert set(seen) == {torch.float32}
    assert all(value.isfinite().all() for value in made.model.state_dict().values())
    assert furthest(before, made.model.state_dict()) > 1e-4


@QUIET
def test_a_schedule_of_the_learning_rate_is_stepped(small_store, cut):
    class Scheduled(TwoTasks):
        def configure_optimizers(self):
            adam = super().configure_optimizers()
            return [adam], [torch.optim.lr_scheduler.ExponentialLR(adam, 0.5)]

    torch.manual_seed(0)
    made = Scheduled(with_weights(STILL, METHODS["pcd"]))
    trainer = Trainer(
        max_epochs=3, logger=False, enable_checkpointing=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(made, loader(small_store, cut, FOLD.train, batch_size=4))
    assert made.optimizers().param_groups[0]["lr"] == pytest.approx(1e-3 / 8)


# Laws.


def test_beta_zero_is_single_task_training_to_the_bit(small_store, cut, tmp_path):
    none = with_weights(QUICK, LossWeights(beta=0.0))
    stl = dataclasses.replace(QUICK, model=CrnnConfig(heart_rate=False), hr_start="default")
    found = []
    for name, config in (("zero", none), ("stl", stl)):
        done = fit(small_store, cut, FOLD, config, folder=tmp_path / name)
        found.append(done.predictions["emotion_prob"])
    assert found[0].tolist() == found[1].tolist()


def test_pcgrad_without_a_conflict_is_static():
    agreed = 0
    for rates in ((60.0, 90.0, 60.0, 90.0), (90.0, 60.0, 90.0, 60.0), (60.0, 60.0, 90.0, 90.0)):
        plain, ours = (
            stepped(weights, n=0)
            for weights in (
                LossWeights(beta=0.1),
                LossWeights(method="pcgrad", beta=0.1, on="trunk"),
            )
        )
        for made in (plain, ours):
            made.backward(made.training_step(batch(rates), 0))
        same = all(
            float((weight.grad - theirs.grad).norm()) < 1e-4 * float(theirs.grad.norm())
            for weight, theirs in zip(ours.model.trunk, plain.model.trunk, strict=True)
        )
        conflict = ours.weighing.figures("")["gradient_conflicts"] > 0
        assert same != conflict
        agreed += not conflict
    assert 0 < agreed < 3  # high rates go with high labels in one of two, and not in the other


@pytest.mark.parametrize("name", ["gls", "pcd", "pcd on the feature", "static"])
def test_a_hundred_times_the_heart_rate_loss(monkeypatch, name):
    """Leaves gls and pcd where they were, and moves static."""
    rmse = module_file.batch_rmse
    gradients = []
    for scale in (1.0, 100.0):
        monkeypatch.setattr(
            module_file, "batch_rmse", lambda pred, true, by=scale: rmse(pred, true) * by
        )
        made = stepped(METHODS[name], n=0)
        made.backward(made.training_step(batch(), 0))
        trunk = torch.cat([weight.grad.flatten() for weight in made.model.trunk])
        gradients.append(trunk / trunk.norm())
    same = float(gradients[0] @ gradients[1])
    assert same < 0.9 if name == "static" else same > 0.9999


@pytest.mark.parametrize("name", METHODS)
def test_the_order_of_the_samples_in_a_batch_is_nothing(name):
    found = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        made = stepped(METHODS[name], n=0)
        made.backward(made.training_step(Batch(*(part[order] for part in batch())), 0))
        found.append(torch.cat([weight.grad.flatten() for weight in made.model.trunk]))
    assert torch.allclose(*found, rtol=1e-3, atol=1e-5 * float(found[0].abs().max()))


@pytest.mark.parametrize("name", METHODS)
def test_every_part_of_the_network_learns(name):
    before = stepped(METHODS[name], n=0).model.state_dict()
    after = stepped(METHODS[name], n=3).model.state_dict()
    for part in ("cnn.conv1", "gru", "feature", "emotion.0", "emotion.3", "heart_rate"):
        moved = [key for key in before if key.startswith(part)
                 and not torch.equal(before[key], after[key])]  # fmt: skip
        assert moved, part


def test_methods_differ_on_the_same_batches():
    directions = {}
    for name, weights in METHODS.items():
        made = stepped(weights, n=0)
        made.backward(made.training_step(batch(), 0))
        trunk = torch.cat([weight.grad.flatten() for weight in made.model.trunk])
        directions[name] = trunk / trunk.norm()
    for one, other in (("static", "rlw"), ("static", "uw"), ("uw", "pcd"), ("gcs", "pcd"),
                       ("pcd", "pcd on the feature"), ("torchjd", "pcgrad")):  # fmt: skip
        assert float(directions[one] @ directions[other]) < 0.99999, (one, other)


# A batch without any heart rate.


@pytest.mark.parametrize("name", METHODS)
def test_where_no_heart_rate_is_known_the_emotion_goes_down_alone(name):
    """The shared layers get the emotion's gradient, and what learns of heart rates rests."""
    none = (NAN, NAN, NAN, NAN)
    made, plain = (stepped(weights, n=0) for weights in (METHODS[name], LossWeights()))
    for one in (made, plain):
        one.backward(one.training_step(batch(none), 0))
        one.on_before_optimizer_step(None)
    ours, theirs = (torch.cat([w.grad.flatten() for w in one.model.trunk]) for one in (made, plain))
    assert float(ours @ theirs) / float(ours.norm() * theirs.norm()) > 1 - 1e-5
    assert [w.grad for w in made.model.heart_rate.parameters()] == [None, None]
    assert [w.grad for w in made.weighting.of_heart_rate() if w.grad is not None] == []


@pytest.mark.parametrize("name", METHODS)
def test_where_some_batches_have_none_training_goes_on(small_store, cut, tmp_path, name):
    config = with_weights(dataclasses.replace(QUICK, batch_size=2), METHODS[name])
    done = fit(small_store, gaps(cut), FOLD, config, folder=tmp_path)
    assert done.history["train_bce"].notna().all()
    assert done.history["weight_heart_rate"].notna().any()
    assert done.predictions["emotion_prob"].between(0, 1).all()


# Stop, and go on.


class Killed(Exception):
    """Stands for a kill at the end of an epoch."""


@pytest.mark.parametrize("name", METHODS)
def test_a_resumed_fit_equals_an_uninterrupted_one_to_the_byte(small_store, cut, tmp_path, name):
    config = with_weights(dataclasses.replace(QUICK, epochs=4), METHODS[name])
    fit(small_store, cut, FOLD, config, folder=tmp_path / "whole")
    seen = []

    def stop(_amount):
        seen.append(1)
        if len(seen) == 2:
            raise Killed

    with pytest.raises(Killed):
        fit(small_store, cut, FOLD, config, folder=tmp_path / "cut", advance=stop)
    fit(small_store, cut, FOLD, config, folder=tmp_path / "cut")
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


@pytest.mark.parametrize("name", ["uw", "pcd"])
def test_the_weights_of_a_network_hold_nothing_of_the_weighting(small_store, cut, tmp_path, name):
    from safetensors.torch import load_file

    fit(small_store, cut, FOLD, with_weights(QUICK, METHODS[name]), folder=tmp_path)
    names = load_file(tmp_path / "last.safetensors")
    assert names.keys() == TwoTasks(QUICK).model.state_dict().keys()


# What is told of it.


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_the_same_figures(small_store, cut, tmp_path, name):
    config = with_weights(QUICK, METHODS[name])
    history = fit(small_store, cut, FOLD, config, folder=tmp_path).history
    assert set(COLUMNS) <= set(history)
    assert history[list(COLUMNS[:5])].notna().all().all()
    assert history.loc[0, list(COLUMNS)].notna().all()  # the first step is always looked at
    looks_at_each = config.weights.on_gradients and config.weights.on == "trunk"
    assert history["gradient_cosine"].notna().any()
    assert history["gradient_cosine"].notna().all() == looks_at_each
    assert history["gradient_cosine"].dropna().between(-1, 1).all()


def test_without_a_heart_rate_nothing_is_weighed_and_nothing_said(small_store, cut, tmp_path):
    config = dataclasses.replace(QUICK, model=CrnnConfig(heart_rate=False), hr_start="default")
    history = fit(small_store, cut, FOLD, config, folder=tmp_path).history
    assert not set(COLUMNS) & set(history)


def test_the_weights_that_are_told_are_those_that_were_applied():
    figures = stepped(LossWeights(alpha=2.0, beta=0.5), n=2).weighing.figures("")
    assert (figures["weight_emotion"], figures["weight_heart_rate"]) == (2.0, 0.5)
    assert figures["effective_beta"] == 0.25
    raw = stepped(LossWeights(), n=1).weighing.figures("")
    assert raw["gradient_ratio"] == pytest.approx(
        0.01 * raw["gradient_heart_rate"] / raw["gradient_emotion"], rel=1e-5
    )
    # Of gls, half the geometric mean over each loss.
    gls = stepped(METHODS["gls"], n=1).weighing.figures("")
    assert gls["effective_beta"] == pytest.approx(
        gls["loss_emotion"] / gls["loss_heart_rate_bpm"], rel=1e-5
    )
    gcs = stepped(
        LossWeights(method="gcs", mode="cosine", beta=0.1, on="trunk"), n=1
    ).weighing.figures("")
    assert gcs["weight_heart_rate"] == pytest.approx(0.1 * max(0.0, gcs["gradient_cosine"]))


def test_the_gradients_that_are_told_are_the_same_whoever_looks():
    """Each step's, on all shared layers, of the raw losses."""
    found = [
        stepped(weights, n=1).weighing.figures("")
        for weights in (LossWeights(), METHODS["pcgrad"], METHODS["pcgrad on all"],
                        METHODS["pcd on the feature"])
    ]  # fmt: skip
    for name in ("gradient_emotion", "gradient_heart_rate", "gradient_cosine"):
        values = [figures[name] for figures in found]
        assert values == pytest.approx([values[0]] * 4, rel=1e-4), name


def test_a_look_changes_nothing(monkeypatch):
    often, never = [], []
    for every, states in ((1, often), (10**9, never)):
        monkeypatch.setattr(module_file, "MEASURED_EVERY", every)
        states.append(stepped(LossWeights(), n=3).model.state_dict())
    assert furthest(often[0], never[0]) == 0.0
    assert weighing.MEASURED_EVERY == 100


def test_a_frozen_cnn_stays_and_the_rest_is_weighed():
    """Its maps have no gradient to begin a pass with."""
    frozen = dataclasses.replace(STILL, freeze_cnn=True)
    for name in ("static", "pcd", "pcd on all", "pcd on the feature"):
        before, after = (stepped(METHODS[name], n=n, config=frozen).model for n in (0, 2))
        cnn, rest = (
            [torch.equal(one, other) for one, other in
             zip(getattr(before, part).parameters(), getattr(after, part).parameters(),
                 strict=True)]
            for part in ("cnn", "gru")
        )  # fmt: skip
        assert all(cnn)
        assert not any(rest)


def test_windows_of_one_frame_have_no_state_to_learn_from():
    """The recurrent layer starts from nothing: its weights of the state have no gradient."""
    for name in ("static", "pcgrad", "pcgrad on all", "pcd on the feature"):
        torch.manual_seed(0)
        made = TwoTasks(with_weights(STILL, METHODS[name]))
        one = batch()
        made.backward(made.training_step(one._replace(frames=one.frames[:, :1]), 0))
        assert made.model.gru.cell.of_reset.weight.grad is None
        assert made.model.gru.cell.of_input.weight.grad is not None


@QUIET
def test_of_batches_that_are_added_up_one_heart_rate_is_enough():
    """The last of two has none: what the first gave the head stays."""
    torch.manual_seed(0)
    made = TwoTasks(STILL)
    bias = made.model.heart_rate.bias.clone()
    none = batch((NAN, NAN, NAN, NAN))
    trainer = Trainer(
        max_epochs=1, logger=False, enable_checkpointing=False, accelerator="cpu",
        enable_progress_bar=False, enable_model_summary=False, accumulate_grad_batches=2,
    )  # fmt: skip
    trainer.fit(made, DataLoader([batch(), none], batch_size=None))
    assert not torch.equal(bias, made.model.heart_rate.bias)


# Refusals.


@pytest.mark.parametrize("name", ["gcs", "pcgrad on all", "pcd", "torchjd"])
def test_gradients_of_shared_layers_are_refused_on_several_processes(
    monkeypatch, small_store, cut, tmp_path, name
):
    monkeypatch.setattr(module_file, "this_process", lambda: Process(0, 2, 1))
    with pytest.raises(BadInput, match=r"--weights\.on feature"):
        TwoTasks(with_weights(QUICK, METHODS[name]))
    with pytest.raises(BadInput, match="go its own way"):
        fit(small_store, cut, FOLD, with_weights(QUICK, METHODS[name]), folder=tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_a_network_without_a_heart_rate_has_nothing_to_weigh():
    with pytest.raises(ValueError, match="nothing for pcd to weigh"):
        TrainConfig(model=CrnnConfig(heart_rate=False), weights=LossWeights(method="pcd"))


def test_histories_of_methods_can_be_put_together(small_store, cut, tmp_path):
    tables = [
        fit(small_store, cut, FOLD, with_weights(QUICK, METHODS[name]), folder=tmp_path / name)
        .history
        for name in ("static", "pcd")
    ]  # fmt: skip
    assert list(pd.concat(tables).columns) == list(tables[0].columns)
