"""Nothing readable in the pixels: items that show text, or cannot be looked at, stop here."""

import dagster as dg

from assets.stage import stage_asset
from deid_platform.model import Stage
from deid_platform.policy import Policy
from deid_platform.stages.pixels import clean_pixels

_DESCRIPTION = (
    "Nothing readable is left in the pixels. Items that show text, or whose pixels cannot be decoded, are refused."
)


def pixel_cleaned_asset(policy: Policy) -> dg.AssetsDefinition:
    """The asset ``pixel_cleaned`` under a policy."""
    return stage_asset(Stage.PIXEL_CLEANED, clean_pixels, policy, _DESCRIPTION)
