"""Parallel work inside a batch that loses only the item whose worker died or hung.

The pools at hand share pipes and locks between workers, and so blame the wrong task, or wait for ever, when a worker
dies at a bad moment (CPython's breaks altogether). Here each worker has a pipe of its own and one task at a time, so a
death can concern nothing else. Work on many machines is left to Dask, see :mod:`deid_platform.dask_compute`.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from deid_platform.errors import DeidError
from deid_platform.model import Reason
from deid_platform.worker_process import DONE, READY, SINGLE_THREAD, Setup, class_name, serve

T = TypeVar("T")
R = TypeVar("R")

_PRELOAD = ("deid_platform.worker_process", "deid_platform.formats.registry", "deid_platform.heads.deciding")
"""What most tasks need and is slow to import. None of them may start a thread, as workers are forked from there."""
_START_S = 300.0  # a worker must be ready by then, also when it imports from a cold network disk
_STARTS = 3  # so many in a row that end before they are ready mean that none ever will be
_ENVIRONMENT = Lock()


@dataclass(frozen=True, slots=True)
class Lost:
    """What stands for the result of a task that has none.

    ``reason`` is WORKER_DIED, TIMED_OUT or INTERNAL_ERROR; ``error`` is the name of the exception's class or how the
    process ended ("SIGSEGV", "exit 1"), never a text.
    """

    reason: Reason
    error: str


class Compute(Protocol):
    """Something that does many tasks at once."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[T, R | Lost], None, None]:
        """Yield each task once, with its result or :class:`Lost`, in the order of completion.

        The order differs between runs (in the order of submission one slow item would make all workers wait), so the
        caller sorts what it writes. ``function`` is a function of a module or a ``functools.partial`` of one; tasks and
        results are small and picklable. ``tasks`` is read as far as there are workers for, not to its end at once.
        Closing the iterator stops the work: use ``contextlib.closing`` where the loop may be left early.
        """
        ...


def default_workers() -> int:
    """As many processes as this one may use cores, by affinity and by the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota = _quota(Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii"))
    except (OSError, ValueError):
        quota = None
    return cores if quota is None else min(cores, quota)


def _quota(text: str) -> int | None:
    """Cores that cgroup v2's ``cpu.max`` ("max 100000", "150000 100000") grants, rounded up."""
    limit, period = text.split()
    return None if limit == "max" else max(1, math.ceil(int(limit) / int(period)))


@dataclass(frozen=True, slots=True)
class ProcessCompute:
    """Processes on this machine.

    ``timeout_s`` bounds one task, from the moment a worker takes it; ``memory_bytes`` bounds the address space of a
    worker, libraries included, so that what expands without end takes down one worker and not the machine. A task over
    it is lost as INTERNAL_ERROR ("MemoryError") or, where native code does not check, as WORKER_DIED.

    Processes are started afresh, never forked from the caller, who may have threads. They import the caller's main
    module: a script needs its ``if __name__ == "__main__":``, or the run ends with :class:`DeidError`. Each gets a
    folder for temporary files that is deleted with it, so that no copy of a file outlives a worker that was killed.
    POSIX only.
    """

    workers: int
    timeout_s: float | None = None
    memory_bytes: int | None = None

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[T, R | Lost], None, None]:
        """See :class:`Compute`. Raises :class:`DeidError` if no worker can start."""
        crew: _Crew[T, R] = _Crew(self, pickle.dumps(function), tasks)
        try:
            yield from crew.results()
        finally:
            crew.stop()


class _Worker(Generic[T]):
    """One process and the task it has, seen from the parent. ``deadline`` is in seconds of the monotonic clock."""

    def __init__(self, compute: ProcessCompute, function: bytes) -> None:
        context = _context()
        self.scratch = TemporaryDirectory(prefix="deid-", ignore_cleanup_errors=True)
        self.link, far_end = context.Pipe()
        setup = Setup(function, compute.memory_bytes, self.scratch.name)
        self.process = context.Process(target=serve, args=(far_end, setup), daemon=True)
        with _single_thread_environment():
            self.process.start()
        far_end.close()
        self.ready = False
        self.tasks: list[T] = []  # none or one
        self.deadline = monotonic() + _START_S

    @property
    def idle(self) -> bool:
        return self.ready and not self.tasks

    def give(self, task: T, data: bytes, timeout_s: float | None) -> None:
        self.tasks = [task]
        self.deadline = math.inf if timeout_s is None else monotonic() + timeout_s
        with suppress(OSError):  # it has just died, which the next wait reports
            self.link.send_bytes(data)

    def take(self) -> T:
        self.deadline = math.inf
        return self.tasks.pop()

    def receive(self) -> bytes | None:
        """Return the waiting message, or None if the process ended without one. A broken message counts as none."""
        try:
            return self.link.recv_bytes() if self.link.poll() else None
        except (EOFError, OSError):
            return None

    def ending(self) -> str:
        """How a process ended that closed its end of the pipe, as far as it can be known: "SIGKILL", "exit 1"."""
        self.process.join(1)
        code = self.process.exitcode
        if code is None or code >= 0:
            return f"exit {code}"
        return signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"

    def kill(self) -> None:
        if self.process.is_alive() and self.process.pid is not None:
            with suppress(OSError):  # it has not made its group yet
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()

    def bury(self) -> None:
        self.process.join()
        self.process.close()
        self.link.close()
        self.scratch.cleanup()


