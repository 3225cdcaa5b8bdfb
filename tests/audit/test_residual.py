"""Identifiers put back into clean outputs."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from pydicom import uid as uids
from pydicom.dataset import Dataset

from tests.audit.tampering import audited, patched, put, put_nested, put_private, tampered
from tests.builders.dicom import SCRIPTS, person, study_date
from tests.builders.elements import element
from tests.builders.people import spelled
from tests.formats.dicom.cleaning import PROFILES, Laboratory, with_elements

WHO = person(0)
NAMES = {
    "as it is": WHO.family,
    "in capitals": WHO.family.upper(),
    "with other words": f"seen by {WHO.given}, {WHO.family}",
    "the physician's": f"Dr.{WHO.physician}",
    "the number": WHO.patient_id,
    "the number without its dash": WHO.patient_id.replace("-", ""),
    "the number in parts": WHO.patient_id.replace("-", ": "),
    "the telephone": WHO.phone.replace(" ", "-"),
    "the accession": WHO.accession,
    "the institution": WHO.institution.split()[1],
}


@pytest.mark.parametrize("spelling", NAMES)
def test_an_identifier_in_a_comment_is_found(lab: Laboratory, tmp_path: Path, spelling: str) -> None:
    text = NAMES[spelling]
    hits = tampered(lab.built("MR"), tmp_path, put("ImageComments", text))
    assert ("(0020,4000)", "text", "residual_identifier") in hits
    assert ("(0008,1030)", "text", "residual_identifier") in tampered(lab.built("MR"), tmp_path, put_nested(text))


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_a_name_is_found_in_text_in_every_script(lab: Laboratory, tmp_path: Path, number: int) -> None:
    who, cleaned = person(number), lab.built("MR", "tcia", number)
    names = [who.given, who.family, f"{who.given} {who.family}"]
    names += [who.ideographic_family, who.ideographic_family + who.ideographic_given] if who.ideographic_family else []
    for name in names:
        hits = tampered(cleaned, tmp_path, put("StudyDescription", f"CT {name}"))
        assert ("(0008,1030)", "text", "residual_identifier") in hits, name


def test_a_name_without_its_accents_is_found(lab: Laboratory, tmp_path: Path) -> None:
    for text in ("Selephinelade", "SELEPHINELADE", "Se\u0301le\u0301phinelade"):

        def change(ds: Dataset, text: str = text) -> None:
            ds.SpecificCharacterSet = "ISO_IR 192"
            ds.StudyDescription = text

        assert ("(0008,1030)", "text", "residual_identifier") in tampered(lab.built("MR", "tcia", 1), tmp_path, change)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_a_name_among_bytes_is_found_in_every_script(lab: Laboratory, tmp_path: Path, number: int, codec: str) -> None:
    who, cleaned = person(number), lab.built("MR", "tcia", number)
    for name in (who.family, who.given.upper(), who.ideographic_family or who.family):
        value = b"\x01\x02\x03" + name.encode(codec) + b"\xff\xfe"
        hits = tampered(cleaned, tmp_path, put_private(value))
        assert ("header", "word", "residual_identifier") in hits, name


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_a_name_among_bytes_is_found_in_its_own_character_set(lab: Laboratory, tmp_path: Path, number: int) -> None:
    codecs = ("latin-1", "latin-1", "iso8859-2", "iso8859-5", "iso8859-7", "shift_jis", "gb18030")
    who = person(number)
    name = (who.ideographic_family or who.family).encode(codecs[number])
    hits = tampered(lab.built("MR", "tcia", number), tmp_path, put_private(b"\0\0" + name + b"\0\0"))
    assert ("header", "word", "residual_identifier") in hits


@pytest.mark.parametrize("before", ["", "x", "xy", "Name: "])
@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_a_name_in_base64_is_found(lab: Laboratory, tmp_path: Path, number: int, before: str) -> None:
    who = person(number)
    coded = base64.b64encode(f"{before}{who.given}".encode()).decode()
    hits = tampered(lab.built("MR", "tcia", number), tmp_path, put("ImageComments", coded))
    assert ("header", "word", "residual_identifier") in hits


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le"])
def test_a_name_among_pixels_is_found(lab: Laboratory, tmp_path: Path, codec: str) -> None:
    for name in ("MR", uids.RLELossless.name, uids.ExplicitVRBigEndian.name):
        cleaned = lab.built(name)
        data = bytearray(cleaned.output.read_bytes())
        text = WHO.family.encode(codec)
        data[-len(text) - 10 : -10] = text
        assert ("pixels", "word", "residual_identifier") in patched(cleaned, tmp_path, bytes(data))


def test_dark_pixels_that_happen_to_be_letters_are_no_name(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.clean(with_elements(element(0x00100010, b"PN", b"Milos^Jan")))
    data, text = bytearray(cleaned.output.read_bytes()), "CDOMILOSQRY".encode("utf-16-le")
    data[-len(text) - 10 : -10] = text
    assert patched(cleaned, tmp_path, bytes(data)) == set()


def test_short_names_are_found_when_they_stand_together(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.clean(with_elements(element(0x00100010, b"PN", b"Wu^Li")))
    assert audited(cleaned) == set()
    for text in ("Wu, Li", "li wu", "Li_Wu"):
        hits = tampered(cleaned, tmp_path, put("StudyDescription", f"CT {text}"))
        assert ("(0008,1030)", "text", "residual_identifier") in hits
    assert tampered(cleaned, tmp_path, put("StudyDescription", "CT Li")) == set()


def test_an_identifier_in_a_term_is_found(lab: Laboratory, tmp_path: Path) -> None:
    hits = tampered(lab.built("MR"), tmp_path, put("BodyPartExamined", WHO.family.upper()[:16]))
    assert ("(0018,0015)", "text", "residual_identifier") in hits


def test_an_original_date_is_found_however_it_is_written(lab: Laboratory, tmp_path: Path) -> None:
    day = study_date(WHO, 1)
    for keyword, value in (("StudyDate", day), ("AcquisitionDateTime", f"{day}101500.25"),
                           ("ImageComments", f"on {spelled(day)}"), ("ImageComments", f"scan{day}_1"),
                           ("ImageComments", "23-MAY-2011"), ("PatientComments", f"born {spelled(WHO.birth_date)}"),
                           ("ImageComments", f"{day}101500")):  # fmt: skip
        for profile in PROFILES:
            hits = tampered(lab.built("MR", profile), tmp_path, put(keyword, value))
            assert {kind for _, kind, rule in hits if rule == "residual_identifier"} == {"date"}, value


def test_an_original_uid_is_found(lab: Laboratory, tmp_path: Path) -> None:
    own = f"{WHO.uid_root}.1.1.1"
    for change in (put("StudyInstanceUID", own), put("ImageComments", f"of {own}"), put("FrameOfReferenceUID", own)):
        assert ("header", "uid", "residual_identifier") in tampered(lab.built("MR"), tmp_path, change)
    strange = tampered(lab.built("MR"), tmp_path, put("FrameOfReferenceUID", "1.2.826.99"))
    assert ("(0020,0052)", "uid_not_replaced", "forbidden_content") in strange


def test_identifiers_in_a_deflated_object_are_found(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.built(uids.DeflatedExplicitVRLittleEndian.name)
    name = WHO.family.encode()
    hits = tampered(cleaned, tmp_path, put_private(b"\x01 " + name))
    assert ("header", "word", "residual_identifier") in hits
    hits = tampered(cleaned, tmp_path, put("PixelData", name.center(1024, b"\0")))
    assert ("pixels", "word", "residual_identifier") in hits


def test_titles_round_a_placeholder_are_no_identifier(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.clean(with_elements(element(0x00081050, b"PN", b"Kent^Zacharias^^Dr^MD ")))
    assert tampered(cleaned, tmp_path, put("ImageComments", "Dr. ___, MD; Dr MD")) == set()
    hits = tampered(cleaned, tmp_path, put("ImageComments", "Zacharias, Kent"))
    assert ("(0020,4000)", "text", "residual_identifier") in hits
