"""Identifiers in compressed frames: they go, and the frame keeps its length and its image."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from pydicom import dcmread
from pydicom import uid as uids
from pydicom.uid import UID

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom import codestream
from deid_platform.formats.dicom.codestream import Buffer, Finder
from tests.builders.frames import SECRET, file_of, frame, segment
from tests.formats.dicom.cleaning import Laboratory

JPEG = frame(uids.JPEGBaseline8Bit)
JPEG_LS = frame(uids.JPEGLSLossless)
JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\x02\x02" + SECRET
FIRST_SCAN = JPEG.index(b"\xff\xda")
HIDDEN = {
    "comment": segment(0xFE, SECRET),
    "EXIF": segment(0xE1, b"Exif\0\0" + SECRET),
    "XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + SECRET),
    "photoshop": segment(0xED, b"Photoshop 3.0\0" + SECRET),
    "thumbnail": segment(0xE0, JFIF),
    "extension": segment(0xE0, b"JFXX\0\x10" + SECRET),
    "behind Adobe": segment(0xEE, b"Adobe\0\x64\0\0\0\0\0" + SECRET),
    "behind an encoder": segment(0xFE, b"Lavc58.91.100 " + SECRET),
    "false profile": segment(0xE2, b"ICC_PROFILE\0\x01\x01" + SECRET),
}


def patched(find: Finder, data: bytes) -> bytes:
    out = bytearray(data)
    for at, new in find(data, 0, len(data)):
        out[at : at + len(new)] = new
    assert len(out) == len(data)
    return bytes(out)


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize(("syntax", "plain"), [(uids.JPEGBaseline8Bit, JPEG), (uids.JPEGLSLossless, JPEG_LS)])
def test_a_segment_that_is_not_needed_is_blanked(lab: Laboratory, syntax: UID, plain: bytes, name: str) -> None:
    data = plain[:2] + HIDDEN[name] + plain[2:]
    data += bytes(len(data) % 2)
    cleaned = lab.clean(file_of(syntax, data))
    assert SECRET not in cleaned.data
    before, after = dcmread(cleaned.source), dcmread(cleaned.output)
    assert len(before.PixelData) == len(after.PixelData)
    assert plain[2:] in after.PixelData
    assert np.array_equal(before.pixel_array, after.pixel_array)
    assert "(7FE0,0010)" in {change.target for change in cleaned.outcome.changes}


def test_a_segment_of_unknown_kind_is_blanked() -> None:
    for code in (0xF0, 0x02, 0xC8):
        assert SECRET not in patched(codestream.jpeg, JPEG[:2] + segment(code, SECRET) + JPEG[2:])


def test_a_comment_between_scans_is_blanked() -> None:
    two_scans = JPEG[:-2].rstrip(b"\xff\xd9\0") + HIDDEN["comment"] + JPEG[FIRST_SCAN:]
    assert SECRET not in patched(codestream.jpeg, two_scans)


def test_bytes_behind_the_image_are_blanked(lab: Laboratory) -> None:
    for syntax, plain in ((uids.JPEGBaseline8Bit, JPEG), (uids.JPEGLSLossless, JPEG_LS)):
        assert SECRET not in lab.clean(file_of(syntax, plain.rstrip(b"\0") + SECRET + b" " * 3)).data


def test_what_decoders_need_stays() -> None:
    needed = [
        segment(0xE0, JFIF[:14]),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
        segment(0xE8, b"mrfx\x02"),
        segment(0xFE, b"Lavc58.91.100"),
    ]
    for kept in needed:
        data = JPEG[:2] + kept + JPEG[2:]
        assert patched(codestream.jpeg, data) == data
    assert patched(codestream.jpeg, JPEG + b"\xff") == JPEG + b"\xff"


EMPTY_SEGMENT = b"\xff\xd8\xff\xe0\0\0\xff\xd9"
BROKEN = [JPEG[:FIRST_SCAN], JPEG[:100], JPEG[: len(JPEG) // 2], JPEG[:2] + bytes(20), EMPTY_SEGMENT]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_frame_that_cannot_be_walked_is_refused(broken: bytes) -> None:
    with pytest.raises(MalformedFile):
        patched(codestream.jpeg, broken)


def rle(*segments: bytes, unused: bytes = b"") -> bytes:
    at = np.cumsum([64, *map(len, segments)])[:-1]
    header = len(segments).to_bytes(4, "little") + b"".join(int(one).to_bytes(4, "little") for one in at) + unused
    return header.ljust(64, b"\0") + b"".join(segments)


def test_what_run_length_encoding_does_not_use_is_blanked() -> None:
    find, runs = codestream.run_lengths(256), b"\x81\x05\x81\x05"
    hidden = rle(runs + SECRET, runs + SECRET, unused=SECRET)
    assert patched(find, hidden) == rle(runs + bytes(len(SECRET)), runs + bytes(len(SECRET)))
    assert patched(find, rle(b"\x80" + runs, b"\x7f" + bytes(128) + b"\x81\0")) == rle(
        b"\x80" + runs, b"\x7f" + bytes(128) + b"\x81\0"
    )
    for broken in (b"short", rle(runs[:2]), bytes(80), rle(runs)[:64], (99).to_bytes(4, "little") + bytes(80)):
        with pytest.raises(MalformedFile):
            patched(find, broken)


def test_what_stands_behind_a_deflated_frame_is_blanked() -> None:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    stream = engine.compress(bytes(5_000_000)) + engine.flush()
    assert patched(codestream.deflated, stream + SECRET) == stream + bytes(len(SECRET))
    assert patched(codestream.deflated, stream) == stream
    for broken in (stream[:-4], b"\xff" * 40):
        with pytest.raises(MalformedFile):
            patched(codestream.deflated, broken)


def test_only_the_given_part_of_a_buffer_is_looked_at() -> None:
    buffer: Buffer = SECRET + JPEG + SECRET
    assert list(codestream.jpeg(buffer, len(SECRET), len(SECRET) + len(JPEG))) == []
