"""A deployment of the platform in a folder: the resources, the definitions, and runs in this process."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg

from assets.definitions import build_definitions
from assets.sensors import landing_sensor
from deid_platform.workers import Compute
from resources.catalogue import CatalogueResource
from resources.compute import ComputeResource
from resources.crosswalk import CrosswalkResource
from resources.models import ModelsResource
from resources.platform import PlatformResource
from resources.policies import PolicyResource
from resources.store import StoreResource
from resources.subjects import SubjectsResource
from resources.vault import VaultResource
from tests.builders.chain import Here

QUIET: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class HereResource(ComputeResource):
    """Work in this process."""

    def compute(self) -> Compute:
        """See :class:`~tests.builders.chain.Here`."""
        return Here()


@dataclass(frozen=True)
class Deployment:
    """One platform and one Dagster instance. ``store`` is what the platform keeps everything in."""

    store: StoreResource
    folder: Path
    instance: dg.DagsterInstance
    profile: str = "tcia"
    compute: ComputeResource = field(default_factory=HereResource)
    subjects: SubjectsResource = field(default_factory=SubjectsResource)
    quiet_s: float = 0.0
    max_batch_objects: int = 5000
    recipients: tuple[str, ...] = ()

    @cached_property
    def platform(self) -> PlatformResource:
        """Zones, key, policy and compute."""
        return PlatformResource(
            store=self.store,
            vault=VaultResource(),
            policies=PolicyResource(profile=self.profile),
            subjects=self.subjects,
            models=ModelsResource(),
            compute=self.compute,
            quiet_s=self.quiet_s,
            max_batch_objects=self.max_batch_objects,
        )

    @cached_property
    def definitions(self) -> dg.Definitions:
        """What Dagster would load."""
        views = CatalogueResource(folder=str(self.folder / "catalogue"))
        vault = CrosswalkResource(store=StoreResource(url=str(self.folder / "vault")), recipients=list(self.recipients))
        return build_definitions(self.platform, self.platform.policies, self.platform.models, views, vault)

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        """Evaluate the landing sensor, and add the partitions it asks for, as the daemon would."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # dagster's own, in its context for tests
            with dg.build_sensor_context(instance=self.instance, resources={"platform": self.platform}) as context:
                answer = landing_sensor(context)
        for request in getattr(answer, "dynamic_partitions_requests", None) or ():
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        assert isinstance(answer, dg.SensorResult | dg.SkipReason)
        return answer

    def batches(self) -> list[str]:
        """The partitions that a tick asks runs for."""
        answer = self.tick()
        requests = answer.run_requests if isinstance(answer, dg.SensorResult) else None
        return [str(request.partition_key) for request in requests or ()]

    def run(self, batch: str, *assets: str) -> dg.ExecuteInProcessResult:
        """A run of the job over the chain, or over some of its assets without the checks of others."""
        return self.definitions.resolve_job_def("deidentify").execute_in_process(
            instance=self.instance,
            partition_key=batch,
            asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
            run_config=QUIET,
            raise_on_error=False,
        )


def deployed(
    root: Path, instance: dg.DagsterInstance, profile: str = "tcia", compute: ComputeResource | None = None
) -> Deployment:
    """A deployment that keeps everything in the folder ``root``."""
    return Deployment(StoreResource(url=str(root)), root, instance, profile, compute or HereResource())


def steps(result: dg.ExecuteInProcessResult) -> set[str]:
    """The assets that were materialised."""
    return {event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key}


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Message of the failure by step."""
    events = [event for event in result.all_events if event.is_step_failure]
    return {str(event.step_key): _message(event.step_failure_data) for event in events}


def _message(failure: Any) -> str:
    return str(failure.user_failure_data.description if failure.user_failure_data else failure.error.message)
