from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from deid_platform.batches import Bounds
from deid_platform.errors import StoreError
from deid_platform.layout import quarantine_key
from deid_platform.manifest import read_manifest
from deid_platform.model import Entry, Stage
from deid_platform.stages.gate import judge_batch
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.pixels import clean_pixels
from deid_platform.stages.raw import take_in
from deid_platform.stages.released import release, released_digest
from deid_platform.stages.scrubbed import scrub
from deid_platform.store.folder import FolderStore
from tests.builders.chain import (
    SMALL_OUTCOME,
    Chain,
    land,
    outcome_of,
    pipeline,
    run_chain,
    run_drops,
    seal,
    small_files,
    tree,
)
from tests.builders.dicom import encode, person, report
from tests.builders.failing_store import FailingStore

pytestmark = pytest.mark.usefixtures("unruled")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Chain]:
    """The small drop, released."""
    root = tmp_path_factory.mktemp("released")
    land(root, small_files())
    ((batch, chain),) = run_drops(pipeline(root)).items()
    return root, batch, chain


def judged(root: Path) -> tuple[Pipeline, str]:
    """A batch of two documents that only waits for its release."""
    land(root, {f"{n}.dcm": encode(report(person(n))) for n in (0, 1)})
    used = pipeline(root)
    (batch,) = seal(used)
    for stage in (take_in, scrub, clean_pixels, judge_batch):
        stage(used, batch)
    return used, batch


def marker(root: Path, batch: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "released" / batch / "release.json").read_bytes())
    return found


def test_every_item_is_released_or_refused(done: tuple[Path, str, Chain]) -> None:
    assert done[2].outcome == SMALL_OUTCOME


def test_released_objects_are_the_judged_ones_under_pseudonyms(done: tuple[Path, str, Chain]) -> None:
    root, batch, chain = done
    folder = f"{batch}/{chain.released.digest}"
    objects = {
        f"{folder}/{entry.subject}/{entry.study}/{entry.series}/{entry.instance}.dcm": entry.sha256
        for entry in chain.cleaned.manifest.passed
    }
    assert {entry.object for entry in chain.released.manifest.passed} == set(objects)
    others = {f"{folder}/manifest.parquet", f"{folder}/report.html", f"{batch}/release.json"}
    found = tree(root / "released")
    assert found.keys() == objects.keys() | others
    assert {key: found[key] for key in objects} == objects


def test_the_marker_names_the_release_that_counts(done: tuple[Path, str, Chain]) -> None:
    root, batch, chain = done
    found = marker(root, batch)
    assert (found["batch"], found["digest"], found["objects"], found["profile"]) == (
        batch,
        chain.released.digest,
        3,
        "tcia",
    )


def test_the_public_manifest_tells_of_released_items_only(done: tuple[Path, str, Chain]) -> None:
    root, batch, chain = done
    key = f"{batch}/{chain.released.digest}/manifest.parquet"
    public = read_manifest(FolderStore(f"{root}/released"), key, Stage.RELEASED, batch)
    assert public.entries == chain.released.manifest.passed


def test_the_quarantine_tells_item_stage_and_reason_and_no_original_place(done: tuple[Path, str, Chain]) -> None:
    root, batch, chain = done
    rows = read_manifest(FolderStore(str(root)), quarantine_key(batch), Stage.RELEASED, batch).entries
    assert {chain.names[row.item]: outcome_of(row) for row in rows} == {
        name: outcome for name, outcome in SMALL_OUTCOME.items() if outcome != "released"
    }
    assert {(row.object, row.etag) for row in rows} == {("", "")}


def test_releasing_again_does_nothing_and_changes_no_byte(done: tuple[Path, str, Chain]) -> None:
    root, batch, _ = done
    before = tree(root)
    again = run_chain(pipeline(root), batch)
    assert [stage.seconds for stage in again.stages] == [0.0] * 4
    assert tree(root) == before


def test_another_profile_gives_another_release_and_leaves_the_old_one_in_place(tmp_path: Path) -> None:
    used, batch = judged(tmp_path)
    old = release(used, batch)
    before = tree(tmp_path / "released")
    new = run_chain(pipeline(tmp_path, profile="basic"), batch).released
    after = tree(tmp_path / "released")
    assert new.digest != old.digest
    assert {key: after[key] for key in before if key != f"{batch}/release.json"} == {
        key: digest for key, digest in before.items() if key != f"{batch}/release.json"
    }
    assert (marker(tmp_path, batch)["digest"], marker(tmp_path, batch)["profile"]) == (new.digest, "basic")
    assert {entry.sha256 for entry in new.manifest.passed}.isdisjoint(entry.sha256 for entry in old.manifest.passed)


