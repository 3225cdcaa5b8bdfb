"""What `test_canary` starts: good, bad and broken batches through Dagster, with all its logging on.

python -m tests.promises.canary_run RESULT: the environment tells everything else. RESULT gets success by batch.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import dagster as dg

from assets import sensors
from assets.catalogue import catalogue
from assets.definitions import defs
from assets.sensors import landing_sensor
from deid_platform.stages import raw
from tests.builders.chain import pipeline
from tests.builders.dicom import person

RESOURCES: dict[str, Any] = dict(defs.resources or {})
STORE = Path(os.environ["DEID_STORE"])


def main(result: Path) -> None:
    """Run every drop; its site is named after what goes wrong."""
    instance = dg.DagsterInstance.get()
    tick_that_fails(instance)
    batches = {batch.rpartition("-")[0]: batch for batch in tick(instance)}
    outcome = {
        "good": run(instance, batches["good"]),
        "worker": run_with_a_file_in_the_way(instance, batches["worker"], "scrubbed"),
        "manifest": run_with_a_file_in_the_way(instance, batches["manifest"], "raw"),
        "fault": run_with_a_fault(instance, batches["fault"]),
    }
    resources = {"platform": RESOURCES["platform"], "catalogue_views": RESOURCES["catalogue_views"]}
    outcome["catalogue"] = dg.materialize([catalogue], instance=instance, resources=resources).success
    result.write_text(json.dumps(outcome))


def tick(instance: dg.DagsterInstance) -> list[str]:
    """What the daemon does with the sensor."""
    with dg.build_sensor_context(instance=instance, resources={"platform": RESOURCES["platform"]}) as context:
        answer: Any = landing_sensor(context)
    for request in answer.dynamic_partitions_requests:
        instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
    return [request.partition_key for request in answer.run_requests]


def tick_that_fails(instance: dg.DagsterInstance) -> None:
    """A fault in the sensor, whose traceback the daemon would log."""
    original = sensors.seal_drop
    sensors.seal_drop = fail
    try:
        tick(instance)
    except dg.Failure:
        traceback.print_exc()
    finally:
        sensors.seal_drop = original


def run(instance: dg.DagsterInstance, batch: str) -> bool:
    """One run of the chain, with Dagster's own logging."""
    job = defs.resolve_job_def("deidentify")
    return job.execute_in_process(instance=instance, partition_key=batch, raise_on_error=False).success


def run_with_a_file_in_the_way(instance: dg.DagsterInstance, batch: str, stage: str) -> bool:
    """A store that cannot be written, by a worker or by the run itself: a file stands where a folder should be."""
    place = STORE / stage / batch
    if stage == "raw":  # where the members of the batch lie already
        place /= raw.raw_digest(pipeline(STORE, site=batch.rpartition("-")[0]), batch)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()
    return run(instance, batch)


def run_with_a_fault(instance: dg.DagsterInstance, batch: str) -> bool:
    """A fault of this software whose text and cause name a person."""
    raw.write_manifest = fail
    return run(instance, batch)


def fail(*_: Any) -> Any:
    """Raise what a careless library would."""
    try:
        raise KeyError(person(6).name)
    except KeyError as error:
        raise ValueError(f"could not read {person(6).sentence}") from error


if __name__ == "__main__":
    main(Path(sys.argv[1]))
