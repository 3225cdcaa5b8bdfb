from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import boto3
import dagster as dg
import pytest

from deid_platform.errors import VaultError
from deid_platform.identity import Identity
from resources.vault import VaultResource
from tests.builders.chain import KEY
from tests.builders.s3_server import s3_server

TEXT = KEY.hex()
SECRET = "deid/project-key"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that is Secrets Manager too; any server for tests that speaks S3 only will not do here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DEID_TEST_S3_ENDPOINT", raising=False)
        with s3_server() as connection:
            yield str(connection.endpoint_url)


@pytest.fixture
def manager(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> VaultResource:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("DEID_KEY", raising=False)
    return VaultResource(secret_id=SECRET, region_name="us-east-1", endpoint_url=endpoint)


def keep(endpoint: str, text: str) -> None:
    """Make ``text`` the value of the secret."""
    client = boto3.client("secretsmanager", region_name="us-east-1", endpoint_url=endpoint)
    try:
        client.put_secret_value(SecretId=SECRET, SecretString=text)
    except client.exceptions.ResourceNotFoundException:
        client.create_secret(Name=SECRET, SecretString=text)


@pytest.mark.parametrize("written", [TEXT, TEXT.upper(), f" {TEXT}\n", base64.b64encode(KEY).decode()])
def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    monkeypatch.setenv("DEID_KEY", written)
    assert VaultResource().identity("north") == Identity(KEY, "north")


def test_another_variable_may_hold_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEID_KEY", raising=False)
    monkeypatch.setenv("OTHER_KEY", TEXT)
    assert VaultResource(key_variable="OTHER_KEY").identity("north") == Identity(KEY, "north")


def test_the_key_comes_from_secrets_manager(manager: VaultResource, endpoint: str) -> None:
    keep(endpoint, TEXT)
    assert manager.identity("north") == Identity(KEY, "north")


def test_with_a_secret_the_environment_is_not_asked(
    manager: VaultResource, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(endpoint, TEXT)
    monkeypatch.setenv("DEID_KEY", KEY[::-1].hex())
    assert manager.identity("north") == Identity(KEY, "north")


@pytest.mark.parametrize("written", ["abc", "00" * 16, "Quintrelle" * 9, "Ж" * 64])
def test_a_key_that_is_none_is_refused_and_not_quoted(
    manager: VaultResource, endpoint: str, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.setenv("DEID_KEY", written)
    keep(endpoint, written)
    for vault, place in ((VaultResource(), "DEID_KEY"), (manager, "Secrets Manager")):
        with pytest.raises(VaultError, match=place) as caught:
            vault.identity("north")
        assert "64 hexadecimal digits" in str(caught.value)
        assert written not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("written", [None, ""])
def test_a_missing_key_is_asked_for_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, written: str | None
) -> None:
    monkeypatch.delenv("DEID_KEY", raising=False)
    if written is not None:
        monkeypatch.setenv("DEID_KEY", written)
    with pytest.raises(VaultError, match="missing: set the environment variable DEID_KEY"):
        VaultResource().identity("north")


def test_a_missing_secret_is_an_error_that_says_where(manager: VaultResource) -> None:
    absent = VaultResource(secret_id="not-there", region_name="us-east-1", endpoint_url=manager.endpoint_url)
    with pytest.raises(VaultError, match=r"AWS Secrets Manager did not give the project key \(ResourceNotFound"):
        absent.identity("north")


@dg.asset
def keyed(vault: VaultResource) -> dg.MaterializeResult[None]:
    identity = vault.identity("north")
    return dg.MaterializeResult(metadata={"identity": repr(identity), "vault": repr(vault)})


def test_the_key_stands_in_no_event_no_configuration_and_no_description(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEID_KEY", TEXT)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = dg.materialize([keyed], resources={"vault": VaultResource()}, instance=instance)
        assert result.success
        told = json.dumps([repr(event) for event in instance.all_logs(result.run_id)])
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    vault = VaultResource()
    spellings = [TEXT, repr(KEY), base64.b64encode(KEY).decode()]
    for written in (
        told,
        stored.decode("latin-1"),
        repr(vault),
        str(vault.to_config_schema().as_field()),
        repr(vault.model_dump()),
    ):
        assert not [spelling for spelling in spellings if spelling.lower() in written.lower()]


def test_an_identity_shows_its_site_only_but_takes_its_key_along_to_workers() -> None:
    identity = Identity(KEY, "north")
    assert repr(identity) == "Identity(site='north')"
    assert pickle.loads(pickle.dumps(identity)) == identity  # noqa: S301 - our own
