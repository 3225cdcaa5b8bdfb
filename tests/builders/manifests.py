"""Manifests of a batch as the stages would write them, without files."""

from __future__ import annotations

from deid_platform.batches import Batch, Landed
from deid_platform.identity import Identity
from deid_platform.manifest import Manifest
from deid_platform.model import Entry, Reason, Stage, Status

HERE = Identity(bytes(range(32)), "north")
BATCH, DIGEST = "north-abcdefghijklmnop", "0123456789abcdef0123456789abcdef"


def sealed(count: int = 4) -> Batch:
    """A batch of objects named object0.dcm and so on."""
    return Batch(BATCH, "north", tuple(Landed(f"drop/object{number}.dcm", 100, "etag") for number in range(count)))


def entry(number: int, stage: Stage = Stage.PIXEL_CLEANED, study: int = 0) -> Entry:
    """The row of one object of :func:`sealed` that passed; objects of a study share a series."""
    subject = HERE.subject(f"patient of study {study}", "")
    study_uid, series, instance = (HERE.uid(f"1.2.{study}{suffix}") for suffix in ("", ".1", f".1.{number}"))
    return Entry(
        item=HERE.token("item", "north", f"drop/object{number}.dcm"),
        status=Status.PASSED,
        object=f"scrubbed/{BATCH}/{DIGEST}/{subject}/{study_uid}/{series}/{instance}.dcm",
        size=100 + number,
        sha256=f"{number:064x}",
        subject=subject,
        study=study_uid,
        series=series,
        instance=instance,
        rule="no_text_found" if stage is Stage.PIXEL_CLEANED else "",
    )


def refused(number: int, stage: Stage = Stage.RAW, reason: Reason = Reason.MALFORMED) -> Entry:
    """The row of one object of :func:`sealed` that was refused."""
    item = HERE.token("item", "north", f"drop/object{number}.dcm")
    return Entry(item, Status.QUARANTINED, "", 0, "", stage=str(stage), reason=str(reason))


def manifest(*entries: Entry, stage: Stage = Stage.PIXEL_CLEANED) -> Manifest:
    """A manifest with these rows."""
    return Manifest(stage, BATCH, entries, "0" * 64)
