from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deid_platform import intake
from deid_platform.batches import Bounds
from deid_platform.errors import StoreError
from deid_platform.identity import Identity
from deid_platform.intake import MARKER, Drop, Patience, drops, is_site, seal_drop, sealed_batches
from deid_platform.layout import Zones
from deid_platform.stages.raw import read_sealed
from deid_platform.store.folder import FolderStore
from deid_platform.store.protocol import Store
from deid_platform.store.s3 import S3Connection, S3Store
from tests.builders.chain import AT_ONCE, KEY, zones_of
from tests.builders.dicom import encode, image, person
from tests.builders.failing_store import FailingStore
from tests.builders.s3_server import s3_server

NORTH = Identity(KEY, "north")
DROP = Drop("north", "Quintrelle 2024")
ONE_EACH = Bounds(max_objects=1)


@pytest.fixture(scope="module")
def buckets() -> Iterator[tuple[S3Connection, Any]]:
    """A server, and a client of it: making one takes longer than most tests."""
    with s3_server() as connection:
        yield connection, connection()


@pytest.fixture(params=["folder", "s3"])
def zones(request: pytest.FixtureRequest, tmp_path: Path) -> Zones:
    if request.param == "folder":
        (tmp_path / "store").mkdir()
        return zones_of(FolderStore(f"{tmp_path}/store"))
    connection, client = request.getfixturevalue("buckets")
    bucket = f"test-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    return zones_of(S3Store(bucket, "platform", connection))


@pytest.fixture
def folder(tmp_path: Path) -> Zones:
    return zones_of(FolderStore(f"{tmp_path}/store"))


def put(zones: Zones, *names: str, data: bytes = b"x", drop: Drop = DROP) -> None:
    for name in names:
        zones.landing.write(drop.folder + name, data)


def sealed(zones: Zones, bounds: Bounds = ONE_EACH, drop: Drop = DROP) -> list[str]:
    return seal_drop(zones, Identity(KEY, drop.site), drop, bounds, AT_ONCE)


def members(zones: Zones, batches: list[str]) -> list[str]:
    found = [member.key for batch in batches for member in read_sealed(zones.trusted, batch).members]
    return sorted(key.removeprefix(DROP.folder) for key in found)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("north", True), ("st-marys-2", True), ("n" * 32, True), ("n" * 33, False), ("North", False), ("-north", False),
     ("", False), ("north_west", False), ("north west", False), ("nørth", False), ("north\n", False), ("..", False)],
)  # fmt: skip
def test_a_site_has_a_plain_name(name: str, is_one: bool) -> None:
    assert is_site(name) is is_one


def test_every_drop_of_every_site_is_found_and_no_other_folder(zones: Zones) -> None:
    for key in ("north/a/1", "north/b/1", "south/a/x/y", "Not A Site/a/1", "north/loose"):
        zones.landing.write(key, b"x")
    assert list(drops(zones.landing)) == [Drop("north", "a"), Drop("north", "b"), Drop("south", "a")]


def test_a_drop_becomes_batches_that_hold_every_object_once(zones: Zones) -> None:
    put(zones, "1", "2", "Quintrelle/3")
    batches = sealed(zones)
    assert members(zones, batches) == ["1", "2", "Quintrelle/3"]
    assert sorted(sealed_batches(zones.trusted)) == sorted(batches)
    assert len(set(batches)) == 3


def test_looking_again_seals_nothing_and_writes_nothing(zones: Zones) -> None:
    put(zones, "1", "2")
    sealed(zones)
    before = {found.key: found.etag for found in zones.trusted.list()}
    assert [sealed(zones), sealed(zones)] == [[], []]
    assert {found.key: found.etag for found in zones.trusted.list()} == before


def test_late_and_changed_objects_become_a_new_batch_and_the_old_one_stays(zones: Zones) -> None:
    put(zones, "1", "2", "3")
    (first,) = sealed(zones, Bounds())
    before = zones.trusted.read(f"raw/{first}/sealed.parquet")
    put(zones, "4")
    put(zones, "2", data=b"another version")
    (second,) = sealed(zones, Bounds())
    assert members(zones, [second]) == ["2", "4"]
    assert zones.trusted.read(f"raw/{first}/sealed.parquet") == before
    assert sealed(zones, Bounds()) == []


def test_a_drop_that_is_still_filling_is_left_alone_until_it_is_quiet(zones: Zones) -> None:
    put(zones, "1")
    now = max(found.modified for found in zones.landing.list())
    patient = Patience(quiet_s=300.0)
    assert seal_drop(zones, NORTH, DROP, ONE_EACH, patient, now + 299) == []
    assert len(seal_drop(zones, NORTH, DROP, ONE_EACH, patient, now + 300)) == 1


def test_a_marked_drop_is_taken_at_once_and_the_marker_is_no_item(zones: Zones) -> None:
    put(zones, "1", MARKER)
    assert members(zones, seal_drop(zones, NORTH, DROP, ONE_EACH, Patience(quiet_s=1e9))) == ["1"]


