"""Proven clean and published; refuses to act without the gate's verdict."""

import dagster as dg

from assets.metadata import Metadata, link
from assets.stage import stage_asset
from deid_platform.model import Stage
from deid_platform.pixels.inference import DetectorSpec
from deid_platform.policy import Policy
from deid_platform.stages.pipeline import Pipeline, StageResult
from deid_platform.stages.released import release

_DESCRIPTION = (
    "Proven clean and published. Refuses to act without a verdict of the gate on exactly this manifest, however it is "
    "launched."
)


def released_asset(policy: Policy, detector: DetectorSpec) -> dg.AssetsDefinition:
    """The asset ``released`` under a policy, with a text detector."""
    return stage_asset(Stage.RELEASED, release, policy, detector, _DESCRIPTION, _links)


def _links(pipeline: Pipeline, result: StageResult) -> Metadata:
    """Where the released objects and the report of the batch lie."""
    zone, folder = pipeline.zones.released, f"{result.manifest.batch}/{result.digest}"
    return {"objects": link(zone, folder), "report": link(zone, f"{folder}/report.html")}
