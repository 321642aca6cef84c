"""Independent jobs over processes. Each job writes its own result; what comes back is small."""

from __future__ import annotations

import io
import logging
import math
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, redirect_stdout
from typing import Any, Literal, TypeVar

from pulsefer.core.errors import BadInput
from pulsefer.core.extras import needed

Job = TypeVar("Job")
Result = TypeVar("Result")

Backend = Literal["processes", "ray"]
"""Processes of this machine, or workers of a Ray cluster."""

REPEATS = 20
"""So often Ray gives a job out again. A killed worker costs one, a lost machine several: for
half a minute Ray goes on asking it."""


def fan_out(
    function: Callable[[Job], Result],
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    backend: Backend = "processes",
) -> Iterator[tuple[int, Result]]:
    """Apply `function` to every job; yield (job number, result) as they finish.

    On Ray the results come together, after the last job. A job whose worker was killed is repeated
    by another one, so it must be able to begin again where it was.

    Args:
        function: Picklable when `workers` > 1. It must not raise for bad input: a result says so.
        jobs: What to do.
        workers: Processes; 1 runs in this process, in order.
        backend: Where they are. Ray's are those of the cluster that RAY_ADDRESS names, else of one
            that is started here for as long as it takes.

    Raises:
        BadInput: a backend that is not there, or a worker that was lost and not replaced.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, found {workers}")
    require_backend(backend, workers=workers)
    if backend == "ray":
        yield from _on_ray(function, jobs, workers) if jobs else ()
        return
    if workers == 1 or len(jobs) < 2:
        for number, job in enumerate(jobs):
            yield number, function(job)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=min(workers, len(jobs)), return_as="generator_unordered")
    try:
        # A worker may be gone before the last of the first jobs is given out: in here as well.
        numbered: Iterable[tuple[int, Result]] = parallel(
            delayed(_numbered)(function, number, job) for number, job in enumerate(jobs)
        )
        yield from numbered
    except BrokenProcessPool as error:
        raise _lost(error) from error


def require_backend(backend: Backend, *, workers: int) -> None:
    """Refuse at once what would be refused after everything has been prepared.

    Raises:
        BadInput: Ray without the extra, or with one worker.
    """
    if backend != "ray":
        return
    needed("ray", extra="cluster")
    if workers < 2:
        raise BadInput(
            "workers",
            expected="at least 2 on Ray",
            found=str(workers),
            remedy="one process needs no Ray: leave the backend out, or ask for more workers",
        )


def _on_ray(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> list[tuple[int, Result]]:
    ray = needed("ray", extra="cluster")
    from joblib import Parallel, delayed, parallel_config

    needed("ray.util.joblib", extra="cluster").register_ray()
    # joblib takes one worker for none at all, and would stay in this process.
    n_workers = max(2, min(workers, len(jobs)))
    said = sys.stderr
    # Ray prints what it has to say where results belong; at the end, that workers do not answer
    # who were told to go, which nobody needs to know.
    with (
        redirect_stdout(io.StringIO()),
        _cluster(ray, n_workers) as each,
        parallel_config(backend="ray", n_jobs=n_workers, ray_remote_args=each),
        # One job is one task: of two in a batch both would be repeated.
        Parallel(batch_size=1) as parallel,
        redirect_stdout(said),
    ):
        try:
            found: list[tuple[int, Result]] = parallel(
                delayed(_numbered)(function, number, job) for number, job in enumerate(jobs)
            )
        except ray.exceptions.RayActorError as error:
            raise _lost(error) from error
        except ray.exceptions.RayError as error:
            raise BadInput(
                "a worker",
                expected="the packages that this machine has, in the same versions",
                found=str(error).rstrip().rpartition("\n")[2],
            ) from error
    return found


@contextmanager
def _cluster(ray: Any, workers: int) -> Iterator[Mapping[str, float]]:
    """A cluster, for as long as the block runs; yields what each worker asks of it."""
    # Of a cluster that is there already it was decided where that was started.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    address = os.environ.get("RAY_ADDRESS") or "local"
    ours = not ray.is_initialized()
    if ours:
        try:
            if address == "local":
                # A token for this cluster alone; Ray would leave one in the home folder.
                os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
            elif address != "auto":
                _knock(address)
            ray.init(
                address,
                num_cpus=workers if address == "local" else None,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # bare ones too, for example when a start takes too long
            raise BadInput(
                f"Ray at {address}",
                expected="HOST:PORT of a cluster that answers",
                found=str(error).partition("\n")[0],
                remedy="correct RAY_ADDRESS, or unset it to start a cluster here; where a token is "
                "asked for, set RAY_AUTH_MODE=token",
            ) from error
    try:
        there = ray.cluster_resources()
        if workers > there.get("CPU", 0):
            raise BadInput(
                "workers",
                expected=f"at most {there.get('CPU', 0):.0f}, the cluster's CPUs",
                found=str(workers),
            )
        share = _share(there.get("GPU", 0), workers)
        yield {**share, "max_restarts": -1, "max_task_retries": REPEATS}
    finally:
        if ours:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError or ValueError where nobody listens: Ray would go on trying for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=5).close()


def _share(n_gpus: float, workers: int) -> dict[str, float]:
    """What one worker asks of a cluster, and holds as long as it is there.

    >>> _share(0, 8), _share(8, 2), _share(2, 3)
    ({'num_cpus': 0.5}, {'num_cpus': 0, 'num_gpus': 1.0}, {'num_cpus': 0, 'num_gpus': 0.5})
    """
    if n_gpus < 1:
        # Ray fills a machine by half and goes on to the next one: a worker for each CPU. The other
        # half is for those of a machine that is lost; without it they would wait for ever.
        return {"num_cpus": 0.5}
    # Asking for a CPU as well, some would wait for ever where the GPUs are not where the CPUs are.
    return {"num_cpus": 0, "num_gpus": 1 / math.ceil(workers / n_gpus)}


def _lost(error: Exception) -> BadInput:
    return BadInput(
        "a worker",
        expected="one that lives until its job is done",
        found=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
        remedy="memory is the usual reason, and fewer workers need less; what is finished is kept, "
        "and the same command goes on from there",
    )


def _numbered(function: Callable[[Job], Result], number: int, job: Job) -> tuple[int, Result]:
    return number, function(job)
