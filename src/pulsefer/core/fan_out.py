"""Independent jobs over processes. Each job writes its own result; what comes back is small."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

Backend = Literal["processes", "ray"]
"""Processes of this machine, or of the Ray cluster that `ray.init` finds (extra `[cluster]`)."""


def fan_out(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    backend: Backend = "processes",
) -> Iterator[tuple[int, Result]]:
    """Apply `function` to every job; yield (job number, result) as they finish.

    Args:
        function: Picklable when `workers` > 1. It must not raise for bad input: a result says so.
        jobs: What to do.
        workers: Processes; 1 of this machine runs in this process, in order.
        backend: Where the processes are. On a Ray cluster the results come all at the end, in
            order: joblib's backend for it can do no more.

    Raises:
        ValueError: no workers.
        ModuleNotFoundError: Ray is asked for and not installed.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, found {workers}")
    if backend == "processes" and (workers == 1 or len(jobs) < 2):
        for number, job in enumerate(jobs):
            yield number, function(job)
        return
    from joblib import Parallel, delayed, parallel_config

    calls = [delayed(_numbered)(function, number, job) for number, job in enumerate(jobs)]
    if backend == "ray":
        _register_ray()
        with parallel_config(backend="ray", n_jobs=workers):
            yield from Parallel()(calls)
        return
    numbered: Iterable[tuple[int, Result]] = Parallel(
        n_jobs=min(workers, len(jobs)), return_as="generator_unordered"
    )(calls)
    yield from numbered


def _register_ray() -> None:
    try:
        from ray.util.joblib import register_ray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the Ray backend needs the extra: pip install 'pulsefer[cluster]'"
        ) from error
    register_ray()


def _numbered(function: Callable[[Job], Result], number: int, job: Job) -> tuple[int, Result]:
    return number, function(job)
