"""Processes that a test kills: forks of one that has imported everything already.

An interpreter that has to import PyTorch takes longer for that than for all the test asks of it,
and a kill soon after its start meets the imports and not the work.
"""

import multiprocessing

IMPORTED = [
    "pytest",
    "pulsefer.datasets.deap",
    "pulsefer.samples.prepare",
    "pulsefer.samples.prepare_stills",
    "pulsefer.training.pretrain",
    "pulsefer.training.run",
]


def process(function, *words):
    """A process that will call a function of a test file, on one thread; not yet started."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context.Process(target=_on_one_thread, args=(function, *words))


def _on_one_thread(function, *words):
    import torch

    torch.set_num_threads(1)
    function(*words)
