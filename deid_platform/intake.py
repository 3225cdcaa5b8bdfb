"""From a drop to sealed batches, idempotently: looking twice, or crashing in between, seals nothing twice.

The ledger remembers per drop which study each object belongs to (so that a large drop can be looked at in several
goes) and which batches it became. Objects that arrive after a drop was sealed, or that changed, become new batches;
a sealed batch never changes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from deid_platform.batches import Batch, Bounds, Landed, plan
from deid_platform.errors import StoreError
from deid_platform.formats.registry import format_of
from deid_platform.identity import Identity
from deid_platform.layout import Zones, ledger_folder, survey_key
from deid_platform.manifest import read_rows, write_rows
from deid_platform.model import StoredObject
from deid_platform.stages.raw import read_sealed, write_sealed
from deid_platform.store.protocol import Store

MARKER = "_COMPLETE"
"""An object of this name in a drop says that the producer is done; it is not an item."""
SURVEY_BYTES = 1 << 16
"""The study of an image is told within its first 64 KiB."""
_SURVEY_SCHEMA = pa.schema([("key", pa.string()), ("etag", pa.string()), ("study", pa.string())])
_SITE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_THREADS = 16


@dataclass(frozen=True, slots=True)
class Drop:
    """What a site put under ``<site>/<name>/`` of the landing zone. The name may hold PHI; :attr:`site` may not."""

    site: str
    name: str

    @property
    def folder(self) -> str:
        """Where its objects lie in the landing zone, with a closing slash."""
        return f"{self.site}/{self.name}/"


def is_site(name: str) -> bool:
    """Whether a folder of the landing zone names a site: lower-case letters, digits, hyphens, at most 32.

    Site names appear in partition keys, so nothing but a plain name is taken for one.
    """
    return _SITE.fullmatch(name) is not None


def drops(landing: Store) -> Iterator[Drop]:
    """Every drop of every site."""
    for site in landing.folders(""):
        if is_site(site):
            yield from (Drop(site, name) for name in landing.folders(f"{site}/"))


@dataclass(frozen=True, slots=True)
class Patience:
    """When a drop is taken: at its marker, else once nothing in it changed for ``quiet_s`` seconds.

    ``survey_s`` bounds the seconds spent on finding out studies in one call.
    """

    quiet_s: float = 300.0
    survey_s: float = 40.0


def seal_drop(
    zones: Zones, identity: Identity, drop: Drop, bounds: Bounds, patience: Patience, now: float | None = None
) -> list[str]:
    """Seal what is new in a drop; gives the ids of the new batches, none while the drop is still filling.

    Raises
    ------
    StoreError
        A zone cannot be read or written.
    """
    objects = list(zones.landing.list(drop.folder))
    if not objects or not _settled(objects, drop, patience, time.time() if now is None else now):
        return []
    ledger = ledger_folder(identity.token("drop", drop.site, drop.name))
    known = _sealed_before(zones.trusted, ledger)
    fresh = [o for o in objects if (o.key, o.etag) not in known and o.key != drop.folder + MARKER]
    if not fresh:
        return []
    studies = survey(zones, identity, fresh, ledger, time.monotonic() + patience.survey_s)
    if studies is None:
        return []
    landed = [Landed(o.key, o.size, o.etag, studies[o.key]) for o in fresh]
    return [seal(zones.trusted, batch, ledger) for batch in plan(landed, bounds, identity)]


def seal(trusted: Store, batch: Batch, ledger: str) -> str:
    """Write a batch down, its members first: the ledger never names a batch that is not there."""
    write_sealed(trusted, batch)
    trusted.write(ledger + batch.id, b"")
    return batch.id


def sealed_batches(trusted: Store) -> Iterator[str]:
    """The ids of all batches in the ledger."""
    for drop in trusted.folders("ledger/"):
        yield from _batches_of(trusted, f"ledger/{drop}/")


def survey(
    zones: Zones, identity: Identity, objects: list[StoredObject], ledger: str, deadline: float
) -> dict[str, str] | None:
    """The study of every object, by key ('' where it tells none); None when ``deadline`` (monotonic) came first.

    What was found out so far is kept, and the next call goes on from there.
    """
    key = survey_key(ledger.removeprefix("ledger/").rstrip("/"))
    found = _read_survey(zones.trusted, key)
    missing = [o for o in objects if (o.key, o.etag) not in found]
    with ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(missing), 256):
            if time.monotonic() > deadline:
                break
            part = missing[start : start + 256]
            studies = threads.map(_study_of(zones.landing, identity), part)
            found.update({(o.key, o.etag): study for o, study in zip(part, studies, strict=True)})
    if missing:
        rows = [{"key": k, "etag": etag, "study": study} for (k, etag), study in sorted(found.items())]
        write_rows(zones.trusted, key, _SURVEY_SCHEMA, rows)
    by_key = {k: study for (k, _), study in found.items()}
    return by_key if all((o.key, o.etag) in found for o in objects) else None


def _settled(objects: list[StoredObject], drop: Drop, patience: Patience, now: float) -> bool:
    if any(o.key == drop.folder + MARKER for o in objects):
        return True
    return max(o.modified for o in objects) + patience.quiet_s <= now


def _sealed_before(trusted: Store, ledger: str) -> set[tuple[str, str]]:
    batches = _batches_of(trusted, ledger)
    return {(member.key, member.etag) for batch in batches for member in read_sealed(trusted, batch).members}


def _batches_of(trusted: Store, ledger: str) -> Iterator[str]:
    for stored in trusted.list(ledger):
        name = stored.key.removeprefix(ledger)
        if not name.endswith(".parquet"):
            yield name


def _read_survey(trusted: Store, key: str) -> dict[tuple[str, str], str]:
    if trusted.stat(key) is None:
        return {}
    return {(row["key"], row["etag"]): row["study"] for row in read_rows(trusted, key, _SURVEY_SCHEMA)}


def _study_of(landing: Store, identity: Identity) -> Callable[[StoredObject], str]:
    """A function that looks into one object. What it cannot read stands alone; the raw stage says what is wrong."""

    def look(stored: StoredObject) -> str:
        try:
            head = landing.head(stored.key, SURVEY_BYTES)
        except StoreError:
            landing.require()  # without the zone every study would be torn into single objects
            return ""
        accepted = format_of(head, stored.key)
        return (accepted.study_of(head, identity, stored.key) if accepted else None) or ""

    return look
