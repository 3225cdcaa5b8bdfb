from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_definitions, defs, from_environment
from assets.jobs import CHAIN
from assets.pixel_cleaned import pixel_cleaned_asset
from assets.scrubbed import scrubbed_asset
from deid_platform.audit.checks import GATE_CHECKS, ITEM_CHECKS
from deid_platform.errors import PolicyError
from deid_platform.pixels.inference import choose_detector
from deid_platform.pixels.sessions import Device
from deid_platform.policy import load_policy
from resources.crosswalk import CrosswalkResource
from tests.builders.chain import KEY
from tests.builders.deployment import deployed


def graph(definitions: dg.Definitions) -> Any:
    return definitions.resolve_asset_graph()


def code_versions(definitions: dg.Definitions) -> dict[str, str | None]:
    nodes = graph(definitions)
    return {asset: nodes.get(dg.AssetKey(asset)).code_version for asset in CHAIN}


def test_everything_loads_and_fits_together() -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_chain_is_a_chain_and_the_catalogue_follows_it() -> None:
    nodes = graph(defs)
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in nodes.get(key).parent_keys}
        for key in nodes.get_all_asset_keys()
    }
    assert parents == {
        "raw": set(),
        "scrubbed": {"raw"},
        "pixel_cleaned": {"scrubbed"},
        "released": {"pixel_cleaned"},
        "catalogue": {"released"},
    }


def test_one_run_takes_one_batch_in_one_process() -> None:
    job = defs.resolve_job_def("deidentify")
    assert job.partitions_def == dg.DynamicPartitionsDefinition(name="batch")
    assert job.executor_def is dg.in_process_executor
    for asset in CHAIN:
        node = graph(defs).get(dg.AssetKey(asset))
        assert node.partitions_def == job.partitions_def
        assert node.backfill_policy is None or node.backfill_policy.max_partitions_per_run == 1


def test_every_check_on_a_batch_blocks_and_those_on_single_items_warn() -> None:
    nodes = graph(defs)
    found = {(key.asset_key.to_user_string(), key.name): nodes.get(key).blocking for key in nodes.asset_check_keys}
    gate = dict.fromkeys((("pixel_cleaned", name) for name in GATE_CHECKS), True)
    items = dict.fromkeys((("pixel_cleaned", name) for name in ITEM_CHECKS), False)
    early = dict.fromkeys(
        [("raw", "complete"), ("scrubbed", "scrubbed_reconciled"), ("scrubbed", "scrubbed_well_formed")], True
    )
    assert found == gate | items | early


def test_a_changed_profile_shows_all_but_raw_as_stale(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first, same, other = (
            code_versions(deployed(tmp_path, instance, profile).definitions) for profile in ("tcia", "tcia", "basic")
        )
    assert first == same
    assert {asset for asset in CHAIN if first[asset] != other[asset]} == {"scrubbed", "pixel_cleaned", "released"}


def test_the_landing_sensor_runs_by_itself_and_starts_the_job() -> None:
    (sensor,) = defs.sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert [target.job_name for target in sensor.targets] == ["deidentify"]


def test_settings_come_from_the_environment_and_the_key_is_not_among_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "DEID_STORE": str(tmp_path / "store"), "DEID_PROFILE": "basic", "DEID_WORKERS": "3", "DEID_QUIET_SECONDS": "7",
        "DEID_CATALOGUE": str(tmp_path / "views"), "DEID_SECRET_ID": "deid/key", "DEID_KEY": KEY.hex(),
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    resources: Any = from_environment().resources
    platform = resources["platform"]
    assert platform.policies.policy().name == "basic"
    assert platform.compute.workers == 3
    assert platform.patience().quiet_s == 7.0
    assert platform.vault.secret_id == "deid/key"
    assert resources["catalogue_views"].folder == str(tmp_path / "views")
    assert KEY.hex() not in repr(resources)


def test_no_key_is_needed_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEID_KEY", raising=False)
    dg.Definitions.validate_loadable(from_environment())


def test_a_profile_that_is_not_there_is_told_when_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_PROFILE", "no-such-profile")
    with pytest.raises(PolicyError):
        from_environment()


def test_every_asset_and_check_says_what_it_is_for(tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        deployment = deployed(tmp_path, instance)
    platform: Any = deployment.platform
    resources: Any = deployment.definitions.resources
    crosswalks = CrosswalkResource(store=platform.store, recipients=["age1..."])
    built = build_definitions(
        platform, platform.policies, platform.models, resources["catalogue_views"], crosswalks
    )
    nodes = graph(built)
    assert all(nodes.get(key).description for key in nodes.get_all_asset_keys())
    assert all(nodes.get(key).description for key in nodes.asset_check_keys)


@pytest.mark.parametrize(("device", "pool"), [(Device.CPU, None), (Device.CUDA, "gpu")])
def test_pixels_wait_for_a_slot_of_the_gpu_where_the_detector_runs_on_it(device: Device, pool: str | None) -> None:
    policy, detector = load_policy("tcia"), replace(choose_detector("fp32", "cpu"), device=device)
    assert pixel_cleaned_asset(policy, detector).op.pool == pool
    assert scrubbed_asset(policy, detector).op.pool is None
