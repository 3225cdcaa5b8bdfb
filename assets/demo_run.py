"""What the demonstration does with Dagster: what the daemon would do, once and in this process."""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.catalogue import catalogue
from assets.definitions import defs
from assets.jobs import deidentify
from assets.sensors import landing_sensor

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
_MODALITIES = """
select coalesce(nullif(modality, ''), 'other') as modality, count(*) as found,
       count(*) filter (where status = 'passed') as released,
       count(*) filter (where status = 'quarantined') as quarantined
from items where dataset = 'released' group by 1 order by 1
"""
_REASONS = "select stage, reason, count(*) from quarantine group by all order by all"


def process() -> list[str]:
    """Evaluate the sensor and launch what it asks for; gives the batches, none when all were taken before."""
    instance = dg.DagsterInstance.get()
    with dg.build_sensor_context(instance=instance, resources={"platform": _resource("platform")}) as context:
        answer = landing_sensor(context)
    if not isinstance(answer, dg.SensorResult):
        return []
    for addition in answer.dynamic_partitions_requests or ():
        instance.add_dynamic_partitions(addition.partitions_def_name, list(addition.partition_keys))
    return [_launch(instance, request) for request in answer.run_requests or ()]


def _launch(instance: dg.DagsterInstance, request: dg.RunRequest) -> str:
    """One run of the chain; its outcome is in the instance, as after any run."""
    batch = str(request.partition_key)
    defs.resolve_job_def(deidentify.name).execute_in_process(
        instance=instance,
        partition_key=batch,
        tags={**request.tags, "dagster/run_key": batch},
        run_config=_QUIET,
        raise_on_error=False,
    )
    return batch


def report() -> bool:
    """Materialise the catalogue and print what it counts; whether every item is accounted for."""
    views = _resource("catalogue_views")
    resources = {"platform": _resource("platform"), "catalogue_views": views}
    dg.materialize([catalogue], instance=dg.DagsterInstance.get(), resources=resources, run_config=_QUIET)
    with views.connect() as connection:
        rows = connection.execute(_MODALITIES).fetchall()
        reasons = connection.execute(_REASONS).fetchall()
    found, released, quarantined = (sum(row[column] for row in rows) for column in (1, 2, 3))
    for row in (("modality", "found", "released", "quarantined"), *rows, ("all", found, released, quarantined)):
        print("  {:<12}{:>8}{:>10}{:>13}".format(*row))
    print(f"\n  found {found} = released {released} + quarantined {quarantined}")
    for stage, reason, count in reasons:
        print(f"    {count} {reason} (at {stage})")
    return bool(found == released + quarantined and released)


def _resource(name: str) -> Any:
    return (defs.resources or {})[name]
