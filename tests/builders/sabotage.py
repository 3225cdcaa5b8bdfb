"""Workers that really die or hang over one item of one stage, and a scrubber that leaves a name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pydicom

from deid_platform.layout import manifest_key
from deid_platform.manifest import write_manifest
from deid_platform.model import Entry, Stage
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.pixels import clean_pixels, pixel_digest
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub, scrubbed_digest
from deid_platform.stages.task import sha256_of
from deid_platform.workers import Compute, Lost
from tests.builders.dicom import person

DIE, HANG, RAISE = "die", "hang", "raise"


@dataclass(frozen=True, slots=True)
class Sabotage:
    """A compute whose workers come to harm. ``plan``: what happens by class of task and item.

    The class of the task tells the stage (Receive, Scrub, Clean, Inspect, Publish); everything else is done as it is.
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


def leak(used: Pipeline, batch: str, root: Path) -> str:
    """Do what a faulty scrubber would: names in a description of the first item, manifests that fit. Gives its id."""
    take_in(used, batch)
    digest = scrubbed_digest(used, batch)
    first, *rest = scrub(used, batch).manifest.passed
    path = root / first.object
    ds = pydicom.dcmread(path)
    ds.SeriesDescription = " ".join(person(number).family for number in range(2))
    ds.save_as(path)
    row = replace(first, sha256=sha256_of(path), size=path.stat().st_size)
    key = manifest_key(Stage.SCRUBBED, batch, digest)
    write_manifest(used.zones.trusted, key, Stage.SCRUBBED, batch, [row, *rest])
    (root / manifest_key(Stage.PIXEL_CLEANED, batch, pixel_digest(used, batch))).unlink(missing_ok=True)
    clean_pixels(used, batch)
    return first.item
