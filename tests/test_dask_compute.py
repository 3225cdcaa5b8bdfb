from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from deid_platform.dask_compute import ExecutorCompute, dask_compute
from deid_platform.errors import DeidError
from deid_platform.model import Reason
from deid_platform.workers import Lost
from tests.builders.tasks import double, raise_text, return_broken, talk

DASK = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the optional package 'distributed' is not installed"
)
THREADS = ExecutorCompute(partial(ThreadPoolExecutor, 2), 4)


def kill_worker(task: int) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def note_and_kill_worker(folder: str, task: int) -> int:
    with Path(folder, str(task)).open("a") as notes:
        notes.write(".")
    return kill_worker(task)


def results(compute: ExecutorCompute, function: Any, tasks: Any) -> dict[Any, Any]:
    found = list(compute.run(function, tasks))
    assert len(dict(found)) == len(found), "a task was yielded twice"
    return dict(found)


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=get_context("forkserver"))


def test_every_task_comes_back_with_its_result() -> None:
    assert results(THREADS, double, range(50)) == {task: 2 * task for task in range(50)}


def test_no_tasks_need_no_executor() -> None:
    assert results(ExecutorCompute(lambda: 1 / 0, 2), double, []) == {}  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(("function", "error"), [(raise_text, "ValueError"), (return_broken, "LookupError")])
def test_an_exception_loses_one_task_and_tells_only_its_class(function: Any, error: str) -> None:
    found = results(THREADS, function, range(20))
    assert found == {task: Lost(Reason.INTERNAL_ERROR, error) if task == 3 else task for task in range(20)}


def test_a_task_that_cannot_be_pickled_is_lost_alone() -> None:
    bad = (index for index in range(3))
    assert results(THREADS, type, [bad, 1]) == {bad: Lost(Reason.INTERNAL_ERROR, "TypeError"), 1: int}


def test_only_the_task_that_kills_is_lost_though_its_executor_breaks_altogether() -> None:
    found = results(ExecutorCompute(processes, 4), kill_worker, range(12))
    assert found == {task: Lost(Reason.WORKER_DIED, "BrokenProcessPool") if task == 3 else task for task in range(12)}


def test_no_more_tasks_are_read_than_may_be_in_flight() -> None:
    tasks = iter(range(100))
    with closing(THREADS.run(double, tasks)) as work:
        next(work)
    assert next(tasks) <= 1 + 4


def test_a_function_that_workers_cannot_import_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(double, "__module__", "missing_module")
    monkeypatch.setitem(sys.modules, "missing_module", sys.modules["tests.builders.tasks"])
    with pytest.raises(DeidError, match="ModuleNotFoundError"):
        results(ExecutorCompute(processes, 2, (BrokenExecutor,)), double, range(4))


@pytest.mark.skipif(importlib.util.find_spec("distributed") is not None, reason="'distributed' is installed")
def test_without_dask_the_error_says_what_to_install() -> None:
    with pytest.raises(DeidError, match="extra 'dask'"):
        dask_compute("tcp://localhost:8786")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
    ):
        yield cluster.scheduler_address


@DASK
def test_a_dask_cluster_does_every_task(scheduler: str) -> None:
    assert results(dask_compute(scheduler), double, range(50)) == {task: 2 * task for task in range(50)}


@DASK
def test_a_dask_worker_that_dies_loses_only_the_task_that_killed_it(scheduler: str, tmp_path: Path) -> None:
    found = results(dask_compute(scheduler), partial(note_and_kill_worker, str(tmp_path)), range(40))
    assert found == {task: Lost(Reason.WORKER_DIED, "KilledWorker") if task == 3 else task for task in range(40)}
    assert len((tmp_path / "3").read_text()) > 1


@DASK
def test_nothing_that_a_task_prints_reaches_the_outside(scheduler: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert results(dask_compute(scheduler), talk, range(4)) == {task: task for task in range(4)}
    assert "Tikhonravova" not in "".join(capfd.readouterr())


@DASK
def test_a_scheduler_that_does_not_answer_ends_the_run() -> None:
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(DeidError, match="not answer"):
        results(dask_compute("tcp://127.0.0.1:9"), double, [1])
