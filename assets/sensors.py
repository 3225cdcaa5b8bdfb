"""The landing sensor: new drops become sealed batches, batches become partitions and runs.

All state is the platform's own ledger beside the data, so a tick may crash anywhere and be repeated: sealing again
gives the same batches, a partition that exists is not added twice, and Dagster starts no second run for a run key.
"""

import dagster as dg

from assets.boundary import boundary
from assets.jobs import deidentify
from assets.partitions import BATCHES, batch_partitions
from deid_platform.intake import drops, is_site, seal_drop, sealed_batches
from resources.platform import PlatformResource

MAX_REQUESTS = 50
"""Runs asked for in one tick; the run queue does the rest."""


@dg.sensor(
    name="landing_sensor",
    job=deidentify,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Seals new drops under landing/<site>/<drop>/ into batches and starts a run for each.",
)
def landing_sensor(context: dg.SensorEvaluationContext, platform: PlatformResource) -> dg.SensorResult | dg.SkipReason:
    """Seal what has landed, then ask for a run of every batch that has not been taken in yet."""
    with boundary("landing_sensor"):
        seal_all(platform)
        waiting = _waiting(context, platform)
        idle = _idle(platform)
    if not waiting:
        return dg.SkipReason(idle)
    return dg.SensorResult(
        run_requests=[_request(batch) for batch in waiting],
        dynamic_partitions_requests=[batch_partitions.build_add_request(waiting)],
    )


def seal_all(platform: PlatformResource) -> list[str]:
    """Seal what is new in every complete drop; gives the ids of the new batches.

    Raises
    ------
    StoreError
        A zone cannot be read or written; a landing zone that is not there is no idle day.
    """
    zones, bounds, patience = platform.zones(), platform.bounds(), platform.patience()
    zones.landing.require()
    sealed = []
    for drop in drops(zones.landing):
        sealed += seal_drop(zones, platform.identity(drop.site), drop, bounds, patience)
    return sealed


def _waiting(context: dg.SensorEvaluationContext, platform: PlatformResource) -> list[str]:
    """Batches of the ledger that ``raw`` was never materialised for, those without a partition first."""
    done = context.instance.get_materialized_partitions(dg.AssetKey("raw"))
    known = set(context.instance.get_dynamic_partitions(BATCHES))
    waiting = [batch for batch in sealed_batches(platform.zones().trusted) if batch not in done]
    return sorted(waiting, key=lambda batch: (batch in known, batch))[:MAX_REQUESTS]


def _idle(platform: PlatformResource) -> str:
    """Why there is nothing to do. Folders that are no site's are counted: their files would wait in vain."""
    strange = sum(not is_site(name) for name in platform.zones().landing.folders(""))
    told = "No drop is complete, and every sealed batch has been taken in."
    if strange:
        told += f" {strange} folders are not looked at: a site's name is lower-case letters, digits and hyphens."
    return told


def _request(batch: str) -> dg.RunRequest:
    return dg.RunRequest(run_key=batch, partition_key=batch, tags={"deid/site": batch.rpartition("-")[0]})
