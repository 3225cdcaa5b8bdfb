from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from deid_platform.errors import StoreError, UnsafeToRelease
from deid_platform.model import Stage
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub, scrubbed_digest
from deid_platform.stages.task import sha256_of
from tests.builders.chain import Here, land, outcome_of, pipeline, seal, small_files, tree
from tests.builders.dicom import encode, image, leaks, person
from tests.builders.failing_store import FailingStore


@pytest.fixture
def ready(tmp_path: Path) -> tuple[Pipeline, str]:
    """A batch of two images of one study, taken in."""
    land(tmp_path, {f"{n}.dcm": encode(image(person(0), instance=n)) for n in (1, 2)})
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    take_in(used, batch)
    return used, batch


def test_objects_lie_under_pseudonyms_and_digest(ready: tuple[Pipeline, str], tmp_path: Path) -> None:
    used, batch = ready
    result = scrub(used, batch)
    assert result.digest == scrubbed_digest(used, batch)
    for entry in result.manifest.passed:
        place = f"scrubbed/{batch}/{result.digest}/{entry.subject}/{entry.study}/{entry.series}/{entry.instance}.dcm"
        assert entry.object == place
        path = tmp_path / place
        assert (path.stat().st_size, sha256_of(path)) == (entry.size, entry.sha256)


def test_the_header_agrees_with_the_row(ready: tuple[Pipeline, str], tmp_path: Path) -> None:
    for entry in scrub(*ready).manifest.passed:
        ds = pydicom.dcmread(tmp_path / entry.object)
        assert (ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID) == (
            entry.subject,
            entry.study,
            entry.series,
            entry.instance,
        )


def test_neither_rows_nor_objects_name_anybody(ready: tuple[Pipeline, str], tmp_path: Path) -> None:
    result = scrub(*ready)
    assert len(result.manifest.passed) == 2
    kept = {"serial", "station"}  # this profile keeps the identity of devices
    for entry in result.manifest.passed:
        assert not leaks(person(0), repr(entry).encode(), kept)
        assert not leaks(person(0), (tmp_path / entry.object).read_bytes(), kept)


def test_rows_say_what_was_done(ready: tuple[Pipeline, str]) -> None:
    result = scrub(*ready)
    assert {"(0010,0010)", "(0020,000D)", "(0008,0020)"} <= {tag for tag, _, _ in result.actions}
    assert all(entry.satisfied for entry in result.manifest.passed)


def test_refused_items_keep_neither_key_nor_etag_of_the_landing_zone(tmp_path: Path) -> None:
    land(tmp_path, small_files())
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    take_in(used, batch)
    (tmp_path / "landing/north/2024-03-01/c.dcm").write_bytes(b"changed")
    refused = scrub(used, batch).manifest.quarantined
    assert {outcome_of(entry) for entry in refused} == {
        "raw: duplicate", "raw: empty", "raw: unsupported_format", "scrubbed: source_changed",
    }  # fmt: skip
    assert {(entry.object, entry.etag) for entry in refused} == {("", "")}


def test_raw_comes_first(tmp_path: Path) -> None:
    land(tmp_path, small_files())
    used = pipeline(tmp_path)
    (batch,) = seal(used)
    with pytest.raises(UnsafeToRelease, match="materialise raw first"):
        scrub(used, batch)


def test_a_store_that_fails_half_way_refuses_nothing_and_leaves_no_manifest(
    ready: tuple[Pipeline, str], tmp_path: Path
) -> None:
    used, batch = ready
    failing = FailingStore(used.zones.trusted, tmp_path / "counter", first=2, last=2)
    with pytest.raises(StoreError, match="told to fail"):
        scrub(replace(used, zones=replace(used.zones, trusted=failing)), batch)
    assert not [key for key in tree(tmp_path / "scrubbed") if key.endswith(".parquet")]
    assert len(scrub(used, batch).manifest.passed) == 2


def test_the_order_in_which_workers_finish_changes_nothing(ready: tuple[Pipeline, str], tmp_path: Path) -> None:
    used, batch = ready
    first = scrub(used, batch)
    backwards = replace(pipeline(tmp_path / "other", compute=Backwards()), zones=used.zones)
    (tmp_path / "scrubbed").rename(tmp_path / "before")
    assert scrub(backwards, batch).manifest == first.manifest
    assert tree(tmp_path / "scrubbed") == tree(tmp_path / "before")


class Backwards(Here):
    def run(self, function, tasks):  # type: ignore[no-untyped-def]
        yield from reversed(list(super().run(function, tasks)))


def test_the_stage_is_named_in_its_manifest(ready: tuple[Pipeline, str]) -> None:
    assert scrub(*ready).manifest.stage is Stage.SCRUBBED
