"""Two processes on this machine (gloo, loopback) against one.

The processes run this very file: `python test_parallel.py JOB FOLDER`.
"""

import dataclasses
import itertools
import math
import os
import pickle
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import SequentialSampler
from weightings import METHODS, TOGETHER

from made_faces import make_faces
from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.models.crnn import CrnnConfig
from pulsefer.objectives.heart_rate import batch_rmse
from pulsefer.samples.face_store import open_face_store
from pulsefer.samples.loader import Batch, Parts, Shuffled, loader
from pulsefer.samples.split import Split
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training import parallel
from pulsefer.training.config import TrainConfig
from pulsefer.training.epochs import run_epochs
from pulsefer.training.fit import fit
from pulsefer.training.module import TwoTasks
from pulsefer.training.parallel import Process, first_does, joined, meet, this_process
from pulsefer.training.pretrain_fold import FaceBatch, OneFrame, PretrainConfig, fit_fold

NAN = math.nan
STILL = CrnnConfig(dropout=0.0)
RATES = {  # heart rates of a batch, cut into two parts in the middle, the first the larger
    "all known": [62.0, 71.0, 80.0, 95.0, 66.0],
    "unevenly known": [62.0, NAN, NAN, 95.0, 66.0],
    "the second has none": [62.0, 71.0, NAN, NAN, NAN],
    "nobody has any": [NAN, NAN, NAN, NAN, NAN],
    "one window, an empty part": [62.0],
    "a batch of three": [NAN, 71.0, 80.0],
}
LOSSES = ("mse", "ccc")
SHORT = WindowConfig(n_frames=2, step_s=2.0)
FIT = TrainConfig(model=STILL, epochs=3, batch_size=5, hr_start="train_mean", peek_at_test=True)
LONG = dataclasses.replace(FIT, epochs=4, batch_size=4, peek_at_test=False)
FACES = PretrainConfig(epochs=2, batch_size=5, dropout=0.0)
NOISY = dataclasses.replace(LONG, model=CrnnConfig(), epochs=1)


# What one process does, and what each of two does.


def clips(name):
    """A batch of random clips with the heart rates of that name."""
    rates = torch.tensor(RATES[name])
    chance = torch.Generator().manual_seed(len(rates))
    frames = torch.randint(0, 256, (len(rates), 2, 64, 64, 3), generator=chance, dtype=torch.uint8)
    return Batch(frames, torch.arange(len(rates)).remainder(2).float(), rates, rates.isnan().long())


def pictures():
    """A batch of random faces; of the second part nobody knows the arousal."""
    chance = torch.Generator().manual_seed(1)
    faces = torch.randint(0, 256, (5, 64, 64, 3), generator=chance, dtype=torch.uint8)
    faces = faces // torch.arange(1, 6, dtype=torch.uint8)[:, None, None, None]  # each its light
    target = torch.rand(5, 2, generator=chance)
    target[3:, 1] = NAN
    return FaceBatch(faces, target, torch.arange(5))


def part_of(batch, rank, n):
    """One part of a batch, as the loader gives it."""
    chosen = next(iter(Parts(SequentialSampler(range(len(batch[0]))), 64, (rank, n))))
    return type(batch)(*(one[chosen] for one in batch))


