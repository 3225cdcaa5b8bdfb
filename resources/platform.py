"""The resources an asset needs, put together: one engine pipeline per site."""

import dagster as dg

from deid_platform.batches import Bounds
from deid_platform.identity import Identity
from deid_platform.intake import Patience
from deid_platform.layout import Zones
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.raw import read_sealed
from deid_platform.store.landing import as_landing
from resources.compute import ComputeResource
from resources.models import ModelsResource
from resources.policies import PolicyResource
from resources.store import StoreResource
from resources.subjects import SubjectsResource
from resources.vault import VaultResource


class PlatformResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Zones, key, policy and compute of a deployment.

    The zones are folders of one store, ``landing/`` and ``released/`` beside the trusted ones, so that a bucket policy
    can give each its own readers and writers.
    """

    store: StoreResource
    vault: VaultResource
    policies: PolicyResource
    compute: ComputeResource
    subjects: SubjectsResource
    models: ModelsResource
    quiet_s: float = 300.0
    """A drop without a completion marker is taken once nothing in it changed for so many seconds."""
    max_batch_gib: float = 20.0
    """Bytes a batch may hold, in GiB; a study that alone is larger is split."""
    max_batch_objects: int = 5000
    """Objects a batch may hold."""

    def zones(self) -> Zones:
        """The stores of the zones."""
        root = self.store.store()
        return Zones(landing=as_landing(root.within("landing")), trusted=root, released=root.within("released"))

    def identity(self, site: str) -> Identity:
        """Key and site: enough for opaque keys of items, studies and batches, not to name patients."""
        return self.vault.identity(site)

    def pipeline(self, batch: str) -> Pipeline:
        """The pipeline for a batch, under the key and site the batch was sealed for."""
        zones = self.zones()
        site = read_sealed(zones.trusted, batch).site
        identity = self.subjects.named(self.identity(site))
        policy, compute, detector = self.policies.policy(), self.compute.compute(), self.models.detector()
        return Pipeline(zones, policy, identity, compute, detector=detector)

    def bounds(self) -> Bounds:
        """How large batches may grow."""
        return Bounds(int(self.max_batch_gib * 1024**3), self.max_batch_objects)

    def patience(self) -> Patience:
        """When drops are taken. The survey stays well under the minute Dagster gives a sensor."""
        return Patience(quiet_s=self.quiet_s)
