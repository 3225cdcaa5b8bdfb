"""Functions that workers run in tests; most of them do something else for task 3."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any, NoReturn

import psutil

SECRET = "Tikhonravova"  # a name, as a file might hold it


def double(task: int) -> int:
    return 2 * task


def add(first: int, second: int) -> int:
    return first + second


def exit_at_once(task: int) -> int:
    if task == 3:
        os._exit(7)
    return task


def kill_self(task: int) -> int:
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def crash(task: int) -> int:
    if task == 3:
        ctypes.string_at(0)
    return task


def system_exit(task: int) -> int:
    if task == 3:
        sys.exit(SECRET)
    return task


def raise_text(task: int) -> int:
    if task == 3:
        raise ValueError(SECRET)
    return task


class HardToPickle(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)
        self.second = second


def raise_hard_to_pickle(task: int) -> int:
    if task == 3:
        raise HardToPickle(SECRET, SECRET)
    return task


def return_lambda(task: int) -> Any:
    return (lambda: task) if task == 3 else task


class BrokenOnArrival:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return fail, (SECRET,)


def fail(text: str) -> NoReturn:
    raise LookupError(text)


def return_broken(task: int) -> Any:
    return BrokenOnArrival() if task == 3 else task


def run_out_of_memory(task: int) -> int:
    return len(bytearray(1 << 34)) if task == 3 else task


def hang(task: int) -> int:
    if task == 3:
        time.sleep(600)
    return task


def hang_in_native_code(task: int) -> int:
    if task == 3:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
        ctypes.PyDLL(None).sleep(600)  # keeps the interpreter's lock
    return task


def sleep(task: float) -> float:
    time.sleep(task)
    return task


def run_program(_task: int) -> int:
    return subprocess.run(["/bin/sleep", "6137"], check=True).returncode


def talk(task: int) -> int:
    os.write(1, SECRET.encode())
    os.write(2, SECRET.encode())
    print(SECRET)
    print(SECRET, file=sys.stderr, flush=True)
    logging.getLogger("pydicom").error(SECRET)
    warnings.warn(SECRET, stacklevel=1)
    ctypes.CDLL(None).puts(SECRET.encode())
    return task


def environment(_task: int) -> tuple[str | None, ...]:
    import numpy  # noqa: F401 - as a task would have loaded it

    return tuple(os.environ.get(name) for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OPENBLAS_NUM_THREADS"))


def native_threads(_task: int) -> int:
    import numpy as np  # as a task would have loaded it

    _ = np.ones((512, 512)) @ np.ones((512, 512))
    return int(psutil.Process().num_threads())


def leave_file_and_die(folder: str, task: int) -> int:
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(SECRET.encode())
    Path(folder, str(task)).write_text(file.name)
    os.kill(os.getpid(), signal.SIGKILL)
    return task


def process_id(_task: int) -> int:
    return os.getpid()


def die_when_odd(task: int) -> int:
    if task % 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return task
