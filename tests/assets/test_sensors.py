"""The landing sensor: what it takes and when, and that ticks may be repeated and crash anywhere."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import sensors
from assets.jobs import CHAIN
from assets.sensors import MAX_REQUESTS, seal_all
from deid_platform.errors import StoreError
from deid_platform.intake import MARKER
from deid_platform.stages.raw import read_sealed
from deid_platform.store.folder import FolderStore
from deid_platform.store.s3 import S3Connection, S3Store
from resources.compute import ComputeResource
from resources.store import StoreResource
from tests.builders.chain import KEY, SMALL_OUTCOME, Chain, land, pipeline, run_chain, run_drops, small_files
from tests.builders.deployment import Deployment, deployed, steps
from tests.builders.dicom import encode, leaks, person, report
from tests.builders.s3_server import s3_server

pytestmark = pytest.mark.usefixtures("unruled")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_KEY", KEY.hex())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def deployment(tmp_path: Path, instance: dg.DagsterInstance) -> Deployment:
    (tmp_path / "landing").mkdir()
    return deployed(tmp_path, instance)


def members(root: Path, batch: str) -> set[str]:
    return {member.key for member in read_sealed(FolderStore(str(root)), batch).members}


def patient(deployment: Deployment, quiet_s: float = 300.0) -> Deployment:
    """The same deployment with another patience."""
    return Deployment(deployment.store, deployment.folder, deployment.instance, quiet_s=quiet_s)


def test_an_idle_day_is_skipped_with_a_sentence(deployment: Deployment) -> None:
    answer = deployment.tick()
    assert isinstance(answer, dg.SkipReason)
    assert "No drop is complete" in str(answer.skip_message)


def test_folders_that_are_no_sites_are_counted_and_not_named(deployment: Deployment, tmp_path: Path) -> None:
    for name in ("St Mary's", "Quintrelle"):
        land(tmp_path, {"a.dcm": b"x"}, site=name)
    told = str(getattr(deployment.tick(), "skip_message", ""))
    assert "2 folders are not looked at" in told
    assert "Quintrelle" not in told


def test_a_filling_drop_is_left_alone_until_it_is_quiet_or_marked(deployment: Deployment, tmp_path: Path) -> None:
    drop = land(tmp_path, {"a.dcm": b"x"})
    waits = patient(deployment)
    assert waits.batches() == []
    (drop / MARKER).touch()
    (batch,) = waits.batches()
    assert members(tmp_path, batch) == {"north/2024-03-01/a.dcm"}
    other = land(tmp_path, {"b.dcm": b"x"}, drop="2024-03-02")
    assert waits.batches() == [batch]
    long_ago = time.time() - 301
    os.utime(other / "b.dcm", (long_ago, long_ago))
    assert len(waits.batches()) == 2


def test_a_batch_becomes_a_partition_and_a_run_with_its_own_key(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": b"x"})
    answer = deployment.tick()
    assert isinstance(answer, dg.SensorResult)
    (request,) = answer.run_requests or ()
    batch = str(request.partition_key)
    assert (request.run_key, request.tags) == (batch, {"deid/site": "north"})
    assert deployment.instance.get_dynamic_partitions("batch") == [batch]


def test_ticks_may_be_repeated(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": b"x", "b.dcm": b"y"})
    first = deployment.batches()
    ledger = sorted(path.name for path in (tmp_path / "ledger").rglob("*"))
    assert [deployment.batches() for _ in range(3)] == [first] * 3
    assert deployment.instance.get_dynamic_partitions("batch") == first
    assert sorted(path.name for path in (tmp_path / "ledger").rglob("*")) == ledger


def test_a_crash_between_sealing_and_registering_is_made_up_for(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": b"x"})
    (sealed,) = seal_all(deployment.platform)
    assert deployment.instance.get_dynamic_partitions("batch") == []
    assert deployment.batches() == [sealed]
    assert deployment.instance.get_dynamic_partitions("batch") == [sealed]


def test_a_batch_that_was_taken_in_is_not_asked_for_again(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {"a.dcm": encode(report(person(0)))})
    (batch,) = deployment.batches()
    assert deployment.run(batch).success
    assert isinstance(deployment.tick(), dg.SkipReason)


def test_late_and_changed_objects_become_a_new_batch(deployment: Deployment, tmp_path: Path) -> None:
    drop = land(tmp_path, {"a.dcm": b"x", "b.dcm": b"y"})
    (first,) = deployment.batches()
    (drop / "b.dcm").write_bytes(b"changed")
    (drop / "late.dcm").write_bytes(b"z")
    (second,) = set(deployment.batches()) - {first}
    assert members(tmp_path, first) == {"north/2024-03-01/a.dcm", "north/2024-03-01/b.dcm"}
    assert members(tmp_path, second) == {"north/2024-03-01/b.dcm", "north/2024-03-01/late.dcm"}


def test_sites_give_the_same_patient_different_pseudonyms(deployment: Deployment, tmp_path: Path) -> None:
    document = encode(report(person(0)))
    for site in ("north", "south"):
        land(tmp_path, {"a.dcm": document}, site=site)
    subjects, contents = set(), set()
    for batch in deployment.batches():
        assert deployment.run(batch).success
        site = batch.rpartition("-")[0]
        (entry,) = run_chain(pipeline(tmp_path, site=site), batch).released.manifest.passed
        subjects.add(entry.subject)
        contents.add(entry.sha256)
    assert len(subjects) == len(contents) == 2


def test_no_more_runs_are_asked_for_than_a_tick_may_and_new_batches_come_first(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    deployment = Deployment(StoreResource(url=str(tmp_path)), tmp_path, instance, max_batch_objects=1)
    land(tmp_path, {f"{number:03d}": b"x" for number in range(MAX_REQUESTS + 20)})
    first, second = deployment.batches(), deployment.batches()
    assert len(first) == len(second) == MAX_REQUESTS
    assert len(set(first) | set(second)) == MAX_REQUESTS + 20
    assert set(deployment.instance.get_dynamic_partitions("batch")) == set(first) | set(second)


def sentence(deployment: Deployment) -> str:
    with pytest.raises(dg.Failure) as caught:
        deployment.tick()
    return str(caught.value.description)


def test_a_landing_zone_that_is_not_there_is_a_failure_and_no_idle_day(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    deployment = deployed(tmp_path / "not mounted", instance)
    assert "cannot be listed" in sentence(deployment)
    assert not instance.get_dynamic_partitions("batch")


def test_a_server_that_does_not_answer_is_a_failure(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    store = StoreResource(
        url="s3://my-bucket/platform", endpoint_url="http://127.0.0.1:9", region_name="us-east-1",
        aws_access_key_id="testing", aws_secret_access_key="testing", max_attempts=1,
    )  # fmt: skip
    told = sentence(Deployment(store, tmp_path, instance))
    assert "The bucket of the store cannot be listed (EndpointConnectionError)" in told


def test_without_a_key_nothing_is_sealed(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path, {"a.dcm": b"x"})
    monkeypatch.delenv("DEID_KEY")
    assert "project key is missing" in sentence(deployment)
    assert not (tmp_path / "ledger").exists()


def test_a_fault_tells_its_class_and_no_name(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(person(0).name)

    land(tmp_path, {"a.dcm": b"x"}, drop=person(0).family)
    monkeypatch.setattr(sensors, "seal_drop", fail)
    assert sentence(deployment) == "ValueError in landing_sensor"


def test_nothing_the_sensor_says_names_a_drop(deployment: Deployment, tmp_path: Path) -> None:
    land(tmp_path, {f"{person(0).family}.dcm": encode(report(person(0)))}, drop=person(0).family)
    answer = deployment.tick()
    assert isinstance(answer, dg.SensorResult)
    assert answer.run_requests
    assert not leaks(person(0), repr(answer).encode())


@pytest.fixture(scope="module")
def connection() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


def test_a_drop_goes_the_whole_way_on_s3_with_a_worker(
    connection: S3Connection, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    bucket = f"test-{uuid.uuid4()}"
    connection().create_bucket(Bucket=bucket)
    store = StoreResource(
        url=f"s3://{bucket}/platform",
        endpoint_url=connection.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=connection.aws_access_key_id,
        aws_secret_access_key=connection.aws_secret_access_key,
    )
    deployment = Deployment(store, tmp_path, instance, compute=ComputeResource(workers=1))
    assert isinstance(deployment.tick(), dg.SkipReason), "an empty bucket is an idle day"
    root = S3Store(bucket, "platform", connection)
    for name, data in small_files().items():
        root.write(f"landing/north/2024-03-01/{name}", data)
    (batch,) = deployment.batches()
    result = deployment.run(batch)
    assert result.success
    assert steps(result) == set(CHAIN)
    used = pipeline(root)
    chain = run_chain(used, batch)
    assert [stage.seconds for stage in chain.stages] == [0.0] * 4
    assert chain.outcome == SMALL_OUTCOME
    (event,) = result.asset_materializations_for_node("released")
    assert (
        event.metadata["report"].value == f"s3://{bucket}/platform/released/{batch}/{chain.released.digest}/report.html"
    )
    land(tmp_path, small_files())
    (on_disk,) = run_drops(pipeline(tmp_path)).values()
    assert content(on_disk) == content(chain)


def content(chain: Chain) -> dict[str, str]:
    """SHA-256 of released objects by instance."""
    return {entry.instance: entry.sha256 for entry in chain.released.manifest.passed}


def test_a_bucket_that_does_not_exist_is_a_failure(
    connection: S3Connection, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    store = StoreResource(
        url="s3://no-such-bucket/platform", endpoint_url=connection.endpoint_url, region_name="us-east-1",
        aws_access_key_id=connection.aws_access_key_id, aws_secret_access_key=connection.aws_secret_access_key,
    )  # fmt: skip
    deployment = Deployment(store, tmp_path, instance)
    assert "NoSuchBucket" in sentence(deployment)
    with pytest.raises(StoreError):
        seal_all(deployment.platform)
