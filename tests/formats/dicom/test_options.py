"""Every cell that an option of PS3.15 Annex E has in Table E.1-1, on a file that carries the attribute, nested too."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.dictionary import public_vr
from deid_platform.formats.dicom.uids import replacement
from deid_platform.policy import Option
from deid_platform.policy.listed import cells
from tests.audit.tampering import audited
from tests.builders.elements import element
from tests.formats.dicom.cleaning import FORMAT, IDENTITY, Cleaned, Laboratory, plain_image, with_elements
from tests.formats.dicom.test_elements import undefined

NAME, UID, OTHER_UID = b"Zacharias^Kent", b"1.2.826.0.1.3680043.9.7.1", b"1.2.826.0.1.3680043.9.7.2"
IN_SEQUENCE = 0x00081250
"""A sequence no table lists: its items are cleaned one by one."""
TEXT, CLEAN_TEXT = "CHEST Zacharias 3", "CHEST ___ 3"
VALUES = {
    "AE": "CT1", "AS": "045Y", "CS": "CHEST", "DA": "20110523", "DS": "1.5", "DT": "20110523101500", "IS": "3",
    "TM": "101500", "UI": UID.decode(), "US": "\x03\0",
}  # fmt: skip
LONG = frozenset(("OB", "OW", "UC", "UR", "UT", "SQ", "UN"))
PRIVATE = 'private_tables = ["ps315_2026c/table_E.3.10-1.csv"]'
OPTIONS = sorted(set(Option) - {Option.RETAIN_SAFE_PRIVATE}, key=lambda option: option.label)
Profile = Callable[..., str]


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    """A profile of the named options, by its path."""

    def write(*labels: str, more: str = "") -> str:
        path = tmp_path / f"{'-'.join(labels)}.toml"
        path.write_text(f'name = "mine"\nedition = "2026c"\noptions = {list(labels)}\n{more}')
        return str(path)

    return write


@cache
def vr_of(tag: int) -> str:
    """The VR of an attribute; of some that are newer than the dictionary by what the table calls them."""
    name = next(row["Attribute Name"] for number, row in cells() if number == tag)
    return public_vr(tag) or ("SQ" if "Sequence" in name else "DT" if name.endswith("DateTime") else "LT")


@cache
def carried(option: Option) -> dict[int, str]:
    """The attributes an option has a cell for, as far as a data set may hold them, with what the cell says."""
    rows = ((tag, row[option.column]) for tag, row in cells() if row[option.column])
    return {tag: code for tag, code in rows if tag >> 16 not in (0x0000, 0x0002, 0x0004)}


def value(tag: int, code: str) -> str:
    """Something that stays under K and changes under C."""
    return VALUES.get(vr_of(tag), TEXT if code == "C" else "CHEST 3")


def encoded(tag: int, code: str) -> bytes:
    vr = vr_of(tag).encode()
    if vr == b"SQ":
        return undefined(tag, b"SQ", element(0x00081155, b"UI", OTHER_UID) + element(0x0008103E, b"LO", TEXT.encode()))
    text = value(tag, code).encode("latin-1")
    text += b" " * (len(text) % 2) if vr != b"UI" else b"\0" * (len(text) % 2)
    if vr.decode() in LONG:
        return struct.pack("<HH2sHI", tag >> 16, tag & 0xFFFF, vr, 0, len(text)) + text
    return element(tag, vr, text)


@cache
def file_with(option: Option) -> bytes:
    """An image with all attributes of an option, at the top and in an item of a sequence."""
    parts = {tag: encoded(tag, code) for tag, code in sorted(carried(option).items())}
    nested = undefined(IN_SEQUENCE, b"SQ", b"".join(parts.values()))
    return with_elements(element(0x00100010, b"PN", NAME), nested, *parts.values())


def both_levels(cleaned: Cleaned) -> tuple[Dataset, Dataset]:
    ds = dcmread(BytesIO(cleaned.data))
    return ds, ds[IN_SEQUENCE].value[0]


def moved(text: str) -> str:
    """A DA or DT as the shift of the plain image's patient moves it."""
    number = dcmread(BytesIO(plain_image())).PatientID
    day = datetime.strptime(text[:8], "%Y%m%d") - timedelta(days=IDENTITY.shift_days(IDENTITY.subject(number, "")))  # noqa: DTZ007
    return day.strftime("%Y%m%d") + text[8:]


def expected(tag: int, code: str, option: Option) -> str:
    """What a cell says becomes of the value."""
    vr = vr_of(tag)
    if code == "K" or vr in ("TM", "AE", "US"):
        return value(tag, code)
    if vr in ("DA", "DT"):
        return moved(value(tag, code))
    return CLEAN_TEXT if vr not in VALUES else value(tag, code)


