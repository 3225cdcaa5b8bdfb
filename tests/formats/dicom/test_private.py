"""Private elements a policy knows: the sender's advice, dates as numbers, UIDs as text, and what hides in bytes."""

from __future__ import annotations

import gzip
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.formats.dicom.advice import advice_of
from deid_platform.formats.dicom.elements import EXPLICIT_LITTLE, read_data_set
from deid_platform.formats.dicom.opaque import holds_words, is_container, is_document
from deid_platform.formats.dicom.seconds import SECONDS_A_DAY, moved_seconds
from tests.audit.tampering import audited
from tests.builders.dicom import encode, person
from tests.builders.elements import element, plain
from tests.formats.dicom.cleaning import IDENTITY, Laboratory, small, with_elements
from tests.formats.dicom.test_elements import undefined

B_VALUE = (element(0x00190010, b"LO", b"SIEMENS MR HEADER"), element(0x0019100C, b"IS", b"1000"))
MODE = element(0x0019100F, b"SH", b"Fast")


def claim(
    status: bytes | None,
    *,
    group: int = 0x0019,
    creator: bytes = b"SIEMENS MR HEADER",
    harmless: tuple[int, ...] = (),
    identifying: tuple[int, ...] = (),
    action: bytes = b"Z",
) -> bytes:
    """An item of (0008,0300)."""
    item = element(0x00080301, b"US", struct.pack("<H", group)) if group else b""
    item += element(0x00080302, b"LO", creator) if creator else b""
    item += element(0x00080303, b"CS", status) if status else b""
    if harmless:
        item += element(0x00080304, b"US", struct.pack(f"<{len(harmless)}H", *harmless))
    if identifying:
        numbers = element(0x00080306, b"US", struct.pack(f"<{len(identifying)}H", *identifying))
        item += undefined(0x00080305, b"SQ", numbers + element(0x00080307, b"CS", action))
    return item


def cleaned(lab: Laboratory, *elements: bytes, profile: str = "tcia") -> Dataset:
    output = lab.clean(with_elements(*elements), profile)
    assert audited(output) == set()
    return dcmread(BytesIO(output.data))


@pytest.mark.parametrize(
    ("item", "left"),
    [
        (claim(b"SAFE"), {0x0C, 0x0F}),
        (claim(b"UNSAFE"), set()),
        (claim(None), set()),
        (claim(b"PERHAPS"), set()),
        (claim(b"MIXED"), set()),
        (claim(b"MIXED", harmless=(0x0C,)), {0x0C}),
        (claim(b"MIXED", harmless=(0x100C,)), {0x0C}),
        (claim(b"MIXED", harmless=(0x0C, 0x0F), identifying=(0x0F,)), {0x0C}),
        (claim(b"SAFE", identifying=(0x0F,), action=b"D"), {0x0C}),
        (claim(b"SAFE", identifying=(0x0F,), action=b"U"), {0x0C}),
        (claim(b"UNSAFE", creator=b"siemens mr header "), set()),
        (claim(b"UNSAFE", creator=b""), set()),
        (claim(b"UNSAFE", group=0), set()),
        (claim(b"UNSAFE", group=0x0021), {0x0C, 0x0F}),
        (claim(b"UNSAFE", creator=b"ACME"), {0x0C, 0x0F}),
    ],
)
def test_the_senders_advice_only_makes_stricter(lab: Laboratory, item: bytes, left: set[int]) -> None:
    ds = cleaned(lab, undefined(0x00080300, b"SQ", item), *B_VALUE, MODE)
    assert {low for low in (0x0C, 0x0F) if 0x00191000 | low in ds} == left
    assert 0x00080300 not in ds


def test_safe_in_the_senders_word_adds_nothing_to_the_tables(lab: Laboratory) -> None:
    advice = undefined(0x00080300, b"SQ", claim(b"SAFE", creator=b"ACME"))
    ds = cleaned(lab, advice, element(0x00190010, b"LO", b"ACME"), element(0x0019100C, b"IS", b"1000"))
    assert not [one for one in ds if one.tag.group == 0x0019]


def test_the_advice_holds_at_every_depth(lab: Laboratory) -> None:
    private = element(0x00190010, b"LO", b"SIEMENS MR HEADER") + element(0x0019100C, b"IS", b"1000")
    nested = undefined(0x00081140, b"SQ", private)
    ds = cleaned(lab, undefined(0x00080300, b"SQ", claim(b"UNSAFE")), nested)
    assert not [one for one in ds.ReferencedImageSequence[0] if one.tag.group & 1]


