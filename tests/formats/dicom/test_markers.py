from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.formats.dicom.elements import DataSet, Element
from deid_platform.formats.dicom.markers import IMPLEMENTATION_CLASS_UID, file_meta, mark
from deid_platform.model import ENGINE_VERSION
from deid_platform.policy import load_policy
from tests.builders.dicom import encode, person, report
from tests.builders.elements import element
from tests.formats.dicom.cleaning import PROFILES, Laboratory, plain_image, with_elements
from tests.formats.dicom.test_elements import undefined

CODES = {"basic": ["113100", "113101"], "tcia": ["113100", "113101", "113105", "113107", "113108", "113109", "113111"]}
TEMPORAL = {"basic": "REMOVED", "tcia": "MODIFIED"}


def cleaned(lab: Laboratory, profile: str, *elements: bytes) -> Dataset:
    return dcmread(BytesIO(lab.clean(with_elements(*elements) if elements else plain_image(), profile).data))


@pytest.mark.parametrize("profile", PROFILES)
def test_an_object_says_exactly_what_was_done(lab: Laboratory, profile: str) -> None:
    ds = cleaned(lab, profile)
    policy = load_policy(profile)
    assert ds.PatientIdentityRemoved == "YES"
    assert ds.LongitudinalTemporalInformationModified == TEMPORAL[profile]
    assert list(ds.DeidentificationMethod) == [
        f"DICOM PS3.15 2026c Basic Profile, profile {profile}",
        f"deid-platform {ENGINE_VERSION}, policy {policy.digest[:16]}",
    ]
    codes = ds.DeidentificationMethodCodeSequence
    assert [code.CodeValue for code in codes] == CODES[profile]
    assert {code.CodingSchemeDesignator for code in codes} == {"DCM"}
    assert codes[0].CodeMeaning == "Basic Application Confidentiality Profile"
    assert codes[1].CodeMeaning == "Clean Pixel Data Option"
    assert {option.meaning for option in policy.options} == {code.CodeMeaning for code in codes[2:]}


def test_the_outcome_claims_what_the_object_claims(lab: Laboratory) -> None:
    for profile in PROFILES:
        assert list(lab.clean(plain_image(), profile).outcome.satisfied) == CODES[profile]


def test_clean_pixels_are_claimed_of_objects_with_pixels_only(lab: Laboratory) -> None:
    outcome = lab.clean(encode(report(person(0)))).outcome
    assert list(outcome.satisfied) == [code for code in CODES["tcia"] if code != "113101"]


def test_the_equipment_that_cleaned_is_named_last(lab: Laboratory) -> None:
    sender = undefined(0x0018A001, b"SQ", element(0x00080070, b"LO", b"ACME"))
    for profile in PROFILES:
        items = cleaned(lab, profile, sender).ContributingEquipmentSequence
        assert items[-1].Manufacturer == "deid-platform"
        assert items[-1].PurposeOfReferenceCodeSequence[0].CodeValue == "109104"
        assert len(cleaned(lab, profile).ContributingEquipmentSequence) == 1


def test_what_the_sender_claims_never_decides(lab: Laboratory) -> None:
    claims = [
        element(0x00120062, b"CS", b"NO"),
        element(0x00280301, b"CS", b"YES"),
        element(0x00280302, b"CS", b"NO"),
        element(0x00280303, b"CS", b"UNMODIFIED"),
        undefined(0x00120064, b"SQ", element(0x00080100, b"SH", b"113110")),
    ]
    for profile in PROFILES:
        ds = cleaned(lab, profile, *claims)
        assert ds.PatientIdentityRemoved == "YES"
        assert ds.BurnedInAnnotation == "NO"
        assert ds.RecognizableVisualFeatures == "YES"
        assert ds.LongitudinalTemporalInformationModified == TEMPORAL[profile]
        assert [code.CodeValue for code in ds.DeidentificationMethodCodeSequence] == CODES[profile]


def test_a_burned_in_annotation_nobody_spoke_of_is_not_spoken_of(lab: Laboratory) -> None:
    assert "BurnedInAnnotation" not in cleaned(lab, "tcia")
    assert "RecognizableVisualFeatures" not in cleaned(lab, "tcia")


def test_earlier_methods_are_kept_and_ours_joined(lab: Laboratory) -> None:
    earlier = element(0x00120063, b"LO", b"RSNA CTP\\Second step")
    assert list(cleaned(lab, "tcia", earlier).DeidentificationMethod)[:2] == ["RSNA CTP", "Second step"]
    long = element(0x00120063, b"LO", b"x" * 100)
    assert max(map(len, cleaned(lab, "tcia", long).DeidentificationMethod)) == 64


def test_cleaning_twice_does_not_say_so_twice(lab: Laboratory) -> None:
    once = lab.clean(plain_image())
    twice = dcmread(lab.clean(once.output.read_bytes()).output)
    assert list(twice.DeidentificationMethod) == list(dcmread(once.output).DeidentificationMethod)


def test_the_meta_group_names_the_object_and_this_software() -> None:
    data = DataSet()
    data[0x00080016] = Element(0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.4\0")
    data[0x00080018] = Element(0x00080018, "UI", b"2.25.1")
    meta = file_meta(data, "1.2.840.10008.1.2.1")
    assert {tag: e.value for tag, e in meta.items()} == {
        0x00020001: b"\0\x01",
        0x00020002: b"1.2.840.10008.5.1.4.1.1.4",
        0x00020003: b"2.25.1",
        0x00020010: b"1.2.840.10008.1.2.1",
        0x00020012: IMPLEMENTATION_CLASS_UID.encode(),
        0x00020013: f"DEID_PLATFORM_{ENGINE_VERSION}".encode(),
    }


def test_every_value_written_fits_its_vr() -> None:
    for profile in PROFILES:
        data = DataSet()
        mark(data, load_policy(profile))
        for e in data.values():
            if isinstance(e.value, bytes):
                assert all(len(value) <= {"LO": 64, "CS": 16}[e.vr] for value in e.value.split(b"\\"))


def test_earlier_methods_in_another_character_set_are_kept_too(lab: Laboratory) -> None:
    earlier = element(0x00120063, b"LO", "Größe entfernt\\zweitens".encode("latin-1"))
    data = with_elements(element(0x00080005, b"CS", b"ISO_IR 100"), earlier)
    ds = dcmread(lab.clean(data).output)
    assert list(ds.DeidentificationMethod)[:2] == ["Größe entfernt", "zweitens"]
    assert all(len(value) <= 64 for value in ds.DeidentificationMethod)
