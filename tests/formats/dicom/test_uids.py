from __future__ import annotations

import pytest
from pydicom.uid import UID_dictionary

from deid_platform.formats.dicom.uids import is_registered, is_uid, replacement
from tests.formats.dicom.cleaning import IDENTITY


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
