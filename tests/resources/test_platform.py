from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from deid_platform.batches import Bounds
from deid_platform.errors import StoreError
from deid_platform.policy import load_policy
from deid_platform.stages.raw import read_sealed
from deid_platform.store.folder import FolderStore
from deid_platform.store.landing import as_landing
from resources.store import StoreResource
from tests.builders.chain import KEY, land, pipeline, run_drops, small_files
from tests.builders.deployment import Deployment


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    monkeypatch.setenv("DEID_KEY", KEY.hex())
    instance = dg.DagsterInstance.ephemeral()
    return Deployment(StoreResource(url=str(tmp_path / "store")), tmp_path, instance, max_batch_objects=4)


def test_the_zones_are_folders_of_one_store(deployment: Deployment, tmp_path: Path) -> None:
    zones = deployment.platform.zones()
    root = tmp_path / "store"
    assert (zones.landing, zones.trusted, zones.released, zones.flat) == (
        as_landing(FolderStore(f"{root}/landing")),
        FolderStore(str(root)),
        FolderStore(f"{root}/released"),
        False,
    )


def test_a_batch_is_worked_on_under_the_site_it_was_sealed_for(deployment: Deployment, tmp_path: Path) -> None:
    for site in ("north", "south"):
        land(tmp_path / "store", {"a.dcm": b"x"}, site=site)
    batches = deployment.batches()
    assert {batch.rpartition("-")[0] for batch in batches} == {"north", "south"}
    for batch in batches:
        used = deployment.platform.pipeline(batch)
        assert used.identity.site == read_sealed(used.zones.trusted, batch).site == batch.rpartition("-")[0]
        assert used.policy == load_policy("tcia")


def test_a_batch_nobody_sealed_is_an_error(deployment: Deployment) -> None:
    with pytest.raises(StoreError):
        deployment.platform.pipeline("north-aaaaaaaaaaaaaaaa")


def test_bounds_and_patience_are_those_of_the_configuration(deployment: Deployment) -> None:
    assert deployment.platform.bounds() == Bounds(20 << 30, 4)
    assert deployment.platform.patience().quiet_s == 0.0


def test_the_pipeline_is_the_one_that_a_program_without_dagster_would_make(
    deployment: Deployment, tmp_path: Path
) -> None:
    land(tmp_path / "store", small_files())
    (batch, chain), *_ = run_drops(pipeline(tmp_path / "store")).items()
    assert deployment.platform.pipeline(batch).digest(chain.raw.manifest.stage, batch) == chain.raw.digest