def test_advice_is_read_in_both_byte_orders() -> None:
    raw = undefined(0x00080300, b"SQ", claim(b"SAFE", identifying=(0x0C,)))
    advice = advice_of(read_data_set(raw, 0, EXPLICIT_LITTLE))
    assert advice.refuses(0x0019, "SIEMENS MR HEADER", 0x0C)
    assert not advice.refuses(0x0019, "SIEMENS MR HEADER", 0x0D)
    swapped = raw.replace(struct.pack("<H", 0x0019), b"\0\x19").replace(b"\x0c\0", b"\0\x0c")
    big = advice_of(read_data_set(swapped.replace(b"\0\x19\x02\0\x08", b"\x19\0\x02\0\x08"), 0, EXPLICIT_LITTLE))
    assert big.blocks


DAYS = IDENTITY.shift_days(IDENTITY.subject(person(0).patient_id, ""))
MOMENT = 1602709382
GE = element(0x00090010, b"LO", b"GEMS_IDEN_01")


def seconds(ds: Dataset) -> Any:
    return ds[0x00091027].value


@pytest.mark.parametrize("vr", [b"SL", b"UN"])
def test_a_moment_in_seconds_moves_with_all_dates(lab: Laboratory, vr: bytes) -> None:
    ds = cleaned(lab, GE, element(0x00091027, vr, struct.pack("<i", MOMENT)))
    number = seconds(ds) if isinstance(seconds(ds), int) else struct.unpack("<i", seconds(ds))[0]
    assert number == MOMENT - DAYS * SECONDS_A_DAY


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        (struct.pack("<i", MOMENT), struct.pack("<i", MOMENT - SECONDS_A_DAY)),
        (struct.pack("<d", MOMENT + 0.25), struct.pack("<d", MOMENT - SECONDS_A_DAY + 0.25)),
        (b"1602709382", b"1602622982"),
        (bytes(4), bytes(4)),
        (b"", b""),
        (struct.pack("<i", 7), None),
        (struct.pack("<d", 1e300), None),
        (struct.pack("<d", float("nan")), None),
        (b"Kent", None),
        (b"Zacharias Kent", None),
        (b"20110523", None),
    ],
)
def test_seconds_move_by_whole_days_and_what_are_none_goes(value: bytes, moved: bytes | None) -> None:
    result = moved_seconds(value, 1, little=True)
    assert result == moved or (value == b"Kent" and result is not None and b"Kent" not in result)


def test_a_moment_in_seconds_goes_where_dates_are_removed(lab: Laboratory, tmp_path: Any) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(
        'name = "x"\nedition = "2026c"\noptions = ["retain_safe_private"]\n'
        'private_tables = ["tcia/private_tag_kb_2024-02-01.csv"]\n'
    )
    ds = cleaned(lab, GE, element(0x00091027, b"SL", struct.pack("<i", MOMENT)), profile=str(profile))
    assert 0x00091027 not in ds


@pytest.mark.parametrize(
    ("vr", "value", "stays"),
    [(b"LO", b"1.2.840.113619.1.475.5", True), (b"UN", b"1.2.840.113619.1.475.5\0\0", True), (b"LO", b"Kent", False),
     (b"OB", b"\xc5\x1d\xe4\x01", False), (b"LO", b"4711", False)],
)  # fmt: skip
def test_a_uid_under_another_vr_is_replaced_and_what_is_none_goes(
    lab: Laboratory, vr: bytes, value: bytes, stays: bool
) -> None:
    ds = cleaned(lab, GE, element(0x000910E3, vr, value))
    assert (0x000910E3 in ds) == stays
    if stays:
        kept = ds[0x000910E3].value
        text = kept.decode() if isinstance(kept, bytes) else str(kept)
        assert text.strip("\0") == IDENTITY.uid("1.2.840.113619.1.475.5")


def embedded() -> bytes:
    return plain(Dataset(small(person(1), modality="MR")))


