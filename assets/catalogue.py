"""All manifests of all batches as one catalogue."""

from typing import Any

import dagster as dg

from assets.boundary import boundary
from assets.metadata import table
from assets.stage import GROUP
from resources.catalogue import CatalogueResource
from resources.platform import PlatformResource

_BY_REASON = "select stage, reason, count(*) as items from quarantine group by all order by items desc, stage, reason"
_TOTALS = """
select count(*), coalesce(sum(found), 0), coalesce(sum(released), 0), coalesce(sum(quarantined), 0) from batches
"""


@dg.asset(
    deps=["released"],
    group_name=GROUP,
    kinds={"duckdb"},
    automation_condition=dg.AutomationCondition.any_deps_updated().since(dg.AutomationCondition.newly_requested())
    & ~dg.AutomationCondition.in_progress(),
    description="DuckDB views over the manifests of all batches: items, quarantine, released, batches, actions.",
)
def catalogue(platform: PlatformResource, catalogue_views: CatalogueResource) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Bring the catalogue up to date and tell what it counts."""
    with boundary("catalogue"):
        fresh = catalogue_views.update(platform.zones().trusted)
        with catalogue_views.connect() as connection:
            totals: list[Any] = list(connection.execute(_TOTALS).fetchone() or ())
            reasons = connection.execute(_BY_REASON).fetchall()
    names = ("batches", "found", "released", "quarantined")
    return dg.MaterializeResult(
        metadata={
            "new_manifests": dg.MetadataValue.int(fresh),
            **{name: dg.MetadataValue.int(int(value)) for name, value in zip(names, totals, strict=True)},
            "quarantine": table(("stage", "reason", "items"), reasons),
            "views": dg.MetadataValue.path(catalogue_views.folder),
        }
    )
