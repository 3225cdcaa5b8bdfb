"""Findings of text that are taken back: words misread from anatomy in very few slices of a large volume."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from deid_platform.audit.neighbours import (
    FEWEST,
    MOST_SHARE,
    Slice,
    beside,
    header_of,
    only_anatomy,
    slice_of,
    straight_from_a_scanner,
)
from deid_platform.errors import StoreError
from deid_platform.manifest import Manifest
from deid_platform.model import Entry, Finding, Reason
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.task import Broken, StoreBroken, landed_object, own_object
from deid_platform.store.protocol import Store
from deid_platform.workers import Lost

_DICOM = "dicom"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A series whose slices were read: ``hits`` show text, ``sources`` are the landing keys of their originals."""

    entries: tuple[Entry, ...]
    hits: frozenset[str]
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Weigh:
    """The task of looking again at the hits of a series, beside their neighbours."""

    landing: Store
    trusted: Store
    marks: bool

    def __call__(self, doubt: Doubt) -> frozenset[str] | Broken:
        """The items that show nothing but anatomy; none where anything cannot be told."""
        try:
            with ExitStack() as stack:
                return self._anatomy(doubt, stack)
        except StoreBroken as error:
            return Broken(str(error))
        except Exception:  # noqa: BLE001 - what cannot be weighed stays refused
            return frozenset()

    def _anatomy(self, doubt: Doubt, stack: ExitStack) -> frozenset[str]:
        paths = {one.item: stack.enter_context(own_object(self.trusted, one.object)) for one in doubt.entries}
        headers = {item: header_of(path) for item, path in paths.items()}
        slices = {item: found for item, one in headers.items() if (found := slice_of(one)) is not None}
        return frozenset(
            item for item in sorted(doubt.hits & slices.keys())
            if straight_from_a_scanner(headers[item]) and self._unmarked(doubt.sources.get(item, ""))
            and (pair := _clean_pair(item, slices, doubt.hits))
            and only_anatomy(paths[item], (paths[pair[0]], paths[pair[1]]), marks=self.marks)
        )  # fmt: skip

    def _unmarked(self, source: str) -> bool:
        """Whether the original does not say that there is text, which the copy has to."""
        if not source:
            return False
        with landed_object(self.landing, source) as path:
            return straight_from_a_scanner(header_of(path))


def _clean_pair(item: str, slices: Mapping[str, Slice], hits: frozenset[str]) -> tuple[str, str] | None:
    pair = beside(item, slices)
    return pair if pair and not hits & set(pair) else None


def misread(
    pipeline: Pipeline, raw: Manifest, cleaned: Manifest, read: Iterable[str], findings: Sequence[Finding]
) -> frozenset[str]:
    """The items in which text was found that is none; ``read`` are all that were read.

    Raises
    ------
    StoreError
        A worker could not use the platform's own stores.
    """
    hits = frozenset(one.item for one in findings if (one.rule, one.kind) == (Reason.BURNED_IN_TEXT, "text_left"))
    task = Weigh(pipeline.zones.landing, pipeline.zones.trusted, pipeline.policy.pixels.keeps_marks)
    sources = {entry.item: entry.object for entry in raw.passed if entry.item in hits}
    found: frozenset[str] = frozenset()
    with closing(pipeline.compute.run(task, _doubts(cleaned, set(read), hits, sources))) as results:
        for _, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            if not isinstance(result, Lost):
                found |= result
    return found


def _doubts(cleaned: Manifest, read: set[str], hits: frozenset[str], sources: Mapping[str, str]) -> list[Doubt]:
    """Series of many slices that were read, few of which show text."""
    series: dict[str, list[Entry]] = defaultdict(list)
    for entry in cleaned.passed:
        if entry.format == _DICOM and entry.item in read and entry.masking.frames == 1:
            series[entry.series].append(entry)
    doubts = []
    for _, entries in sorted(series.items()):
        own = hits & {entry.item for entry in entries}
        if own and len(entries) >= FEWEST and len(own) <= MOST_SHARE * len(entries):
            doubts.append(Doubt(tuple(entries), own, {item: sources.get(item, "") for item in own}))
    return doubts