def test_a_marker_deeper_in_a_drop_is_an_object_like_any_other(zones: Zones) -> None:
    put(zones, f"scans/{MARKER}")
    assert seal_drop(zones, NORTH, DROP, ONE_EACH, Patience(quiet_s=1e9)) == []
    assert members(zones, sealed(zones)) == [f"scans/{MARKER}"]


@pytest.mark.parametrize("names", [(), (MARKER,)])
def test_a_drop_without_objects_becomes_no_batch(folder: Zones, names: tuple[str, ...]) -> None:
    put(folder, *names)
    assert sealed(folder) == []


def test_studies_stay_together(folder: Zones) -> None:
    for study in (1, 2):
        for instance in (1, 2):
            put(folder, f"{instance}-{study}.dcm", data=encode(image(person(0), study=study, instance=instance)))
    batches = sealed(folder, Bounds(max_objects=3))
    assert [members(folder, [batch]) for batch in batches] == [["1-1.dcm", "2-1.dcm"], ["1-2.dcm", "2-2.dcm"]]


def test_sites_share_nothing_even_with_equal_drops(folder: Zones) -> None:
    south = Drop("south", DROP.name)
    put(folder, "1")
    put(folder, "1", drop=south)
    first, second = sealed(folder), sealed(folder, drop=south)
    assert first[0].startswith("north-")
    assert second[0].startswith("south-")
    assert first[0].removeprefix("north") != second[0].removeprefix("south")
    assert len(list(folder.trusted.folders("ledger/"))) == 2


def test_no_key_outside_the_landing_zone_names_the_drop_or_its_files(folder: Zones) -> None:
    put(folder, "Quintrelle.dcm", data=encode(image(person(0))))
    sealed(folder)
    keys = [found.key for found in folder.trusted.list() if not found.key.startswith("landing/")]
    assert len(keys) == 3
    assert not [key for key in keys if "quintrelle" in key.lower()]


@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_write_seals_nothing_twice_and_loses_nothing(tmp_path: Path, after: bool) -> None:
    def failing(number: int) -> tuple[Zones, FailingStore]:
        zones = zones_of(FolderStore(f"{tmp_path}/{number}"))
        put(zones, "1", "2", "3")
        return zones, FailingStore(zones.trusted, tmp_path / f"counter{number}", number, number, after)

    undisturbed, store = failing(0)
    sealed(replace(undisturbed, trusted=store))
    assert store.writes == 7, "the survey, and members and ledger of three batches"
    for number in range(1, store.writes + 1):
        zones, broken = failing(number)
        with pytest.raises(StoreError, match="told to fail"):
            sealed(replace(zones, trusted=broken))
        sealed(zones)
        assert members(zones, list(sealed_batches(zones.trusted))) == ["1", "2", "3"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A landing zone that counts how often heads are read, and can lose an object or go away."""

    inner: Store
    heads: Counter[str]
    unreadable: str = ""
    gone: bool = False

    def require(self) -> None:
        if self.gone:
            raise StoreError("The zone has gone.")

    def list(self, prefix: str = "") -> Iterator[Any]:
        return self.inner.list(prefix)

    def head(self, key: str, size: int) -> bytes:
        self.heads[key] += 1
        if key.endswith(self.unreadable or "\0"):
            raise StoreError("An object cannot be read.")
        return self.inner.head(key, size)


def watched(zones: Zones, **settings: Any) -> tuple[Zones, Counter[str]]:
    heads: Counter[str] = Counter()
    landing: Any = Watched(zones.landing, heads, **settings)
    return replace(zones, landing=landing), heads


def test_a_large_drop_is_looked_at_in_several_goes_and_at_every_object_once(
    folder: Zones, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number:04d}" for number in range(600)]
    put(folder, *names)
    clock = count()  # a look at the time takes a second here
    monkeypatch.setattr(intake, "time", SimpleNamespace(monotonic=lambda: next(clock), time=time.time))
    zones, heads = watched(folder)
    patience = Patience(quiet_s=0.0, survey_s=1.0)
    answers = [seal_drop(zones, NORTH, DROP, Bounds(), patience) for _ in range(3)]
    assert [len(answer) for answer in answers] == [0, 0, 1]
    assert members(folder, answers[-1]) == names
    assert set(heads.values()) == {1}


def test_an_object_that_cannot_be_read_is_sealed_alone_so_that_raw_can_refuse_it(folder: Zones) -> None:
    for instance in (1, 2):
        put(folder, f"{instance}.dcm", data=encode(image(person(0), instance=instance)))
    zones, _ = watched(folder, unreadable="1.dcm")
    batches = sealed(zones, Bounds(max_objects=2))
    studies = {
        member.key[-5:]: member.study for batch in batches for member in read_sealed(folder.trusted, batch).members
    }
    assert studies["1.dcm"] == ""
    assert studies["2.dcm"] != ""


def test_a_landing_zone_that_goes_away_seals_nothing(folder: Zones) -> None:
    put(folder, "1", "2")
    zones, _ = watched(folder, unreadable="2", gone=True)
    with pytest.raises(StoreError, match="has gone"):
        sealed(zones)
    assert not list(sealed_batches(folder.trusted))
