from __future__ import annotations

import pytest

from deid_platform import layout
from deid_platform.layout import Zones
from deid_platform.model import Entry, Stage, Status
from deid_platform.store.folder import FolderStore

BATCH, DIGEST = "north-aaaa", "0" * 32
UIDS = {"study": "2.25.1", "series": "2.25.2", "instance": "2.25.3"}
ENTRY = Entry("ITEM", Status.PASSED, "landing/JANE ROE.dcm", 1, "", subject="SUBJ", **UIDS)


@pytest.mark.parametrize("stage", Stage)
def test_a_manifest_lies_in_the_folder_of_its_stage_batch_and_digest(stage: Stage) -> None:
    folder = layout.stage_folder(stage, BATCH, DIGEST)
    assert layout.manifest_key(stage, BATCH, DIGEST) == f"{folder}manifest.parquet"
    assert folder.endswith(f"/{BATCH}/{DIGEST}/")
    assert folder != layout.stage_folder(stage, BATCH, "1" * 32)


def test_no_two_things_share_a_key() -> None:
    keys = [
        layout.sealed_key(BATCH),
        layout.quarantine_key(BATCH),
        layout.findings_key(BATCH, DIGEST),
        layout.verdict_key(BATCH, DIGEST),
        layout.survey_key("DROP"),
        *(layout.manifest_key(stage, BATCH, DIGEST) for stage in Stage),
    ]
    assert len(set(keys)) == len(keys)


def test_verdict_and_findings_lie_beside_the_manifest_they_judge() -> None:
    folder = layout.stage_folder(Stage.PIXEL_CLEANED, BATCH, DIGEST)
    assert layout.findings_key(BATCH, DIGEST).startswith(folder)
    assert layout.verdict_key(BATCH, DIGEST).startswith(folder)


def test_nothing_of_the_trusted_zone_lies_in_the_released_one() -> None:
    assert not any(layout.stage_folder(stage, BATCH, DIGEST).startswith("released/") for stage in Stage)


def test_a_cleaned_object_is_named_by_pseudonyms_only() -> None:
    assert layout.object_name(ENTRY, ".dcm") == "SUBJ/2.25.1/2.25.2/2.25.3.dcm"


def test_one_store_may_serve_as_every_zone() -> None:
    store = FolderStore("/store")
    assert Zones(store, store, store) == Zones(landing=store, trusted=store, released=store, flat=False)
