"""Old identifiers beside new ones, encrypted into the vault: only where a recipient is configured."""

import dagster as dg

from assets.boundary import boundary
from assets.partitions import batch_partitions
from assets.stage import GROUP
from deid_platform.vault import deposit
from resources.crosswalk import CrosswalkResource
from resources.platform import PlatformResource


@dg.asset(
    deps=["released"],
    partitions_def=batch_partitions,
    group_name=GROUP,
    kinds={"age"},
    description="Old identifiers of a released batch beside new ones, in the vault, encrypted for its recipients.",
)
def crosswalk(
    context: dg.AssetExecutionContext, platform: PlatformResource, crosswalks: CrosswalkResource
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Keep the crosswalk of a batch, unless it is there."""
    batch = context.partition_key
    with boundary("crosswalk"):
        kept = deposit(platform.pipeline(batch), batch, crosswalks.vault())
        metadata = {"rows": dg.MetadataValue.int(kept.rows)} if kept.rows is not None else {}
        return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(kept.digest))
