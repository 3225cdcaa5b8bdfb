"""Single elements, in every corner an identifier may hide in."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.dictionary import public_vr
from deid_platform.formats.dicom.elements import BULK_BYTES
from deid_platform.policy import Action, load_policy
from tests.builders.dicom import encode, person, report
from tests.builders.elements import ITEM, element
from tests.formats.dicom.cleaning import IDENTITY, PROFILES, Laboratory, small, with_elements
from tests.formats.dicom.test_elements import implicit, undefined

SAFE = element(0x00190010, b"LO", b"SIEMENS MR HEADER")
NEEDLE = b"Zacharias"


def long(tag: int, vr: bytes, value: bytes) -> bytes:
    """An element of a VR with a 32-bit length that the builders do not write."""
    return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(value)) + value


def code(scheme: bytes, meaning: bytes, value: bytes = b"113100") -> bytes:
    return element(0x00080100, b"SH", value) + element(0x00080102, b"SH", scheme) + element(0x00080104, b"LO", meaning)


def cleaned(lab: Laboratory, *elements: bytes, profile: str = "tcia") -> Dataset:
    return dcmread(BytesIO(lab.clean(with_elements(*elements), profile).data))


HIDDEN: dict[str, tuple[bytes, ...]] = {
    "a text under a binary VR": (element(0x00081030, b"OB", b"Dr Zacharias Kent"),),
    "a text under a numeric VR": (element(0x00181030, b"US", b"Dr Zacharias Kent "),),
    "a name under a text VR": (element(0x00081050, b"LO", b"Zacharias^Kent"),),
    "words behind a date": (element(0x00080022, b"DA", b"20110523Zacharias"),),
    "words behind a date and time": (element(0x0008002A, b"DT", b"20110523101500 Zacharias"),),
    "words in the place of a time": (element(0x00080030, b"TM", NEEDLE),),
    "words in the place of an age": (element(0x00101010, b"AS", NEEDLE),),
    "words in the place of a number": (element(0x00201208, b"IS", b"1\\Zacharias"),),
    "words under the root of the standard": (element(0x00080014, b"UI", b"1.2.840.10008.Zacharias"),),
    "words in the place of a device UID": (element(0x00181002, b"UI", NEEDLE),),
    "a person in a term": (element(0x00180015, b"CS", b"DR Zacharias"),),
    "small letters in a term": (element(0x00180015, b"CS", b"seen by Zacharias Kent"),),
    "words in the place of a character set": (element(0x00080005, b"CS", NEEDLE),),
    "stale memory behind a NUL": (element(0x00081030, b"LO", b"Chest\0Zacharias"),),
    "an application entity": (element(0x00080055, b"AE", NEEDLE), element(0x00080054, b"AE", NEEDLE)),
    "an address on the web": (long(0x00081190, b"UR", b"https://pacs.example/Zacharias"),),
    "a text of unlimited length": (long(0x00080119, b"UC", b"Dr Zacharias Kent "),),
    "a sequence under a binary VR": (element(0x00081140, b"OB", NEEDLE),),
    "a staff code of a published scheme": (undefined(0x00401101, b"SQ", code(b"DCM", NEEDLE)),),
    "words that are no meaning of a code": (undefined(0x00081032, b"SQ", code(b"DCM", b"Seen by Zacharias Kent")),),
    "a note of a camera": (element(0x00240010, b"LO", b"x"), long(0x0016002B, b"OB", b"by Zacharias")),
    "a time stamp in bytes": (long(0x00340007, b"OB", b"Zacharias "),),
    "bytes nobody vouches for": (element(0x00189810, b"OB", NEEDLE), long(0x00404999, b"UN", b"Zacharias ")),
    "offsets that are none": (long(0x7FE00001, b"OV", NEEDLE),),
    "an unknown public element": (element(0x00185999, b"LO", NEEDLE),),
    "an unknown private block": (element(0x00990010, b"LO", b"ACME"), element(0x00991001, b"LO", NEEDLE)),
    "a private block of nobody": (element(0x00991001, b"LO", NEEDLE),),
    "a private creator": (element(0x00990010, b"LO", NEEDLE), element(0x00991001, b"LO", b"x")),
    "a private creator of nothing": (element(0x00990010, b"LO", NEEDLE),),
    "private elements below the creators": (element(0x00990001, b"LO", NEEDLE),),
    "text in safe private bytes": (SAFE, element(0x0019100C, b"OB", b"Slice 1\r\nDr Zacharias Kent")),
    "text in safe private floats": (SAFE, long(0x0019100C, b"OF", b"Dr Zacharias Kent   ")),
    "text in safe private integers": (SAFE, element(0x0019100C, b"SS", b"Dr Zacharias Kent ")),
    "text in the number of rows": (element(0x00280010, b"US", b"Dr Zacharias Kent "),),
    "a private group length that names a creator": (
        element(0x00190000, b"LO", b"SIEMENS MR HEADER"), element(0x00190010, b"LO", NEEDLE),
    ),
    "a private sequence that looks unknown": (
        element(0x00990010, b"LO", b"ACME"),
        element(0x00991001, b"UN", ITEM + b"\x12\0\0\0" + implicit(0x00100010, b"Zacharias ")),
    ),
    "a file name of a directory": (element(0x00041500, b"CS", NEEDLE),),
    "meta information among the data": (element(0x00020016, b"AE", NEEDLE), element(0x00020003, b"UI", NEEDLE)),
    "a command": (element(0x00000600, b"AE", NEEDLE),),
    "an overlay and a curve": (element(0x60220022, b"LO", NEEDLE), element(0x50020022, b"LO", NEEDLE)),
    "retired text": (element(0x40004000, b"LT", b"Dr Zacharias"), element(0x40080300, b"ST", b"Dr Zacharias")),
    "an unknown even group": (element(0x77770010, b"LO", NEEDLE),),
    "a private photograph": (SAFE, element(0x00191099, b"OB", NEEDLE)),
}  # fmt: skip


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("place", HIDDEN)
def test_nothing_survives_in_an_odd_place(lab: Laboratory, place: str, profile: str) -> None:
    output = lab.clean(with_elements(*HIDDEN[place]), profile)
    assert NEEDLE.lower() in output.source.read_bytes().lower()
    assert NEEDLE.lower() not in output.data.lower()
    dcmread(BytesIO(output.data)).decode()


@pytest.mark.parametrize("profile", PROFILES)
def test_an_identifier_found_in_one_place_goes_in_all(lab: Laboratory, profile: str) -> None:
    who = person(0)
    texts = [(0x00081030, b"LO"), (0x00104000, b"LT"), (0x00181016, b"LO"), (0x00181030, b"LO"), (0x00204000, b"LT")]
    for tag, vr in texts:
        for text in (who.given, f"for {who.family.upper()}", who.patient_id, f"x {who.accession}"):
            output = lab.clean(with_elements(element(tag, vr, text.encode())), profile)
            assert text.lower().encode() not in output.data.lower()


def test_a_name_that_was_overwritten_still_goes_from_texts(lab: Laboratory) -> None:
    first, second = element(0x00100010, b"PN", b"Maidenname^Ada"), element(0x00100010, b"PN", b"Marriedname^Ada")
    output = lab.clean(with_elements(first + second, element(0x00081030, b"LO", b"Chest Maidenname")))
    assert b"Maidenname" not in output.data


def test_a_name_in_undeclared_utf_8_goes_from_texts(lab: Laboratory) -> None:
    name = "Тихонравова".encode()
    charset, text = element(0x00080005, b"CS", b"ISO_IR 100"), element(0x00081030, b"LO", b"Chest " + name)
    output = lab.clean(with_elements(charset, element(0x00100010, b"PN", name + b"^X"), text))
    assert name not in output.data
    assert b"Chest ___" in output.data


def test_the_character_set_of_an_item_is_its_own(lab: Laboratory) -> None:
    text = element(0x00081030, b"LO", "Снимок Quintrellebaba".encode("iso8859-5"))
    inner = undefined(0x00081110, b"SQ", element(0x00080005, b"CS", b"ISO_IR 144") + text)
    item = cleaned(lab, inner).ReferencedStudySequence[0]
    assert item.StudyDescription == "Снимок ___"


# What stays


@pytest.mark.parametrize("profile", PROFILES)
def test_what_is_no_identifier_stays_as_it_is(lab: Laboratory, profile: str) -> None:
    kept = {
        0x00080008: (b"CS", b"ORIGINAL\\PRIMARY\\M_FFE"),
        0x00180015: (b"CS", b"HEAD"),
        0x00180050: (b"DS", b"3.5 "),
        0x00200013: (b"IS", b"17"),
        0x00280010: (b"US", b"\x08\0"),
        0x00189087: (b"FD", struct.pack("<d", 1000.0)),
        0x00281201: (b"OW", bytes(range(256)) * 2),
        0x00280009: (b"AT", b"\x18\0\x63\x10"),
    }
    parts = [element(tag, vr, value) for tag, (vr, value) in kept.items()]
    output = lab.clean(with_elements(*parts), profile).data
    assert [part for part in parts if part not in output] == []


def test_published_codes_stay_under_every_profile(lab: Laboratory) -> None:
    chest = code(b"SCT", b"Chest", b"51185008")
    for profile in PROFILES:
        ds = cleaned(lab, undefined(0x00082218, b"SQ", chest), profile=profile)
        found = ds.AnatomicRegionSequence[0]
        assert (found.CodeValue, found.CodingSchemeDesignator, found.CodeMeaning) == ("51185008", "SCT", "Chest")


def test_codes_of_a_site_are_cleaned_as_text(lab: Laboratory) -> None:
    own = undefined(0x00081032, b"SQ", code(b"99SITE", b"CT for Dr Zacharias", b"Quintrellebaba"))
    found = cleaned(lab, own).ProcedureCodeSequence[0]
    assert found.CodeValue == "___"
    assert found.CodeMeaning == "CT for Dr ___"


def test_large_binary_values_stay_only_where_somebody_vouches_for_them(lab: Laboratory) -> None:
    large = bytes(BULK_BYTES) + b"large "
    lut, unlisted = element(0x00281201, b"OW", large), element(0x00189810, b"OB", large)
    ds = cleaned(lab, lut, unlisted, SAFE, element(0x0019100C, b"OB", large))
    assert ds.RedPaletteColorLookupTableData == large
    assert 0x00189810 not in ds
    assert 0x0019100C not in ds


# Private elements


def test_safe_private_elements_stay_with_their_creators_and_no_others(lab: Laboratory) -> None:
    ds = dcmread(lab.built("MR").output)
    private = {str(e.tag) for e in ds if e.tag.is_private}
    assert private == {
        "(0019,0010)", "(0019,100C)", "(0019,100E)", "(2001,0010)", "(2001,1003)", "(0043,0010)", "(0043,1027)",
    }  # fmt: skip
    assert ds[0x0019, 0x100C].value == 1000
    assert ds[0x0019, 0x100E].value == [0.0, 0.6, 0.8]


def test_without_the_option_no_private_element_stays(lab: Laboratory) -> None:
    assert not [e for e in dcmread(lab.built("MR", "basic").output).iterall() if e.tag.is_private]


def test_blocks_may_stand_at_any_number(lab: Laboratory) -> None:
    block = element(0x001900AB, b"LO", b"SIEMENS MR HEADER") + element(0x0019AB0C, b"IS", b"1000")
    ds = cleaned(lab, block)
    assert ds[0x0019, 0xAB0C].value == 1000
    assert 0x001900AB in ds


def test_safe_private_elements_are_cleaned_by_their_vr(lab: Laboratory) -> None:
    assert not cleaned(lab, SAFE, element(0x0019100C, b"PN", NEEDLE))[0x0019, 0x100C].value
    text = cleaned(lab, element(0x00430010, b"LO", b"GEMS_PARM_01"), element(0x00431027, b"SH", b"Quintrellebaba"))
    assert text[0x0043, 0x1027].value == "___"


def test_an_unknown_vr_is_looked_up_for_safe_private_elements(lab: Laboratory) -> None:
    ds = cleaned(lab, SAFE, element(0x0019100C, b"UN", b"1000"))
    assert (ds[0x0019, 0x100C].VR, ds[0x0019, 0x100C].value) == ("IS", 1000)
    hidden = cleaned(lab, SAFE, element(0x0019100C, b"UN", NEEDLE))
    assert not hidden[0x0019, 0x100C].value


def test_private_elements_inside_sequences_are_judged_by_their_path(lab: Laboratory) -> None:
    unknown = element(0x00990010, b"LO", b"ACME") + element(0x00991001, b"LO", NEEDLE)
    inner = SAFE + element(0x0019100C, b"IS", b"1000") + unknown
    item = cleaned(lab, undefined(0x00081110, b"SQ", inner)).ReferencedStudySequence[0]
    assert [e for e in item if e.tag.group == 0x0099] == []


# Documents, reports, subjects


@pytest.mark.parametrize("size", [100, BULK_BYTES + 100])
@pytest.mark.parametrize(("mime", "start"), [(b"application/pdf", b"%PDF"), (b"text/xml", b"<?xml"), (b"x", b"# Doc")])
def test_encapsulated_documents_are_replaced_whole(lab: Laboratory, size: int, mime: bytes, start: bytes) -> None:
    document = long(0x00420011, b"OB", NEEDLE.ljust(size))
    length = element(0x00420015, b"UL", struct.pack("<I", size))
    for profile in PROFILES:
        ds = cleaned(lab, document, element(0x00420012, b"LO", mime), length, profile=profile)
        assert ds.EncapsulatedDocument.startswith(start)
        assert NEEDLE not in ds.EncapsulatedDocument
        assert "EncapsulatedDocumentLength" not in ds


def test_texts_of_a_report_are_replaced_under_the_basic_profile(lab: Laboratory) -> None:
    report = dcmread(lab.built("report", "basic").output)
    texts: list[Any] = [e.value for e in report.iterall() if e.keyword == "TextValue"]
    assert texts == ["REMOVED"] * 2


def test_the_patient_is_the_pseudonym_at_every_depth(lab: Laboratory) -> None:
    who, nested = person(0), undefined(0x00081110, b"SQ", element(0x00100020, b"LO", person(0).patient_id.encode()))
    ds = cleaned(lab, nested)
    subject = IDENTITY.subject(who.patient_id, "")
    assert (ds.PatientID, str(ds.PatientName)) == (subject, subject)
    assert ds.ReferencedStudySequence[0].PatientID == subject


def test_objects_without_a_patient_get_one(lab: Laboratory) -> None:
    ds = dcmread(lab.clean(encode(small(person(0), PatientID=None, PatientName=None))).output)
    assert ds.PatientID == ds.PatientName != ""


@pytest.mark.parametrize(
    ("before", "after"), [(b"089Y", "089Y"), (b"090Y", "090Y"), (b"103Y", "090Y"), (b"018M", "018M")]
)
def test_ages_above_89_are_capped_at_every_depth(lab: Laboratory, before: bytes, after: str) -> None:
    age = element(0x00101010, b"AS", before)
    ds = cleaned(lab, age, undefined(0x00081110, b"SQ", age))
    assert ds.PatientAge == after
    assert ds.ReferencedStudySequence[0].get("PatientAge") == after


def test_a_retained_device_keeps_its_names_but_not_the_subjects(lab: Laboratory) -> None:
    device = element(0x00081010, b"SH", b"MR1"), element(0x00181000, b"LO", b"SN-Quintrellebaba-77")
    ds = cleaned(lab, *device, element(0x00181002, b"UI", b"1.2.826.77"))
    assert (ds.StationName, ds.DeviceSerialNumber, ds.DeviceUID) == ("MR1", "SN-___-77", "1.2.826.77")
    basic = cleaned(lab, *device, profile="basic")
    assert "StationName" not in basic  # Type 3 in MR Image, as Device Serial Number
    assert "DeviceSerialNumber" not in basic


def test_a_date_in_the_place_of_a_retained_text_moves_all_the_same(lab: Laboratory) -> None:
    ds = cleaned(lab, element(0x00100046, b"DA", b"20110523"))
    assert ds[0x00100046].value != "20110523"
    assert ds[0x00100046].value == cleaned(lab, element(0x00080022, b"DA", b"20110523")).AcquisitionDate


def test_emptied_sequences_have_no_items(lab: Laboratory) -> None:
    emptied = (tag for tag, rule in load_policy("basic").listed() if rule.action is Action.EMPTY and not rule.code)
    tag = next(tag for tag in emptied if public_vr(tag) == "SQ")
    ds = cleaned(lab, undefined(tag, b"SQ", element(0x00081155, b"UI", b"1.2.3")), profile="basic")
    assert list(ds[tag].value) == []


def test_a_report_names_nobody_who_signed_it(lab: Laboratory) -> None:
    for profile in PROFILES:
        output = lab.clean(encode(report(person(1))), profile, person(1)).data
        assert person(1).physician.encode() not in output


def test_dates_in_descriptions_that_stay_move_and_serial_numbers_stay(lab: Laboratory) -> None:
    rest = cleaned(
        lab,
        element(0x00181000, b"LO", b"SN-2009-11-30"),
        element(0x00181004, b"LO", b"Plate 30.11.2009"),
        element(0x00181005, b"LO", b"GEN-4711-30112009 "),
        element(0x00500020, b"LO", b"Balloon catheter 6F, Dr Guidone "),
    )
    assert rest.DeviceSerialNumber == "SN-2009-11-30"
    assert "30.11.2009" not in rest.PlateID
    assert rest.PlateID.startswith("Plate ")
    assert rest.GeneratorID == "GEN-4711-30112009"
    assert rest.DeviceDescription == "Balloon catheter 6F, Dr ___"


def test_a_maker_keeps_its_name_though_the_patient_has_the_same(lab: Laboratory) -> None:
    data = with_elements(
        element(0x00080070, b"LO", b"Philips "),
        element(0x00081090, b"LO", b"Ingenuity Zacharias "),
        element(0x00081048, b"PN", b"Philips^Zacharias "),
    )
    rest = dcmread(BytesIO(lab.clean(data, "tcia").data))
    assert rest.Manufacturer == "Philips"
    assert rest.ManufacturerModelName == "Ingenuity ___"
