"""Compressed frames with something hidden in them, and files that hold them."""

from __future__ import annotations

import struct
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, RLELossless

from tests.builders.dicom import encode, image, person
from tests.builders.elements import ITEM, SEQUENCE_END, UNDEFINED, data_set_at, element, head, pixels_at

SECRET = b"Quintrellebaba^Zephyrine 19610702"
"""What nothing released may hold."""


def frame(syntax: UID, **settings: object) -> bytes:
    """One compressed frame of a small image."""
    ds = image(person(0), modality="US", rows=32, columns=32, transfer_syntax=syntax, **settings)  # type: ignore[arg-type]
    return next(iter(generate_frames(ds.PixelData, number_of_frames=1)))


def file_of(syntax: UID, *fragments: bytes, table: bytes = b"", more: bytes = b"", frames: int = 1) -> bytes:
    """An image of 32 x 32 whose pixels are these fragments; ``more`` are encoded elements that stand before them."""
    data = encode(image(person(0), modality="US", rows=32, columns=32, transfer_syntax=syntax, frames=frames))
    items = b"".join(ITEM + struct.pack("<I", len(part)) + part for part in (table, *fragments))
    pixels = head(0x7FE00010, b"OB", UNDEFINED) + items + SEQUENCE_END + bytes(4)
    return data[: pixels_at(data)] + more + pixels


def fragments_of(data: bytes) -> list[bytes]:
    """The offset table and the fragments of a file."""
    value, parts, at = dcmread(BytesIO(data)).PixelData, [], 0
    while value[at : at + 4] == ITEM:
        (length,) = struct.unpack_from("<I", value, at + 4)
        parts.append(value[at + 8 : at + 8 + length])
        at += 8 + length
    return parts


def segment(code: int, body: bytes) -> bytes:
    """A marker segment of JPEG or JPEG 2000, whose marker is 0xFF and ``code``."""
    return bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body


def box(kind: bytes, body: bytes) -> bytes:
    """A box of a JP2 file."""
    return struct.pack(">I4s", len(body) + 8, kind) + body


def with_syntax_of(ds: FileDataset, syntax: str) -> bytes:
    """An object with encapsulated pixels as a file in a transfer syntax that its library may not know."""
    ds.file_meta.TransferSyntaxUID = RLELossless
    data = encode(ds)
    start = data_set_at(data)
    old = element(0x00020010, b"UI", RLELossless.encode())
    meta = data[144:start].replace(old, element(0x00020010, b"UI", syntax.encode()))
    return data[:140] + struct.pack("<I", len(meta)) + meta + data[start:]
