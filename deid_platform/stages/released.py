"""Released: proven clean and published. Refuses to act without a fitting verdict of the gate.

Objects first, then the manifest and the report, last the marker that makes the release visible, so that a release is
there as a whole or not at all. An earlier release of the batch under another policy stays where it is; the marker says
which one counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace

from deid_platform.errors import UnsafeToRelease
from deid_platform.formats.registry import format_named
from deid_platform.layout import face_picture_key, manifest_key, object_name, quarantine_key
from deid_platform.manifest import Manifest, write_manifest
from deid_platform.model import Entry, Reason, Stage
from deid_platform.stages.gate import Verdict, read_verdict
from deid_platform.stages.pipeline import Pipeline, StageResult, each, find, require
from deid_platform.stages.pixels import pixel_digest
from deid_platform.stages.report import MOST_PICTURES, render_report
from deid_platform.stages.task import (
    Broken,
    guarded,
    own_object,
    own_store,
    refuse,
    sha256_of,
    without_place,
)
from deid_platform.store.protocol import Store


def released_digest(pipeline: Pipeline, verdict: Verdict) -> str:
    """The digest of the released stage: what was judged, by which gate, and which items it held back.

    A gate that comes to refuse an item thereby makes another release, instead of finding the old one done.
    """
    held_back = json.dumps([verdict.manifest_sha256, verdict.gate, verdict.refused], sort_keys=True)
    return pipeline.digest(Stage.RELEASED, f"{pixel_digest(pipeline, verdict.batch)}\n{held_back}")


def release(pipeline: Pipeline, batch: str) -> StageResult:
    """Materialise ``released``.

    Raises
    ------
    UnsafeToRelease
        The gate has not passed exactly this manifest.
    """
    start = time.perf_counter()
    source_digest = pixel_digest(pipeline, batch)
    source = require(pipeline, Stage.PIXEL_CLEANED, batch, source_digest)
    verdict = read_verdict(pipeline, source, source_digest)
    digest = released_digest(pipeline, verdict)
    manifest = find(pipeline, Stage.RELEASED, batch, digest)
    done = manifest is not None
    if manifest is None:
        manifest = _publish(pipeline, source, verdict, digest)
    _announce(pipeline, manifest, verdict, digest)
    return StageResult(manifest, digest, 0.0 if done else time.perf_counter() - start)


def published(pipeline: Pipeline, batch: str) -> tuple[Manifest, str]:
    """The manifest of a batch that was released, and its digest.

    Raises
    ------
    UnsafeToRelease
        It was not released under this policy, key and engine.
    """
    source_digest = pixel_digest(pipeline, batch)
    source = require(pipeline, Stage.PIXEL_CLEANED, batch, source_digest)
    digest = released_digest(pipeline, read_verdict(pipeline, source, source_digest))
    return require(pipeline, Stage.RELEASED, batch, digest), digest


def report_of(pipeline: Pipeline, manifest: Manifest, verdict: Verdict) -> bytes:
    """The report of a released batch, an HTML page, from its ``manifest`` and the ``verdict`` it was released on."""
    return render_report(pipeline.policy, manifest, verdict.checks, _pictures(pipeline, manifest)).encode()


def _publish(pipeline: Pipeline, source: Manifest, verdict: Verdict, digest: str) -> Manifest:
    """Copy what the gate let pass; what it refused goes to quarantine."""
    zones = pipeline.zones
    admitted, held = [], []
    for entry in source.passed:
        if reason := verdict.refused.get(entry.item):
            held.append(refuse(entry, Stage.RELEASED, reason))
        else:
            admitted.append(entry)
    folder = "" if zones.flat else f"{source.batch}/{digest}/"
    task = Publish(zones.trusted, zones.released, folder, shared=zones.flat)
    entries: Iterable[Entry] = each(pipeline, Stage.RELEASED, admitted, task)
    rows = map(without_place, (*source.quarantined, *held, *entries))
    key = manifest_key(Stage.RELEASED, source.batch, digest)
    return write_manifest(zones.trusted, key, Stage.RELEASED, source.batch, rows)


@dataclass(frozen=True, slots=True)
class Publish:
    """The task of the released stage. In a ``shared`` folder another batch may have used the name already."""

    trusted: Store
    released: Store
    folder: str
    shared: bool

    def __call__(self, entry: Entry) -> Entry | Broken:
        """Copy one object whose bytes are those the gate judged."""
        return guarded(entry, Stage.RELEASED, lambda: self._copy(entry))

    def _copy(self, entry: Entry) -> Entry:
        key = self.folder + object_name(entry, format_named(entry.format).suffix)
        with own_object(self.trusted, entry.object) as path:
            if sha256_of(path) != entry.sha256:
                raise UnsafeToRelease("The object changed after the gate judged it.")
            with own_store():
                if self.shared and self.released.stat(key) is not None:
                    with self.released.fetch(key) as present:
                        if sha256_of(present) != entry.sha256:
                            raise UnsafeToRelease("Another object has this SOP Instance UID.", Reason.DUPLICATE_UID)
                else:
                    self.released.upload(path, key)
        return replace(entry, object=key)


def _pictures(pipeline: Pipeline, manifest: Manifest) -> list[bytes]:
    """Heads of released volumes without their faces, at most :data:`MOST_PICTURES`; what was refused is not shown."""
    digest = pixel_digest(pipeline, manifest.batch)
    found: list[bytes] = []
    for entry in manifest.passed:
        key = face_picture_key(manifest.batch, digest, entry.item)
        if entry.masking.heads and len(found) < MOST_PICTURES and pipeline.zones.trusted.stat(key) is not None:
            found.append(pipeline.zones.trusted.read(key))
    return found


def _announce(pipeline: Pipeline, manifest: Manifest, verdict: Verdict, digest: str) -> None:
    """Quarantine list, public manifest, report, and last the marker; all of them the same however often written."""
    zones, batch = pipeline.zones, manifest.batch
    write_manifest(zones.trusted, quarantine_key(batch), Stage.RELEASED, batch, manifest.quarantined)
    if zones.flat:
        return
    folder = f"{batch}/{digest}/"
    write_manifest(zones.released, folder + "manifest.parquet", Stage.RELEASED, batch, manifest.passed)
    zones.released.write(folder + "report.html", report_of(pipeline, manifest, verdict))
    marker = {
        "batch": batch,
        "digest": digest,
        "objects": len(manifest.passed),
        "policy": pipeline.policy.digest,
        "profile": pipeline.policy.name,
    }
    zones.released.write(f"{batch}/release.json", json.dumps(marker, sort_keys=True).encode())
