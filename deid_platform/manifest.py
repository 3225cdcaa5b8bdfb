"""The Parquet schema every stage writes, reading and writing it.

The bytes of a manifest depend on its rows only: no time, no path, no random id. Its SHA-256 therefore is the data
version of the stage, and what a verdict is bound to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from deid_platform.errors import StoreError
from deid_platform.model import Change, Entry, Finding, Masking, Region, Severity, Stage, Status
from deid_platform.store.protocol import Store

_CHANGE = pa.struct([("target", pa.string()), ("action", pa.string()), ("rule", pa.string()), ("count", pa.int64())])
_REGION = pa.struct([(field.name, pa.int64()) for field in fields(Region)])
_REGIONS = ("regions", "head_regions")
_MASKING_TYPES = {"share": pa.float64(), "head": pa.string()} | dict.fromkeys(_REGIONS, pa.list_(_REGION))
_MASKING = pa.struct([(field.name, _MASKING_TYPES.get(field.name, pa.int64())) for field in fields(Masking)])
_TYPES = {
    "size": pa.int64(), "masking": _MASKING, "changes": pa.list_(_CHANGE), "satisfied": pa.list_(pa.string()),
}  # fmt: skip
_ENTRY_FIELDS = [field.name for field in fields(Entry)]
MANIFEST_SCHEMA = pa.schema(
    [("batch", pa.string()), ("dataset", pa.string())]
    + [(name, _TYPES.get(name, pa.string())) for name in _ENTRY_FIELDS]
)
"""One row per item: batch, dataset (the stage that wrote the manifest), then the fields of Entry."""

_DAMAGED = "A manifest is damaged: delete its folder and run the stage again."
FINDING_SCHEMA = pa.schema([(field.name, pa.string()) for field in fields(Finding)])


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a stage made of a batch: its rows, ordered by item, and the SHA-256 of its Parquet bytes."""

    stage: Stage
    batch: str
    entries: tuple[Entry, ...]
    sha256: str

    @property
    def passed(self) -> tuple[Entry, ...]:
        """The rows nothing has refused."""
        return tuple(entry for entry in self.entries if entry.passed)

    @property
    def quarantined(self) -> tuple[Entry, ...]:
        """The rows that were refused, here or in an earlier stage."""
        return tuple(entry for entry in self.entries if not entry.passed)


def write_manifest(store: Store, key: str, stage: Stage, batch: str, entries: Iterable[Entry]) -> Manifest:
    """Write rows in the order of their items."""
    ordered = tuple(sorted(entries, key=lambda entry: entry.item))
    data = _encode(MANIFEST_SCHEMA, [{"batch": batch, "dataset": str(stage)} | asdict(entry) for entry in ordered])
    store.write(key, data)
    return Manifest(stage, batch, ordered, hashlib.sha256(data).hexdigest())


def read_manifest(store: Store, key: str, stage: Stage, batch: str) -> Manifest:
    """Read a manifest. Raises StoreError when it is not there or no manifest of this engine."""
    data = store.read(key)
    try:
        entries = tuple(_entry(row) for row in _decode(MANIFEST_SCHEMA, data))
    except (TypeError, ValueError):
        raise StoreError(_DAMAGED) from None
    return Manifest(stage, batch, entries, hashlib.sha256(data).hexdigest())


def write_findings(store: Store, key: str, findings: Iterable[Finding]) -> None:
    """Write what a check saw, sorted."""
    store.write(key, _encode(FINDING_SCHEMA, [asdict(finding) for finding in sorted(findings)]))


def read_findings(store: Store, key: str) -> tuple[Finding, ...]:
    """Read findings back. Raises StoreError when they are not there."""
    rows = _decode(FINDING_SCHEMA, store.read(key))
    try:
        return tuple(Finding(**row | {"severity": Severity(row["severity"])}) for row in rows)
    except ValueError:
        raise StoreError(_DAMAGED) from None


def write_rows(store: Store, key: str, schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of any flat schema the same way."""
    store.write(key, _encode(schema, rows))


def read_rows(store: Store, key: str, schema: pa.Schema) -> list[dict[str, Any]]:
    """Read rows of a schema. Raises StoreError when they are not there or of another schema."""
    return _decode(schema, store.read(key))


def _encode(schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> bytes:
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), sink, compression="zstd")
    return sink.getvalue()


def _decode(schema: pa.Schema, data: bytes) -> list[dict[str, Any]]:
    try:
        table = pq.read_table(BytesIO(data))
        rows: list[dict[str, Any]] = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError):
        raise StoreError(_DAMAGED) from None
    if not table.schema.equals(schema):
        raise StoreError("A manifest was written by another version: delete its folder and run the stage again.")
    return rows


def _entry(row: dict[str, Any]) -> Entry:
    values = {name: row[name] for name in _ENTRY_FIELDS}
    values["status"] = Status(values["status"])
    regions = {name: tuple(Region(**region) for region in values["masking"][name]) for name in _REGIONS}
    values["masking"] = Masking(**values["masking"] | regions)
    values["changes"] = tuple(Change(**change) for change in values["changes"])
    values["satisfied"] = tuple(values["satisfied"])
    return Entry(**values)
