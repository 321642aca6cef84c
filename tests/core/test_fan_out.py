"""Where jobs run: what is refused at once, and what is said when a worker is lost."""

import os
import signal
import subprocess
import sys
import time

import pytest

from pulsefer.core.errors import BadInput
from pulsefer.core.fan_out import fan_out


def deadly():
    """A job that kills who has it. Not of this file: that is on no path of a Ray worker."""

    def die(_job):
        os.kill(os.getpid(), signal.SIGKILL)

    return die


def first_of(jobs, function=abs, **how):
    return next(fan_out(function, jobs, **how))


def test_nothing_imports_ray_before_it_is_asked_for():
    say = "import sys, pulsefer.core.fan_out; print('ray' in sys.modules, 'joblib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_without_the_extra_ray_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BadInput, match=r"ray: expected .*; pip install 'pulsefer\[cluster\]'"):
        first_of([-1, -2], workers=2, backend="ray")


def test_one_worker_needs_no_cluster():
    pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    with pytest.raises(BadInput, match="workers: expected at least 2 on Ray, found 1; one process"):
        first_of([-1, -2], workers=1, backend="ray")


def test_no_jobs_start_no_cluster():
    ray = pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    assert list(fan_out(deadly(), [], workers=2, backend="ray")) == []
    assert not ray.is_initialized()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "somewhere", "ray://127.0.0.1:1"])
def test_an_address_where_nobody_listens_is_named_at_once(monkeypatch, address):
    pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(BadInput, match=f"Ray at {address}: expected HOST:PORT .*RAY_ADDRESS"):
        first_of([-1, -2], workers=2, backend="ray")


def test_a_killed_process_is_an_instruction():
    with pytest.raises(BadInput, match=r"a worker: .*TerminatedWorkerError.* the same command"):
        first_of([1, 2], deadly(), workers=2)


class Slowly(list):
    """Two jobs that are given out at once, and one after their workers are gone."""

    def __iter__(self):
        yield from self[:2]
        time.sleep(3)
        yield from self[2:]


def test_a_process_killed_while_jobs_are_given_out_is_the_same_instruction():
    with pytest.raises(BadInput, match=r"a worker: .*TerminatedWorkerError.* the same command"):
        first_of(Slowly([1, 2, 3]), deadly(), workers=2)


@pytest.fixture(scope="module")
def cluster():
    """One that is there already, with two workers."""
    ray = pytest.importorskip("ray", reason="the extra [cluster] is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", "0" * 64)  # or Ray writes one to the home folder
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield ray
        ray.shutdown()


@pytest.mark.slow
def test_a_cluster_that_is_there_is_used_and_left_as_it_is(cluster, capfd):
    assert sorted(fan_out(abs, [-1, -2, -3], workers=2, backend="ray")) == [(0, 1), (1, 2), (2, 3)]
    assert cluster.is_initialized()
    assert capfd.readouterr().out == ""


@pytest.mark.slow
def test_more_workers_than_the_cluster_has_are_refused_and_not_waited_for(cluster):
    assert cluster.is_initialized()
    with pytest.raises(BadInput, match="workers: expected at most 2, the cluster's CPUs, found 3"):
        first_of([-1, -2, -3], workers=3, backend="ray")


@pytest.mark.slow
def test_a_worker_without_our_packages_is_an_instruction(cluster):
    assert cluster.is_initialized()
    with pytest.raises(BadInput, match=r"expected the packages .* No module named 'test_fan_out'"):
        first_of([1], first_of, workers=2, backend="ray")


@pytest.mark.slow
def test_a_job_that_kills_every_worker_ends_in_an_instruction(cluster, monkeypatch):
    monkeypatch.setattr("pulsefer.core.fan_out.REPEATS", 1)
    with pytest.raises(BadInput, match=r"a worker: expected .* found Actor.*the same command goes"):
        first_of([1], deadly(), workers=2, backend="ray")
    assert cluster.is_initialized()
