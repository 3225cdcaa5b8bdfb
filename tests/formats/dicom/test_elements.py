from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom import uid as uids
from pydicom.dataset import Dataset

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom import elements
from deid_platform.formats.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    DataSet,
    Extent,
    read_data_set,
)
from deid_platform.model import Reason
from tests.builders.dicom import encode, person
from tests.builders.elements import ITEM, ITEM_END, SEQUENCE_END, data_set_at, element, head
from tests.formats.dicom.cleaning import OBJECTS, inflated

ENCODINGS = {
    uids.ImplicitVRLittleEndian.name: IMPLICIT_LITTLE,
    uids.ExplicitVRBigEndian.name: EXPLICIT_BIG,
}
NAME = element(0x00100010, b"PN", b"Roe^Jane")


def read(data: bytes) -> DataSet:
    return read_data_set(data, 0, EXPLICIT_LITTLE)


def refusal(data: bytes) -> Reason:
    with pytest.raises(MalformedFile) as refused:
        read(data)
    return refused.value.reason


def undefined(tag: int, vr: bytes, *items: bytes) -> bytes:
    """A sequence of undefined length with such items."""
    open_item = ITEM + b"\xff\xff\xff\xff"
    body = b"".join(open_item + item + ITEM_END + bytes(4) for item in items)
    return head(tag, vr, 0xFFFFFFFF) + body + SEQUENCE_END + bytes(4)