CONTAINERS: dict[str, bytes] = {
    "a DICOM file": encode(small(person(1), modality="MR"))[:2000],
    "a data set": embedded()[:2000],
    "a data set behind a length": b"\x10\0\0\0" + element(0x00100010, b"PN", b"Zacharias^Kent"),
    "an implicit data set": b"\x10\0\x10\0\x08\0\0\0Zachary ",
    "XML": b"\1\0<?xml version='1.0'?><patient>Zacharias</patient>",
    "XML without declaration": b"<patient><name>Zacharias Kent</name></patient><x/>     ",
    "JSON": b'{"patient": {"name": "Zacharias Kent", "born": "1970"}}',
    "base64": b"WmFjaGFyaWFzIEtlbnQgd2FzIGhlcmUgb24gTWF5IDIzcmQgMjAxMQ==",
    "hexadecimal digits": b"5a61636861726961732" * 3 + b"0",
    "gzip": gzip.compress(b"Zacharias Kent", mtime=0),
    "zlib": zlib.compress(b"Zacharias Kent"),
    "a JPEG": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "a PDF": b"%PDF-1.4\nZacharias",
    "a CSA header": b"SV10\4\3\2\1",
    "a protocol": b"### ASCCONV BEGIN ###\nx = 1\n### ASCCONV END ###",
    "a record": b"\1\0\0\0\x9fZachariah\0\0\0\2",
    "a name in bytes": b"\1\0\0\0\x9fDOE^JANE\0\0\0\2",
    "UTF-16": b"\1\0" + "Zacharias".encode("utf-16-le"),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_container_in_a_safe_private_element_goes(lab: Laboratory, kind: str) -> None:
    for vr in (b"OB", b"UN"):
        ds = cleaned(lab, B_VALUE[0], element(0x0019100C, vr, CONTAINERS[kind]), MODE)
        # Under UN the dictionary tells that it is a number, and what is none is emptied.
        assert 0x0019100C not in ds or (vr == b"UN" and not ds[0x0019100C].value)
        assert 0x0019100F in ds


def test_a_document_in_a_safe_private_text_goes(lab: Laboratory) -> None:
    for kind in ("XML without declaration", "JSON", "base64", "hexadecimal digits"):
        ds = cleaned(lab, B_VALUE[0], element(0x0019100F, b"LO", CONTAINERS[kind]), B_VALUE[1])
        assert 0x0019100F not in ds, kind
        assert 0x0019100C in ds


@pytest.mark.parametrize("value", [struct.pack("<6f", 0.1, 2.5, -3, 1e4, 0, 7), struct.pack("<2H", 1, 2), bytes(40)])
def test_numbers_in_a_safe_private_element_stay(lab: Laboratory, value: bytes) -> None:
    assert not is_container(value)
    assert not holds_words(value)
    assert cleaned(lab, B_VALUE[0], element(0x0019100C, b"OB", value))[0x0019100C].value == value


def test_plain_texts_are_no_documents() -> None:
    for text in ("AX T1 POST DIXON < 3 mm and > 1 mm, repeated twice for motion", "a" * 39, "1\\2\\3\\4\\5" * 9):
        assert not is_document(text)


def test_two_blocks_of_one_creator_are_both_known(lab: Laboratory) -> None:
    second = (element(0x00190011, b"LO", b"SIEMENS MR HEADER "), element(0x0019110D, b"CS", b"NONE"))
    ds = cleaned(lab, B_VALUE[0], second[0], B_VALUE[1], second[1])
    assert ds[0x0019100C].value == 1000
    assert ds[0x0019110D].value == "NONE"


def test_a_creator_in_another_case_or_with_spaces_is_known_and_one_without_a_name_is_not(lab: Laboratory) -> None:
    for creator, known in ((b"siemens mr header", True), (b" SIEMENS MR HEADER\0", True), (b"", False),
                           (b"SIEMENS MR HEADER\\Kent", False)):  # fmt: skip
        ds = cleaned(lab, element(0x00190010, b"LO", creator), element(0x0019100C, b"IS", b"1000"))
        assert (0x0019100C in ds) == known, creator


def test_elements_of_a_private_sequence_are_judged_one_by_one(lab: Laboratory) -> None:
    creator = element(0x00650010, b"LO", b"Image Private Header")
    item = creator + element(0x00651015, b"DS", b"1\\2\\3") + element(0x00651016, b"LO", b"Zacharias")
    ds = cleaned(lab, creator, undefined(0x00651051, b"SQ", item))
    assert ds[0x00651051].value[0][0x00651015].value == [1, 2, 3]
    assert 0x00651016 not in ds[0x00651051].value[0]
