"""Clean outputs that break the policy."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import uid as uids
from pydicom.dataset import Dataset

from tests.audit.tampering import Change, audited, patched, put, put_meta, put_private, tampered
from tests.builders.elements import element
from tests.formats.dicom.cleaning import Laboratory, with_elements


@pytest.mark.parametrize(
    ("change", "where", "kind"),
    [
        (put("PatientBirthName", "Nobody^New"), "(0010,1005)", "forbidden"),
        (put("OtherPatientIDsSequence", [Dataset()]), "(0010,1002)", "forbidden"),
        (put("PatientBirthDate", "19500101"), "(0010,0030)", "not_empty"),
        (put("AccessionNumber", "1"), "(0008,0050)", "not_empty"),
        (put("ReferringPhysicianName", "Nobody^New"), "(0008,0090)", "not_empty"),
        (put("PatientIdentityRemoved", None), "(0012,0062)", "marker_missing"),
        (put("PatientIdentityRemoved", "NO"), "(0012,0062)", "marker_missing"),
        (put("DeidentificationMethod", None), "(0012,0063)", "marker_missing"),
        (put("DeidentificationMethodCodeSequence", []), "(0012,0064)", "marker_wrong"),
        (put("LongitudinalTemporalInformationModified", "UNMODIFIED"), "(0028,0303)", "marker_wrong"),
        (put("BurnedInAnnotation", "YES"), "(0028,0301)", "marker_wrong"),
        (put("RecognizableVisualFeatures", "NO"), "(0028,0302)", "marker_wrong"),
        (put("PatientID", "other"), "(0010,0020)", "no_pseudonym"),
        (put("PatientName", "other"), "(0010,0010)", "no_pseudonym"),
        (put_private(b"harmless", "ACME", 0x0099, 0x01), "(0099,1001)", "private_not_allowed"),
        (lambda ds: ds.add_new(0x00990010, "LO", "ACME"), "(0099,0010)", "private_creator_of_nothing"),
        (lambda ds: ds.add_new(0x00991001, "LO", "of nobody"), "(0099,1001)", "private_not_allowed"),
        (lambda ds: ds.add_new(0x60003000, "OW", bytes(2)), "(6000,3000)", "forbidden"),
        (lambda ds: ds.add_new(0x00185999, "LO", "x"), "(0018,5999)", "forbidden"),
        (put_meta("SourceApplicationEntityTitle", "SENDER"), "(0002,0016)", "forbidden_meta"),
        (put_meta("ImplementationClassUID", "1.2.3"), "(0002,0012)", "not_ours"),
        (put_meta("MediaStorageSOPInstanceUID", "2.25.1"), "(0002,0003)", "differs_from_data_set"),
        (lambda ds: setattr(ds, "preamble", b"II*\0".ljust(128)), "preamble", "not_empty"),
    ],
)  # fmt: skip
def test_what_the_policy_forbids_is_found(
    lab: Laboratory, tmp_path: Path, change: Change, where: str, kind: str
) -> None:
    assert (where, kind, "forbidden_content") in tampered(lab.built("MR"), tmp_path, change)


def test_forbidden_content_is_found_inside_sequences(lab: Laboratory, tmp_path: Path) -> None:
    hits = tampered(
        lab.built("MR"), tmp_path, lambda ds: setattr(ds.ReferencedStudySequence[0], "PatientBirthName", "Nobody^New")
    )
    assert ("(0010,1005)", "forbidden", "forbidden_content") in hits
    hits = tampered(
        lab.built("MR"), tmp_path, lambda ds: setattr(ds.ContributingEquipmentSequence[0], "PatientBirthName", "Nobody")
    )
    assert ("(0010,1005)", "forbidden", "forbidden_content") in hits


def test_a_value_that_was_to_be_replaced_is_found(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.clean(with_elements(element(0x00120010, b"LO", b"Sponsor Inc")), "basic")
    assert audited(cleaned) == set()
    hits = tampered(cleaned, tmp_path, put("ClinicalTrialSponsorName", "Sponsor Inc"))
    assert ("(0012,0010)", "not_replaced", "forbidden_content") in hits


@pytest.mark.parametrize(
    "name", ["MR", uids.RLELossless.name, uids.ImplicitVRLittleEndian.name, uids.ExplicitVRBigEndian.name]
)
def test_anything_behind_the_pixels_is_found(lab: Laboratory, tmp_path: Path, name: str) -> None:
    cleaned = lab.built(name)
    data = cleaned.output.read_bytes()
    for tail in (b"\0", element(0xFFFCFFFC, b"OB", bytes(8)), b"trailing words"):
        assert ("pixels", "followed_by_something", "forbidden_content") in patched(cleaned, tmp_path, data + tail)


def test_a_misplaced_group_is_found(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.built("MR")
    data = cleaned.output.read_bytes()
    at = data.index(b"\x08\0\x16\0UI")
    for tag, kind in ((0x00041130, "misplaced"), (0x00080000, "group_length")):
        extra = element(tag, b"CS", b"OLDSET") if kind == "misplaced" else element(tag, b"UL", bytes(4))
        hits = patched(cleaned, tmp_path, data[:at] + extra + data[at:])
        assert {kind for _, kind, _ in hits} == {kind}
