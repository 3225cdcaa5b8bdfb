"""Files that say strange things about their pixels, and every kind of pixels there is, as bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

from pydicom import uid as uids
from pydicom.dataset import FileDataset

from tests.builders.dicom import encode, image, person, report
from tests.builders.elements import ITEM, SEQUENCE_END, UNDEFINED, element, head, with_syntax
from tests.builders.odd import PERSON, Odd, body, holding, preliminaries

ROWS, FRAMES, ALLOCATED, STORED, PIXELS = 0x00280010, 0x00280008, 0x00280100, 0x00280101, 0x7FE00010
ANOTHER = person(9)
"""Whose objects deflated files are: their bytes cannot be changed to make studies of one person different."""
_TEXT = f"{PERSON.given} {PERSON.family} {PERSON.patient_id} ".encode()


def _short(value: int) -> bytes:
    return struct.pack("<H", value)


def _declaring(tag: int, vr: bytes, value: bytes) -> Odd:
    return Odd(holding(element(tag, vr, value)))


def _with_pixels(encoded: bytes, syntax: uids.UID = uids.ExplicitVRLittleEndian) -> Odd:
    """A file with these bytes for its Pixel Data element."""
    return Odd(lambda: with_syntax(preliminaries() + body(encoded), syntax))


def _floats(keyword: str) -> bytes:
    """A parametric map of sorts: floating point pixels instead of whole numbers."""
    ds = image(PERSON, rows=8, columns=8, modality="MR", graphics=False)
    del ds.PixelData
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = (32, 32, 31) if keyword == "FloatPixelData" else (64, 64, 63)
    setattr(ds, keyword, bytes(64 * ds.BitsAllocated // 8))
    return encode(ds)


def _nested_pixels() -> bytes:
    inner = element(ROWS, b"US", _short(4)) + element(PIXELS, b"OW", _TEXT)
    item = ITEM + struct.pack("<I", len(inner)) + inner
    return holding(head(0x00880200, b"SQ", len(item)) + item, head(0x00081140, b"SQ", len(item)) + item)()


def _kinds() -> dict[str, Odd]:
    """Pixels of every common kind; nothing is wrong with these."""
    make = partial(image, PERSON, rows=32, columns=32)
    objects = {
        "compressed, jpeg 2000": partial(make, modality="US", transfer_syntax=uids.JPEG2000Lossless),
        "compressed, jpeg-ls": partial(make, modality="US", transfer_syntax=uids.JPEGLSLossless),
        "compressed, jpeg": partial(make, modality="US", transfer_syntax=uids.JPEGBaseline8Bit),
        "signed, 16 bits": partial(make, modality="CT", signed=True),
        "radiograph of 12 bits": partial(make, modality="CR", bits=12),
        "colour ultrasound, frames": partial(make, modality="US", photometric="RGB", frames=3),
        "colour ultrasound, ybr": partial(make, modality="US", photometric="YBR_FULL", frames=2),
        "colour, rle": partial(make, modality="US", photometric="RGB", transfer_syntax=uids.RLELossless),
        "report": partial(report, PERSON),
    }
    found = {name: Odd(partial(_encoded, make)) for name, make in objects.items()}
    deflated = partial(image, ANOTHER, rows=32, columns=32, transfer_syntax=uids.DeflatedExplicitVRLittleEndian)
    return found | {"deflated": Odd(partial(_encoded, deflated), ANOTHER)}


def _encoded(make: Callable[[], FileDataset]) -> bytes:
    return encode(make())


def all_odd_pixels() -> dict[str, Odd]:
    """Every file of this module by name."""
    fragments = ITEM + bytes(4) + ITEM + struct.pack("<I", len(_TEXT) // 2 * 2) + _TEXT[: len(_TEXT) // 2 * 2]
    opened = head(PIXELS, b"OB", UNDEFINED)
    return {
        **_kinds(),
        "no rows": _declaring(ROWS, b"US", _short(0)),
        "65535 rows": _declaring(ROWS, b"US", _short(65535)),
        "rows of text": _declaring(ROWS, b"US", _TEXT[:16]),
        "rows as a string": _declaring(ROWS, b"LO", _TEXT),
        "no frames": _declaring(FRAMES, b"IS", b"0"),
        "frames below zero": _declaring(FRAMES, b"IS", b"-3"),
        "a billion frames": _declaring(FRAMES, b"IS", b"1000000000"),
        "frames that name": _declaring(FRAMES, b"IS", PERSON.family.encode()),
        "7 bits allocated": _declaring(ALLOCATED, b"US", _short(7)),
        "24 bits allocated": _declaring(ALLOCATED, b"US", _short(24)),
        "no bits allocated": _declaring(ALLOCATED, b"US", _short(0)),
        "more bits stored than allocated": _declaring(STORED, b"US", _short(63)),
        "pixels of no bytes": _with_pixels(head(PIXELS, b"OW", 0)),
        "pixels of an odd length": _with_pixels(head(PIXELS, b"OB", 127) + bytes(127)),
        "pixels of unknown vr": _with_pixels(head(PIXELS, b"UN", 128) + bytes(128)),
        "pixels of text": _with_pixels(head(PIXELS, b"LT", len(_TEXT)) + _TEXT),
        "pixels as a sequence": _with_pixels(head(PIXELS, b"SQ", 0)),
        "pixels that name": _with_pixels(element(PIXELS, b"OB", (_TEXT * 4)[:128])),
        "pixels twice": _with_pixels((head(PIXELS, b"OW", 128) + bytes(128)) * 2),
        "fragments in a native file": _with_pixels(opened + fragments + SEQUENCE_END + bytes(4)),
        "fragments that name": _with_pixels(opened + fragments + SEQUENCE_END + bytes(4), uids.JPEGLSLossless),
        "fragments without an end": _with_pixels(opened + fragments, uids.RLELossless),
        "no fragments": _with_pixels(opened + ITEM + bytes(4) + SEQUENCE_END + bytes(4), uids.RLELossless),
        "floating point pixels": Odd(partial(_floats, "FloatPixelData")),
        "double floating point pixels": Odd(partial(_floats, "DoubleFloatPixelData")),
        "pixels in an icon": Odd(_nested_pixels),
        "overlay too short": _declaring(0x60003000, b"OW", b"\0\0"),
        "overlay of text": Odd(holding(element(0x60003000, b"OW", _TEXT + b" "), element(0x60004000, b"LT", _TEXT))),
        "palette of text": Odd(holding(element(0x00281201, b"OW", _TEXT + b" "))),
    }  # fmt: skip
