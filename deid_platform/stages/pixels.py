"""Pixel_cleaned: nothing readable is left in the pixels. Items whose pixels show text, or cannot be looked at, stop."""

from __future__ import annotations

from dataclasses import dataclass, replace

from deid_platform.formats.registry import format_named
from deid_platform.model import Entry, Stage
from deid_platform.stages.pipeline import Pipeline, StageResult, require, run_stage
from deid_platform.stages.scrubbed import scrubbed_digest
from deid_platform.stages.task import Broken, guarded, own_object
from deid_platform.store.protocol import Store


def pixel_digest(pipeline: Pipeline, batch: str) -> str:
    """The digest of the pixel_cleaned stage under the present policy, key and programs."""
    return pipeline.digest(Stage.PIXEL_CLEANED, scrubbed_digest(pipeline, batch))


def clean_pixels(pipeline: Pipeline, batch: str) -> StageResult:
    """Materialise ``pixel_cleaned``. Objects stay where scrubbing put them; the manifest says why they may pass."""
    source = require(pipeline, Stage.SCRUBBED, batch, scrubbed_digest(pipeline, batch))
    task = Judge(pipeline.zones.trusted)
    return run_stage(pipeline, Stage.PIXEL_CLEANED, source, pixel_digest(pipeline, batch), task)


@dataclass(frozen=True, slots=True)
class Judge:
    """The task of the pixel_cleaned stage."""

    trusted: Store

    def __call__(self, entry: Entry) -> Entry | Broken:
        """Look at the pixels of one cleaned object."""
        return guarded(entry, Stage.PIXEL_CLEANED, lambda: self._judge(entry))

    def _judge(self, entry: Entry) -> Entry:
        with own_object(self.trusted, entry.object) as path:
            return replace(entry, rule=format_named(entry.format).judge_pixels(path))