class _Crew(Generic[T, R]):
    """The workers of one run, the tasks that wait for one, and the bookkeeping between them."""

    def __init__(self, compute: ProcessCompute, function: bytes, tasks: Iterable[T]) -> None:
        self.compute = compute
        self.function = function
        self.tasks = iter(tasks)
        self.waiting: deque[T] = deque()  # at most one per worker
        self.team: list[_Worker[T]] = []
        self.failed_starts = 0

    def results(self) -> Iterator[tuple[T, R | Lost]]:
        """Work until every task is done or lost. Workers get their next task before the caller gets the results."""
        finished: list[tuple[T, R | Lost]] = []
        while True:
            finished += self._feed()
            yield from finished
            if not self._more() and not any(worker.tasks for worker in self.team):
                return
            self._hire()
            finished = self._listen()

    def stop(self) -> None:
        """Kill what still runs and wait for its end."""
        for worker in self.team:
            worker.kill()
        for worker in self.team:
            worker.bury()
        self.team.clear()

    def _more(self) -> bool:
        while len(self.waiting) < self.compute.workers:
            try:
                self.waiting.append(next(self.tasks))
            except StopIteration:
                break
        return bool(self.waiting)

    def _feed(self) -> Iterator[tuple[T, R | Lost]]:
        for worker in self.team:
            while worker.idle and self._more():
                task = self.waiting.popleft()
                try:
                    worker.give(task, pickle.dumps(task), self.compute.timeout_s)
                except Exception as error:  # noqa: BLE001 - whatever a task raises while it is pickled
                    yield task, _fault(error)

    def _hire(self) -> None:
        busy = sum(bool(worker.tasks) for worker in self.team)
        while len(self.team) < min(self.compute.workers, busy + len(self.waiting)):
            self.team.append(_Worker(self.compute, self.function))

    def _listen(self) -> list[tuple[T, R | Lost]]:
        """Wait until a worker says something, ends, or is late. What has arrived counts, however late it is read."""
        deadline = min(worker.deadline for worker in self.team)
        events = [event for worker in self.team for event in (worker.link, worker.process.sentinel)]
        happened = set(wait(events, None if deadline == math.inf else max(0.0, deadline - monotonic())))
        now = monotonic()
        finished: list[tuple[T, R | Lost]] = []
        for worker in tuple(self.team):
            if worker.link in happened or worker.process.sentinel in happened:
                finished += self._hear(worker, worker.receive())
            elif worker.deadline <= now:
                finished += self._dismiss(worker, Lost(Reason.TIMED_OUT, ""))
        return finished

    def _hear(self, worker: _Worker[T], message: bytes | None) -> Iterator[tuple[T, R | Lost]]:
        if message is None:
            yield from self._dismiss(worker, Lost(Reason.WORKER_DIED, worker.ending()))
        elif worker.ready:
            yield worker.take(), outcome(message)
        elif message == READY:
            worker.ready, worker.deadline, self.failed_starts = True, math.inf, 0
        else:
            name = message[1:].decode()
            raise DeidError(f"Workers cannot load the function they should run ({name}): install its module.")

    def _dismiss(self, worker: _Worker[T], lost: Lost) -> Iterator[tuple[T, R | Lost]]:
        """Make an end of a worker; only the task that it had is lost."""
        worker.kill()
        worker.bury()
        self.team.remove(worker)
        if worker.tasks:
            yield worker.take(), lost
        elif not worker.ready:
            self.failed_starts += 1
        if self.failed_starts >= _STARTS:
            how = lost.error or "too slow"
            raise DeidError(
                f"Workers end before they are ready ({how}): give them more memory; in a script, put what starts work "
                "under 'if __name__ == \"__main__\":'."
            )


def outcome(message: bytes) -> Any:  # what the function returned
    """Give the result in a worker's answer, or a :class:`Lost`."""
    if message[:1] != DONE:
        return Lost(Reason.INTERNAL_ERROR, message[1:].decode())
    try:
        return pickle.loads(memoryview(message)[1:])  # noqa: S301 - made by our own worker
    except Exception as error:  # noqa: BLE001 - whatever a result raises while it is unpickled
        return _fault(error)


def _fault(error: BaseException) -> Lost:
    return Lost(Reason.INTERNAL_ERROR, class_name(error).decode())


def _context() -> ForkServerContext:
    """Workers fork from a server that has imported what is slow to import: milliseconds instead of half a second."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOAD))  # without effect on a server that already runs
    return context


@contextmanager
def _single_thread_environment() -> Iterator[None]:
    """Set the environment that a new process inherits, and put ours back."""
    with _ENVIRONMENT:
        before = {name: os.environ.get(name) for name in SINGLE_THREAD}
        os.environ.update(SINGLE_THREAD)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
