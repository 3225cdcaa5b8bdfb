"""Identifiers in JPEG 2000 codestreams and JP2 boxes."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom import dcmread
from pydicom import uid as uids

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom import jpeg2000
from tests.builders.frames import SECRET, box, file_of, frame, segment
from tests.formats.dicom.cleaning import Laboratory
from tests.formats.dicom.test_codestream import patched

PLAIN = frame(uids.JPEG2000Lossless).rstrip(b"\0")
TILE = PLAIN.index(b"\xff\x90")
COMMENT = segment(0x64, b"\0\x01" + SECRET)
SIGNATURE = box(b"jP  ", b"\r\n\x87\n")
SIZE = box(b"ihdr", struct.pack(">IIHBBBB", 32, 32, 1, 7, 7, 0, 0))
HEADER = box(b"jp2h", SIZE + box(b"colr", b"\x01\0\0\0\0\0\x11"))


def with_tile_comment() -> bytes:
    """The comment stands in the header of the only tile-part, whose stated length grows by it."""
    (stated,) = struct.unpack_from(">I", PLAIN, TILE + 6)
    length = struct.pack(">I", stated + len(COMMENT) if stated else 0)
    return PLAIN[: TILE + 6] + length + PLAIN[TILE + 10 : TILE + 12] + COMMENT + PLAIN[TILE + 12 :]


def unstated() -> bytes:
    return PLAIN[: TILE + 6] + bytes(4) + PLAIN[TILE + 10 :]


FRAMES = {
    "main header": PLAIN[:TILE] + COMMENT + PLAIN[TILE:],
    "tile-part header": with_tile_comment(),
    "binary comment": PLAIN[:TILE] + segment(0x64, b"\0\0" + SECRET) + PLAIN[TILE:],
    "behind an encoder": PLAIN[:TILE] + segment(0x64, b"\0\x01Kakadu-v7.3.3 " + SECRET) + PLAIN[TILE:],
    "behind the end": PLAIN + SECRET,
    "tile-part of unstated length": unstated() + SECRET,
}
BOXES = {
    "uuid": box(b"uuid", bytes(16) + SECRET),
    "xml": box(b"xml ", b"<a>" + SECRET + b"</a>"),
    "free": box(b"free", SECRET),
    "long": struct.pack(">I4sQ", 1, b"JOHN", 16 + len(SECRET)) + SECRET,
    "in the header": box(b"jp2h", box(b"JANE", SECRET)),
    "profile": box(b"jp2h", box(b"colr", b"\x02\0\0" + SECRET)),
    "colour": box(b"jp2h", box(b"colr", b"\x01\0\0\0\0\0\x11" + SECRET)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_what_is_hidden_in_a_codestream_is_blanked(lab: Laboratory, name: str) -> None:
    data = FRAMES[name]
    assert SECRET in data
    cleaned = lab.clean(file_of(uids.JPEG2000Lossless, data + bytes(len(data) % 2)))
    assert SECRET not in cleaned.data
    before, after = dcmread(cleaned.source), dcmread(cleaned.output)
    assert len(before.PixelData) == len(after.PixelData)
    assert np.array_equal(before.pixel_array, after.pixel_array)


@pytest.mark.parametrize("name", BOXES)
def test_boxes_that_are_no_image_become_free_space(name: str) -> None:
    file = SIGNATURE + HEADER + BOXES[name] + box(b"jp2c", FRAMES["main header"])
    out = patched(jpeg2000.boxes, file)
    assert SECRET not in out
    assert b"JANE" not in out
    assert b"JOHN" not in out
    assert out.startswith(SIGNATURE + HEADER)


def test_a_segment_of_unknown_kind_becomes_an_empty_comment() -> None:
    out = patched(jpeg2000.codestream, PLAIN[:TILE] + segment(0x6F, SECRET) + PLAIN[TILE:])
    assert out == PLAIN[:TILE] + segment(0x64, bytes(len(SECRET))) + PLAIN[TILE:]


def test_a_codestream_without_secrets_stays_as_it_is() -> None:
    assert patched(jpeg2000.codestream, PLAIN) == PLAIN
    assert patched(jpeg2000.codestream, unstated()) == unstated()


BROKEN = [PLAIN[:TILE], PLAIN[:-2], PLAIN[:-9], PLAIN[:3], PLAIN[: TILE + 20], PLAIN[:TILE] + bytes(40)]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_codestream_that_cannot_be_walked_is_refused(broken: bytes) -> None:
    with pytest.raises(MalformedFile):
        patched(jpeg2000.codestream, broken)


def test_a_box_longer_than_its_file_is_refused() -> None:
    with pytest.raises(MalformedFile):
        patched(jpeg2000.boxes, SIGNATURE + struct.pack(">I4s", 99, b"jp2c"))