class Step(torch.nn.Module):
    """The step as its `forward`, which is what DistributedDataParallel wraps."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, batch):
        return self.module.training_step(batch, 0)


def step(module, batch):
    """Loss, gradients as the optimiser meets them, and the figures of one step."""
    here = this_process()
    stepping = Step(module)
    if not here.alone:
        stepping, batch = DistributedDataParallel(stepping), part_of(batch, *here.part)
    loss = stepping(batch)
    module.backward(loss)
    module.on_before_optimizer_step(None)
    gradients = {name: one.grad for name, one in module.named_parameters()}
    return {"loss": loss.item(), "gradients": gradients, **module.train_sums.figures("train")}


def weighted_steps():
    """One step by every method that several processes can do, some heart rates known, or none."""
    found = {}
    for name, weights in TOGETHER.items():
        for known in ("unevenly known", "nobody has any"):
            torch.manual_seed(0)
            module = TwoTasks(TrainConfig(model=STILL, weights=weights))
            found[name, known] = {
                **step(module, clips(known)), "figures": module.weighing.figures("")
            }  # fmt: skip
    return found


def apart():
    """What every other method says of several processes."""
    said = {}
    for name in METHODS.keys() - TOGETHER.keys():
        try:
            TwoTasks(TrainConfig(weights=METHODS[name]))
        except BadInput as error:
            said[name] = str(error)
    return said


def steps():
    """Every case of one step, by name."""
    found = {}
    for name in RATES:
        torch.manual_seed(0)
        found[name] = step(TwoTasks(TrainConfig(model=STILL)), clips(name))
    for loss in LOSSES:
        torch.manual_seed(0)
        module = OneFrame(PretrainConfig(dropout=0.0, loss=loss))
        torch.nn.init.normal_(module.model.head[3].weight, std=0.02)  # 0 would stop the gradient
        found[loss] = step(module, pictures())
    return found


def some(folder, *, gaps=False):
    """Store, windows and a split of it with all three sides."""
    store = open_store(folder / "store")
    cut = window(store, SHORT)
    if gaps:  # one window in nine has a heart rate: of many a batch, none
        sparse = [w if n % 9 == 0 else dataclasses.replace(w, hr_bpm=NAN)
                  for n, w in enumerate(cut.windows)]  # fmt: skip
        cut = dataclasses.replace(cut, windows=tuple(sparse))
    places = range(len(cut.windows))
    sides = [tuple(place for place in places if place % 4 in of) for of in ((0, 1), (2,), (3,))]
    return store, cut, Split("window_pooled", None, 0, 4, 0, *sides)


def trained(folder, config, *, gaps, name):
    """Weights after some epochs, and the masks of dropout that were drawn."""
    store, cut, split = some(folder, gaps=gaps)
    meet("training")
    torch.manual_seed(0)
    module = TwoTasks(config)
    masks = []
    module.model.emotion[2].register_forward_hook(
        lambda _layer, _into, out: masks.append(out.detach() == 0) if module.training else None
    )
    first_does((folder / name).mkdir)
    run_epochs(
        module,
        module.sums,
        loader(store, cut, split.train, batch_size=config.batch_size, shuffle_seed=1,
               part=this_process().part),
        None,
        folder=folder / name,
        n_epochs=config.epochs,
        precision="32-true",
        chosen_by="validation_bce",
        seed=0,
    )  # fmt: skip
    return {"weights": module.state_dict(), "masks": masks}


def fitted(folder, name, advance=None):
    """A whole fit of some windows without a heart rate, in `folder/name`."""
    store, cut, split = some(folder, gaps=True)
    done = fit(store, cut, split, FIT, folder=folder / name, advance=advance)
    return done.history, done.predictions


def pretrained(folder, name):
    """A whole pre-training of some faces, in `folder/name`; batches of 5, 5, 1."""
    store = open_face_store(folder / "faces")
    sides = (tuple(range(11)), (11, 12, 13), (14, 15, 16, 17))
    split = Split("subject", None, 0, 2, 0, *sides)
    return fit_fold(store, split, FACES, folder=folder / name)


# The jobs of two processes.


def together(folder):
    """Everything that two processes are asked for in one go; answers in a file per process."""
    here, written = this_process(), []

    def watch(event, told):
        if event in ("os.rename", "os.mkdir") or (event == "open" and told[2] & os.O_CREAT):
            written.append(str(told[0]))

    meet("steps")
    answers = {"process": here, "steps": steps(), "refused": refused()}
    answers["weighted steps"], answers["apart"] = weighted_steps(), apart()
    answers["weighted"] = {
        name: trained(
            folder, dataclasses.replace(LONG, weights=weights), gaps=True, name=f"by {name}"
        )
        for name, weights in TOGETHER.items()
    }
    answers["trained"] = trained(folder, LONG, gaps=True, name=f"trained-{here.n}")
    answers["noisy"] = trained(folder, NOISY, gaps=False, name="noisy")
    answers["noisy again"] = trained(folder, NOISY, gaps=False, name="again")
    sys.addaudithook(watch)
    answers["fit"] = fitted(folder, "two")
    answers["fit again"] = fitted(folder, "two")
    answers["pretrained"] = pretrained(folder, "faces-2")
    answers["written"] = [path for path in written if str(folder) in path]
    (folder / f"answers-{here.rank}.pickle").write_bytes(pickle.dumps(answers))


def refused():
    """What goes wrong goes wrong on all."""
    said = []
    for act in (lambda: meet(f"a fold for {this_process().rank}"), lambda: first_does(fail)):
        try:
            act()
        except (BadInput, ValueError) as error:
            said.append(f"{type(error).__name__}: {error}")
    return said


def fail():
    """Only the first process comes here."""
    raise ValueError(f"from process {this_process().rank}")


def killed(folder):
    """The first process dies after the first epoch, in earnest; the next start goes on."""

    def die(_amount):
        os.kill(os.getpid(), signal.SIGKILL)

    begun = (folder / "killed" / "history.csv").is_file()
    fitted(folder, "killed", None if begun else die)


def step_of_slurm(folder):
    """Who is there, and one step."""
    meet("a step")
    torch.manual_seed(0)
    answer = step(TwoTasks(TrainConfig(model=STILL)), clips("unevenly known"))
    found = this_process(), answer["loss"]
    (folder / f"slurm-{this_process().rank}.pickle").write_bytes(pickle.dumps(found))


JOBS = {job.__name__: job for job in (together, killed, step_of_slurm)}


# Starting them.


def quiet_environment():
    """No launcher, no GPU, one thread, nothing but loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    paths = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    only = {"CUDA_VISIBLE_DEVICES": "", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    return {**kept, **only, "PYTHONPATH": paths}


def torchrun(job, folder):
    """Two processes by torchrun; its exit status."""
    start = ["torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"]
    command = [sys.executable, "-m", *start, "--nproc-per-node=2", __file__, job, str(folder)]
    return subprocess.run(command, env=quiet_environment(), timeout=300, check=False).returncode


def srun(job, folder):
    """Two processes with the variables that srun gives its tasks."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given = {"JOB_NAME": "train", "NTASKS": 2, "NTASKS_PER_NODE": 2, "STEP_NUM_TASKS": 2,
             "NNODES": 1, "NODEID": 0}  # fmt: skip
    processes = []
    for rank in range(2):
        of_task = {**given, "PROCID": rank, "LOCALID": rank}
        slurm = {f"SLURM_{name}": str(value) for name, value in of_task.items()}
        where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        processes.append(
            subprocess.Popen(
                [sys.executable, __file__, job, str(folder)],
                env={**quiet_environment(), **slurm, **where},
            )
        )
    return [process.wait(timeout=300) for process in processes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("parallel")
    make_store(found / "store", subjects=2, trials=4, effect=30.0)
    make_faces(found / "faces", persons=3, clips=2, frames=3, effect=60.0)
    return found


@pytest.fixture(scope="module")
def two(folder):
    """The answers of two processes."""
    assert torchrun("together", folder) == 0
    return [pickle.loads((folder / f"answers-{rank}.pickle").read_bytes()) for rank in range(2)]


@pytest.fixture(scope="module")
def one_step():
    return steps()


# Batches and their parts.


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_the_parts_of_a_batch_one_after_the_other_are_the_batch(count):
    order = Shuffled(19, seed=0)
    whole = list(Parts(order, 8, (0, 1)))
    parts = [list(Parts(order, 8, (number, count))) for number in range(count)]
    assert [list(itertools.chain(*found)) for found in zip(*parts, strict=True)] == whole
    assert [len(batch) for batch in whole] == [8, 8, 3]
    assert {len(Parts(order, 8, (number, count))) for number in range(count)} == {3}


def test_65_windows_on_two_processes_are_33_and_32():
    order = SequentialSampler(range(65))
    assert [len(next(iter(Parts(order, 65, (number, 2))))) for number in range(2)] == [33, 32]


def test_an_empty_part_has_the_shape_of_the_others(folder):
    store, cut, split = some(folder)
    found = [
        next(iter(loader(store, cut, split.train[:1], part=(number, 2)))) for number in range(2)
    ]
    assert [tuple(batch.frames.shape) for batch in found] == [(n, 2, 64, 64, 3) for n in (1, 0)]
    assert [tuple(batch.hr_bpm.shape) for batch in found] == [(1,), (0,)]


def test_every_epoch_has_its_order_on_all_processes(folder):
    store, cut, split = some(folder)
    orders = []
    for epoch in (0, 1):
        halves = [
            loader(store, cut, split.train, batch_size=6, shuffle_seed=3, part=(number, 2))
            for number in range(2)
        ]
        whole = loader(store, cut, split.train, batch_size=6, shuffle_seed=3)
        for one in (*halves, whole):
            one.batch_sampler.sampler.set_epoch(epoch)
        for left, right, both in zip(*halves, whole, strict=True):
            assert torch.equal(torch.cat([left.place, right.place]), both.place)
        orders.append([batch.place.tolist() for batch in whole])
    assert orders[0] != orders[1]


# One step: the objective is that of the joined batch.


@pytest.mark.parametrize("name", [*RATES, *LOSSES])
def test_loss_and_every_gradient_are_those_of_one_process(two, one_step, name):
    expected = one_step[name]
    for found in (answers["steps"][name] for answers in two):
        assert found["loss"] == pytest.approx(expected["loss"], abs=1e-5)
        assert found["gradients"].keys() == expected["gradients"].keys()
        for weight, gradient in expected["gradients"].items():
            if gradient is None:
                assert found["gradients"][weight] is None, weight
                continue
            off = float((found["gradients"][weight] - gradient).abs().max())
            assert off <= 1e-5 * float(gradient.abs().max()) + 1e-8, weight


@pytest.mark.parametrize("name", [*RATES, *LOSSES])
def test_figures_of_a_step_count_every_window_once(two, one_step, name):
    sides = set(one_step[name]) - {"loss", "gradients"}
    assert len(sides) >= 2
    for answers in two:
        found = {side: answers["steps"][name][side] for side in sides}
        assert found == pytest.approx(
            {s: one_step[name][s] for s in sides}, rel=1e-5, abs=1e-6, nan_ok=True
        )


def test_where_nobody_has_a_heart_rate_its_head_has_no_gradient_at_all(two):
    for answers in two:
        gradients = answers["steps"]["nobody has any"]["gradients"]
        none = {name for name, gradient in gradients.items() if gradient is None}
        assert none == {"model.heart_rate.weight", "model.heart_rate.bias"}


@pytest.fixture(scope="module")
def one_weighted_step():
    return weighted_steps()


@pytest.mark.parametrize("known", ["unevenly known", "nobody has any"])
@pytest.mark.parametrize("name", TOGETHER)
def test_weighted_gradients_are_those_of_one_process(two, one_weighted_step, name, known):
    expected = one_weighted_step[name, known]
    for found in (answers["weighted steps"][name, known] for answers in two):
        assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5, abs=1e-5)
        assert found["figures"] == pytest.approx(expected["figures"], rel=1e-3, nan_ok=True)
        for weight, gradient in expected["gradients"].items():
            if gradient is None:
                assert found["gradients"][weight] is None, weight
                continue
            off = float((found["gradients"][weight] - gradient).norm())
            assert off <= 1e-4 * float(gradient.norm()) + 1e-8, weight


@pytest.mark.parametrize("name", TOGETHER)
def test_by_no_method_do_processes_drift_apart(two, name):
    """After 20 steps and more, some of them without a heart rate: weights, and what weighs."""
    left, right = (answers["weighted"][name] for answers in two)
    assert len(left["masks"]) >= 20
    assert left["weights"].keys() == right["weights"].keys()
    for key, value in left["weights"].items():
        assert torch.equal(value.nan_to_num(), right["weights"][key].nan_to_num()), key
    assert int(left["weights"]["weighting.step"]) > 3


def test_methods_by_which_they_would_are_refused(two):
    for answers in two:
        assert answers["apart"].keys() == METHODS.keys() - TOGETHER.keys()
        assert all("--weights.on feature" in said for said in answers["apart"].values())


def test_the_mean_of_each_process_own_root_would_be_another_loss():
    pred, true = torch.zeros(4), torch.tensor([3.0, 4.0, 12.0, NAN])
    whole = batch_rmse(pred, true)
    halves = [batch_rmse(pred[side], true[side]) for side in (slice(0, 2), slice(2, 4))]
    assert float(whole) == pytest.approx(math.sqrt((9 + 16 + 144) / 3))
    assert float(sum(halves) / 2) == pytest.approx((math.sqrt(12.5) + 12) / 2)


# Whole trainings.


def test_after_many_steps_both_processes_hold_the_same_weights_to_the_bit(two):
    left, right = (answers["trained"]["weights"] for answers in two)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert len(two[0]["trained"]["masks"]) >= 20


def test_a_head_rests_where_nobody_has_a_heart_rate_momentum_and_all(two, folder):
    """A gradient of zero would move it by some 0.004 here. Other weights are no measure: where
    gradients are near 0, Adam makes as much of their rounding as of the gradient itself."""
    _, cut, split = some(folder, gaps=True)
    known = np.isfinite([cut.windows[place].hr_bpm for place in split.train])
    batches = Parts(Shuffled(len(known), 1), LONG.batch_size, (0, 1))
    assert {bool(known[batch].any()) for batch in batches} == {True, False}
    alone = trained(folder, LONG, gaps=True, name="trained-1")["weights"]
    for name in ("model.heart_rate.weight", "model.heart_rate.bias"):
        assert float((two[0]["trained"]["weights"][name] - alone[name]).abs().max()) < 5e-4, name


def test_a_fit_on_two_processes_is_that_of_one(two, folder):
    history, predictions = fitted(folder, "one")
    for found, table in (answers["fit"] for answers in two):
        pd.testing.assert_frame_equal(found, history, rtol=1e-4, atol=1e-4)
        same = ["dataset", "subject", "trial", "start_s", "selection", "place", "emotion"]
        assert table[same].equals(predictions[same])
        for answer in ("emotion_prob", "hr_pred_bpm"):
            assert np.abs(table[answer] - predictions[answer]).max() < 1e-4


def test_a_pre_training_on_two_processes_is_that_of_one(two, folder):
    history, predictions = pretrained(folder, "faces-1")
    for found, table in (answers["pretrained"] for answers in two):
        pd.testing.assert_frame_equal(found, history, rtol=1e-4, atol=1e-4)
        pd.testing.assert_frame_equal(table, predictions, rtol=1e-4, atol=1e-4)


def test_a_fit_writes_the_same_files_and_only_the_first_process_writes(two, folder):
    fitted(folder, "one")
    names = [sorted(path.name for path in (folder / name).glob("*.*")) for name in ("one", "two")]
    assert names[0] == names[1]
    assert "last.safetensors" in names[0]
    assert len(list((folder / "two" / "tensorboard").glob("events*"))) == 1
    assert two[0]["written"]
    assert two[1]["written"] == []


def test_all_have_the_result_and_a_finished_fit_is_returned_to_all(two):
    first = two[0]["fit"]
    for answers in two:
        for name in ("fit", "fit again"):
            for found, expected in zip(answers[name], first, strict=True):
                pd.testing.assert_frame_equal(found, expected)


def test_processes_drop_different_units_and_the_same_ones_again(two):
    for answers in two:
        for name in ("noisy", "noisy again"):
            assert any(bool(mask.any()) for mask in answers[name]["masks"])
        pairs = zip(answers["noisy"]["masks"], answers["noisy again"]["masks"], strict=True)
        assert all(torch.equal(first, again) for first, again in pairs)
    left, right = (answers["noisy"]["masks"] for answers in two)
    assert not any(
        torch.equal(a, b) for a, b in zip(left, right, strict=True) if a.shape == b.shape
    )
    weights = [answers["noisy"]["weights"] for answers in two]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.slow
def test_processes_that_were_killed_are_started_again_and_end_in_the_same_bytes(two, folder):
    assert torchrun("killed", folder) != 0
    assert len(pd.read_csv(folder / "killed" / "history.csv")) == 1
    assert torchrun("killed", folder) == 0
    for file in sorted((folder / "two").glob("*.*")):
        assert (folder / "killed" / file.name).read_bytes() == file.read_bytes(), file.name
    assert two[0]["process"].n == 2


# Who is there.


def test_torchrun_says_how_many_there_are(two):
    assert [answers["process"] for answers in two] == [Process(0, 2, 1), Process(1, 2, 1)]


@pytest.mark.slow
def test_tasks_of_srun_find_each_other(folder, one_step):
    assert srun("step_of_slurm", folder) == [0, 0]
    for rank in range(2):
        found, loss = pickle.loads((folder / f"slurm-{rank}.pickle").read_bytes())
        assert found == Process(rank, 2, 1)
        assert loss == pytest.approx(one_step["unevenly known"]["loss"], abs=1e-5)


def test_what_goes_wrong_in_the_first_process_goes_wrong_in_all(two):
    for answers in two:
        assert answers["refused"][1] == "ValueError: from process 0"


def test_processes_that_were_asked_for_different_things_are_refused(two):
    for answers in two:
        assert answers["refused"][0].startswith("BadInput: the 2 processes that were started toge")
        assert "start what is to be trained apart without torchrun" in answers["refused"][0]


@pytest.fixture
def launched(monkeypatch):
    """Set the variables of a launcher; what was said before is forgotten."""

    def launch(**variables):
        for name in (*os.environ,):
            if name.startswith(("SLURM_", "TORCHELASTIC_")):
                monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        forget()
        return this_process()

    def forget():
        parallel.this_process.cache_clear()
        parallel._environment.cache_clear()

    yield launch
    monkeypatch.undo()
    forget()


def test_without_a_launcher_a_process_is_alone_and_nothing_is_joined(launched):
    assert launched() == Process(0, 1, 1)
    own = torch.ones(3), torch.ones(3, 2)
    assert all(one is same for one, same in zip(joined(*own), own, strict=True))
    assert parallel.trainer_settings() == {"accelerator": "auto", "devices": 1}
    assert first_does(lambda: 7) == 7


def test_a_batch_script_that_did_not_call_srun_is_alone(launched):
    assert launched(SLURM_NTASKS="4", SLURM_JOB_NAME="train", SLURM_PROCID="0").alone


def test_tasks_of_srun_are_counted(launched):
    tasks = {"NTASKS": "8", "NTASKS_PER_NODE": "4", "NNODES": "2", "STEP_NUM_TASKS": "8"}
    here = {"PROCID": "5", "LOCALID": "1", "NODEID": "1", "JOB_NAME": "train"}
    assert launched(**{f"SLURM_{k}": v for k, v in {**tasks, **here}.items()}) == Process(5, 8, 2)
    assert parallel.trainer_settings()["devices"] == 4


def test_two_machines_of_torchrun_are_counted(launched):
    given = {"TORCHELASTIC_RUN_ID": "1", "RANK": "5", "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
    assert launched(**given, LOCAL_RANK="1", GROUP_RANK="1") == Process(5, 8, 2)
    settings = parallel.trainer_settings()
    assert (settings["devices"], settings["num_nodes"], settings["strategy"]) == (4, 2, "ddp")


if __name__ == "__main__":
    torch.set_num_threads(1)
    JOBS[sys.argv[1]](Path(sys.argv[2]))