def implicit(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def tree(data: DataSet) -> dict[int, object]:
    """Tags and shape, up to the pixels."""
    return {tag: [tree(i) for i in e.value] if isinstance(e.value, list) else None for tag, e in data.items()}


def reference(data: Dataset) -> dict[int, object]:
    """The same as pydicom sees it."""
    return {int(e.tag): [reference(i) for i in e.value] if e.VR == "SQ" else None for e in data}


@pytest.mark.parametrize("name", OBJECTS)
def test_a_data_set_is_read_as_another_reader_reads_it(name: str) -> None:
    data = inflated(encode(OBJECTS[name](person(1))))
    encoding = ENCODINGS.get(name, EXPLICIT_LITTLE)
    mine = read_data_set(data, data_set_at(data), encoding)
    theirs = dcmread(BytesIO(encode(OBJECTS[name](person(1)))))
    # pydicom does not look into private sequences without VR.
    hidden = {0x00991007} if encoding.implicit else set()
    assert [isinstance(mine[tag].value, list) for tag in hidden] == [True] * len(hidden)
    assert {k: v for k, v in tree(mine).items() if k not in hidden} == {
        k: v for k, v in reference(theirs).items() if k not in hidden
    }
    for e in theirs:
        if e.VR in ("LO", "SH", "UI", "DA") and e.value:
            assert mine[int(e.tag)].vr in (e.VR, "UN")
            value = mine[int(e.tag)].value
            assert isinstance(value, bytes)
            assert value.isascii() is False or str(e.value) in value.decode()


def test_values_stay_as_they_were_written() -> None:
    data = read(element(0x00081030, b"LO", b"Chest ") + element(0x00280010, b"US", b"\x40\0") + NAME)
    assert [(tag, e.vr, e.value) for tag, e in data.items()] == [
        (0x00081030, "LO", b"Chest "),
        (0x00280010, "US", b"\x40\0"),
        (0x00100010, "PN", b"Roe^Jane"),
    ]


def test_of_a_tag_that_comes_twice_the_later_counts_and_the_earlier_is_remembered() -> None:
    data = read(NAME + element(0x00100010, b"PN", b"Doe^John"))
    assert data[0x00100010].value == b"Doe^John"
    assert [e.value for e in data.overwritten] == [b"Roe^Jane"]


@pytest.mark.parametrize(
    ("tag", "declared", "taken"),
    [
        (0x00100010, b"LO", "PN"),
        (0x00081030, b"OB", "LO"),
        (0x00081030, b"US", "LO"),
        (0x00080020, b"LO", "DA"),
        (0x00081140, b"LO", "UN"),
        (0x00280106, b"SS", "SS"),
        (0x7FE00010, b"OB", "OB"),
        (0x00280010, b"UL", "UL"),
        (0x00991001, b"LO", "LO"),
        (0x00104999, b"LT", "LT"),
        (0x00081030, b"UN", "LO"),
        (0x00282000, b"UN", "OB"),
    ],
)
def test_a_text_is_what_the_dictionary_says_whatever_vr_it_is_declared_with(
    tag: int, declared: bytes, taken: str
) -> None:
    assert read(element(tag, declared, b"20110523"))[tag].vr == taken


def test_private_elements_without_vr_are_looked_up_by_their_creator() -> None:
    block = implicit(0x00190010, b"SIEMENS MR HEADER ") + implicit(0x0019100C, b"1000") + implicit(0x00191101, b"ab")
    data = read_data_set(block, 0, IMPLICIT_LITTLE)
    assert [data[tag].vr for tag in (0x00190010, 0x0019100C, 0x00191101)] == ["LO", "IS", "UN"]


@pytest.mark.parametrize("vr", [b"OB", b"UN", b"OW"])
def test_large_binary_values_stay_in_their_file(vr: bytes) -> None:
    length = elements.BULK_BYTES + 2
    data = read(head(0x00660016, vr, length) + bytes(length))
    assert data[0x00660016].value == Extent(12, length)
    at_the_limit = read(head(0x00660016, vr, elements.BULK_BYTES) + bytes(elements.BULK_BYTES))
    assert at_the_limit[0x00660016].value == bytes(elements.BULK_BYTES)


def test_a_text_larger_than_any_real_one_is_refused() -> None:
    assert refusal(head(0x00104000, b"UT", (1 << 24) + 2) + bytes((1 << 24) + 2)) is Reason.TOO_LARGE


@pytest.mark.parametrize("vr", [b"SQ", b"UN"])
def test_sequences_are_read_in_both_forms(vr: bytes) -> None:
    inner = implicit(0x00100010, b"Roe^Jane") if vr == b"UN" else NAME
    fixed = ITEM + struct.pack("<I", len(inner)) + inner
    for data in (undefined(0x00081140, vr, inner, inner), head(0x00081140, vr, 2 * len(fixed)) + fixed * 2):
        items = read(data)[0x00081140].value
        assert isinstance(items, list)
        assert [item[0x00100010].value for item in items] == [b"Roe^Jane"] * 2


def test_an_unknown_private_value_that_is_a_sequence_is_read_as_one() -> None:
    inner = implicit(0x00100010, b"Roe^Jane")
    hidden = ITEM + struct.pack("<I", len(inner)) + inner
    items = read(head(0x00991001, b"UN", len(hidden)) + hidden)[0x00991001].value
    assert isinstance(items, list)
    assert items[0][0x00100010].value == b"Roe^Jane"


def test_a_value_that_only_looks_like_a_sequence_stays_bytes() -> None:
    lookalike = ITEM + b"\x08\0\0\0junk"
    found = read(head(0x00991001, b"UN", len(lookalike)) + lookalike)[0x00991001]
    assert (found.vr, found.value) == ("UN", lookalike)


@pytest.mark.parametrize("vr", [b"ZZ", b"lo", b"??", b"  "])
def test_a_vr_the_standard_does_not_know_is_refused(vr: bytes) -> None:
    for tag in (b"\x10\0\0\x40", b"\x99\0\x01\x10"):
        for length in (b"\x04\0", b"\0\0\x04\0\0\0"):
            with pytest.raises(MalformedFile, match="a VR the standard does not know") as refused:
                read(tag + vr + length + b"Jane")
            assert refused.value.reason is Reason.MALFORMED


def test_implicit_elements_among_explicit_ones_are_read() -> None:
    data = read(element(0x00080020, b"DA", b"20110523") + implicit(0x00100010, b"Roe^Jane"))
    assert data[0x00100010].value == b"Roe^Jane"


def test_reading_ends_with_the_pixels() -> None:
    pixels = element(0x7FE00010, b"OW", bytes(8))
    assert sorted(read(NAME + pixels + b"anything")) == [0x00100010, 0x7FE00010]
    fragments = head(0x7FE00010, b"OB", 0xFFFFFFFF) + (ITEM + bytes(4)) * 2 + SEQUENCE_END + bytes(4)
    assert read(fragments + b"rest")[0x7FE00010].value == Extent(12, 24, fragments=True)


def test_pixels_inside_a_sequence_do_not_end_reading() -> None:
    icon = undefined(0x00880200, b"SQ", element(0x7FE00010, b"OW", bytes(8)))
    data = read(icon + element(0x00880904, b"LO", b"more"))
    assert 0x00880904 in data


@pytest.mark.parametrize("vr", [b"SQ", b"LO", b"US", b"UT"])
def test_pixels_of_a_vr_that_pixels_cannot_have_are_refused(vr: bytes) -> None:
    assert refusal(element(0x7FE00010, vr, b"")) is Reason.MALFORMED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (NAME[:-1], Reason.TRUNCATED),
        (NAME + b"\x10\0\x20", Reason.TRUNCATED),
        (head(0x00420011, b"OB", 0xFFFFFFFE) + b"short", Reason.TRUNCATED),
        (head(0x00081140, b"SQ", 0xFFFFFFFF) + ITEM, Reason.TRUNCATED),
        (head(0x00081140, b"SQ", 0xFFFFFFFF) + ITEM + b"\xff\xff\xff\xff" + NAME, Reason.TRUNCATED),
        (head(0x7FE00010, b"OB", 0xFFFFFFFF) + ITEM + b"\xf0\0\0\0", Reason.TRUNCATED),
        (head(0x7FE00010, b"OB", 0xFFFFFFFF) + NAME, Reason.MALFORMED),
        (head(0x00081140, b"SQ", 16) + NAME, Reason.MALFORMED),
        (ITEM_END + bytes(4), Reason.MALFORMED),
        (head(0x00081140, b"SQ", 16) + ITEM + b"\x09\0\0\0" + NAME[:8] + NAME, Reason.MALFORMED),
        (head(0x00081140, b"SQ", 24) + ITEM + b"\x10\0\0\0" + head(0x00100010, b"PN", 9) + b"Roe^Jane" + NAME,
         Reason.MALFORMED),
        (struct.pack("<HH2sHI", 0x0010, 0x1000, b"UT", 0, 0xFFFFFFFF), Reason.MALFORMED),
        (b"\x10\0\x10\0UT\0", Reason.TRUNCATED),
        (b"\x10\0\x10\0UT\0\0\0\0", Reason.TRUNCATED),
    ],
)  # fmt: skip
def test_what_breaks_the_encoding_is_refused(data: bytes, reason: Reason) -> None:
    assert refusal(data) is reason


