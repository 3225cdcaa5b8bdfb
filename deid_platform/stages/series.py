"""The first pass of pixel_cleaned: what all slices of a series show at the same place is masked in each of them.

Writing that stays while tissue changes stands out in the minimum, maximum and median over a series. What is found there
is an addition to what is found in each slice, so a series whose task is lost loses nothing but that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass

from deid_platform.errors import DeidError, StoreError
from deid_platform.formats.registry import format_named
from deid_platform.model import Entry
from deid_platform.pixels.inference import DetectorSpec, open_detector
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.projections import FEWEST
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.task import Broken, StoreBroken, own_object
from deid_platform.store.protocol import Store
from deid_platform.workers import Lost

_MOST = 32
_LARGEST = 2**26
"""Bytes of an object from which on it is no slice."""


@dataclass(frozen=True, slots=True)
class Series:
    """Some items of one series, evenly chosen; ``entry`` is the first of them."""

    key: str
    entries: tuple[Entry, ...]

    @property
    def entry(self) -> Entry:
        """What stands for the series."""
        return self.entries[0]


@dataclass(frozen=True, slots=True)
class Project:
    """The task of the first pass."""

    trusted: Store
    detector: DetectorSpec

    def __call__(self, series: Series) -> Mask | Broken | None:
        """What the projections of a series show; None when that is nothing, or cannot be told."""
        try:
            with ExitStack() as stack:
                paths = [stack.enter_context(own_object(self.trusted, entry.object)) for entry in series.entries]
                return format_named(series.entry.format).series_text(paths, open_detector(self.detector))
        except StoreBroken as error:
            return Broken(str(error))
        except (DeidError, ValueError):
            return None


def additions(pipeline: Pipeline, entries: Iterable[Entry], detector: DetectorSpec) -> dict[str, Mask]:
    """The mask to add, by series. Raises StoreError when a worker could not use the platform's own stores."""
    task = Project(pipeline.zones.trusted, detector)
    found: dict[str, Mask] = {}
    with closing(pipeline.compute.run(task, _series(entries))) as results:
        for series, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            if result is not None and not isinstance(result, Lost):
                found[series.key] = result
    return found


def _series(entries: Iterable[Entry]) -> list[Series]:
    members: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.size < _LARGEST:
            members[entry.series].append(entry)
    return [
        Series(key, tuple(_evenly(sorted(group, key=lambda entry: entry.item))))
        for key, group in sorted(members.items()) if len(group) >= FEWEST
    ]  # fmt: skip


def _evenly(group: list[Entry]) -> Iterable[Entry]:
    count = min(len(group), _MOST)
    return (group[number * len(group) // count] for number in range(count))
