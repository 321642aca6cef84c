"""How the networks among the compared systems learn and answer: the same few lines for all.

The CRNN has a room of its own for this (`training`), with runs on disk, processes and devices. A
compared network is fitted inside `fit`, on the CPU, and leaves nothing but its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pulsefer.core.seeding import derive_seed, generator

Inputs = Callable[[NDArray[np.int64]], tuple[Tensor, ...]]
"""Reads what the network takes, for the samples at these places: each (n_places, ...)."""

Module = TypeVar("Module", bound=nn.Module)


def drawn(make: Callable[[], Module], seed: int) -> Module:
    """A network whose first weights depend on the seed alone.

    The generator that everybody shares is left as it was found.

    Args:
        make: Builds the network, with torch's own drawing of weights.
        seed: Of the weights.

    >>> a, b = (drawn(lambda: nn.Linear(3, 2), 7) for _ in range(2))
    >>> torch.equal(a.weight, b.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "weights"))
        return make()


def fit_network(
    module: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
) -> None:
    """Adam, every sample once in an epoch, in an order that the seed decides.

    On one thread equal calls give equal bytes; with more, a library may add in another order.

    Args:
        module: Learns in `train()`, and is left in `eval()`.
        inputs: Reads a batch; called anew in every epoch, so that a large set need not lie in
            memory.
        targets: (n, ...) what each sample is.
        loss: Of what the network says of a batch, and the batch's targets: one number.
        epochs: Passes over the samples.
        batch_size: Samples per step; the last step of an epoch takes what is left.
        lr: Learning rate.
        seed: Of the order, and of what the network itself draws (dropout).

    Raises:
        ValueError: no samples, a setting that is not positive, or a loss that is no longer a
            finite number.
    """
    if min(epochs, batch_size, len(targets)) < 1 or lr <= 0:
        raise ValueError(
            "expected at least one sample, one epoch, a batch of one and a positive lr, found "
            f"{len(targets)} samples, epochs={epochs}, batch_size={batch_size}, lr={lr}"
        )
    order = generator(seed, "order")
    optimizer = torch.optim.Adam(module.parameters(), lr=lr)
    module.train()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive_seed(seed, "dropout"))
        for _ in range(epochs):
            for places in _batches(order.permutation(len(targets)), batch_size):
                optimizer.zero_grad()
                value = loss(module(*inputs(places)), targets[torch.from_numpy(places)])
                if not torch.isfinite(value):
                    raise ValueError(
                        f"the loss became {value.item()}: look for NaN in the inputs, or lower "
                        f"lr={lr}"
                    )
                value.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
    module.eval()


def predict_network(module: nn.Module, inputs: Inputs, n: int, batch_size: int) -> NDArray[Any]:
    """What the network says of samples 0 to n - 1, without learning.

    Args:
        module: Asked in `eval()`, and left there.
        inputs: As for `fit_network`.
        n: How many samples there are.
        batch_size: Samples at once.

    Returns:
        (n, ...) raw outputs: logits where the network ends in logits.

    Raises:
        ValueError: no samples, or a batch of none.
    """
    if min(n, batch_size) < 1:
        raise ValueError(f"expected samples and a batch of one, found n={n}, {batch_size=}")
    module.eval()
    with torch.inference_mode():
        outputs = [module(*inputs(places)) for places in _batches(np.arange(n), batch_size)]
    answers: NDArray[Any] = torch.cat(outputs).numpy()
    return answers


def state_arrays(module: nn.Module) -> dict[str, NDArray[Any]]:
    """Copies of everything that a network holds: weights, and running statistics."""
    return {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}


def n_parameters(module: nn.Module) -> int:
    """Numbers that are learned by gradient."""
    return sum(parameter.numel() for parameter in module.parameters())


def _batches(places: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [places[start : start + size] for start in range(0, len(places), size)]
