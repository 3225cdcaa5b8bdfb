"""What came in: one row for every landed object of a batch, whatever it is."""

import dagster as dg

from assets.stage import stage_asset
from deid_platform.model import Stage
from deid_platform.pixels.inference import DetectorSpec
from deid_platform.policy import Policy
from deid_platform.stages.raw import take_in

_DESCRIPTION = (
    "What came in. Every landed object of the batch is read to its end and gets a row; what cannot be understood is "
    "refused with a reason."
)


def raw_asset(policy: Policy, detector: DetectorSpec) -> dg.AssetsDefinition:
    """The asset ``raw`` under a policy, with a text detector."""
    return stage_asset(Stage.RAW, take_in, policy, detector, _DESCRIPTION)
