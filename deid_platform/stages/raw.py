"""Raw: what came in. Every landed object of a batch is read once and gets a row, whatever it is."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from deid_platform.batches import Batch, Landed
from deid_platform.errors import MalformedFile, StoreError, UnsupportedFormat
from deid_platform.formats.recognised import recognised
from deid_platform.formats.registry import HEAD_BYTES, format_of_file
from deid_platform.identity import Identity
from deid_platform.layout import manifest_key, sealed_key
from deid_platform.manifest import read_rows, write_manifest, write_rows
from deid_platform.model import Entry, Reason, Stage, Status
from deid_platform.stages.pipeline import Pipeline, StageResult, each, find
from deid_platform.stages.task import Broken, guarded, landed_object, landing_zone, refuse, sha256_of
from deid_platform.store.protocol import Store

SEALED_SCHEMA = pa.schema(
    [("site", pa.string()), ("key", pa.string()), ("size", pa.int64()), ("etag", pa.string()), ("study", pa.string())]
)


def write_sealed(store: Store, batch: Batch) -> None:
    """Write down the members of a batch; from here on it never changes."""
    rows = [
        {"site": batch.site, "key": m.key, "size": m.size, "etag": m.etag, "study": m.study} for m in batch.members
    ]
    write_rows(store, sealed_key(batch.id), SEALED_SCHEMA, rows)


def read_sealed(store: Store, batch: str) -> Batch:
    """The members of a batch. Raises StoreError when there is no such batch."""
    rows = read_rows(store, sealed_key(batch), SEALED_SCHEMA)
    members = tuple(Landed(row["key"], row["size"], row["etag"], row["study"]) for row in rows)
    return Batch(batch, rows[0]["site"], members)


def item_id(identity: Identity, key: str) -> str:
    """The opaque id of a landed object."""
    return identity.token("item", identity.site, key)


def raw_digest(pipeline: Pipeline, batch: str) -> str:
    """The digest of the raw stage; a batch id already stands for the members' keys, sizes and etags."""
    return pipeline.digest(Stage.RAW, batch)


def take_in(pipeline: Pipeline, batch: str) -> StageResult:
    """Materialise ``raw`` for a sealed batch."""
    start = time.perf_counter()
    digest = raw_digest(pipeline, batch)
    found = find(pipeline, Stage.RAW, batch, digest)
    if found is not None:
        return StageResult(found, digest, 0.0)
    task = Receive(pipeline.zones.landing, pipeline.identity)
    members = read_sealed(pipeline.zones.trusted, batch).members
    landed = (_landed(member, pipeline.identity) for member in members)
    entries = _settle(each(pipeline, Stage.RAW, landed, task))
    key = manifest_key(Stage.RAW, batch, digest)
    manifest = write_manifest(pipeline.zones.trusted, key, Stage.RAW, batch, entries)
    return StageResult(manifest, digest, time.perf_counter() - start)


def _landed(member: Landed, identity: Identity) -> Entry:
    return Entry(item_id(identity, member.key), Status.PASSED, member.key, member.size, "", etag=member.etag)


@dataclass(frozen=True, slots=True)
class Receive:
    """The task of the raw stage."""

    landing: Store
    identity: Identity

    def __call__(self, entry: Entry) -> Entry | Broken:
        """Read one landed object to its end and describe it."""
        return guarded(entry, Stage.RAW, lambda: self._read(entry))

    def _read(self, entry: Entry) -> Entry:
        with landing_zone(self.landing):
            now = self.landing.stat(entry.object)
            if now is None or now.etag != entry.etag:
                raise StoreError("The object changed after its batch was sealed.", Reason.SOURCE_CHANGED)
        with landed_object(self.landing, entry.object) as path:
            return self._describe(entry, path)

    def _describe(self, entry: Entry, path: Path) -> Entry:
        if path.stat().st_size == 0:
            raise MalformedFile("The object is empty.", Reason.EMPTY)
        accepted = format_of_file(path, entry.object)
        if accepted is None:
            with path.open("rb") as file:
                named = replace(entry, format=recognised(file.read(HEAD_BYTES)))
            return refuse(named, Stage.RAW, str(Reason.UNSUPPORTED_FORMAT), UnsupportedFormat.__name__)
        described = accepted.describe(path, self.identity, entry.object)
        return replace(
            entry,
            sha256=sha256_of(path),
            format=accepted.name,
            subject=described.subject,
            study=described.study,
            series=described.series,
            instance=described.instance,
            sop_class=described.sop_class,
            modality=described.modality,
            transfer_syntax=described.transfer_syntax,
            path=described.path,
        )


def _settle(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Refuse what only a look at the whole batch can tell: studies of several patients, series in several studies,
    instances that come twice.

    Of equal SOP Instance UIDs the object with the first key is processed, so that running again decides the same.
    """
    everything = list(entries)
    passed = sorted((entry for entry in everything if entry.passed), key=lambda entry: entry.object)
    yield from (entry for entry in everything if not entry.passed)
    subjects: dict[str, set[str]] = defaultdict(set)
    studies: dict[str, set[str]] = defaultdict(set)
    for entry in passed:
        subjects[entry.study].add(entry.subject)
        studies[entry.series].add(entry.study)
    first: dict[str, Entry] = {}
    for entry in passed:
        if len(subjects[entry.study]) > 1:
            yield refuse(entry, Stage.RAW, str(Reason.PATIENT_CONFLICT))
        elif len(studies[entry.series]) > 1:
            yield refuse(entry, Stage.RAW, str(Reason.SERIES_CONFLICT))
        elif entry.instance in first:
            same = first[entry.instance].sha256 == entry.sha256
            yield refuse(entry, Stage.RAW, str(Reason.DUPLICATE if same else Reason.DUPLICATE_UID))
        else:
            first[entry.instance] = entry
            yield entry
