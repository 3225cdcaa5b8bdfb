"""Nothing readable in the pixels: text is masked, and items that cannot be looked at stop here."""

import dagster as dg

from assets.metadata import Metadata
from assets.stage import stage_asset
from deid_platform.heads.net import choose_head_net
from deid_platform.model import Stage
from deid_platform.pixels.inference import DetectorSpec
from deid_platform.policy import Policy
from deid_platform.stages.pipeline import Pipeline, StageResult
from deid_platform.stages.pixels import clean_pixels

_DESCRIPTION = (
    "Nothing readable is left in the pixels: text is found in every frame and masked without loss to anything beside "
    "it. Objects without text stay where scrubbing put them; those whose pixels cannot be decoded are refused."
)


def pixel_cleaned_asset(policy: Policy, detector: DetectorSpec) -> dg.AssetsDefinition:
    """The asset ``pixel_cleaned`` under a policy, with a text detector."""
    return stage_asset(Stage.PIXEL_CLEANED, clean_pixels, policy, detector, _DESCRIPTION, _detector)


def _detector(pipeline: Pipeline, _result: StageResult) -> Metadata:
    """Which models found text and heads, in which precision, and where they were computed."""
    found: Metadata = {}
    if pipeline.detector is not None:
        found["detector"] = dg.MetadataValue.text(pipeline.detector.identity)
    if pipeline.policy.heads.looks:
        found["head_model"] = dg.MetadataValue.text(choose_head_net().identity)
    return found
