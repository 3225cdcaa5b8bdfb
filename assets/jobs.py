"""The job over the chain: one batch a run, everything in one process, blocking checks between the stages."""

from __future__ import annotations

import dagster as dg

CHAIN = ("raw", "scrubbed", "pixel_cleaned", "released")

deidentify = dg.define_asset_job(
    "deidentify",
    selection=dg.AssetSelection.assets(*CHAIN),
    executor_def=dg.in_process_executor,
    description="Take one sealed batch from raw to released. Work inside a batch is spread by the compute resource.",
)
