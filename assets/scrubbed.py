"""Metadata cleaned: de-identified copies of what came through raw."""

import dagster as dg

from assets.stage import stage_asset
from deid_platform.model import Stage
from deid_platform.pixels.inference import DetectorSpec
from deid_platform.policy import Policy
from deid_platform.stages.scrubbed import scrub

_DESCRIPTION = (
    "Metadata cleaned under the policy, element by element at every depth; pixels are copied, never decoded."
)


def scrubbed_asset(policy: Policy, detector: DetectorSpec) -> dg.AssetsDefinition:
    """The asset ``scrubbed`` under a policy, with a text detector."""
    return stage_asset(Stage.SCRUBBED, scrub, policy, detector, _DESCRIPTION)
