"""Independent jobs over processes. Each job writes its own result; what comes back is small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def fan_out(
    function: Callable[[Job], Result], jobs: Sequence[Job], *, workers: int = 1
) -> Iterator[tuple[int, Result]]:
    """Apply `function` to every job; yield (job number, result) as they finish.

    Args:
        function: Picklable when `workers` > 1. It must not raise for bad input: a result says so.
        jobs: What to do.
        workers: Processes; 1 runs in this process, in order.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, found {workers}")
    if workers == 1 or len(jobs) < 2:
        for number, job in enumerate(jobs):
            yield number, function(job)
        return
    from joblib import Parallel, delayed

    numbered: Iterable[tuple[int, Result]] = Parallel(
        n_jobs=min(workers, len(jobs)), return_as="generator_unordered"
    )(delayed(_numbered)(function, number, job) for number, job in enumerate(jobs))
    yield from numbered


def _numbered(function: Callable[[Job], Result], number: int, job: Job) -> tuple[int, Result]:
    return number, function(job)
