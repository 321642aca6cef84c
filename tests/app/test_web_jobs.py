"""The queue of films by itself: its order, its bounds, and what it deletes when."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra [web] is not installed")

from pulsefer.app.web import jobs as module
from pulsefer.app.web import schema
from pulsefer.app.web.jobs import Full, Jobs, TooLarge, shown_name
from pulsefer.app.web.limits import Limits
from pulsefer.core.errors import BadInput

TOLD = schema.Summary(
    sentence="No face was found.", rows=1, steps=1, steps_with_face=0, faces=0, rows_seen=0,
    rows_with_rate=0, median_hr_bpm=None, usual_reason="no_face",
)  # fmt: skip
RESULT = schema.Result(summary=TOLD, notes=[], synthetic=False, files=[])
posix = pytest.mark.skipif(os.name != "posix", reason="signals, and bounds of the system")


@pytest.fixture(autouse=True)
def a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(module.tempfile, "tempdir", str(tmp_path))


async def content(*parts):
    for part in parts:
        yield part


async def send(jobs, name="film", *parts):
    return await jobs.receive("me", name, content(*(parts or (b"film",))), overlay=False,
                              blur_faces=False)  # fmt: skip


async def wait_until(is_so, wait_s=15.0):
    async with asyncio.timeout(wait_s):
        while not is_so():
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def queue(limits, **patches):
    """A queue; its films are analysed by `analyse`, if there is one."""
    jobs = Jobs(limits)
    for name, value in patches.items():
        setattr(jobs, name, value)
    try:
        yield jobs
    finally:
        await jobs.close()
        assert not jobs.root.exists()


def test_who_comes_first_is_served_first():
    async def run():
        order, end = [], asyncio.Event()

        async def analyse(job):
            order.append(job.name)
            await end.wait()
            return RESULT

        async with queue(Limits(running=2, waiting=9), _analyse=analyse) as jobs:
            sent = [await send(jobs, f"{number}") for number in range(6)]
            await wait_until(lambda: len(order) == 2)
            assert [jobs.position(job) for job in sent] == [0, 0, 1, 2, 3, 4]
            await jobs.remove(sent[3])
            assert [jobs.position(job) for job in sent if job is not sent[3]] == [0, 0, 1, 2, 3]
            assert not sent[3].folder.exists()
            await jobs.remove(sent[0])
            await wait_until(lambda: len(order) == 3)
            end.set()
            await wait_until(lambda: len(order) == 5)
        assert order == ["0", "1", "2", "4", "5"]

    asyncio.run(run())


def test_films_on_their_way_are_counted_as_waiting():
    async def run():
        come = asyncio.Event()

        async def slow():
            await come.wait()
            yield b"film"

        async def analyse(_):
            await asyncio.Event().wait()

        async with queue(Limits(running=1, waiting=2), _analyse=analyse) as jobs:
            task = asyncio.create_task(
                jobs.receive("me", "slow", slow(), overlay=False, blur_faces=False)
            )
            running = await send(jobs)
            await wait_until(lambda: running.state == "running")
            await send(jobs)
            with pytest.raises(Full):
                await send(jobs)
            come.set()
            assert (await task).state == "waiting"
            with pytest.raises(Full):
                await send(jobs)

    asyncio.run(run())


def test_what_is_too_large_or_breaks_off_or_is_silent_or_next_to_it_leaves_nothing(monkeypatch):
    monkeypatch.setattr(module, "IDLE_S", 0.1)

    async def broken():
        yield b"film"
        raise ConnectionError

    async def silent():
        yield b"film"
        await asyncio.sleep(60)

    async def slow():
        while True:
            yield b"f"
            await asyncio.sleep(0.02)

    async def run():
        async with queue(Limits(size_mb=1, waiting=1)) as jobs:
            for parts, error in [
                (content(*(3 * [bytes(400_000)])), TooLarge),
                (broken(), ConnectionError),
                (silent(), TimeoutError),
                (slow(), TimeoutError),
            ]:
                with pytest.raises(error):
                    await jobs.receive("me", "film", parts, overlay=False, blur_faces=False)
                assert list(jobs.root.iterdir()) == []

    asyncio.run(run())


def test_a_full_disk_takes_no_films(monkeypatch):
    usage = module.shutil.disk_usage("/")._replace(free=10**9)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)

    async def run():
        async with queue(Limits()) as jobs:
            with pytest.raises(Full):
                await send(jobs)

    asyncio.run(run())


def test_results_are_deleted_when_they_are_old_and_the_oldest_when_they_are_many(monkeypatch):
    monkeypatch.setattr(module, "SWEEP_S", 0.02)

    async def analyse(job):
        if job.name == "bad":
            raise BadInput("bad", expected="a film", found="none")
        return RESULT

    async def run(limits, n_kept):
        async with queue(limits, _analyse=analyse) as jobs:
            names = ["0", "bad", "2", "3"]
            sent = []
            for name in names:
                sent.append(await send(jobs, name))
                await wait_until(lambda: sent[-1].ended_at is not None)
            assert [job.state for job in sent] == ["done", "failed", "done", "done"]
            tidy = asyncio.create_task(jobs.keep_tidy())
            await wait_until(lambda: len(list(jobs.root.iterdir())) <= n_kept)
            await asyncio.sleep(0.1)
            tidy.cancel()
            left = [job for job in sent if job.id in jobs._jobs]
            assert [job.name for job in left] == names[len(names) - n_kept :]
            assert {path.name for path in jobs.root.iterdir()} == {job.id for job in left}
            for job in left:
                assert 0 < jobs.expires_s(job) <= 60 * limits.keep_minutes

    asyncio.run(run(Limits(running=1, kept=2), 2))
    asyncio.run(run(Limits(running=1, keep_minutes=0.001), 0))


def test_a_film_is_deleted_once_it_is_analysed_and_all_of_it_once_it_failed():
    async def analyse(job):
        assert (job.folder / "film").read_bytes() == b"film"
        (job.folder / "table.csv").write_text("time_s")
        if job.name == "bad":
            raise OSError(28, "No space left on device", str(job.folder))
        return RESULT

    async def run():
        async with queue(Limits(running=1), _analyse=analyse) as jobs:
            good, bad = await send(jobs), await send(jobs, "bad")
            await wait_until(lambda: bad.state == "failed" and not bad.folder.exists())
            assert [path.name for path in good.folder.iterdir()] == ["table.csv"]
            assert (bad.problem.where, bad.problem.found) == ("bad", "No space left on device")
            assert bad.id not in str(bad.problem)

    asyncio.run(run())


# A process that does what it wants


def child_that(script):
    """Instead of the process of a film: whatever may have become of one."""

    @contextlib.asynccontextmanager
    async def child(_, folder):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-E", "-c", script, str(folder),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    return child


LIES = {
    "says that the film is endless": (
        'import time\nwhile True: print(\'{"of_s": 1e9}\', flush=True); time.sleep(0.01)',
        "one that takes much longer than it lasts",
    ),
    "says nothing": ("import time; time.sleep(60)", "one that takes much longer than it lasts"),
    "says something else": ("print('<html>'); print('[1]'); print('{}' * 99999)",
                            "one that broke the analysis"),
    "says numbers that are none": (
        "print('{\"of_s\": NaN}\\n{\"done_s\": 1e999}\\n{\"done_s\": \"x\"}')",
        "one that broke the analysis",
    ),
    "leaves another result": (
        "import sys; open(sys.argv[1] + '/result.json', 'w').write('{\"summary\": 3}')",
        "one that broke the analysis",
    ),
    "leaves no text": (
        "import sys; open(sys.argv[1] + '/result.json', 'wb').write(bytes(range(256)))",
        "one that broke the analysis",
    ),
    "says a very long reason": (
        "print('{\"problem\": {\"found\": \"' + 9999 * 'x' + '\"}}')", 500 * "x"
    ),
}  # fmt: skip


@pytest.mark.parametrize("does", LIES)
def test_a_process_that_was_taken_over_gains_no_time_and_is_not_believed(does, monkeypatch):
    script, found = LIES[does]
    monkeypatch.setattr(module, "child", child_that(script))
    monkeypatch.setattr(module, "START_S", 1.0)

    async def run():
        async with queue(Limits(minutes=0.001, work_per_s=1.0)) as jobs:
            job = await send(jobs, "talk.mp4")
            await wait_until(lambda: job.ended_at is not None, 10)
            assert (job.state, job.result) == ("failed", None)
            assert (job.problem.where, job.problem.found) == ("talk.mp4", found)
            assert job.done_s == 0

    asyncio.run(run())


@posix
def test_a_process_that_is_stopped_is_ended_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(module, "START_S", 1.0)
    started = []
    real = module.child

    @contextlib.asynccontextmanager
    async def child(*words):
        async with real(*words) as process:
            os.kill(process.pid, signal.SIGSTOP)
            started.append(process)
            yield process

    monkeypatch.setattr(module, "child", child)

    async def run():
        async with queue(Limits()) as jobs:
            job = await send(jobs)
            await wait_until(lambda: job.ended_at is not None, 10)
            assert job.problem.found == "one that takes much longer than it lasts"
            (process,) = started
            assert process.returncode == -signal.SIGKILL

    asyncio.run(run())


@posix
def test_what_decodes_does_not_know_the_token(monkeypatch, tmp_path):
    monkeypatch.setenv("PULSEFER_TOKEN", "very secret")
    (tmp_path / "shows.py").write_text("import os; print(sorted(os.environ))")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def run():
        async with module.child("shows") as process:
            return (await process.stdout.read()).decode()

    said = asyncio.run(run())
    assert "PATH" in said
    assert "TOKEN" not in said


# What is left of a server that was killed


@posix
def test_a_folder_is_swept_once_its_server_is_dead_and_not_before(tmp_path):
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    ended.wait()
    names = {
        f"pulsefer-web-{ended.pid}-x": False,
        f"pulsefer-web-{os.getpid()}-x": True,
        "pulsefer-web-1-x": True,  # somebody else's
        "pulsefer-web--1-x": True,
        "pulsefer-web-of-mine": True,
        "pulsefer-other": True,
    }
    for name in names:
        (tmp_path / name / "film").mkdir(parents=True)
    aside = tmp_path / "aside"
    (aside / "film").mkdir(parents=True)
    (tmp_path / f"pulsefer-web-{ended.pid}-link").symlink_to(aside)
    module.sweep_dead()
    assert {name: (tmp_path / name).exists() for name in names} == names
    assert (aside / "film").exists()


# What a process that decodes may do


CONFINED = """
import os, sys
from pulsefer.app.web.child import confine
confine(memory_mb=300, cpu_s=0, file_mb=1)
"""
TRIES = {
    "memory": ("try: bytearray(400 * 2**20)\nexcept MemoryError: print('no')", "no", 0),
    "memory that is there": ("bytearray(100 * 2**20); print('yes')", "yes", 0),
    "the size of a file": (
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: open(sys.argv[1], 'wb').write(bytes(2 * 2**20))\nexcept OSError as e: print(e.errno)",
        "27", 0,
    ),
    "the number of files": (
        "try: files = [open(os.devnull) for _ in range(300)]\n"
        "except OSError as e: print(e.errno)", "24", 0,
    ),
    "its time": ("while True: pass", "", -9),
}  # fmt: skip


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others bound less")
@pytest.mark.parametrize("what", TRIES)
def test_a_process_that_decodes_is_bounded_in(what, tmp_path):
    script, said, status = TRIES[what]
    done = subprocess.run(
        [sys.executable, "-c", CONFINED + script, tmp_path / "file"], capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (status, said), done.stderr
    if (tmp_path / "file").exists():
        assert (tmp_path / "file").stat().st_size <= 2**20


@posix
def test_a_bound_that_is_lower_already_stays():
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))\n"
        f"{CONFINED}print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.strip() == "(50, 50)"


@posix
def test_a_process_ends_with_whoever_started_it_and_clears_up(tmp_path):
    script = (
        "import sys, time; from pathlib import Path\n"
        "from pulsefer.app.web.child import end_with_parent\n"
        "end_with_parent(lambda: Path(sys.argv[1]).write_text('cleared'))\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "a"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == b"ready\n"
        process.stdin.close()
        assert process.wait(10) == 1
    assert (tmp_path / "a").read_text() == "cleared"


# Words


@pytest.mark.parametrize(
    ("name", "shown"),
    [("C:\\films\\a.mp4", "a.mp4"), ("a/../b", "b"), ("a\x7f\x85b", "a b"), ("", "film"),
     ("...", "..."), ("\ud800x", "x")],
)  # fmt: skip
def test_a_foreign_name_becomes_one_line(name, shown):
    assert shown_name(name) == shown


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="minutes must be above 0 and finite"):
        Limits(minutes=bad)


def test_the_folder_of_a_queue_is_its_owners_alone():
    async def run():
        async with queue(Limits()) as jobs:
            return jobs.root.name, Path(jobs.root).stat().st_mode & 0o077

    name, others = asyncio.run(run())
    assert name.startswith(f"pulsefer-web-{os.getpid()}-")
    assert others == 0 or os.name != "posix"