def check(ds: Dataset, tag: int, code: str, option: Option) -> None:
    if vr_of(tag) == "OB":
        # Bytes nobody can read cannot be cleaned: they stay as they are, or they go.
        assert ds.get(tag) is None if code == "C" else ds[tag].value == b"CHEST 3 "
        return
    assert tag in ds, f"{tag:08X}"
    if vr_of(tag) == "SQ":
        (item,) = ds[tag].value
        other = OTHER_UID.decode()
        kept = other if option is Option.RETAIN_UIDS else replacement(IDENTITY, other)
        assert item.ReferencedSOPInstanceUID == kept, f"{tag:08X}"
    elif vr_of(tag) == "US":
        assert ds[tag].value == 3
    else:
        assert str(ds[tag].value) == expected(tag, code, option), f"{tag:08X}"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.label)
def test_every_cell_of_an_option_takes_effect_at_every_depth(
    lab: Laboratory, profile: Profile, option: Option
) -> None:
    with_option = both_levels(lab.clean(file_with(option), profile(option.label)))
    without = both_levels(lab.clean(file_with(option), "basic"))
    assert carried(option)
    for tag, code in carried(option).items():
        for level, basic in zip(with_option, without, strict=True):
            check(level, tag, code, option)
            if vr_of(tag) != "SQ":
                assert tag not in basic or str(basic[tag].value) != value(tag, code), f"{tag:08X}"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.label)
def test_the_audit_agrees_with_every_option(lab: Laboratory, profile: Profile, option: Option) -> None:
    assert audited(lab.clean(file_with(option), profile(option.label))) == set()
    assert audited(lab.clean(file_with(option), "basic")) == set()


def test_the_date_of_birth_stays_under_no_option_on_dates(lab: Laboratory) -> None:
    born = element(0x00100030, b"DA", b"19600704"), element(0x00104000, b"LT", b"born 1960-07-04, seen 2011-05-23")
    for name in ("trusted", "research", "safe_harbor", "tcia"):
        cleaned = lab.clean(with_elements(*born), name)
        ds = dcmread(BytesIO(cleaned.data))
        assert ds.PatientBirthDate == ""
        assert b"1960-07-04" not in cleaned.data
        assert audited(cleaned) == set()
    assert "seen 2011-05-23" in dcmread(BytesIO(lab.clean(with_elements(*born), "trusted").data)).PatientComments


def test_a_retained_institution_is_no_identifier_anywhere(lab: Laboratory, profile: Profile) -> None:
    parts = (
        element(0x00080080, b"LO", b"Zanzibar General"),
        element(0x00081030, b"LO", b"CHEST at Zanzibar"),
        undefined(0x00080082, b"SQ", element(0x00080100, b"SH", b"Z1") + element(0x00080102, b"SH", b"99ZANZ")
                  + element(0x00080104, b"LO", b"Zanzibar Hospital")),
    )  # fmt: skip
    kept = lab.clean(with_elements(*parts), profile("retain_institution_identity", "clean_descriptors"))
    ds = dcmread(BytesIO(kept.data))
    assert (ds.InstitutionName, ds.StudyDescription) == ("Zanzibar General", "CHEST at Zanzibar")
    assert ds.InstitutionCodeSequence[0].CodeMeaning == "Zanzibar Hospital"
    assert audited(kept) == set()
    cleaned = lab.clean(with_elements(*parts), profile("clean_descriptors"))
    assert b"anzibar" not in cleaned.data
    assert dcmread(BytesIO(cleaned.data)).StudyDescription == "CHEST at ___"


def test_retained_uids_stay_in_texts_and_private_elements_too(lab: Laboratory, profile: Profile) -> None:
    parts = (
        element(0x00081030, b"LO", b"prior " + UID), element(0x00190010, b"LO", b"SIEMENS MR HEADER"),
        element(0x00080014, b"UI", UID), element(0x00280304, b"UI", OTHER_UID),
    )  # fmt: skip
    kept = lab.clean(with_elements(*parts), profile("retain_uids", "clean_descriptors"))
    ds = dcmread(BytesIO(kept.data))
    source = dcmread(kept.source)
    assert ds.StudyDescription == f"prior {UID.decode()}"
    assert (ds.SOPInstanceUID, ds.StudyInstanceUID) == (source.SOPInstanceUID, source.StudyInstanceUID)
    assert ds.file_meta.MediaStorageSOPInstanceUID == source.SOPInstanceUID
    assert ds.ReferencedColorPaletteInstanceUID == OTHER_UID.decode()  # in no table
    assert audited(kept) == set()
    assert not [row for row in FORMAT.crosswalk(kept.source, IDENTITY, kept.policy) if row.kind == "uid"]


