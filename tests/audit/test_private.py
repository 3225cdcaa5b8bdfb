"""Private elements somebody put back, or left as they were: the audit names them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from deid_platform.audit.headers import is_clean
from tests.audit.tampering import tampered
from tests.builders.elements import element
from tests.formats.dicom.cleaning import Laboratory, with_elements
from tests.formats.dicom.headers import csa, ge_flags, ge_protocol, research
from tests.formats.dicom.test_elements import undefined
from tests.formats.dicom.test_private import B_VALUE, GE, MOMENT, claim


def put(tag: int, vr: str, value: object, creator: str) -> object:
    def change(ds: Dataset) -> None:
        block = ds.private_block(tag >> 16, creator, create=True)
        if tag & 0xFF not in block:
            block.add_new(tag & 0xFF, vr, value)
        else:
            block[tag & 0xFF].value = value

    return change


def kinds(
    lab: Laboratory, folder: Path, elements: tuple[bytes, ...], change: object, profile: str = "tcia"
) -> set[str]:
    hits = tampered(lab.clean(with_elements(*elements), profile), folder, change)  # type: ignore[arg-type]
    return {kind for _, kind, _ in hits}


def test_an_element_the_sender_calls_unsafe_is_a_finding(lab: Laboratory, tmp_path: Path) -> None:
    advice = undefined(0x00080300, b"SQ", claim(b"UNSAFE"))
    found = kinds(lab, tmp_path, (advice, *B_VALUE), put(0x0019100C, "IS", 1000, "SIEMENS MR HEADER"))
    assert found == {"sender_says_unsafe"}


def test_a_moment_in_seconds_that_did_not_move_is_a_finding(lab: Laboratory, tmp_path: Path) -> None:
    moment = element(0x00091027, b"SL", struct.pack("<i", MOMENT))
    assert "date" in kinds(lab, tmp_path, (GE, moment), put(0x00091027, "SL", MOMENT, "GEMS_IDEN_01"))


def test_a_uid_under_another_vr_that_was_not_replaced_is_a_finding(lab: Laboratory, tmp_path: Path) -> None:
    found = kinds(lab, tmp_path, (GE,), put(0x000910E3, "LO", "1.2.840.113619.1.475.5", "GEMS_IDEN_01"))
    assert "uid_not_replaced" in found


def test_a_container_in_a_safe_private_element_is_a_finding(lab: Laboratory, tmp_path: Path) -> None:
    for value in (bytes(128) + b"DICM", b"<?xml version='1.0'?>", b"SV10\4\3\2\1", b"\x1f\x8b\x08\0"):
        found = kinds(lab, tmp_path, B_VALUE, put(0x0019100D, "OB", value, "SIEMENS MR HEADER"))
        assert found == {"unparsed_content"}


DIRTY = {
    "a name in a number": ("csa", csa(("B_value", "IS", [b"Zacharias"]))),
    "an unknown element": ("csa", csa(("Zacharias", "IS", [b"1"]))),
    "an element that has to be empty": ("csa", csa(("DataFileName", "LO", [b"x"]))),
    "something behind a header": ("csa", csa(("B_value", "IS", [b"1"])) + b"Zacharias"),
    "no header": ("csa", b"Zacharias"),
    "an unknown key": ("ascconv", b"### ASCCONV BEGIN ###\nsZacharias\t = \t1\n### ASCCONV END ###\n"),
    "a name in a key": ("ascconv", b'### ASCCONV BEGIN ###\ntProtocolName\t = \t"Z"\n### ASCCONV END ###\n'),
    "words around a protocol": ("ascconv", b"Zacharias\n### ASCCONV BEGIN ###\n### ASCCONV END ###\n"),
    "a line of a GE protocol": ("ge_protocol", ge_protocol('SEDESC "Zacharias"\n')),
    "a name of a compressed file": ("ge_protocol", ge_protocol('VIEWORDER "1"\n', b"Zacharias")),
    "GE user data": ("ge_flags", ge_flags(28.0, {})),
}


@pytest.mark.parametrize("kind", DIRTY)
def test_a_header_with_anything_else_in_it_is_not_clean(kind: str) -> None:
    form, value = DIRTY[kind]
    assert not is_clean(form, value)


def test_a_header_that_is_not_clean_is_a_finding(lab: Laboratory, tmp_path: Path) -> None:
    dirty = csa(("B_value", "IS", [b"Kent"]))
    change = put(0x00291010, "OB", dirty, "SIEMENS CSA HEADER")
    assert kinds(lab, tmp_path, (), change, research(tmp_path)) == {"header_not_clean"}
    assert kinds(lab, tmp_path, (), change) == {"private_not_allowed"}