@pytest.mark.parametrize("private", [False, True])
def test_sequences_may_be_nested_as_deep_as_any_real_ones_and_no_deeper(private: bool) -> None:
    tag = 0x00991001 if private else 0x00081140
    inner = NAME
    for _ in range(elements.MAX_DEPTH):
        inner = undefined(tag, b"SQ", inner)
    assert list(read(inner)) == [tag]
    assert refusal(undefined(tag, b"SQ", inner)) is Reason.NESTED_TOO_DEEP


def test_zeros_behind_the_last_element_are_no_element() -> None:
    assert list(read(NAME + bytes(7))) == [0x00100010]


def test_reading_can_stop_early() -> None:
    data = element(0x00080020, b"DA", b"20110523") + NAME + b"broken"
    assert list(read_data_set(data, 0, EXPLICIT_LITTLE, last=0x00100010)) == [0x00080020, 0x00100010]


def test_a_large_number_of_repetitions_takes_no_time_to_speak_of() -> None:
    data = read(NAME * 50_000)
    assert len(data.overwritten) == 49_999


@settings(derandomize=True, max_examples=300, deadline=None, database=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from([ITEM, ITEM_END + bytes(4), SEQUENCE_END + bytes(4), NAME, ITEM + b"\xff\xff\xff\xff",
                             head(0x00081140, b"SQ", 0xFFFFFFFF), head(0x00991001, b"UN", 12)]),
        ),
        max_size=8,
    ).map(b"".join),
    st.sampled_from([EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE]),
)  # fmt: skip
def test_any_bytes_are_read_or_refused(data: bytes, encoding: elements.Encoding) -> None:
    try:
        found = read_data_set(data, 0, encoding)
    except MalformedFile:
        return
    assert isinstance(found, DataSet)
