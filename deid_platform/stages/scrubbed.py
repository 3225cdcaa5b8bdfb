"""Scrubbed: metadata cleaned. Every item that came through is rewritten under the policy; pixels are only copied."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from deid_platform.formats.registry import format_named
from deid_platform.identity import Identity
from deid_platform.layout import object_name, stage_folder
from deid_platform.model import Entry, Stage
from deid_platform.policy import Policy
from deid_platform.stages.pipeline import Pipeline, StageResult, each, require, run_stage
from deid_platform.stages.raw import raw_digest
from deid_platform.stages.task import Broken, guarded, landed_object, own_store, sha256_of, unchanged
from deid_platform.store.protocol import Store


def scrubbed_digest(pipeline: Pipeline, batch: str) -> str:
    """The digest of the scrubbed stage under the present policy and key, and the names of the subjects in the batch.

    Raises
    ------
    UnsafeToRelease
        Subjects are named by a mapping file, and ``raw``, which tells them, was not made yet.
    """
    source = raw_digest(pipeline, batch)
    if pipeline.identity.rules.table is not None:
        raw = require(pipeline, Stage.RAW, batch, source)
        source += "\n" + pipeline.identity.naming(entry.subject for entry in raw.passed)
    return pipeline.digest(Stage.SCRUBBED, source)


def scrub(pipeline: Pipeline, batch: str) -> StageResult:
    """Materialise ``scrubbed``. Raises UnsafeToRelease when ``raw`` was not made yet."""
    source = require(pipeline, Stage.RAW, batch, raw_digest(pipeline, batch))
    digest = scrubbed_digest(pipeline, batch)
    zones = pipeline.zones
    folder = stage_folder(Stage.SCRUBBED, batch, digest)
    task = Scrub(zones.landing, zones.trusted, folder, pipeline.policy, pipeline.identity)
    return run_stage(
        pipeline, Stage.SCRUBBED, source, digest, lambda: each(pipeline, Stage.SCRUBBED, source.passed, task)
    )


@dataclass(frozen=True, slots=True)
class Scrub:
    """The task of the scrubbed stage. ``folder`` is where cleaned objects go in the trusted zone."""

    landing: Store
    trusted: Store
    folder: str
    policy: Policy
    identity: Identity

    def __call__(self, entry: Entry) -> Entry | Broken:
        """Write the cleaned copy of one landed object."""
        return guarded(replace(entry, object="", etag=""), Stage.SCRUBBED, lambda: self._clean(entry))

    def _clean(self, entry: Entry) -> Entry:
        item_format = format_named(entry.format)
        key = self.folder + object_name(entry, item_format.suffix)
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch, "output")
            with landed_object(self.landing, entry.object) as source:
                unchanged(source, entry.sha256)
                outcome = item_format.scrub(source, output, self.policy, self.identity, entry.object)
            with own_store():
                self.trusted.upload(output, key)
            return replace(
                entry,
                object=key,
                etag="",
                size=output.stat().st_size,
                sha256=sha256_of(output),
                changes=outcome.changes,
                satisfied=outcome.satisfied,
            )
