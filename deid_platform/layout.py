"""Where everything lies: zones and keys. Nothing outside the landing zone ever carries an original name.

    landing/<site>/<drop>/...                                  never written by us
    ledger/<drop>/survey.parquet, ledger/<drop>/<batch>        what a drop held, and which batches it became
    raw/<batch>/sealed.parquet                                 the members of a batch
    raw/<batch>/<digest>/manifest.parquet
    scrubbed/<batch>/<digest>/<subject>/<study>/<series>/<instance>.dcm, manifest.parquet
    pixel_cleaned/<batch>/<digest>/<subject>/...               only objects that changed there
    pixel_cleaned/<batch>/<digest>/manifest.parquet, findings.parquet, gate.json
    publication/<batch>/<digest>/manifest.parquet              what was released, and what was held back
    quarantine/<batch>/manifest.parquet
    released/<batch>/<digest>/<subject>/..., manifest.parquet, report.html; released/<batch>/release.json written last
"""

from __future__ import annotations

from dataclasses import dataclass

from deid_platform.model import Entry, Stage
from deid_platform.store.protocol import Store


@dataclass(frozen=True, slots=True)
class Zones:
    """The stores of the zones. One store can serve as all of them; separate ones may have separate credentials.

    ``landing`` is only read. ``trusted`` holds raw manifests (PHI), cleaned objects, verdicts and the ledger.
    ``released`` is what users see; with ``flat`` its objects lie directly in it, not under batch and digest.
    """

    landing: Store
    trusted: Store
    released: Store
    flat: bool = False


def sealed_key(batch: str) -> str:
    """The list of a batch's members."""
    return f"raw/{batch}/sealed.parquet"


def stage_root(stage: Stage) -> str:
    """The folder of a stage in the trusted zone. The record of releases lies outside of what is released."""
    return "publication" if stage is Stage.RELEASED else str(stage)


def stage_folder(stage: Stage, batch: str, digest: str) -> str:
    """Where a stage keeps what it made of a batch under one digest, with a closing slash."""
    return f"{stage_root(stage)}/{batch}/{digest}/"


def manifest_key(stage: Stage, batch: str, digest: str) -> str:
    """The manifest whose presence makes a stage of a batch exist."""
    return stage_folder(stage, batch, digest) + "manifest.parquet"


def findings_key(batch: str, digest: str) -> str:
    """What the gate saw, beside the manifest it judged."""
    return stage_folder(Stage.PIXEL_CLEANED, batch, digest) + "findings.parquet"


def verdict_key(batch: str, digest: str) -> str:
    """The gate's verdict on a pixel_cleaned manifest."""
    return stage_folder(Stage.PIXEL_CLEANED, batch, digest) + "gate.json"


def head_picture_key(batch: str, digest: str, study: str, number: int) -> str:
    """A head before and after its face was removed: it shows a person, so it stays in the trusted zone."""
    return stage_folder(Stage.PIXEL_CLEANED, batch, digest) + f"heads/{study}-{number}.png"


def face_picture_key(batch: str, digest: str, item: str) -> str:
    """A head without its face, as it was proven, for the report; ``item`` is the first of its volume."""
    return stage_folder(Stage.PIXEL_CLEANED, batch, digest) + f"heads/after/{item}.png"


def quarantine_key(batch: str) -> str:
    """All refused items of a batch with stage and reason."""
    return f"quarantine/{batch}/manifest.parquet"


def ledger_folder(drop: str) -> str:
    """What is known of a drop, by its opaque key, with a closing slash."""
    return f"ledger/{drop}/"


def survey_key(drop: str) -> str:
    """Which study every object of a drop belongs to."""
    return ledger_folder(drop) + "survey.parquet"


def object_name(entry: Entry, suffix: str) -> str:
    """The name of a cleaned object: pseudonyms only."""
    return entry.path or f"{entry.subject}/{entry.study}/{entry.series}/{entry.instance}{suffix}"
