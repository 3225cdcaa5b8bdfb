"""The store resource: one address, checked before anything runs."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from deid_platform.store.folder import FolderStore
from deid_platform.store.s3 import S3Connection, S3Store
from resources.store import StoreResource
from tests.builders.s3_server import s3_server


@pytest.fixture(scope="module")
def connection() -> Iterator[S3Connection]:
    with s3_server() as connection:
        yield connection


@dg.asset
def written(store: StoreResource) -> dg.MaterializeResult[None]:
    engine_store = store.store()
    engine_store.write("raw/manifest", b"1")
    return dg.MaterializeResult(metadata={"keys": [found.key for found in engine_store.list()]})


def keys_written(resource: StoreResource) -> object:
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([written], resources={"store": resource}, instance=instance)
    (event,) = result.asset_materializations_for_node("written")
    return event.metadata["keys"].value


def test_an_asset_writes_to_a_folder(tmp_path: Path) -> None:
    assert keys_written(StoreResource(url=str(tmp_path / "store"))) == ["raw/manifest"]
    assert (tmp_path / "store/raw/manifest").read_bytes() == b"1"


def test_the_same_asset_writes_to_s3(connection: S3Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = f"test-{uuid.uuid4()}"
    connection().create_bucket(Bucket=bucket)
    monkeypatch.setenv("S3_ENDPOINT", str(connection.endpoint_url))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", str(connection.aws_access_key_id))
    monkeypatch.setenv("SECRET", str(connection.aws_secret_access_key))
    resource = StoreResource(
        url=f"s3://{bucket}/platform",
        endpoint_url=dg.EnvVar("S3_ENDPOINT"),
        region_name="us-east-1",
        aws_access_key_id=dg.EnvVar("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=dg.EnvVar("SECRET"),
    )
    assert keys_written(resource) == ["raw/manifest"]
    assert S3Store(bucket, "platform", connection).read("raw/manifest") == b"1"


def test_every_s3_setting_reaches_the_connection() -> None:
    settings: dict[str, Any] = {
        "region_name": "eu-central-1",
        "endpoint_url": "http://minio:9000",
        "profile_name": "imaging",
        "use_ssl": False,
        "verify": False,
        "use_unsigned_session": True,
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
        "aws_session_token": "token",
        "max_attempts": 2,
    }
    store = StoreResource(url="s3://my-bucket/a", **settings).store()
    assert store == S3Store("my-bucket", "a/", S3Connection(**settings))
    assert settings.keys() == StoreResource.model_fields.keys() - {"url"}


def test_the_engines_store_knows_nothing_of_dagster() -> None:
    for url in ("/srv/store", "s3://my-bucket/a"):
        assert b"dagster" not in pickle.dumps(StoreResource(url=url).store())


def test_a_wrong_address_is_refused_when_written_and_not_quoted() -> None:
    with pytest.raises(ValueError, match="neither a folder's path nor s3://bucket/prefix") as caught:
        StoreResource(url="s3://user:hush@my-bucket")
    assert "hush" not in str(caught.value)


def test_a_wrong_address_in_the_environment_fails_the_run_before_any_asset_and_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DEID_STORE", "s3://user:hush@my-bucket")
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [written], resources={"store": StoreResource.from_environment()}, instance=instance, raise_on_error=False
        )
        logged = "".join(map(str, instance.all_logs(result.run_id)))
    assert not result.success
    assert "neither a folder's path nor s3://bucket/prefix" in logged
    assert "hush" not in logged


def test_the_address_comes_from_the_environment_at_run_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_STORE", "/replaced/later")
    resource = StoreResource.from_environment()
    monkeypatch.setenv("DEID_STORE", str(tmp_path))
    assert keys_written(resource) == ["raw/manifest"]
    assert (tmp_path / "raw/manifest").exists()


def test_without_an_address_the_store_is_a_folder_beside_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEID_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert StoreResource.from_environment().store() == FolderStore(str(tmp_path / "data/store"))


def test_the_configuration_is_described_to_the_user_interface() -> None:
    schema = StoreResource.to_config_schema().as_field().config_type.fields  # type: ignore[attr-defined]
    assert "s3://bucket/prefix" in str(schema["url"].description)
    assert not schema["url"].is_required
