"""Films in a queue, each analysed in a process of its own.

The server itself never looks into a film. It writes the bytes to a folder that has a random name,
starts `film_process` on it, and reads a few lines of JSON. What the process does to itself, by
chance or by malice, ends with it: it is bounded in memory, time and files, and killed when its time
is over, when its owner cancels, and when the server goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pulsefer.app.web import film_process, schema
from pulsefer.app.web.limits import Limits
from pulsefer.core.errors import BadInput, Problem, bad_input

_LOG = logging.getLogger(__name__)

PREFIX = "pulsefer-web-"
START_S = 60.0
"""A process that says nothing for so long does not start any more."""
IDLE_S = 30.0
"""A sender that sends nothing for so long has gone."""
SLOWEST_BYTES_PER_S = 20_000
"""One that sends less, after the first `IDLE_S`, keeps a place that others could have."""
SWEEP_S = 5.0
"""What is old is looked for this often."""
SPARE_BYTES = 10**9
"""So much of the disk is left to others."""
NAME_LETTERS = 100
MESSAGE_LETTERS = 500
SECRETS = ("PULSEFER_TOKEN",)
"""Of the environment; whoever decodes does not need them."""


class Full(Exception):
    """No more films are taken for now."""


class TooLarge(Exception):
    """More bytes than a film may have."""


@dataclass(eq=False)
class Job:
    """One film.

    Attributes:
        id: Random; nobody can guess it.
        owner: Who sent it; nobody else sees it.
        name: What they called it, for showing only.
        folder: Where it lies.
        overlay: Whether a film is drawn.
        blur_faces: Whether faces are hidden in it.
    """

    id: str
    owner: str
    name: str
    folder: Path
    overlay: bool
    blur_faces: bool
    state: schema.State = "waiting"
    done_s: float = 0.0
    of_s: float | None = None
    problem: Problem | None = None
    result: schema.Result | None = None
    ended_at: float | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Jobs:
    """All films of a server.

    Args:
        limits: What a film may cost.
        models: Folders of networks.
        device: Where they compute.
    """

    def __init__(self, limits: Limits, models: Sequence[Path] = (), device: str = "auto") -> None:
        self.limits, self.models, self.device = limits, tuple(models), device
        self._jobs: dict[str, Job] = {}
        self._coming = 0
        self._room = asyncio.Semaphore(limits.running)
        sweep_dead()
        self.root = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))

    async def receive(
        self,
        owner: str,
        name: str,
        content: AsyncIterator[bytes],
        *,
        overlay: bool,
        blur_faces: bool,
    ) -> Job:
        """Take a film, and put it at the end of the queue.

        Args:
            owner: Who sends it.
            name: What they call it; it never becomes the name of a file.
            content: Its bytes.
            overlay: Whether a film is drawn.
            blur_faces: Whether faces are hidden in it.

        Raises:
            Full: too many films wait, or the disk is full.
            TooLarge: it is.
            TimeoutError: nothing came for half a minute, or next to nothing for long.
        """
        waiting = sum(1 for job in self._jobs.values() if job.state == "waiting")
        if waiting + self._coming >= self.limits.waiting:
            raise Full
        if shutil.disk_usage(self.root).free < 3 * self.limits.size_bytes + SPARE_BYTES:
            raise Full
        key = secrets.token_urlsafe(24)
        job = Job(key, owner, shown_name(name), self.root / key, overlay, blur_faces)
        self._coming += 1
        try:
            job.folder.mkdir(mode=0o700)
            await _write(content, job.folder / film_process.FILM, self.limits.size_bytes)
        except BaseException:
            shutil.rmtree(job.folder, ignore_errors=True)
            raise
        finally:
            self._coming -= 1
        self._jobs[key] = job
        job.task = asyncio.create_task(self._run(job))
        return job

    def get(self, owner: str, key: str) -> Job:
        """A film of somebody.

        Raises:
            KeyError: there is none of that name, or it is somebody else's: nobody is told which.
        """
        job = self._jobs[key]
        if not secrets.compare_digest(job.owner, owner):
            raise KeyError(key)
        return job

    def position(self, job: Job) -> int:
        """Its place in the queue, from 1; 0 once it runs."""
        if job.state != "waiting":
            return 0
        before = 0
        for other in self._jobs.values():
            if other is job:
                break
            before += other.state == "waiting"
        return before + 1

    def expires_s(self, job: Job) -> float | None:
        """Seconds until it is deleted; None while it is under way."""
        if job.ended_at is None:
            return None
        return max(0.0, job.ended_at + 60 * self.limits.keep_minutes - time.monotonic())

    async def remove(self, job: Job) -> None:
        """Stop it if it runs, and delete everything of it."""
        self._jobs.pop(job.id, None)
        if job.task is not None:
            job.task.cancel()
            await asyncio.wait([job.task])
        await asyncio.to_thread(shutil.rmtree, job.folder, ignore_errors=True)

    async def keep_tidy(self) -> None:
        """Delete what is old, for as long as it runs."""
        while True:
            await asyncio.sleep(SWEEP_S)
            ended = [job for job in self._jobs.values() if job.ended_at is not None]
            ended.sort(key=lambda job: job.ended_at or 0.0)
            many = len(ended) - self.limits.kept
            for number, job in enumerate(ended):
                if number < many or self.expires_s(job) == 0.0:
                    await self.remove(job)

    async def close(self) -> None:
        """Stop everything, and delete everything."""
        for job in list(self._jobs.values()):
            await self.remove(job)
        shutil.rmtree(self.root, ignore_errors=True)

    async def _run(self, job: Job) -> None:
        async with self._room:
            job.state = "running"
            try:
                job.result = await self._analyse(job)
                job.state = "done"
            except BadInput as error:
                job.problem, job.state = error.problem, "failed"
            except OSError as error:
                # Not the error itself: it names the folder.
                _LOG.warning("a film could not be analysed: %s", error.strerror)
                job.problem = Problem(
                    job.name, expected="room for a process and its files",
                    found=error.strerror or str(error), remedy="try again later",
                )  # fmt: skip
                job.state = "failed"
            finally:
                job.ended_at = time.monotonic()
                (job.folder / film_process.FILM).unlink(missing_ok=True)
        if job.state == "failed":
            await asyncio.to_thread(shutil.rmtree, job.folder, ignore_errors=True)

    async def _analyse(self, job: Job) -> schema.Result:
        """Let a process analyse it, and read what that leaves.

        Raises:
            BadInput: it refused the film, broke, or took too long.
        """
        limits = self.limits
        ask = {
            "name": job.name, "overlay": job.overlay, "blur_faces": job.blur_faces,
            "models": [str(run.resolve()) for run in self.models], "device": self.device,
            "minutes": limits.minutes, "size_mb": limits.size_mb, "memory_mb": limits.memory_mb,
            "work_per_s": limits.work_per_s,
        }  # fmt: skip
        (job.folder / film_process.ASK).write_text(json.dumps(ask), "utf-8")
        problem: Problem | None = None
        begun = late = False
        async with child("pulsefer.app.web.film_process", job.folder) as process:
            assert process.stdout is not None
            try:
                async with asyncio.timeout(START_S) as patience:
                    async for line in _lines(process.stdout):
                        if line.problem is not None:
                            problem = _told(line.problem, job.name)
                        elif line.done_s is not None:
                            job.done_s = line.done_s
                        elif not begun:
                            job.of_s, begun = line.of_s, True
                            # From here on the film's own length counts; once, and not more than
                            # is allowed: a film may have broken whoever says it.
                            film_s = min(line.of_s or math.inf, 60 * limits.minutes)
                            patience.reschedule(
                                asyncio.get_running_loop().time()
                                + START_S + limits.work_per_s * film_s
                            )  # fmt: skip
                    await process.wait()
            except TimeoutError:
                late = True
        if problem is not None:
            raise bad_input(problem)
        if late:
            raise BadInput(
                job.name, expected="a film that is analysed in reasonable time",
                found="one that takes much longer than it lasts",
                remedy="make it smaller: 1280x720 at 30 frames/s is plenty",
            )  # fmt: skip
        try:
            if process.returncode == 0:
                text = (job.folder / film_process.RESULT).read_text("utf-8")
                return schema.Result.model_validate_json(text)
        except (OSError, ValidationError, UnicodeDecodeError):
            pass
        raise BadInput(
            job.name, expected="a film that can be decoded", found=_end_of(process.returncode),
            remedy="the film may be damaged: play it, and save it anew as H.264 in MP4",
        )  # fmt: skip


@contextlib.asynccontextmanager
async def child(
    module: str, *words: Path | str, most_line: int = 2**16
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of one of our modules, with pipes for input and output; gone with the block.

    It ends by itself when this process does, for its standard input is closed then.

    Args:
        module: Name of the module.
        words: What it is told.
        most_line: Letters of a line that it may say.
    """
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    # Several films are analysed at a time: each has a thread of its own.
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", module, *map(str, words),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env=environment, start_new_session=True, limit=most_line,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        await asyncio.shield(process.wait())


