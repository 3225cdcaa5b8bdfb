"""One result per batch and check, on the event log; what blocks blocks, what concerns items does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from deid_platform.audit.checks import GATE_CHECKS, ITEM_CHECKS
from deid_platform.layout import manifest_key
from deid_platform.manifest import write_manifest
from deid_platform.model import Stage
from deid_platform.stages.raw import raw_digest, take_in
from deid_platform.store.folder import FolderStore
from tests.builders.chain import KEY, land, pipeline, run_chain, seal
from tests.builders.deployment import Deployment, deployed, steps
from tests.builders.dicom import encode, leaks, person, report
from tests.builders.sabotage import leak

EARLY = {("raw", "complete"), ("scrubbed", "scrubbed_reconciled"), ("scrubbed", "scrubbed_well_formed")}
LATE = {("pixel_cleaned", name) for name in (*GATE_CHECKS, *ITEM_CHECKS)}


@pytest.fixture(scope="module", autouse=True)
def _key() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEID_KEY", KEY.hex())
        yield


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield deployed(tmp_path, instance)


def document(number: int) -> bytes:
    return encode(report(person(number)))


@dataclass(frozen=True)
class Told:
    """A check result as the event log has it."""

    partition: str | None
    passed: bool
    blocking: bool
    metadata: dict[str, Any]


def told(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], Told]:
    found = {}
    for evaluation in result.get_asset_check_evaluations():
        metadata = {name: value.value for name, value in evaluation.metadata.items()}
        key = (evaluation.asset_key.to_user_string(), evaluation.check_name)
        assert key not in found
        found[key] = Told(evaluation.partition, evaluation.passed, evaluation.blocking, metadata)
    return found


def failed(result: dg.ExecuteInProcessResult) -> set[tuple[str, str]]:
    return {key for key, one in told(result).items() if not one.passed}


def test_every_check_gives_one_result_for_each_batch(deployment: Deployment, tmp_path: Path) -> None:
    for number in (0, 1):
        land(tmp_path, {"a.dcm": document(number)}, drop=str(number))
    batches = deployment.batches()
    assert len(set(batches)) == 2
    for batch in batches:
        results = told(deployment.run(batch))
        assert results.keys() == EARLY | LATE
        assert {one.partition for one in results.values()} == {batch}
        assert all(one.passed for one in results.values())
        assert {key for key, one in results.items() if not one.blocking} == {
            ("pixel_cleaned", name) for name in ITEM_CHECKS
        }


def test_results_explain_themselves_by_counts(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": document(0), "b.dcm": document(1), "empty": b""})
    (batch,) = deployment.batches()
    results = told(deployment.run(batch))
    assert results["raw", "complete"].metadata == {"landed": 3, "rows": 3}
    counts = {"items": 3, "passed": 2, "quarantined": 1}
    assert results["pixel_cleaned", "pixel_cleaned_reconciled"].metadata == counts
    links = results["pixel_cleaned", "residual_identifier"].metadata
    assert Path(links["verdict"]).name == "gate.json"
    assert Path(links["findings"]).is_file()


def test_a_lost_item_stops_the_run_at_raw(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": document(0), "b.dcm": document(1)})
    (batch,) = deployment.batches()
    used = pipeline(tmp_path)
    entries = take_in(used, batch).manifest.entries
    key = manifest_key(Stage.RAW, batch, raw_digest(used, batch))
    write_manifest(FolderStore(str(tmp_path)), key, Stage.RAW, batch, entries[1:])
    result = deployment.run(batch)
    assert not result.success
    assert failed(result) == {("raw", "complete")}
    assert steps(result) == {"raw"}


@pytest.mark.usefixtures("unruled")
def test_an_item_that_leaks_is_a_warning_and_is_held_back(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": document(0), "b.dcm": document(1)})
    (batch,) = deployment.batches()
    item = leak(pipeline(tmp_path), batch, tmp_path)
    result = deployment.run(batch)
    assert result.success
    assert failed(result) == {("pixel_cleaned", "residual_identifier")}
    shown = told(result)["pixel_cleaned", "residual_identifier"].metadata
    assert shown["refused"] == 1
    assert {record.data["rule"] for record in shown["by_place"].records} == {"residual_identifier"}
    (refused,) = run_chain(pipeline(tmp_path), batch).released.manifest.quarantined
    assert (refused.item, refused.stage, refused.reason) == (item, "released", "residual_identifier")
    logged = "".join(map(repr, deployment.instance.all_logs(result.run_id))).encode()
    assert not [token for number in (0, 1) for token in leaks(person(number), logged)]


@pytest.mark.usefixtures("unruled")
def test_a_landing_zone_that_is_gone_fails_the_gate_and_not_the_items(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": document(0)})
    (batch,) = deployment.batches()
    assert deployment.run(batch, "raw", "scrubbed").success
    (tmp_path / "landing").rename(tmp_path / "unplugged")
    assert not deployment.run(batch).success
    (tmp_path / "unplugged").rename(tmp_path / "landing")
    result = deployment.run(batch)
    assert result.success
    assert not run_chain(pipeline(tmp_path), batch).released.manifest.quarantined


def test_the_engine_and_dagster_name_the_same_batch(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": document(0)})
    assert seal(pipeline(tmp_path)) == deployment.batches()
