from __future__ import annotations

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID, UID_dictionary

from deid_platform.formats.dicom.uids import is_registered, is_uid, replacement
from tests.builders.elements import element
from tests.builders.properties import always, sparingly
from tests.formats.dicom.cleaning import IDENTITY, Laboratory, with_elements


def test_every_uid_of_the_standard_is_registered_and_stays() -> None:
    assert all(is_registered(uid) and replacement(IDENTITY, uid) == uid for uid in UID_dictionary)
    assert replacement(IDENTITY, "1.2.840.10008.6.1.1434") == "1.2.840.10008.6.1.1434"


@pytest.mark.parametrize(
    "value",
    [
        "1.2.826.0.1.3680043.10.511.1",
        "1.2.840.10008.20110523.1",
        "1.2.840.10008.5.1.4.1.1.2.99187645",
        "1.2.840.10008.Zacharias",
        "1.2.840.10008.1.2\u00e9",
        "1.2.840.10008.",
        "1.2.840.100080.1.2",
        "Zacharias",
        "1.2.840.10008.1.2 Zacharias",
    ],
)
def test_anything_else_is_replaced_by_a_uid_made_with_the_key(value: str) -> None:
    new = replacement(IDENTITY, value)
    assert new.startswith("2.25.")
    assert is_uid(new)
    assert len(new) <= 64
    assert new == replacement(IDENTITY, f" {value}\0")


def test_replacements_are_those_of_the_identity() -> None:
    assert replacement(IDENTITY, "1.2.3") == IDENTITY.uid("1.2.3")
    assert replacement(IDENTITY, "") == replacement(IDENTITY, " \0") == ""
    assert len({replacement(IDENTITY, f"1.2.840.10008.99999.{n}") for n in range(50)}) == 50


def test_only_digits_and_dots_make_a_uid() -> None:
    assert is_uid("1.2.3")
    for value in ("", "1.2.a", "1.2 ", "1." * 40, "\u0661.2"):
        assert not is_uid(value)


@given(st.text(min_size=1, max_size=80))
@always
def test_every_uid_is_replaced_by_a_valid_one_or_is_registered(value: str) -> None:
    stripped, new = value.strip(" \0"), replacement(IDENTITY, value)
    if not stripped or is_registered(stripped):
        assert new == stripped
    else:
        assert UID(new).is_valid
        assert new != stripped


odd = st.from_regex(r"(1\.2\.840\.10008\.)?[0-9]{1,3}(\.0?[0-9]{1,20}){2,6}(-[a-z]{2})?", fullmatch=True)


@given(st.lists(odd, min_size=2, max_size=20, unique=True))
@sparingly
def test_different_uids_stay_different_also_odd_ones(found: list[str]) -> None:
    assert len({replacement(IDENTITY, value) for value in found}) == len(found)


LONG_ONES = ("1.3.12.2.1107.5.2.30.25866.30000008012910283612500000123", "01.02.003.4.5.6.7", f"1.2.3.4.5.6.{'9' * 70}",
             "1.2.840.10008.5.1.4.1.1.2.20110523.1")  # fmt: skip


@pytest.mark.parametrize("value", LONG_ONES)
def test_a_uid_is_the_same_in_a_text_as_in_its_own_place(lab: Laboratory, value: str) -> None:
    texts = ((0x00181030, b"LO"), (0x00204000, b"LT"), (0x00181000, b"LO"))  # cleaned, cleaned, kept
    data = with_elements(element(0x00081155, b"UI", value.encode()),
                         *(element(tag, vr, f"v {value}".encode()) for tag, vr in texts))  # fmt: skip
    cleaned = lab.clean(data)
    ds = pydicom.dcmread(cleaned.output)
    new = ds.ReferencedSOPInstanceUID
    assert new == replacement(IDENTITY, value) != value
    assert [ds[tag].value for tag, _ in texts] == [f"v {new}"] * 3
    assert value.encode() not in cleaned.data