def test_going_back_to_the_first_profile_points_to_the_first_release_and_makes_nothing(tmp_path: Path) -> None:
    used, batch = judged(tmp_path)
    old = release(used, batch)
    run_chain(pipeline(tmp_path, profile="basic"), batch)
    before = tree(tmp_path / "released")
    again = run_chain(used, batch)
    assert [stage.seconds for stage in again.stages] == [0.0] * 4
    assert marker(tmp_path, batch)["digest"] == old.digest
    del before[f"{batch}/release.json"]
    assert before.items() <= tree(tmp_path / "released").items()


def test_an_object_that_changed_after_the_verdict_is_held_back_alone(tmp_path: Path) -> None:
    used, batch = judged(tmp_path)
    first, second = (tmp_path / entry.object for entry in clean_pixels(used, batch).manifest.passed)
    first.write_bytes(second.read_bytes())
    result = release(used, batch)
    assert [outcome_of(entry) for entry in result.manifest.quarantined] == ["released: forbidden_content"]
    assert {path.name for path in (tmp_path / "released").rglob("*.dcm")} == {second.name}


@dataclass(frozen=True, slots=True)
class Log:
    """A store that notes what is written."""

    inner: FolderStore
    written: list[str]

    def write(self, key: str, data: bytes) -> None:
        self.written.append(key)
        self.inner.write(key, data)

    def upload(self, source: Path, key: str) -> None:
        self.written.append(key)
        self.inner.upload(source, key)


def test_objects_come_first_and_the_marker_last(tmp_path: Path) -> None:
    used, batch = judged(tmp_path)
    written: list[str] = []
    released: Any = Log(FolderStore(f"{tmp_path}/released"), written)
    result = release(replace(used, zones=replace(used.zones, released=released)), batch)
    folder = f"{batch}/{result.digest}"
    assert set(written[:2]) == {entry.object for entry in result.manifest.passed}
    assert written[2:] == [f"{folder}/manifest.parquet", f"{folder}/report.html", f"{batch}/release.json"]


def test_a_release_that_broke_off_cannot_be_seen_and_is_finished_later(tmp_path: Path) -> None:
    used, batch = judged(tmp_path)
    failing = FailingStore(used.zones.released, tmp_path / "counter", first=2, last=2)
    with pytest.raises(StoreError, match="told to fail"):
        release(replace(used, zones=replace(used.zones, released=failing)), batch)
    assert not list((tmp_path / "released").rglob("release.json"))
    assert not (tmp_path / "publication").exists()
    result = release(used, batch)
    assert len(result.manifest.passed) == 2
    assert marker(tmp_path, batch)["digest"] == result.digest


def test_a_gate_that_comes_to_hold_an_item_back_makes_another_release(tmp_path: Path) -> None:
    used, batch = judged(tmp_path)
    verdict = judge_batch(used, batch).verdict
    assert released_digest(used, verdict) == release(used, batch).digest
    stricter = replace(verdict, refused={"A" * 16: "residual_identifier"})
    assert released_digest(used, stricter) != released_digest(used, verdict)


def flat(root: Path, split: int) -> Iterator[Entry]:
    """The rows of batches of so many objects released into one shared folder."""
    used = pipeline(root)
    used = replace(used, zones=replace(used.zones, flat=True))
    for batch in seal(used, bounds=Bounds(max_objects=split)):
        yield from run_chain(used, batch).released.manifest.entries


def test_in_a_shared_folder_an_instance_of_another_batch_is_not_overwritten(tmp_path: Path) -> None:
    first = encode(report(person(0)))
    other = encode(report(person(0), ContentDate="20110101"))
    land(tmp_path, {"1.dcm": first, "2.dcm": other, "3.dcm": first})
    outcomes = [outcome_of(entry) for entry in flat(tmp_path, split=1)]
    assert outcomes == ["released", "released: duplicate_uid", "released"]
    (path,) = (tmp_path / "released").rglob("*.dcm")
    assert set(tree(tmp_path / "released")) == {str(path.relative_to(tmp_path / "released"))}
