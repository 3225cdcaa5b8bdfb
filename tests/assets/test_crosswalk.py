"""The crosswalk as an asset: there where a recipient is configured, and nothing of it in Dagster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from pyrage import x25519

from deid_platform.store.folder import FolderStore
from deid_platform.vault import visit_rows
from resources.crosswalk import CrosswalkResource
from resources.store import StoreResource
from tests.builders.chain import KEY, land
from tests.builders.deployment import deployed, steps
from tests.builders.dicom import encode, image, leaks, person

PRIVATE = x25519.Identity.generate()
RECIPIENT = str(PRIVATE.to_public())

pytestmark = pytest.mark.usefixtures("unruled")


def test_a_run_keeps_the_crosswalk_of_its_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_KEY", KEY.hex())
    who = person(0)
    land(tmp_path, {"a.dcm": encode(image(who, rows=8, columns=8))})
    with dg.DagsterInstance.ephemeral() as instance:
        deployment = replace(deployed(tmp_path, instance), recipients=(RECIPIENT,))
        (batch,) = deployment.batches()
        result = deployment.run(batch)
    assert result.success
    assert steps(result) == {"raw", "scrubbed", "pixel_cleaned", "released", "crosswalk"}
    rows: list[list[str]] = []
    visit_rows(FolderStore(str(tmp_path / "vault")), str(PRIVATE), rows.append, batch)
    assert ["patient", who.patient_id] in [row[:2] for row in rows]
    (event,) = result.asset_materializations_for_node("crosswalk")
    assert event.metadata["rows"].value == len(rows)
    assert not leaks(who, repr(list(result.all_events)).encode())


def test_it_is_off_unless_a_recipient_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEID_CROSSWALK_RECIPIENTS", "DEID_VAULT", "DEID_VAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    store = StoreResource(url=str(tmp_path))
    assert not CrosswalkResource.from_environment(store).wanted
    with dg.DagsterInstance.ephemeral() as instance:
        graph = deployed(tmp_path, instance).definitions.resolve_asset_graph()
    assert dg.AssetKey("crosswalk") not in graph.get_all_asset_keys()


def test_the_vault_is_a_folder_of_the_store_or_has_an_address_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEID_CROSSWALK_RECIPIENTS", f"{RECIPIENT}\n")
    monkeypatch.delenv("DEID_VAULT", raising=False)
    store = StoreResource(url=str(tmp_path / "store"))
    vault = CrosswalkResource.from_environment(store).vault()
    assert (vault.store, vault.recipients) == (FolderStore(str(tmp_path / "store/vault"), private=True), (RECIPIENT,))
    monkeypatch.setenv("DEID_VAULT", "s3://vault-bucket/deid")
    monkeypatch.setenv("DEID_VAULT_PROFILE", "vault-writer")
    own = CrosswalkResource.from_environment(store)
    assert own.store.profile_name == "vault-writer"
    assert own.wanted
