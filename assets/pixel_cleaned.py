"""Nothing readable in the pixels: text is masked, and items that cannot be looked at stop here."""

import dagster as dg

from assets.metadata import Metadata
from assets.stage import stage_asset
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
    """Which model found the text, in which precision, and where it was computed."""
    return {} if pipeline.detector is None else {"detector": dg.MetadataValue.text(pipeline.detector.identity)}
