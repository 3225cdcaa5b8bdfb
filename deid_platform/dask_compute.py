"""Parallel work on the machines of a Dask cluster, or over any other :class:`concurrent.futures.Executor`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import Any, TypeVar

from deid_platform.errors import DeidError
from deid_platform.model import Reason
from deid_platform.worker_process import answer, class_name, silence
from deid_platform.workers import Lost, outcome

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class ExecutorCompute:
    """A :class:`~deid_platform.workers.Compute` over executors, with ``in_flight`` tasks submitted at a time.

    ``deaths`` are the exceptions by which the executor says that a worker died. It may blame tasks that only waited
    there, so each task it blames is tried again with nothing beside it, and is lost if that fails too. Executors know
    no time limit, so a task that hangs holds up the run; what ran when the run is closed early may run to its end.
    """

    connect: Callable[[], AbstractContextManager[Executor]]
    in_flight: int
    deaths: tuple[type[BaseException], ...] = (BrokenExecutor, CancelledError)

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[T, R | Lost], None, None]:
        """See :class:`~deid_platform.workers.Compute`. Raises :class:`DeidError` if the executor cannot run tasks."""
        pickled = pickle.dumps(function)
        blamed: list[T] = []
        for task, result in self._attempt(pickled, tasks, self.in_flight):
            if isinstance(result, Lost) and result.reason is Reason.WORKER_DIED:
                blamed.append(task)
            else:
                yield task, result
        for task in blamed:
            yield from self._attempt(pickled, [task], 1)

    def _attempt(self, function: bytes, tasks: Iterable[T], in_flight: int) -> Iterator[tuple[T, R | Lost]]:
        source = iter(tasks)
        for task in source:  # when an executor broke, the next takes what is left
            with self.connect() as executor:
                yield from self._drain(executor, function, chain([task], source), in_flight)

    def _drain(
        self, executor: Executor, function: bytes, tasks: Iterable[T], in_flight: int
    ) -> Iterator[tuple[T, R | Lost]]:
        running: dict[Future[bytes], T] = {}
        try:
            for task in tasks:
                try:
                    running[executor.submit(do, function, pickle.dumps(task))] = task
                except BrokenExecutor as error:
                    yield task, _lost(Reason.WORKER_DIED, error)
                    break
                except Exception as error:  # noqa: BLE001 - whatever a task raises while it is pickled
                    yield task, _lost(Reason.INTERNAL_ERROR, error)
                while len(running) >= in_flight:
                    yield from self._collect(running)
            while running:
                yield from self._collect(running)
        finally:
            for future in running:
                future.cancel()

    def _collect(self, running: dict[Future[bytes], T]) -> Iterator[tuple[T, R | Lost]]:
        """Wait for one task at least, and yield all that are done."""
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            yield running.pop(future), self._result(future)

    def _result(self, future: Future[bytes]) -> Any:  # what the function returned
        try:
            return outcome(future.result())
        except self.deaths as error:
            return _lost(Reason.WORKER_DIED, error)
        except Exception as error:  # noqa: BLE001 - do() raises only what loading raises
            name = type(error).__name__
            raise DeidError(f"Workers cannot load the function they should run ({name}): install it there.") from None


def dask_compute(address: str, in_flight: int = 256) -> ExecutorCompute:
    """Use the Dask cluster whose scheduler is at ``address``, such as ``tcp://scheduler:8786``.

    Start its workers with one thread each (decoders are not safe between threads) and a memory limit, and let the
    scheduler's ``distributed.scheduler.allowed-failures`` be 0: a task that kills its worker then does so twice only.

    Raises
    ------
    DeidError
        Here if ``distributed`` is not installed, in ``run`` if the scheduler does not answer.
    """
    try:
        from distributed import KilledWorker
    except ImportError:
        raise DeidError("A Dask cluster needs the package 'distributed': install the extra 'dask'.") from None
    return ExecutorCompute(partial(_dask_executor, address), in_flight, (KilledWorker, CancelledError))


@contextmanager
def _dask_executor(address: str) -> Iterator[Executor]:
    from distributed import Client, WorkerPlugin  # optional

    class Silence(WorkerPlugin):  # type: ignore[misc, unused-ignore]
        """Keep a worker, also one that joins later, from printing or logging; Dask would log the tasks that fail."""

        name = "deid-silence"

        def setup(self, worker: object) -> None:  # given by Dask
            silence()

    try:
        client = Client(address, set_as_default=False)
    except OSError as error:
        raise DeidError(f"The Dask scheduler does not answer ({type(error).__name__}): check its address.") from None
    with client:
        client.register_plugin(Silence())
        yield client.get_executor(pure=False)


def do(function: bytes, task: bytes) -> bytes:
    """Do one task in a worker, see :func:`~deid_platform.worker_process.answer`; raises if the function cannot load."""
    return answer(_load(function), task)


@lru_cache(maxsize=4)
def _load(function: bytes) -> Callable[[Any], Any]:
    loaded: Callable[[Any], Any] = pickle.loads(function)  # noqa: S301 - made by the one who asked for the work
    return loaded


def _lost(reason: Reason, error: BaseException) -> Lost:
    return Lost(reason, class_name(error).decode())
