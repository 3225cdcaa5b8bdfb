"""The whole chain on small drops, in a folder: stores, pipelines, drops, and what comes out of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

from deid_platform.batches import Bounds
from deid_platform.identity import Identity
from deid_platform.intake import Drop, Patience, drops, seal_drop
from deid_platform.layout import Zones
from deid_platform.model import Entry
from deid_platform.pixels.inference import DetectorSpec, choose_detector
from deid_platform.policy import load_policy
from deid_platform.stages.gate import GateResult, judge_batch
from deid_platform.stages.pipeline import Pipeline, StageResult
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in
from deid_platform.stages.released import release
from deid_platform.stages.scrubbed import scrub
from deid_platform.store.folder import FolderStore
from deid_platform.store.protocol import Store
from deid_platform.workers import Compute, Lost
from tests.builders.dicom import encode, image, person, report

T = TypeVar("T")
R = TypeVar("R")

KEY = bytes(range(32))
SITE, DROP = "north", "2024-03-01"
AT_ONCE = Patience(quiet_s=0.0)
TEXT_WITH_A_NAME = f"Please call {person(0).given} {person(0).family}\n".encode()


@dataclass(frozen=True, slots=True)
class Here:
    """A compute without processes: one task after the other, in this process."""

    def run(self, function: Callable[[T], R], tasks: Iterable[T]) -> Generator[tuple[T, R | Lost], None, None]:
        """See :class:`~deid_platform.workers.Compute`."""
        for task in tasks:
            yield task, function(task)


@dataclass(frozen=True, slots=True)
class Chain:
    """What the stages made of one batch."""

    raw: StageResult
    scrubbed: StageResult
    cleaned: StageResult
    gate: GateResult
    released: StageResult

    @property
    def stages(self) -> tuple[StageResult, ...]:
        """The four datasets, in order."""
        return self.raw, self.scrubbed, self.cleaned, self.released

    @property
    def names(self) -> dict[str, str]:
        """Base names of landed objects, by item."""
        return {entry.item: entry.object.rpartition("/")[2] for entry in self.raw.manifest.entries}

    @property
    def outcome(self) -> dict[str, str]:
        """'released', or stage and reason of the refusal, by the base name of each landed object."""
        return {self.names[entry.item]: outcome_of(entry) for entry in self.released.manifest.entries}


def outcome_of(entry: Entry) -> str:
    """'released', or 'stage: reason'."""
    return "released" if entry.passed else f"{entry.stage}: {entry.reason}"


def small_files() -> dict[str, bytes]:
    """Six files: two images of one study, a document of another patient, and three that nobody can use."""
    first = encode(image(person(0), instance=1))
    return {
        "a.dcm": first,
        "b.dcm": encode(image(person(0), instance=2)),
        "c.dcm": encode(report(person(1))),
        "again.dcm": first,
        "empty.dcm": b"",
        "notes.txt": TEXT_WITH_A_NAME,
    }


SMALL_OUTCOME = {
    "a.dcm": "released",
    "b.dcm": "released",
    "c.dcm": "released",
    "again.dcm": "raw: duplicate",
    "empty.dcm": "raw: empty",
    "notes.txt": "raw: unsupported_format",
}
"""What becomes of :func:`small_files`; of two equal files the first by name is processed."""


def land(root: Path, files: Mapping[str, bytes], site: str = SITE, drop: str = DROP) -> Path:
    """Put files into a drop of the landing zone under ``root``; gives the folder of the drop."""
    folder = root / "landing" / site / drop
    folder.mkdir(parents=True, exist_ok=True)
    fill(folder, files)
    return folder


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by name; names may hold surrogates (bytes that are no UTF-8) and folders."""
    for name, data in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).write_bytes(data)


def zones_of(root: Store) -> Zones:
    """The zones as the platform lays them out in one store."""
    return Zones(root.within("landing"), root, root.within("released"))


def pipeline(
    root: Path | Store, *, profile: str = "tcia", site: str = SITE, compute: Compute | None = None
) -> Pipeline:
    """The pipeline of a site over one store, without worker processes unless told otherwise."""
    store: Store = FolderStore(str(root)) if isinstance(root, Path) else root
    identity, policy = Identity(KEY, site), load_policy(profile)
    return Pipeline(zones_of(store), policy, identity, compute or Here(), detector=detector())


@cache
def detector() -> DetectorSpec:
    """The text detector that suits this machine, settled once."""
    return choose_detector()


def seal(pipeline: Pipeline, drop: str = DROP, bounds: Bounds | None = None) -> list[str]:
    """Seal what is new in a drop of the pipeline's site."""
    site = pipeline.identity.site
    return seal_drop(pipeline.zones, pipeline.identity, Drop(site, drop), bounds or Bounds(), AT_ONCE)


def run_chain(pipeline: Pipeline, batch: str) -> Chain:
    """Take a batch from raw to released."""
    stages = (take_in(pipeline, batch), scrub(pipeline, batch), clean_pixels(pipeline, batch))
    return Chain(*stages, judge_batch(pipeline, batch), release(pipeline, batch))


def run_drops(pipeline: Pipeline) -> dict[str, Chain]:
    """Seal every drop of the pipeline's site and take the batches through the chain, by batch."""
    found = [drop for drop in drops(pipeline.zones.landing) if drop.site == pipeline.identity.site]
    batches = [batch for drop in found for batch in seal(pipeline, drop.name)]
    return {batch: run_chain(pipeline, batch) for batch in batches}


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 by path of every object under a folder. What a killed process left half written is no object."""
    store = FolderStore(str(folder))
    return {found.key: hashlib.sha256(store.read(found.key)).hexdigest() for found in store.list()}