def shown_name(name: str) -> str:
    """A foreign file name as one short line of letters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    line = line.replace("\\", "/").rpartition("/")[2]
    return line[:NAME_LETTERS] or "film"


def sweep_dead() -> None:
    """Delete what servers left behind that were killed."""
    if os.name != "posix":
        return  # elsewhere asking for a process can end it
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError, ValueError):
            if left.stat().st_uid != os.getuid() or left.is_symlink():
                continue
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                shutil.rmtree(left, ignore_errors=True)


async def _write(content: AsyncIterator[bytes], path: Path, most: int) -> None:
    """Bytes to a file, while they come."""
    size, begin_s = 0, time.monotonic()
    with path.open("xb") as file:
        parts = aiter(content)
        while True:
            async with asyncio.timeout(IDLE_S):
                part = await anext(parts, None)
            if part is None:
                return
            size += len(part)
            if size > most:
                raise TooLarge
            if time.monotonic() - begin_s > IDLE_S + size / SLOWEST_BYTES_PER_S:
                raise TimeoutError
            await asyncio.to_thread(file.write, part)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[schema.Line]:
    """What a process says, as far as it makes sense."""
    while True:
        try:
            text = await stream.readline()
        except ValueError:
            continue  # longer than any line of ours; it has been passed over
        if not text:
            return
        with contextlib.suppress(ValidationError):
            yield schema.Line.model_validate_json(text)


def _told(problem: dict[str, Any], name: str) -> Problem:
    expected, found, remedy = (
        str(problem.get(key, ""))[:MESSAGE_LETTERS] for key in ("expected", "found", "remedy")
    )
    return Problem(name, expected, found, remedy)


def _end_of(status: int | None) -> str:
    """How a process ended that did not end well."""
    if status is not None and status < 0:
        try:
            return f"one that broke the decoder ({signal.Signals(-status).name})"
        except ValueError:
            return f"one that broke the decoder (signal {-status})"
    return "one that broke the analysis"