def test_a_retained_device_keeps_its_calibration_dates_where_all_others_go(lab: Laboratory, profile: Profile) -> None:
    parts = element(0x00181200, b"DA", b"20110523"), element(0x00080020, b"DA", b"20110523")
    cleaned = lab.clean(with_elements(*parts), profile("retain_device_identity"))
    ds = dcmread(BytesIO(cleaned.data))
    assert (ds.DateOfLastCalibration, ds.StudyDate) == ("20110523", "")
    assert ds.LongitudinalTemporalInformationModified == "REMOVED"
    assert audited(cleaned) == set()


def test_serial_numbers_go_from_texts_unless_the_device_is_retained(lab: Laboratory, profile: Profile) -> None:
    parts = element(0x00181000, b"LO", b"GX441K"), element(0x00181030, b"LO", b"HEAD on GX441K")
    data = with_elements(*parts)
    research, safe = (dcmread(BytesIO(lab.clean(data, name).data)) for name in ("research", "safe_harbor"))
    assert (research.DeviceSerialNumber, research.ProtocolName) == ("GX441K", "HEAD on GX441K")
    assert "DeviceSerialNumber" not in safe
    assert safe.ProtocolName == "HEAD on ___"


def test_safe_private_elements_stay_only_with_their_option_and_only_where_a_table_knows_them(
    lab: Laboratory, profile: Profile
) -> None:
    parts = (
        element(0x00190010, b"LO", b"SIEMENS MR HEADER"), element(0x0019100C, b"IS", b"1000"),
        element(0x001910FF, b"LO", b"unknown"),
    )  # fmt: skip
    ds = dcmread(BytesIO(lab.clean(with_elements(*parts), profile("retain_safe_private", more=PRIVATE)).data))
    assert ds[0x0019100C].value == 1000
    assert 0x001910FF not in ds
    basic = dcmread(BytesIO(lab.clean(with_elements(*parts), "basic").data))
    assert not [e for e in basic if e.tag.is_private]


YEARS = {
    "before": (b"DA", b"20110523", "20110101"), "with dots": (b"DA", b"2011.05.23", "2011.01.01"),
    "a dummy": (b"DA", b"19000101", "19000101"), "time": (b"DT", b"20110523101500.25+0100", "20110101101500.25+0100"),
    "a year": (b"DT", b"2011", "2011"), "a month": (b"DT", b"201105", "2011"), "no date": (b"DT", b"Easter", ""),
    "too old": (b"DT", b"19200523", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", YEARS)
def test_of_dates_only_years_may_stay_and_times_of_day(lab: Laboratory, name: str) -> None:
    vr, before, after = YEARS[name]
    tag = 0x0008002A if vr == b"DT" else 0x00080022
    parts = element(tag, vr, before), element(0x00080020, b"DA", b"20110523"), element(0x00080030, b"TM", b"101500")
    cleaned = lab.clean(with_elements(*parts), "safe_harbor")
    ds = dcmread(BytesIO(cleaned.data))
    assert (ds[tag].value, ds.StudyDate, ds.StudyTime) == (after, "20110101", "101500")
    assert ds.LongitudinalTemporalInformationModified == "MODIFIED"
    assert audited(cleaned) == set()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (b"seen 23 May 2011", "seen 2011"), (b"since 05/23/11 stable", "since 2011 stable"),
        (b"born 1920-01-02", "born ___"), (b"on 12 March, and 03/2009", "on ___, and 2009"), (b"aged 93", "aged 90+"),
    ],
)  # fmt: skip
def test_of_dates_in_texts_only_years_may_stay(lab: Laboratory, text: bytes, after: str) -> None:
    parts = element(0x00104000, b"LT", text), element(0x00080020, b"DA", b"20110523")
    assert dcmread(BytesIO(lab.clean(with_elements(*parts), "safe_harbor").data)).PatientComments == after


def test_a_risk_a_site_accepts_is_taken_and_nothing_is_claimed(lab: Laboratory, profile: Profile) -> None:
    rule = '[[attribute]]\ntag = "ReferringPhysicianName"\naction = "K"\nwhy = "Asked for."\naccept_risk = true\n'
    parts = (
        element(0x00080090, b"PN", b"Quentin^Odo"), element(0x00081030, b"LO", b"CHEST for Odo Quentin"),
        element(0x00081048, b"PN", b"Zachary^Ulf"),
    )  # fmt: skip
    cleaned = lab.clean(with_elements(*parts), profile("clean_descriptors", more=rule))
    ds = dcmread(BytesIO(cleaned.data))
    assert ds.ReferringPhysicianName == "Quentin^Odo"
    assert b"Zachary" not in cleaned.data
    assert ds.PatientIdentityRemoved == "NO"
    assert "DeidentificationMethodCodeSequence" not in ds
    assert ds.DeidentificationMethod[0] == "DICOM PS3.15 2026c exceptions, profile mine"
    assert cleaned.outcome.satisfied == ()
    assert audited(cleaned) == set()
