from __future__ import annotations

import hashlib
import random
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_platform.errors import StoreError
from deid_platform.manifest import (
    FINDING_SCHEMA,
    MANIFEST_SCHEMA,
    read_findings,
    read_manifest,
    read_rows,
    write_findings,
    write_manifest,
    write_rows,
)
from deid_platform.model import Change, Entry, Finding, Masking, Region, Severity, Stage, Status
from deid_platform.store.folder import FolderStore
from tests.builders.properties import always, sparingly

words = st.text(st.characters(codec="utf-8"), max_size=8)
changes = st.builds(Change, words, words, words, st.integers(0, 2**40))
regions = st.builds(Region, *4 * [st.integers(0, 2**16)])
maskings = st.builds(
    Masking, st.integers(0, 9), share=st.floats(0, 1), regions=st.lists(regions, max_size=3).map(tuple)
)
entries = st.builds(
    Entry,
    item=words,
    status=st.sampled_from(Status),
    object=words,
    size=st.integers(0, 2**50),
    sha256=words,
    stage=words,
    reason=words,
    subject=words,
    rule=words,
    masking=maskings,
    changes=st.lists(changes, max_size=3).map(tuple),
    satisfied=st.lists(words, max_size=3).map(tuple),
)
manifests = st.lists(entries, max_size=6, unique_by=lambda entry: entry.item)
findings = st.lists(st.builds(Finding, words, words, words, words, st.sampled_from(Severity)), max_size=6)
ENTRY = Entry("ITEM", Status.PASSED, "scrubbed/a", 7, "0" * 64, changes=(Change("(0010,0010)", "D", "rule"),))
KEY = "raw/north-a/0/manifest.parquet"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    return FolderStore(str(tmp_path_factory.mktemp("store")))


@given(manifests, st.sampled_from(Stage), words)
@sparingly
def test_what_is_written_is_read_again(store: FolderStore, rows: list[Entry], stage: Stage, batch: str) -> None:
    written = write_manifest(store, KEY, stage, batch, rows)
    assert read_manifest(store, KEY, stage, batch) == written
    assert set(written.entries) == set(rows)
    assert [entry.item for entry in written.entries] == sorted(entry.item for entry in rows)


@given(manifests, st.randoms(use_true_random=False))
@sparingly
def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_come(
    store: FolderStore, rows: list[Entry], chance: random.Random
) -> None:
    first = write_manifest(store, KEY, Stage.RAW, "b", rows)
    data = store.read(KEY)
    second = write_manifest(store, KEY, Stage.RAW, "b", iter(chance.sample(rows, len(rows))))
    assert store.read(KEY) == data
    assert first.sha256 == second.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        replace(ENTRY, size=8), replace(ENTRY, status=Status.QUARANTINED), replace(ENTRY, satisfied=("a",)),
        replace(ENTRY, changes=()), replace(ENTRY, rule="no text"),
    ],
)  # fmt: skip
def test_any_difference_in_a_row_makes_another_version(store: FolderStore, other: Entry) -> None:
    versions = {write_manifest(store, KEY, Stage.RAW, "b", [entry]).sha256 for entry in (ENTRY, other)}
    assert len(versions) == 2


def test_rows_that_passed_and_rows_that_were_refused_are_told_apart(store: FolderStore) -> None:
    refused = replace(ENTRY, item="OTHER", status=Status.QUARANTINED)
    manifest = write_manifest(store, KEY, Stage.RAW, "b", [refused, ENTRY])
    assert manifest.passed == (ENTRY,)
    assert manifest.quarantined == (refused,)


@given(findings)
@sparingly
def test_findings_are_read_as_they_were_written_sorted(store: FolderStore, found: list[Finding]) -> None:
    write_findings(store, "findings.parquet", found)
    assert read_findings(store, "findings.parquet") == tuple(sorted(found))


def test_rows_of_other_tables_are_written_and_read_the_same_way(store: FolderStore) -> None:
    schema = pa.schema([("key", pa.string()), ("size", pa.int64())])
    rows = [{"key": "b", "size": 2}, {"key": "a", "size": None}]
    write_rows(store, "rows.parquet", schema, rows)
    assert read_rows(store, "rows.parquet", schema) == rows


@pytest.fixture(scope="module")
def written(store: FolderStore) -> bytes:
    write_manifest(store, KEY, Stage.RAW, "b", [replace(ENTRY, item=f"ITEM{number}") for number in range(20)])
    return store.read(KEY)


@given(where=st.floats(0, 0.999), flip=st.integers(1, 255), cut=st.booleans())
@always
def test_a_damaged_manifest_is_reported_or_read_whole_and_never_crashes(
    store: FolderStore, written: bytes, where: float, flip: int, cut: bool
) -> None:
    at = int(where * len(written))
    damaged = written[:at] if cut else written[:at] + bytes([written[at] ^ flip]) + written[at + 1 :]
    store.write("damaged.parquet", damaged)
    with suppress(StoreError):
        manifest = read_manifest(store, "damaged.parquet", Stage.RAW, "b")
        assert not cut
        assert manifest.sha256 != hashlib.sha256(written).hexdigest()


def test_a_manifest_that_was_cut_off_is_reported_with_what_to_do(store: FolderStore, written: bytes) -> None:
    store.write("cut.parquet", written[:-1])
    with pytest.raises(StoreError, match="damaged: delete its folder and run the stage again"):
        read_manifest(store, "cut.parquet", Stage.RAW, "b")


def test_a_manifest_of_another_kind_is_refused(store: FolderStore) -> None:
    write_findings(store, "findings.parquet", [])
    with pytest.raises(StoreError, match="another version"):
        read_manifest(store, "findings.parquet", Stage.RAW, "b")


def test_a_missing_manifest_is_an_error_of_the_store(store: FolderStore) -> None:
    with pytest.raises(StoreError):
        read_manifest(store, "raw/north-a/1/manifest.parquet", Stage.RAW, "b")


def test_schemas_hold_the_fields_of_the_values_they_carry() -> None:
    assert MANIFEST_SCHEMA.names == ["batch", "dataset", *Entry.__slots__]
    assert FINDING_SCHEMA.names == list(Finding.__slots__)


def test_a_manifest_lies_in_the_store_as_one_object(store: FolderStore, written: bytes) -> None:
    assert written.startswith(b"PAR1")
    assert not list(Path(store.root).rglob("*.tmp"))
