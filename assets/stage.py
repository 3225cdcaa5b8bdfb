"""The one way a stage becomes an asset: take the batch, call the engine, report."""

from collections.abc import Callable

import dagster as dg

from assets.boundary import boundary
from assets.metadata import Metadata, stage_metadata
from assets.partitions import batch_partitions
from deid_platform.model import Stage
from deid_platform.pixels.inference import DetectorSpec
from deid_platform.pixels.sessions import Device
from deid_platform.policy import Policy
from deid_platform.stages.pipeline import Pipeline, StageResult, code_version
from resources.platform import PlatformResource

GROUP = "deidentification"
GPU_POOL = "gpu"
"""What ``pixel_cleaned`` waits for where the detector runs on a GPU; its limit is set in Dagster."""
StageFunction = Callable[[Pipeline, str], StageResult]
Links = Callable[[Pipeline, StageResult], Metadata]


def _no_links(_pipeline: Pipeline, _result: StageResult) -> Metadata:
    return {}


def stage_asset(
    stage: Stage,
    function: StageFunction,
    policy: Policy,
    detector: DetectorSpec,
    description: str,
    links: Links = _no_links,
) -> dg.AssetsDefinition:
    """The asset of a stage. Policy and detector are in its code version; its data version is its digest."""
    order = list(Stage)
    before = order[: order.index(stage)][-1:]

    @dg.asset(
        name=str(stage),
        deps=[str(earlier) for earlier in before],
        partitions_def=batch_partitions,
        code_version=code_version(stage, policy, detector=detector),
        pool=GPU_POOL if stage is Stage.PIXEL_CLEANED and detector.device is Device.CUDA else None,
        group_name=GROUP,
        kinds={"dicom", "parquet"},
        description=description,
    )
    def materialize(context: dg.AssetExecutionContext, platform: PlatformResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
        batch = context.partition_key
        with boundary(str(stage)):
            pipeline = platform.pipeline(batch)
            result = function(pipeline, batch)
            return dg.MaterializeResult(
                metadata=stage_metadata(result, pipeline.zones.trusted) | links(pipeline, result),
                data_version=dg.DataVersion(result.digest),
            )

    return materialize
