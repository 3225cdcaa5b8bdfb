"""Everything Dagster loads: assets, checks, job, sensor and resources, put together from the environment once."""

from __future__ import annotations

import os

import dagster as dg

from assets.catalogue import catalogue
from assets.checks import ALL_CHECKS
from assets.crosswalk import crosswalk
from assets.jobs import deidentify
from assets.pixel_cleaned import pixel_cleaned_asset
from assets.raw import raw_asset
from assets.released import released_asset
from assets.scrubbed import scrubbed_asset
from assets.sensors import landing_sensor
from resources.catalogue import CatalogueResource
from resources.compute import ComputeResource
from resources.crosswalk import CrosswalkResource
from resources.models import ModelsResource
from resources.platform import PlatformResource
from resources.policies import PolicyResource
from resources.store import StoreResource
from resources.subjects import SubjectsResource
from resources.vault import VaultResource


def build_definitions(
    platform: PlatformResource,
    policies: PolicyResource,
    models: ModelsResource,
    views: CatalogueResource,
    crosswalks: CrosswalkResource,
) -> dg.Definitions:
    """The definitions of a deployment. Policy and text detector are part of the code versions of its assets."""
    policy, detector = policies.policy(), models.detector()
    stages = [build(policy, detector) for build in (raw_asset, scrubbed_asset, pixel_cleaned_asset, released_asset)]
    return dg.Definitions(
        assets=[*stages, catalogue, *([crosswalk] if crosswalks.wanted else [])],
        asset_checks=ALL_CHECKS,
        jobs=[deidentify],
        sensors=[landing_sensor],
        executor=dg.in_process_executor,
        resources={"platform": platform, "catalogue_views": views, "crosswalks": crosswalks},
    )


def from_environment() -> dg.Definitions:
    """Definitions from the variables named ``DEID_...`` in the README.

    Everything has a default for a single machine, but the key: ``DEID_KEY`` is asked for when a batch is worked on.
    """
    policies = PolicyResource(profile=os.environ.get("DEID_PROFILE", "tcia"))
    models = ModelsResource.from_environment()
    store = StoreResource.from_environment()
    platform = PlatformResource(
        store=store,
        vault=VaultResource(secret_id=os.environ.get("DEID_SECRET_ID", "")),
        policies=policies,
        subjects=SubjectsResource.from_environment(),
        models=models,
        compute=ComputeResource(workers=int(os.environ.get("DEID_WORKERS", "0"))),
        quiet_s=float(os.environ.get("DEID_QUIET_SECONDS", "300")),
    )
    views = CatalogueResource(folder=os.environ.get("DEID_CATALOGUE", "data/catalogue"))
    return build_definitions(platform, policies, models, views, CrosswalkResource.from_environment(store))


defs = from_environment()
