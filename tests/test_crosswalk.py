from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deid_platform.crosswalk import Cross, crossings, write_crosswalk
from deid_platform.errors import StoreError
from deid_platform.formats.protocol import Crossing
from deid_platform.manifest import Manifest
from deid_platform.model import Reason
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.raw import take_in
from deid_platform.workers import Lost
from tests.builders.chain import land, pipeline, seal
from tests.builders.dicom import encode, image, person, report, uid

PEOPLE = {"a.dcm": person(0), "b.dcm": person(1)}
FILES = {"a.dcm": encode(image(person(0))), "b.dcm": encode(report(person(1))), "notes.txt": b"nothing of interest"}


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, Manifest]:
    """A batch that was taken in: two usable files of two people, and one that is refused."""
    root = tmp_path_factory.mktemp("chain")
    land(root, FILES)
    line = pipeline(root)
    return line, take_in(line, seal(line)[0]).manifest


def all_items(raw: Manifest) -> set[str]:
    return {entry.item for entry in raw.entries}


def test_every_patient_and_every_uid_that_was_replaced_is_told_with_its_replacement(
    batch: tuple[Pipeline, Manifest],
) -> None:
    line, raw = batch
    found = set(crossings(line, raw, all_items(raw)))
    subjects = {entry.subject for entry in raw.passed}
    assert {crossing.new for crossing in found if crossing.kind == "patient"} == subjects
    for someone in PEOPLE.values():
        assert Crossing("patient", someone.patient_id, line.identity.subject(someone.patient_id, "")) in found
        for level in ((0, 0), (1, 0), (1, 1)):
            old = uid(someone, 1, *level)
            assert Crossing("uid", old, line.identity.uid(old)) in found
    assert not any(crossing.old.startswith("1.2.840.10008.") for crossing in found)


def test_only_the_items_asked_for_are_told(batch: tuple[Pipeline, Manifest]) -> None:
    line, raw = batch
    first = next(entry for entry in raw.passed if entry.object.endswith("a.dcm"))
    patients = [crossing.old for crossing in crossings(line, raw, {first.item}) if crossing.kind == "patient"]
    assert patients == [person(0).patient_id]
    assert list(crossings(line, raw, set())) == []


def test_a_crossing_is_told_once_by_each_original(batch: tuple[Pipeline, Manifest]) -> None:
    line, raw = batch
    told = Cross(line.zones.landing, line.policy, line.identity)(raw.passed[0])
    assert len(set(told)) == len(told)


@dataclass(frozen=True, slots=True)
class Losing:
    """A compute whose workers all die."""

    def run(self, _function: Any, tasks: Iterable[Any]) -> Iterator[tuple[Any, Lost]]:
        return ((task, Lost(Reason.WORKER_DIED, "SIGKILL")) for task in tasks)


def test_an_original_that_cannot_be_read_again_makes_no_incomplete_crosswalk(batch: tuple[Pipeline, Manifest]) -> None:
    line, raw = batch
    broken = Pipeline(line.zones, line.policy, line.identity, Losing())  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="crosswalk is incomplete"):
        list(crossings(broken, raw, all_items(raw)))


def read(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


FOUND = [
    Crossing("uid", "1.2.4", "2.25.4"),
    Crossing("uid", "1.2.3", "2.25.3"),
    Crossing("patient", 'Müller, "47"', "SUBJECT"),
    Crossing("uid", "1.2.3", "2.25.3"),
]


def test_the_files_hold_each_pair_once_in_order(tmp_path: Path) -> None:
    write_crosswalk(tmp_path / "vault", FOUND, {"drop/b.dcm": "S/b.dcm", "drop/a.dcm": "S/a.dcm"})
    assert read(tmp_path / "vault/uid_map.csv") == [["id_old", "id_new"], ["1.2.3", "2.25.3"], ["1.2.4", "2.25.4"]]
    assert read(tmp_path / "vault/patient_map.csv") == [["id_old", "id_new"], ['Müller, "47"', "SUBJECT"]]
    assert read(tmp_path / "vault/item_map.csv") == [
        ["path", "released"], ["drop/a.dcm", "S/a.dcm"], ["drop/b.dcm", "S/b.dcm"],
    ]  # fmt: skip


def test_only_their_owner_may_read_the_files(tmp_path: Path) -> None:
    write_crosswalk(tmp_path / "vault", FOUND, {})
    assert (tmp_path / "vault").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "vault").iterdir())


def test_writing_again_gives_the_same_files(tmp_path: Path) -> None:
    write_crosswalk(tmp_path, FOUND, {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write_crosswalk(tmp_path, reversed(FOUND), {})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
