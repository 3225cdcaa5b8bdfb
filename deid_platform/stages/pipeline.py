"""What every stage shares: its inputs, its digest, running one task per item, and never doing work twice."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeVar

from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.heads.net import choose_head_net
from deid_platform.identity import Identity
from deid_platform.layout import Zones, manifest_key
from deid_platform.manifest import Manifest, read_manifest, write_manifest
from deid_platform.model import ENGINE_VERSION, Entry, HeadRule, Stage
from deid_platform.pixels.codecs import codec_versions
from deid_platform.pixels.inference import DetectorSpec
from deid_platform.policy import Policy
from deid_platform.stages.task import Broken, refuse, without_place
from deid_platform.tesseract import tesseract_version
from deid_platform.workers import Compute, Lost

T = TypeVar("T")
Progress = Callable[[Stage, int], None]
"""Told the stage and how many more items it has finished."""


def silent(_stage: Stage, _items: int) -> None:
    """A progress nobody watches."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Everything the stages need, for the batches of one site."""

    zones: Zones
    policy: Policy
    identity: Identity
    compute: Compute
    progress: Progress = silent
    detector: DetectorSpec | None = None

    def code_version(self, stage: Stage) -> str:
        """Changes whenever a stage may give other bytes for the same input: engine, policy, programs, key."""
        return code_version(stage, self.policy, self.identity.fingerprint, self.detector)

    def digest(self, stage: Stage, source: str) -> str:
        """Names one version of a stage of a batch; ``source`` is the digest of what it is made from."""
        return hashlib.sha256(f"{self.code_version(stage)}\n{source}".encode()).hexdigest()[:32]


def code_version(stage: Stage, policy: Policy, fingerprint: str = "", detector: DetectorSpec | None = None) -> str:
    """The parts that decide what a stage makes of its input, as one short digest."""
    parts = [ENGINE_VERSION, str(stage), fingerprint]
    if stage is not Stage.RAW:
        parts += [policy.digest, _word_lists()]
    if stage is Stage.PIXEL_CLEANED:
        parts += [tesseract_version(), codec_versions(), detector.identity if detector is not None else ""]
        parts += [choose_head_net().identity] if policy.heads.looks else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@cache
def _word_lists() -> str:
    """SHA-256 over the lists and patterns that steer the cleaning of texts."""
    digest = hashlib.sha256()
    for file in sorted(resources.files("deid_platform").joinpath("data").iterdir(), key=lambda file: file.name):
        digest.update(f"{file.name}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class StageResult:
    """A stage of a batch: its manifest, the digest it lies under, and what it cost this time (0 when it was there)."""

    manifest: Manifest
    digest: str
    seconds: float

    @property
    def reasons(self) -> dict[str, int]:
        """Refused items by reason code, all stages so far."""
        return dict(sorted(Counter(entry.reason for entry in self.manifest.quarantined).items()))

    @property
    def bytes(self) -> int:
        """Bytes of the items that passed."""
        return sum(entry.size for entry in self.manifest.passed)

    @property
    def masking(self) -> dict[str, float]:
        """What was done to pixels, over the items that passed; see :func:`masking_totals`."""
        return masking_totals(self.manifest.passed)

    @property
    def actions(self) -> list[tuple[str, str, int]]:
        """(tag, action, places) over all items, most frequent first."""
        counts: Counter[tuple[str, str]] = Counter()
        for entry in self.manifest.entries:
            for change in entry.changes:
                counts[change.target, change.action] += change.count
        return [(*key, count) for key, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


_FACELESS = frozenset(rule for rule in HeadRule if rule.removed)


def masking_totals(entries: Sequence[Entry]) -> dict[str, float]:
    """What was masked in items: how many of them, frames, marks that stay, text compared with identifiers of the
    subject and found to say one, and the mean share of the area of items with masked text."""
    masked = [entry.masking for entry in entries if entry.masking.masked or entry.masking.overlays]
    shares = sum(masking.share for masking in masked)
    return {
        "masked_items": len(masked),
        "masked_frames": sum(masking.masked for masking in masked),
        "masked_overlays": sum(masking.overlays for masking in masked),
        "marks_kept": sum(entry.masking.marks for entry in entries),
        "texts_compared": sum(masking.read for masking in masked),
        "identifiers_found": sum(masking.identifiers for masking in masked),
        "items_without_face": sum(entry.masking.head in _FACELESS for entry in entries),
        "masked_share": round(shares / len(masked), 6) if masked else 0.0,
    }


def find(pipeline: Pipeline, stage: Stage, batch: str, digest: str) -> Manifest | None:
    """The manifest of a stage if it was made already."""
    key = manifest_key(stage, batch, digest)
    if pipeline.zones.trusted.stat(key) is None:
        return None
    return read_manifest(pipeline.zones.trusted, key, stage, batch)


def require(pipeline: Pipeline, stage: Stage, batch: str, digest: str) -> Manifest:
    """The manifest of an earlier stage.

    Raises
    ------
    UnsafeToRelease
        That stage was not made under this policy, key and engine.
    """
    manifest = find(pipeline, stage, batch, digest)
    if manifest is None:
        raise UnsafeToRelease(f"{stage} of {batch} does not exist under this policy, key and engine: "
                              f"materialise {stage} first.")
    return manifest


def run_stage(
    pipeline: Pipeline, stage: Stage, source: Manifest, digest: str, work: Callable[[], Iterable[Entry]]
) -> StageResult:
    """Have the passed rows of ``source`` worked on unless the result is there already; refused rows are carried.

    ``work`` gives the new row of every passed one, see :func:`each`.
    """
    start = time.perf_counter()
    manifest = find(pipeline, stage, source.batch, digest)
    if manifest is not None:
        return StageResult(manifest, digest, 0.0)
    entries = map(without_place, (*source.quarantined, *work()))
    key = manifest_key(stage, source.batch, digest)
    manifest = write_manifest(pipeline.zones.trusted, key, stage, source.batch, entries)
    return StageResult(manifest, digest, time.perf_counter() - start)


def each(
    pipeline: Pipeline, stage: Stage, entries: Iterable[Entry], task: Callable[[Entry], Entry | Broken]
) -> Iterator[Entry]:
    """The results of ``task`` on rows, see :func:`each_of`."""
    return each_of(pipeline, stage, entries, task, lambda entry: entry)


def each_of(
    pipeline: Pipeline,
    stage: Stage,
    pieces: Iterable[T],
    task: Callable[[T], Entry | Broken],
    row: Callable[[T], Entry],
) -> Iterator[Entry]:
    """The results of ``task``; an item whose worker died, hung or failed is refused, the rest goes on.

    ``row`` tells the row a piece of work is about.

    Raises
    ------
    StoreError
        A worker could not use the platform's own stores: then nothing is wrong with the item, and nothing is lost by
        stopping here and running again.
    """
    with closing(pipeline.compute.run(task, pieces)) as results:
        for piece, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            pipeline.progress(stage, 1)
            if isinstance(result, Lost):
                yield refuse(row(piece), stage, str(result.reason), result.error)
            else:
                yield result
