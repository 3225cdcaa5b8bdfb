"""Whom an object is said to be of, by cleaner and auditor alike: numbers, issuers, character sets, mapping files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from deid_platform.audit.dicom import _subject as subject_of_original
from deid_platform.errors import UnsafeToRelease
from deid_platform.identity import Identity
from deid_platform.mapping import with_mapping
from deid_platform.model import Reason
from deid_platform.policy import load_policy
from deid_platform.subjects import Issuers, SubjectRules, Unknown
from tests.builders.dicom import encode, person
from tests.builders.elements import element
from tests.formats.dicom.cleaning import FORMAT, IDENTITY, small, with_elements
from tests.formats.dicom.test_elements import undefined

APART = replace(IDENTITY, rules=SubjectRules(Issuers.SEPARATE))
PATIENT_ID, CHARSET, ISSUER = 0x00100020, 0x00080005, 0x00100021


def subject(folder: Path, data: bytes, identity: Identity = IDENTITY) -> str:
    """Whose an object is; cleaner and auditor must agree."""
    source = folder / "source"
    source.write_bytes(data)
    said = FORMAT.describe(source, identity).subject
    assert subject_of_original(pydicom.dcmread(source), identity) == said
    return said


def cleaned(folder: Path, data: bytes, identity: Identity) -> pydicom.FileDataset:
    """The cleaned object, with which the auditor has no quarrel."""
    source, output = folder / "source", folder / "output"
    source.write_bytes(data)
    policy = load_policy("tcia")
    FORMAT.scrub(source, output, policy, identity)
    assert not list(FORMAT.audit("I", source, output, policy, identity))
    return pydicom.dcmread(output)


def numbered(value: bytes, charset: bytes = b"ISO_IR 100") -> bytes:
    return with_elements(element(CHARSET, b"CS", charset), element(PATIENT_ID, b"LO", value, pad=len(value) % 2 == 1))


@pytest.mark.parametrize("value", [b"KX-4711", b" KX-4711", b"KX-4711\0", b"KX-4711  \0", b"KX-4711\\", b"KX-4711\\ "])
def test_one_number_is_one_patient_however_it_is_padded(tmp_path: Path, value: bytes) -> None:
    assert subject(tmp_path, numbered(value)) == IDENTITY.subject("KX-4711", "")


def test_one_number_is_one_patient_in_every_character_set(tmp_path: Path) -> None:
    written = [numbered("Ä-4711".encode("latin-1")), numbered("Ä-4711".encode(), b"ISO_IR 192"),
               numbered("A\u0308-4711".encode(), b"ISO_IR 192")]  # fmt: skip
    assert {subject(tmp_path, data) for data in written} == {IDENTITY.subject("Ä-4711", "")}


def test_several_numbers_are_one_patient_of_their_own(tmp_path: Path) -> None:
    found = [subject(tmp_path, numbered(value)) for value in (b"KX-1\\KX-2", b"KX-1 \\ KX-2", b"KX-1")]
    assert found[0] == found[1] == IDENTITY.subject("KX-1\\KX-2", "") != found[2]


@pytest.mark.parametrize("value", [b"", b"  ", b"\0\0", b"\\"])
def test_without_a_number_the_study_is_the_subject(tmp_path: Path, value: bytes) -> None:
    found = subject(tmp_path, numbered(value))
    assert found == IDENTITY.subject("", str(pydicom.dcmread(tmp_path / "source").StudyInstanceUID))


def issued(number: str, issuer: str | None, entity: str | None = None) -> bytes:
    ds = small(person(0), PatientID=number, IssuerOfPatientID=issuer)
    if entity is not None:
        qualifiers = Dataset()
        qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType = entity, "ISO"
        ds.IssuerOfPatientIDQualifiersSequence = Sequence([qualifiers])
    return encode(ds)


def test_issuers_are_ignored_unless_asked_for(tmp_path: Path) -> None:
    found = [subject(tmp_path, issued("KX-1", issuer)) for issuer in ("A", "B", None)]
    assert set(found) == {IDENTITY.subject("KX-1", "")}


def test_equal_numbers_of_different_issuers_are_different_patients_where_asked_for(tmp_path: Path) -> None:
    objects = [issued("KX-1", "A"), issued("KX-1", "A "), issued("KX-1", "A", "1.2.3"), issued("KX-1", "B"),
               issued("KX-1", None, "1.2.3"), issued("KX-1", "", "1.2.3"), issued("KX-1", None)]  # fmt: skip
    a, padded, both, b, entity, blank, nobody = [subject(tmp_path, data, APART) for data in objects]
    assert a == padded == both
    assert entity == blank
    assert len({a, b, entity, nobody}) == 4


def test_a_number_without_issuer_is_of_its_study_or_of_the_default_issuer(tmp_path: Path) -> None:
    first, second = (encode(small(person(0), study=study, IssuerOfPatientID=None)) for study in (1, 2))
    assert subject(tmp_path, first, APART) != subject(tmp_path, second, APART)
    default = replace(IDENTITY, rules=SubjectRules(Issuers.SEPARATE, "A"))
    found = {subject(tmp_path, data, default) for data in (first, second)}
    assert found == {default.subject(person(0).patient_id, "", "A")}


MAPPING = f"""patient_id,pseudonym,name,shift_days
{person(0).patient_id},TRIAL 7-001,Trial^Seven,40
KX-9,TRIAL 7-009,,
"""


@pytest.fixture(scope="module")
def mapped() -> Identity:
    return with_mapping(IDENTITY, SubjectRules(unknown=Unknown.QUARANTINE), MAPPING.encode(), "m.csv")


def test_a_mapped_patient_is_called_as_mapped_and_moved_as_mapped(tmp_path: Path, mapped: Identity) -> None:
    ds = cleaned(tmp_path, encode(small(person(0))), mapped)
    assert (ds.PatientID, str(ds.PatientName)) == ("TRIAL 7-001", "Trial^Seven")
    before = pydicom.dcmread(tmp_path / "source")
    assert (pydicom.valuerep.DA(before.StudyDate) - pydicom.valuerep.DA(ds.StudyDate)).days == 40


def test_an_unknown_patient_is_refused(tmp_path: Path, mapped: Identity) -> None:
    with pytest.raises(UnsafeToRelease) as caught:
        cleaned(tmp_path, encode(small(person(1))), mapped)
    assert caught.value.reason is Reason.UNKNOWN_SUBJECT


def test_patients_named_within_an_object_get_their_own_pseudonyms(tmp_path: Path, mapped: Identity) -> None:
    numbers = (person(0).patient_id, "KX-9", "KX-10", " ")
    items = [element(PATIENT_ID, b"LO", number.encode()) for number in numbers]
    data = with_elements(*(undefined(tag, b"SQ", item) for tag, item in
                           zip((0x00081110, 0x00081111, 0x00081115, 0x00081140), items, strict=True)))  # fmt: skip
    ds = cleaned(tmp_path, data, mapped)
    found = [ds[tag][0].PatientID for tag in (0x00081110, 0x00081111, 0x00081115, 0x00081140)]
    assert found[:2] == ["TRIAL 7-001", "TRIAL 7-009"]
    assert found[2] == mapped.subject("KX-10", "")
    assert found[3] == mapped.subject("", str(pydicom.dcmread(tmp_path / "source").StudyInstanceUID))
