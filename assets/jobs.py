"""The job over the chain: one batch a run, everything in one process, blocking checks between the stages."""

from __future__ import annotations

import dagster as dg

from assets.stage import GROUP

CHAIN = ("raw", "scrubbed", "pixel_cleaned", "released")
"""The assets of every deployment; ``crosswalk`` follows where it is wanted."""

deidentify = dg.define_asset_job(
    "deidentify",
    selection=dg.AssetSelection.groups(GROUP) - dg.AssetSelection.assets("catalogue"),
    executor_def=dg.in_process_executor,
    description="Take one sealed batch from raw to released, and keep its crosswalk where one is wanted. Work inside a "
    "batch is spread by the compute resource.",
)
