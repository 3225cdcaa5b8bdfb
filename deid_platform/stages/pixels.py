"""Pixel_cleaned: text is found in every frame and masked; what cannot be looked at stops here.

Objects without text stay where scrubbing put them; only those that change are written anew.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from deid_platform.errors import DeidError
from deid_platform.formats.registry import format_named
from deid_platform.identity import Identity
from deid_platform.layout import object_name, stage_folder
from deid_platform.manifest import Manifest
from deid_platform.model import Entry, PixelOutcome, Stage
from deid_platform.pixels.cleaning import HeadWork, PixelWork
from deid_platform.pixels.identified import Known
from deid_platform.pixels.inference import DetectorSpec, open_detector
from deid_platform.pixels.masks import Mask
from deid_platform.policy import Policy
from deid_platform.stages.heads import Heads, heads_of
from deid_platform.stages.pipeline import Pipeline, StageResult, each_of, require, run_stage
from deid_platform.stages.raw import raw_digest
from deid_platform.stages.scrubbed import scrubbed_digest
from deid_platform.stages.series import additions
from deid_platform.stages.task import Broken, guarded, landed_object, own_object, own_store, refuse, sha256_of
from deid_platform.store.protocol import Store

_LOT = "identifiers in pixels"
_COMPARED_OF_SERIES = 3
"""Items of a series whose masked text is compared with the subject's identifiers, where a sample is asked for."""


def pixel_digest(pipeline: Pipeline, batch: str) -> str:
    """The digest of the pixel_cleaned stage under the present policy, key, models and programs."""
    return pipeline.digest(Stage.PIXEL_CLEANED, scrubbed_digest(pipeline, batch))


def clean_pixels(pipeline: Pipeline, batch: str) -> StageResult:
    """Materialise ``pixel_cleaned``.

    Raises
    ------
    UnsafeToRelease
        ``scrubbed`` was not made yet.
    DeidError
        The pipeline has no detector.
    """
    raw = require(pipeline, Stage.RAW, batch, raw_digest(pipeline, batch))
    source = require(pipeline, Stage.SCRUBBED, batch, scrubbed_digest(pipeline, batch))
    detector = pipeline.detector
    if detector is None:
        raise DeidError("The pipeline has no text detector: choose one before cleaning pixels.")
    digest = pixel_digest(pipeline, batch)
    return run_stage(
        pipeline, Stage.PIXEL_CLEANED, source, digest, lambda: _cleaned(pipeline, raw, source, digest, detector)
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """One scrubbed item; where its original lies if its text is compared with it; what its series adds to its mask;
    and what goes of a head."""

    entry: Entry
    original: str = ""
    addition: Mask | None = None
    head: HeadWork = field(default_factory=HeadWork)


@dataclass(frozen=True, slots=True)
class Clean:
    """The task of the pixel_cleaned stage. ``folder`` is where changed objects go in the trusted zone."""

    landing: Store
    trusted: Store
    folder: str
    policy: Policy
    identity: Identity
    detector: DetectorSpec

    def __call__(self, piece: Piece) -> Entry | Broken:
        """Mask the text in the pixels of one scrubbed object."""
        return guarded(piece.entry, Stage.PIXEL_CLEANED, lambda: self._clean(piece))

    def _clean(self, piece: Piece) -> Entry:
        entry = piece.entry
        item_format = format_named(entry.format)
        work = PixelWork(
            open_detector(self.detector),
            keep_marks=self.policy.pixels.keeps_marks,
            addition=piece.addition,
            head=piece.head,
            known=(lambda: self._known(piece)) if piece.original else None,
        )
        with tempfile.TemporaryDirectory() as scratch, own_object(self.trusted, entry.object) as source:
            output = Path(scratch, "output")
            outcome = item_format.clean_pixels(source, output, work)
            return self._row(entry, outcome, output, item_format.suffix)

    def _row(self, entry: Entry, outcome: PixelOutcome, output: Path, suffix: str) -> Entry:
        """The row of a cleaned item, whose object is written where it changed."""
        row = replace(
            entry, rule=str(outcome.rule), masking=outcome.masking, changes=(*entry.changes, *outcome.changes)
        )
        if not outcome.transfer_syntax:
            return row
        key = self.folder + object_name(entry, suffix)
        with own_store():
            self.trusted.upload(output, key)
        return replace(
            row,
            object=key,
            size=output.stat().st_size,
            sha256=sha256_of(output),
            transfer_syntax=outcome.transfer_syntax,
        )

    def _known(self, piece: Piece) -> Known:
        with landed_object(self.landing, piece.original) as original:
            return format_named(piece.entry.format).known(original, self.policy, piece.original)


def _cleaned(
    pipeline: Pipeline, raw: Manifest, source: Manifest, digest: str, detector: DetectorSpec
) -> Iterator[Entry]:
    zones = pipeline.zones
    folder = stage_folder(Stage.PIXEL_CLEANED, source.batch, digest)
    task = Clean(zones.landing, zones.trusted, folder, pipeline.policy, pipeline.identity, detector)
    heads = heads_of(pipeline, source.passed, {entry.item: entry.object for entry in raw.passed})
    for entry in source.passed:
        if entry.item in heads.refused:
            yield refuse(entry, Stage.PIXEL_CLEANED, str(heads.refused[entry.item]))
    left = [entry for entry in source.passed if entry.item not in heads.refused]
    added = additions(pipeline, left, detector)
    pieces = _pieces(left, _originals(pipeline, raw, source), added, heads)
    yield from each_of(pipeline, Stage.PIXEL_CLEANED, pieces, task, lambda piece: piece.entry)


def _pieces(
    entries: Iterable[Entry], originals: Mapping[str, str], added: Mapping[str, Mask], heads: Heads
) -> Iterator[Piece]:
    for entry in entries:
        head = heads.work.get(entry.item, HeadWork())
        yield Piece(entry, originals.get(entry.item, ""), added.get(entry.series), head)


def _originals(pipeline: Pipeline, raw: Manifest, source: Manifest) -> dict[str, str]:
    """Landing keys, by item, of those whose masked text is compared: all, none, or by lot some of each series."""
    wanted = pipeline.policy.pixels.match_identifiers
    if wanted == "none":
        return {}
    chosen = list(source.passed)
    if wanted == "sample":
        series: dict[str, list[Entry]] = defaultdict(list)
        for entry in sorted(chosen, key=lambda entry: pipeline.identity.token(_LOT, entry.item)):
            series[entry.series].append(entry)
        chosen = [entry for members in series.values() for entry in members[:_COMPARED_OF_SERIES]]
    items = {entry.item for entry in chosen}
    return {entry.item: entry.object for entry in raw.passed if entry.item in items}
