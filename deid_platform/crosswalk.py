"""Old identifiers beside new ones. Derived again from the originals, so nothing has to be stored until it is asked for.

Whoever holds these files can undo the pseudonyms. :mod:`deid_platform.vault` keeps them encrypted instead.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from deid_platform.errors import StoreError
from deid_platform.formats.protocol import Crossing
from deid_platform.formats.registry import format_named
from deid_platform.identity import Identity
from deid_platform.manifest import Manifest
from deid_platform.model import Entry
from deid_platform.policy import Policy
from deid_platform.stages.pipeline import Pipeline
from deid_platform.store.protocol import Store
from deid_platform.workers import Lost

FILES = {"uid": "uid_map.csv", "patient": "patient_map.csv"}
ITEM_FILE = "item_map.csv"


@dataclass(frozen=True, slots=True)
class Cross:
    """The task: the crossings of one original."""

    landing: Store
    policy: Policy
    identity: Identity

    def __call__(self, entry: Entry) -> tuple[Crossing, ...]:
        """Read one original; what it calls its patient, study and objects beside what they became."""
        with self.landing.fetch(entry.object) as source:
            item_format = format_named(entry.format)
            return tuple(dict.fromkeys(item_format.crosswalk(source, self.identity, self.policy, entry.object)))


def crossings(pipeline: Pipeline, raw: Manifest, items: set[str]) -> Iterator[Crossing]:
    """The crossings of the given items of a batch. Raises StoreError when an original can no longer be read."""
    for _, found in crossed(pipeline, raw, items):
        yield from found


def crossed(pipeline: Pipeline, raw: Manifest, items: set[str]) -> Iterator[tuple[Entry, tuple[Crossing, ...]]]:
    """The given items of a batch with their crossings, in the order of completion.

    Raises
    ------
    StoreError
        An original can no longer be read.
    """
    wanted = (entry for entry in raw.passed if entry.item in items)
    task = Cross(pipeline.zones.landing, pipeline.policy, pipeline.identity)
    with closing(pipeline.compute.run(task, wanted)) as results:
        for entry, result in results:
            if isinstance(result, Lost):
                raise StoreError("The crosswalk is incomplete: an original could not be read again.")
            yield entry, result


def write_crosswalk(folder: Path, found: Iterable[Crossing], released: dict[str, str]) -> None:
    """Write ``uid_map.csv``, ``patient_map.csv`` (id_old,id_new) and ``item_map.csv`` (path,released)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pairs: dict[str, set[tuple[str, str]]] = {kind: set() for kind in FILES}
    for crossing in found:
        pairs[crossing.kind].add((crossing.old, crossing.new))
    for kind, name in FILES.items():
        _write(folder / name, ("id_old", "id_new"), sorted(pairs[kind]))
    _write(folder / ITEM_FILE, ("path", "released"), sorted(released.items()))


def _write(path: Path, header: tuple[str, str], rows: Iterable[tuple[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        path.chmod(0o600)
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
