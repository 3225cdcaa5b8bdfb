"""The chain through Dagster: what is recorded, and that `released` cannot be talked round."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.jobs import CHAIN
from deid_platform.layout import manifest_key, verdict_key
from deid_platform.manifest import write_manifest
from deid_platform.model import Stage
from deid_platform.pixels.inference import choose_detector
from deid_platform.stages.pipeline import require
from deid_platform.stages.pixels import clean_pixels, pixel_digest
from deid_platform.stages.raw import take_in
from deid_platform.stages.scrubbed import scrub
from deid_platform.store.folder import FolderStore
from tests.builders.chain import (
    DROP,
    KEY,
    SMALL_OUTCOME,
    land,
    pipeline,
    run_chain,
    small_files,
    tree,
)
from tests.builders.deployment import QUIET, Deployment, deployed, failures, steps
from tests.builders.dicom import encode, leaks, person, report

pytestmark = pytest.mark.usefixtures("unruled")


@pytest.fixture(scope="module", autouse=True)
def _key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEID_KEY", KEY.hex())
        yield


@contextmanager
def platform(root: Path, files: dict[str, bytes]) -> Iterator[tuple[Deployment, str]]:
    """A deployment with one sealed and registered batch."""
    land(root, files)
    with dg.DagsterInstance.ephemeral() as instance:
        deployment = deployed(root, instance)
        (batch,) = deployment.batches()
        yield deployment, batch


@dataclass(frozen=True)
class Done:
    root: Path
    deployment: Deployment
    batch: str
    result: dg.ExecuteInProcessResult

    def metadata(self, asset: str) -> dict[str, Any]:
        (event,) = self.result.asset_materializations_for_node(asset)
        return {name: value.value for name, value in event.metadata.items()}

    def event(self, asset: str) -> Any:
        record = self.deployment.instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert record is not None
        assert record.asset_materialization is not None
        return record.asset_materialization


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    root = tmp_path_factory.mktemp("stages")
    with platform(root, small_files()) as (deployment, batch):
        yield Done(root, deployment, batch, deployment.run(batch))


def test_a_run_takes_a_batch_from_raw_to_released(done: Done) -> None:
    assert done.result.success
    assert steps(done.result) == set(CHAIN)
    outcomes = run_chain(pipeline(done.root), done.batch).outcome
    assert outcomes == SMALL_OUTCOME


def test_every_materialisation_is_of_the_batch_and_versioned_by_its_digest(done: Done) -> None:
    chain = run_chain(pipeline(done.root), done.batch)
    for asset, stage in zip(CHAIN, chain.stages, strict=True):
        event = done.event(asset)
        assert event.partition == done.batch
        assert event.tags["dagster/data_version"] == stage.digest == done.metadata(asset)["digest"]


@pytest.mark.parametrize(
    ("asset", "passed", "quarantined"), [("raw", 3, 3), ("scrubbed", 3, 3), ("pixel_cleaned", 3, 3), ("released", 3, 3)]
)
def test_every_stage_tells_counts_cost_and_reasons(done: Done, asset: str, passed: int, quarantined: int) -> None:
    told = done.metadata(asset)
    assert (told["items"], told["passed"], told["quarantined"]) == (6, passed, quarantined)
    assert told["seconds"] > 0
    assert told["items_per_second"] > 0
    assert told["bytes"] > 0
    reasons = {record.data["reason"]: record.data["items"] for record in told["reasons"].records}
    assert reasons == {"duplicate": 1, "empty": 1, "unsupported_format": 1}
    assert Path(told["manifest"]).is_file()


def test_actions_are_told_by_tag(done: Done) -> None:
    actions = {record.data["tag"]: record.data for record in done.metadata("scrubbed")["actions"].records}
    assert actions["(0010,0010)"]["keyword"] == "PatientName"
    assert actions["(0010,0010)"]["places"] >= 3
    assert "actions" not in done.metadata("raw")


def test_pixels_tell_which_model_looked_at_them(done: Done) -> None:
    assert done.metadata("pixel_cleaned")["detector"] == choose_detector().identity


def test_released_links_to_its_objects_and_its_report(done: Done) -> None:
    told = done.metadata("released")
    assert Path(told["report"]).read_text("utf-8").startswith("<!doctype html>")
    assert len(list(Path(told["objects"]).rglob("*.dcm"))) == 3


def test_no_event_names_anybody_or_anything_in_the_landing_zone(done: Done) -> None:
    told = "".join(map(repr, done.deployment.instance.all_logs(done.result.run_id))).encode()
    assert len(told) > 10_000
    assert not [token for number in (0, 1) for token in leaks(person(number), told)]
    assert not [name for name in (DROP, *small_files()) if name.encode() in told]


def test_a_second_run_does_nothing_and_changes_no_byte(done: Done) -> None:
    before = tree(done.root)
    again = done.deployment.run(done.batch)
    assert again.success
    for asset in CHAIN:
        (event,) = again.asset_materializations_for_node(asset)
        assert event.metadata["seconds"].value == 0.0
        assert event.metadata["digest"].value == done.metadata(asset)["digest"]
    assert tree(done.root) == before


def test_the_catalogue_counts_what_was_done(done: Done) -> None:
    catalogue = done.deployment.definitions.resolve_implicit_global_asset_job_def()
    result = catalogue.execute_in_process(
        instance=done.deployment.instance, asset_selection=[dg.AssetKey("catalogue")], run_config=QUIET
    )
    (event,) = result.asset_materializations_for_node("catalogue")
    told = {name: value.value for name, value in event.metadata.items()}
    counts = {name: told[name] for name in ("new_manifests", "batches", "found", "released", "quarantined")}
    assert counts == {"new_manifests": 4, "batches": 1, "found": 6, "released": 3, "quarantined": 3}
    rows = {tuple(record.data.values()) for record in told["quarantine"].records}
    assert rows == {("raw", "duplicate", 1), ("raw", "empty", 1), ("raw", "unsupported_format", 1)}


TWO = {f"{n}.dcm": encode(report(person(n))) for n in (0, 1)}


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[tuple[Path, Deployment, str]]:
    """A batch of two documents that is cleaned but was not judged."""
    with platform(tmp_path, TWO) as (deployment, batch):
        for stage in (take_in, scrub, clean_pixels):
            stage(pipeline(tmp_path), batch)
        yield tmp_path, deployment, batch


def refused(ready: tuple[Path, Deployment, str], sentence: str) -> None:
    """`released`, materialised alone, refuses with the sentence and publishes nothing."""
    root, deployment, batch = ready
    result = deployment.run(batch, "released")
    assert not result.success
    assert sentence in failures(result)["released"]
    assert not steps(result)
    assert not tree(root / "released")


def test_released_alone_is_refused_without_a_verdict(ready: tuple[Path, Deployment, str]) -> None:
    refused(ready, "The gate has not judged")


def test_released_alone_is_refused_before_anything_was_made(tmp_path: Path) -> None:
    with platform(tmp_path, TWO) as (deployment, batch):
        refused((tmp_path, deployment, batch), "materialise pixel_cleaned first")


def tamper(root: Path) -> None:
    path = next((root / "scrubbed").rglob("*.dcm"))
    path.write_bytes(path.read_bytes() + b"\0\0")


def test_a_run_whose_gate_fails_does_not_come_to_released_and_released_alone_is_refused_too(
    ready: tuple[Path, Deployment, str],
) -> None:
    root, deployment, batch = ready
    tamper(root)
    result = deployment.run(batch)
    assert not result.success
    assert steps(result) == {"raw", "scrubbed", "pixel_cleaned"}
    assert not tree(root / "released")
    refused(ready, "did not pass the gate (objects_intact)")


def test_released_alone_is_refused_with_a_verdict_on_another_manifest(ready: tuple[Path, Deployment, str]) -> None:
    root, deployment, batch = ready
    assert deployment.run(batch).success
    (root / "released").rename(root / "before")
    used = pipeline(root)
    digest = pixel_digest(used, batch)
    entries = require(used, Stage.PIXEL_CLEANED, batch, digest).entries
    write_manifest(
        FolderStore(str(root)),
        manifest_key(Stage.PIXEL_CLEANED, batch, digest),
        Stage.PIXEL_CLEANED,
        batch,
        entries[:1],
    )
    refused(ready, "on another manifest")


def test_released_alone_is_refused_with_a_forged_verdict(ready: tuple[Path, Deployment, str]) -> None:
    root, deployment, batch = ready
    tamper(root)
    assert not deployment.run(batch).success
    path = root / verdict_key(batch, pixel_digest(pipeline(root), batch))
    outer = json.loads(path.read_bytes())
    verdict = json.loads(outer["verdict"])
    verdict["checks"] = [check | {"passed": True} for check in verdict["checks"]]
    path.write_text(json.dumps(outer | {"verdict": json.dumps(verdict, sort_keys=True)}))
    refused(ready, "is not one of this gate")


def test_released_alone_is_allowed_with_a_fitting_verdict(ready: tuple[Path, Deployment, str]) -> None:
    root, deployment, batch = ready
    assert deployment.run(batch).success
    released = tree(root / "released")
    assert deployment.run(batch, "released").success
    assert tree(root / "released") == released


@pytest.mark.parametrize("asset", CHAIN)
def test_without_a_key_no_stage_does_anything_and_says_why(
    ready: tuple[Path, Deployment, str], monkeypatch: pytest.MonkeyPatch, asset: str
) -> None:
    root, deployment, batch = ready
    before = tree(root)
    monkeypatch.delenv("DEID_KEY")
    result = deployment.run(batch, asset)
    assert not result.success
    assert "project key is missing" in failures(result)[asset]
    assert tree(root) == before
