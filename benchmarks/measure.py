"""One contender, one process: user CPU, wall clock and peak memory by the operating system's own accounts."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run took: seconds of user and system CPU, seconds of wall clock, peak resident memory in MiB."""

    user_s: float
    system_s: float
    wall_s: float
    peak_mib: float


def _cold() -> None:
    """No warming up: all that is opened counts."""


def measure(work: Callable[[], object], warm_up: Callable[[], object] = _cold) -> Cost:
    """The cost of ``work`` in a fresh process, imports and ``warm_up`` not counted (memory is)."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_child, args=(work, warm_up, there))
    process.start()
    there.close()
    cost: Cost = here.recv()
    process.join()
    return cost


def _child(work: Callable[[], object], warm_up: Callable[[], object], answer: Connection) -> None:
    warm_up()
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - start
    answer.send(Cost(after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime, wall, _peak_mib()))


def _peak_mib() -> float:
    """Peak resident memory of this process. Linux hands the parent's down in ``ru_maxrss``, so its file is asked."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def as_row(name: str, cost: Cost, files: int) -> dict[str, object]:
    """A row for the JSON report; rates per second of user CPU, which other load on the machine disturbs least."""
    figures = {key: round(value, 3) for key, value in asdict(cost).items()}
    return {"contender": name, "files": files, "files_per_user_s": round(files / max(cost.user_s, 1e-9), 1), **figures}
