"""Workers that really die or hang over one item of one stage, and stores that go away."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from deid_platform.model import Entry
from deid_platform.workers import Compute, Lost

DIE, HANG, RAISE = "die", "hang", "raise"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A compute whose workers come to harm. ``plan``: what happens by class of task and item.

    The class of the task tells the stage (Receive, Scrub, Judge, Inspect, Publish); everything else is done as it is.
    """

    inner: Compute
    plan: Mapping[tuple[str, str], str]

    def run(
        self, function: Callable[[Any], Any], tasks: Iterable[Any]
    ) -> Generator[tuple[Any, Any | Lost], None, None]:
        """See :class:`~deid_platform.workers.Compute`."""
        kind = type(function).__name__
        harm = {item: how for (stage, item), how in self.plan.items() if stage == kind}
        return self.inner.run(partial(_do, function, harm), tasks)


def _do(function: Callable[[Any], Any], harm: Mapping[str, str], task: Any) -> Any:
    entry = task if isinstance(task, Entry) else task.entry
    come_to(harm.get(entry.item, ""))
    return function(task)


def come_to(harm: str) -> None:
    """Die, hang or raise in this process."""
    if harm == DIE:
        os.kill(os.getpid(), signal.SIGKILL)
    if harm == HANG:
        time.sleep(600)
    if harm == RAISE:
        raise ValueError("Quintrelle was here")


def work(entry: Entry) -> Entry:
    """A task for workers that does what the entry's object says."""
    come_to(entry.object)
    return entry
