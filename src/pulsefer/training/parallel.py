"""One training on several processes, with the objective of one.

A launcher (torchrun, srun) starts the same command on every GPU. Each process takes its part of
every batch through its copy of the network; then the answers and the labels of all parts are
joined, and every process computes the loss of the whole batch. What depends on the batch (the root
of equation (6), a concordance, the mean over those who have a label) is then what it is on one
process, whatever the sizes of the parts and whoever has no label.

Choice: how many processes there are is no setting, since the launcher says it. So a run is the same
run, with the same fingerprint, wherever it is trained, and may go on with another number of them.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from os import environ
from typing import Any, TypeVar, cast

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor
from torch import distributed as dist

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.version import __version__

PATIENCE = timedelta(hours=2)
"""How long a process waits for another, as all do while the first predicts the test side. Where
one dies, the launcher ends the others at once."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Process:
    """This process among those that were started together.

    Attributes:
        rank: Number, from 0; the first writes the files.
        n: How many there are, on all machines.
        n_machines: On how many machines.
    """

    rank: int = 0
    n: int = 1
    n_machines: int = 1

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        return self.n == 1

    @property
    def first(self) -> bool:
        """Whether it writes files and shows progress."""
        return self.rank == 0

    @property
    def part(self) -> tuple[int, int]:
        """Which part of a batch it takes, and of how many."""
        return self.rank, self.n


@cache
def this_process() -> Process:
    """What the launcher says; one process without a launcher."""
    found = _environment()
    if found is None or found.world_size() == 1:
        return Process()
    if isinstance(found, TorchElasticEnvironment):
        n_machines = found.world_size() // int(environ["LOCAL_WORLD_SIZE"])
    else:
        n_machines = int(environ["SLURM_NNODES"])
    return Process(found.global_rank(), found.world_size(), n_machines)


def meet(what: Any) -> None:
    """Find the other processes, and make sure that all were asked for the same.

    Args:
        what: What was asked for, for `fingerprint`.

    Raises:
        BadInput: something else was asked of another process, or it runs another version; or a
            machine has GPUs, but fewer than processes.
    """
    here = this_process()
    if here.alone:
        return
    if not dist.is_initialized():
        _connect(here)
    asked: list[Any] = [None] * here.n
    dist.all_gather_object(asked, fingerprint([__version__, what]))
    if len(set(asked)) > 1:
        raise BadInput(
            f"the {here.n} processes that were started together",
            expected="one training, the same for all",
            found=f"{len(set(asked))} different ones",
            remedy="give all the same command; start what is to be trained apart without torchrun "
            "or srun",
        )


def first_does(action: Callable[[], T]) -> T:
    """Let the first process do something; all have its result, or its error.

    What touches files is done so: once, and every process knows that it is done. On one process it
    is a plain call; on several, `meet` comes before.
    """
    here = this_process()
    if here.alone:
        return action()
    said: list[Any] = [None, None]
    if here.first:
        try:
            said[0] = action()
        except Exception as error:
            said[1] = error
    dist.broadcast_object_list(said, src=0)
    if said[1] is not None:
        raise said[1]
    return cast(T, said[0])


def joined(*own: Tensor) -> tuple[Tensor, ...]:
    """Rows of the parts of all processes, in the order of the batch.

    This process' rows keep the gradient they have, those of the others are constants:
    `counted_once` tells how the whole gradient comes about.

    Args:
        own: Each (n,) or (n, C), with the same n, which may be 0. They travel as float32.
    """
    here = this_process()
    if here.alone:
        return own
    columns = [(one[:, None] if one.ndim == 1 else one).float() for one in own]
    rows = torch.cat(columns, 1)
    counts = _gathered(torch.tensor([len(rows)], device=rows.device), here.n)
    most = max(int(count) for count in counts)
    # All give the same number of rows: what one lacks is filled, and cut off again.
    filled = rows.new_zeros(most, rows.shape[1])
    filled[: len(rows)] = rows.detach()
    parts = _gathered(filled, here.n)
    parts = [part[: int(count)] for part, count in zip(parts, counts, strict=True)]
    parts[here.rank] = rows
    widths = [column.shape[1] for column in columns]
    found = []
    for one, whole in zip(own, torch.split(torch.cat(parts), widths, 1), strict=True):
        whole = whole if one.requires_grad else whole.detach()
        found.append((whole[:, 0] if one.ndim == 1 else whole).to(one.dtype))
    return tuple(found)


def summed(*own: Tensor) -> tuple[Tensor, ...]:
    """The sums over all processes; on one, the tensors themselves. Nothing has a gradient."""
    if this_process().alone:
        return own
    # In one message: there are as many as a network has weights.
    flat = torch.cat([one.detach().float().reshape(-1) for one in own])
    dist.all_reduce(flat)
    parts = torch.split(flat, [one.numel() for one in own])
    return tuple(part.view_as(one) for part, one in zip(parts, own, strict=True))


def counted_once(loss: Tensor) -> Tensor:
    """The same value with n times the gradient, for n processes.

    From a loss of the joined batch each process has that share of the gradient which goes through
    its own rows. The shares add up to the whole; DistributedDataParallel takes their mean.
    """
    n = this_process().n
    return loss if n == 1 else loss.detach() + n * (loss - loss.detach())


def trainer_settings() -> dict[str, Any]:
    """Arguments of Lightning's Trainer that say where it runs."""
    here = this_process()
    if here.alone:
        return {"accelerator": "auto", "devices": 1}
    return {
        "accelerator": "gpu" if torch.cuda.is_available() else "cpu",
        "devices": here.n // here.n_machines,
        "num_nodes": here.n_machines,
        "strategy": "ddp",
        "plugins": [_environment()],
        # The loaders give every process its part already.
        "use_distributed_sampler": False,
    }


@cache
def _environment() -> ClusterEnvironment | None:
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    # A batch script under SLURM knows of its tasks, but only srun starts them.
    if "SLURM_STEP_NUM_TASKS" in environ and SLURMEnvironment.detect():
        # Our own checkpoints go on after a kill; Lightning's at a signal would lie beside them.
        return SLURMEnvironment(auto_requeue=False)
    return None


def _connect(here: Process) -> None:
    found = cast(ClusterEnvironment, _environment())
    device, backend = None, "gloo"
    if torch.cuda.is_available():
        n_here = here.n // here.n_machines
        if torch.cuda.device_count() < n_here:
            raise BadInput(
                f"process {here.rank}",
                expected=f"a GPU for each of the {n_here} processes of this machine",
                found=f"{torch.cuda.device_count()} that it can see",
                remedy="start fewer, let every process see all GPUs (under SLURM --gres=gpu:N "
                "without --gpus-per-task), or hide all of them (CUDA_VISIBLE_DEVICES=)",
            )
        device, backend = torch.device("cuda", found.local_rank()), "nccl"
        torch.cuda.set_device(device)
    environ["MASTER_ADDR"], environ["MASTER_PORT"] = found.main_address, str(found.main_port)
    dist.init_process_group(
        backend, rank=here.rank, world_size=here.n, timeout=PATIENCE, device_id=device
    )
    atexit.register(dist.destroy_process_group)


def _gathered(own: Tensor, n: int) -> list[Tensor]:
    """The tensors of all n processes, of one shape, by rank."""
    found = [torch.empty_like(own) for _ in range(n)]
    dist.all_gather(found, own)
    return found
