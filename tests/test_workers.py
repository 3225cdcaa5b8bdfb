from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

from deid_platform import workers
from deid_platform.errors import DeidError
from deid_platform.model import Reason
from deid_platform.worker_process import SINGLE_THREAD
from deid_platform.workers import Lost, ProcessCompute, _quota, default_workers
from tests.builders.tasks import (
    SECRET,
    add,
    crash,
    die_when_odd,
    double,
    environment,
    exit_at_once,
    hang,
    hang_in_native_code,
    kill_self,
    leave_file_and_die,
    native_threads,
    process_id,
    raise_hard_to_pickle,
    raise_text,
    return_broken,
    return_lambda,
    run_out_of_memory,
    run_program,
    sleep,
    system_exit,
    talk,
)

ROOT = Path(__file__).parents[1]


def results(compute: ProcessCompute, function: Any, tasks: Any) -> dict[Any, Any]:
    found = list(compute.run(function, tasks))
    assert len(dict(found)) == len(found), "a task was yielded twice"
    return dict(found)


def one_lost(function: Any, reason: Reason, error: str, **settings: Any) -> None:
    """Task 3 of 30 is lost for the reason given, and no other."""
    expected = {task: Lost(reason, error) if task == 3 else task for task in range(30)}
    assert results(ProcessCompute(2, **settings), function, range(30)) == expected


def test_every_task_comes_back_with_its_result() -> None:
    assert results(ProcessCompute(2), double, range(100)) == {task: 2 * task for task in range(100)}


def test_a_partial_of_a_function_can_be_run() -> None:
    assert results(ProcessCompute(1), partial(add, 5), [1, 2]) == {1: 6, 2: 7}


def test_no_tasks_give_no_results_and_no_process() -> None:
    assert results(ProcessCompute(2), double, []) == {}


def test_no_more_processes_start_than_there_are_tasks() -> None:
    assert len(set(results(ProcessCompute(8), process_id, [1]).values())) == 1


@pytest.mark.parametrize(("function", "ending"), [(exit_at_once, "exit 7"), (kill_self, "SIGKILL"), (crash, "SIGSEGV")])
def test_a_worker_that_dies_loses_only_its_own_task(function: Any, ending: str) -> None:
    one_lost(function, Reason.WORKER_DIED, ending)


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (system_exit, "SystemExit"),
        (raise_text, "ValueError"),
        (raise_hard_to_pickle, "HardToPickle"),
        (return_broken, "LookupError"),
    ],
)
def test_an_exception_loses_one_task_and_tells_only_its_class(function: Any, error: str) -> None:
    one_lost(function, Reason.INTERNAL_ERROR, error)


def test_a_result_that_cannot_be_pickled_loses_one_task() -> None:
    lost = results(ProcessCompute(2), return_lambda, range(6))[3]
    assert lost.reason is Reason.INTERNAL_ERROR
    assert lost.error in {"AttributeError", "PicklingError"}  # differs between versions of Python


def test_a_task_that_cannot_be_pickled_is_lost_alone() -> None:
    bad = (index for index in range(3))
    found = results(ProcessCompute(1), type, [bad, 1, 2])
    assert found == {bad: Lost(Reason.INTERNAL_ERROR, "TypeError"), 1: int, 2: int}


def test_memory_beyond_the_limit_loses_one_task() -> None:
    one_lost(run_out_of_memory, Reason.INTERNAL_ERROR, "MemoryError", memory_bytes=4 << 30)


@pytest.mark.parametrize("function", [hang, hang_in_native_code])
def test_a_task_that_hangs_is_stopped_and_lost_alone(function: Any) -> None:
    one_lost(function, Reason.TIMED_OUT, "", timeout_s=2.0)


def test_the_time_limit_counts_from_the_start_of_a_task_not_from_its_submission() -> None:
    tasks = [0.9 + index / 1000 for index in range(4)]
    assert results(ProcessCompute(1, timeout_s=2.5), sleep, tasks) == dict(zip(tasks, tasks, strict=True))


def test_the_time_limit_does_not_count_while_the_caller_is_busy() -> None:
    found = {}
    for task, result in ProcessCompute(2, timeout_s=0.5).run(sleep, [0.0, 0.01, 0.02]):
        found[task] = result
        time.sleep(0.8)
    assert found == {0.0: 0.0, 0.01: 0.01, 0.02: 0.02}


def test_a_slow_task_does_not_hold_up_the_others() -> None:
    order = [task for task, _ in ProcessCompute(2).run(sleep, [2.0, *(index / 1000 for index in range(20))])]
    assert order[-1] == 2.0


def test_nothing_is_lost_or_blamed_wrongly_when_workers_die_all_the_time() -> None:
    """A caller who keeps the interpreter busy is what makes shared pools mix up deaths."""
    done: list[bool] = []
    spinner = Thread(target=lambda: [sum(range(1000)) for _ in iter(lambda: bool(done), True)])
    spinner.start()
    try:
        found = results(ProcessCompute(4), die_when_odd, range(80))
    finally:
        done.append(True)
        spinner.join()
    assert found == {task: Lost(Reason.WORKER_DIED, "SIGKILL") if task % 2 else task for task in range(80)}


