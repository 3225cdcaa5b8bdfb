"""Fragments, offset tables, and frames that lie in several fragments."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom import dcmread
from pydicom import uid as uids

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason
from tests.audit.tampering import audited
from tests.builders.frames import SECRET, file_of, fragments_of, frame, segment
from tests.formats.dicom.cleaning import Laboratory

PLAIN = frame(uids.JPEGBaseline8Bit)
HIDDEN = PLAIN[:2] + segment(0xFE, SECRET) + PLAIN[2:]
HIDDEN += bytes(len(HIDDEN) % 2)
BLANK = HIDDEN.replace(SECRET, bytes(len(SECRET)))


@pytest.mark.parametrize("cut", [2, 4, 6, 20, 100])
def test_a_frame_in_several_fragments_is_cleaned_as_one(lab: Laboratory, cut: int) -> None:
    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, HIDDEN[:cut], b"", HIDDEN[cut:]))
    table, *parts = fragments_of(cleaned.output.read_bytes())
    assert (table, parts) == (b"", [BLANK[:cut], BLANK[cut:]])
    assert audited(cleaned) == set()


def test_every_frame_is_cleaned(lab: Laboratory) -> None:
    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, HIDDEN, PLAIN, HIDDEN[:30], HIDDEN[30:], frames=3))
    assert b"".join(fragments_of(cleaned.output.read_bytes())) == BLANK + PLAIN + BLANK
    (change,) = [change for change in cleaned.outcome.changes if "compressed frames" in change.rule]
    assert (change.target, change.count) == ("(7FE0,0010)", 2)


def offsets(*lengths: int, form: str = "I") -> bytes:
    begins = [sum(lengths[:number]) + 8 * number for number in range(len(lengths))]
    return struct.pack(f"<{len(begins)}{form}", *begins)


def test_a_true_offset_table_stays(lab: Laboratory) -> None:
    table = offsets(len(PLAIN), len(HIDDEN))
    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, PLAIN, HIDDEN, table=table, frames=2))
    assert fragments_of(cleaned.output.read_bytes())[0] == table
    assert "offset" not in repr(cleaned.outcome.changes)


@pytest.mark.parametrize("table", [SECRET + b"   ", offsets(4, 4), offsets(len(PLAIN), 1, 1) + SECRET + b"   "])
def test_a_false_offset_table_is_made_anew(lab: Laboratory, table: bytes) -> None:
    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, PLAIN, PLAIN, table=table, frames=2))
    assert fragments_of(cleaned.output.read_bytes())[0] == offsets(len(PLAIN), len(PLAIN))
    assert SECRET not in cleaned.data
    assert "offset tables" in repr(cleaned.outcome.changes)


def test_a_table_of_frames_that_are_not_there_becomes_empty(lab: Laboratory) -> None:
    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, PLAIN, PLAIN, table=SECRET + b"   ", frames=3))
    assert fragments_of(cleaned.output.read_bytes())[0] == b""


def extended(table: bytes, lengths: bytes) -> bytes:
    tags = (b"\xe0\x7f\x01\0", b"\xe0\x7f\x02\0")
    values = zip(tags, (table, lengths), strict=True)
    return b"".join(tag + b"OV\0\0" + struct.pack("<I", len(value)) + value for tag, value in values)


def test_true_extended_tables_stay_and_false_ones_go(lab: Laboratory) -> None:
    lengths = struct.pack("<QQ", len(PLAIN), len(HIDDEN) - 1)
    true = offsets(len(PLAIN), len(HIDDEN), form="Q")
    for table, stays in ((true, True), (SECRET + b"       ", False), (true[::-1], False)):
        data = file_of(uids.JPEGBaseline8Bit, PLAIN, HIDDEN, more=extended(table, lengths), frames=2)
        cleaned = lab.clean(data)
        assert ("ExtendedOffsetTable" in dcmread(cleaned.output)) is stays
        assert ("ExtendedOffsetTableLengths" in dcmread(cleaned.output)) is stays
        assert audited(cleaned) == set()


def test_an_odd_fragment_is_padded_inside_its_item(lab: Laboratory) -> None:
    odd = HIDDEN.rstrip(b"\0")
    odd = odd if len(odd) % 2 else odd + b"\xff"
    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, odd))
    output = cleaned.output.read_bytes()
    assert [len(part) for part in fragments_of(output)] == [0, len(odd) + 1]
    assert output.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    assert np.array_equal(dcmread(cleaned.source).pixel_array, dcmread(cleaned.output).pixel_array)


def test_frames_of_unknown_kind_are_refused_but_video_is_left_to_the_pixel_stage(lab: Laboratory) -> None:
    with pytest.raises(MalformedFile) as refused:
        lab.clean(file_of(uids.JPEGBaseline8Bit, SECRET + b" "))
    assert refused.value.reason is Reason.PIXELS_UNDECODABLE
    data = file_of(uids.JPEGBaseline8Bit, PLAIN)
    video = data.replace(b"1.2.840.10008.1.2.4.50", b"1.2.840.10008.1.2.4.100"[:22])
    assert lab.clean(video).output.exists()


def test_cleaning_twice_changes_nothing_more(lab: Laboratory) -> None:
    once = lab.clean(file_of(uids.JPEGBaseline8Bit, HIDDEN, HIDDEN[:50], HIDDEN[50:], table=SECRET + b"   ", frames=2))
    again = lab.clean(once.output.read_bytes())
    assert fragments_of(once.output.read_bytes()) == fragments_of(again.output.read_bytes())