def test_tasks_are_read_as_far_as_there_are_workers_for() -> None:
    read = itertools.count()
    tasks = (next(read) for _ in range(1000))
    with closing(ProcessCompute(2).run(double, tasks)) as work:
        for _ in range(10):
            next(work)
    assert next(read) <= 10 + 2 * 2 + 2


def test_closing_early_leaves_no_process_behind() -> None:
    with closing(ProcessCompute(2).run(hang, [1, 3, 3, 3])) as work:
        assert next(work) == (1, 1)
        assert workers_of(os.getpid())
    assert not workers_of(os.getpid())


def test_an_error_of_the_task_source_stops_the_workers_and_reaches_the_caller() -> None:
    def source() -> Any:
        yield from range(5)
        raise KeyError

    with pytest.raises(KeyError):
        results(ProcessCompute(2), double, source())
    assert not workers_of(os.getpid())


def test_programs_that_a_hung_task_started_are_stopped_with_it() -> None:
    assert results(ProcessCompute(1, timeout_s=1.0), run_program, [1]) == {1: Lost(Reason.TIMED_OUT, "")}
    assert not [process for process in psutil.process_iter() if running(process, "/bin/sleep 6137")]


def test_temporary_files_of_a_killed_worker_are_deleted(tmp_path: Path) -> None:
    results(ProcessCompute(1), partial(leave_file_and_die, str(tmp_path)), [1, 2])
    files = [Path(note.read_text()) for note in tmp_path.iterdir()]
    assert len(files) == 2
    assert not [file for file in files if file.exists() or file.parent.exists()]


def test_nothing_that_a_task_prints_reaches_the_outside(capfd: pytest.CaptureFixture[str]) -> None:
    assert results(ProcessCompute(2), talk, range(4)) == {task: task for task in range(4)}
    assert SECRET not in "".join(capfd.readouterr())


def test_workers_use_one_thread_each_and_the_caller_keeps_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    before = dict(os.environ)
    assert results(ProcessCompute(1), environment, [1]) == {1: ("1", "1", "1")}
    assert dict(os.environ) == before
    assert results(ProcessCompute(1), native_threads, [1]) == {1: 2}  # itself and the one that waits for the parent


def test_a_function_that_workers_cannot_import_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(double, "__module__", "missing_module")
    monkeypatch.setitem(sys.modules, "missing_module", sys.modules["tests.builders.tasks"])
    with pytest.raises(DeidError, match="ModuleNotFoundError"):
        results(ProcessCompute(2), double, range(9))


def test_workers_that_cannot_start_end_the_run() -> None:
    with pytest.raises(DeidError, match=r"before they are ready|MemoryError"):
        results(ProcessCompute(2, memory_bytes=1 << 20), double, range(9))


def test_the_number_of_workers_follows_affinity_and_quota() -> None:
    assert 1 <= default_workers() <= (os.cpu_count() or 1)
    assert [_quota(text) for text in ("max 100000", "150000 100000", "50000 100000")] == [None, 2, 1]


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have programs in the background ignore it
sys.path.insert(0, {root!r})
from deid_platform.workers import ProcessCompute
from tests.builders.tasks import hang
{guard}
    print("started", flush=True)
    for result in ProcessCompute(2).run({function}, [1, 3, 3]):
        print(result, flush=True)
"""


def script(tmp_path: Path, function: str, guard: str = 'if __name__ == "__main__":') -> subprocess.Popen[str]:
    file = tmp_path / "script.py"
    file.write_text(SCRIPT.format(root=str(ROOT), function=function, guard=guard))
    return subprocess.Popen([sys.executable, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_parent_ends_its_workers_end_too(tmp_path: Path, ending: signal.Signals) -> None:
    with script(tmp_path, "hang") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["started\n", "(1, 1)\n"]
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(ending)
        process.wait()
    assert len(family) >= 3  # the server and two workers
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive


def test_a_script_without_a_guard_fails_and_says_why(tmp_path: Path) -> None:
    with script(tmp_path, "hang", guard="if True:") as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "before they are ready" in error


def workers_of(parent: int) -> list[psutil.Process]:
    """List the processes that the server of this parent started, without the server and the tracker of resources."""
    helpers = psutil.Process(parent).children()
    return [child for helper in helpers for child in helper.children() if child.status() != psutil.STATUS_ZOMBIE]


def running(process: psutil.Process, command: str) -> bool:
    try:
        return " ".join(process.cmdline()) == command and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="Linux counts the threads of a process there.")
def test_what_workers_are_forked_from_has_no_thread() -> None:
    load = "import importlib, os, sys; [*map(importlib.import_module, sys.argv[1:])]"
    program = f"{load}; print(len(os.listdir('/proc/self/task')))"
    told = subprocess.run(
        [sys.executable, "-c", program, *workers._PRELOAD],
        env=os.environ | SINGLE_THREAD | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == "1"
