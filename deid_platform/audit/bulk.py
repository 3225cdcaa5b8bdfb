"""What pixel values may not hold besides pixels, read from the released bytes by code that cleaned nothing.

Compressed frames: comments, application data, bytes behind the end, false offset tables. Native ones: bits outside
Bits Stored, bytes behind the last frame.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate
from mmap import mmap

import numpy as np
from pydicom.dataset import Dataset

from deid_platform.audit.codestream import extras

Hit = tuple[str, str]
_UNDEFINED = 0xFFFFFFFF
_RLE, _DEFLATED_FRAMES = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
# Video and JPEG XL: the pixel stage refuses them.
_NEVER_RELEASED = ("1.2.840.10008.1.2.4.10", "1.2.840.10008.1.2.4.11", "1.2.840.10008.1.2.7.")
_STARTS = (b"\xff\xd8", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP ")
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
Span = tuple[int, int]
_PIECE = 1 << 20
"""Cells looked at in one go."""


def pixel_hits(cleaned: Dataset, data: mmap, at: int) -> Iterator[Hit]:
    """Whatever the pixel element that begins at ``at`` holds and should not: (place, kind)."""
    implicit, little = cleaned.original_encoding
    order = "<" if little else ">"
    start = at + (8 if implicit else 12)
    (length,) = struct.unpack_from(order + "I", data, start - 4)
    if length == _UNDEFINED:
        yield from sorted(set(_encapsulated(cleaned, data, start)))
        return
    if _OFFSETS in cleaned or _LENGTHS in cleaned:
        yield "pixels", "false_offsets"
    if struct.unpack_from(order + "HH", data, at) == (0x7FE0, 0x0010):
        swapped = not little and data[at + 4 : at + 6] == b"OW"
        yield from _behind_pixels(cleaned, data, start, length, swapped=swapped)
        yield from _unused_bits(cleaned, data, start, length, order)


def _behind_pixels(cleaned: Dataset, data: mmap, start: int, length: int, *, swapped: bool) -> Iterator[Hit]:
    bits = _total_bits(cleaned)
    whole = -(-bits // 8)
    padded = not swapped and length == whole + 1 and data[start + whole]
    if padded or (bits and length > whole + whole % 2):
        yield "pixels", "behind_image"
    elif not swapped and bits % 8 and whole <= length and data[start + whole - 1] >> bits % 8:
        yield "pixels", "unused_bits"


def _total_bits(cleaned: Dataset) -> int:
    try:
        bits = int(cleaned.Rows) * int(cleaned.Columns) * int(cleaned.SamplesPerPixel) * int(cleaned.BitsAllocated)
        bits *= int(cleaned.get("NumberOfFrames") or 1)
    except (AttributeError, TypeError, ValueError):
        return 0  # the pixel stage refuses it
    return bits * 2 // 3 if cleaned.get("PhotometricInterpretation") == "YBR_FULL_422" else bits


def _unused_bits(cleaned: Dataset, data: mmap, start: int, length: int, order: str) -> Iterator[Hit]:
    """Cells that change when only their stored bits are looked at; the declared padding value excepted."""
    allocated, stored = cleaned.get("BitsAllocated"), cleaned.get("BitsStored")
    if allocated not in (8, 16, 32, 64) or not isinstance(stored, int) or not 0 < stored < allocated:
        return
    high = cleaned.get("HighBit", stored - 1)
    low = high + 1 - stored
    if not 0 <= low <= high < allocated:
        return
    kind = np.dtype(f"{order}u{allocated // 8}")
    mask = kind.type(((1 << stored) - 1) << low)
    above = kind.type(((1 << allocated) - 1) ^ ((1 << (high + 1)) - 1))
    sign = kind.type((1 << high) if cleaned.get("PixelRepresentation") == 1 else 0)
    padding = _padding(cleaned, order)
    total = length // kind.itemsize
    for begin in range(0, total, _PIECE):
        offset = start + begin * kind.itemsize
        cells = np.frombuffer(data, kind, min(_PIECE, total - begin), offset).astype(kind.newbyteorder("="))
        expected = (cells & mask) | np.where(cells & sign, above, kind.type(0))
        odd = cells[cells != expected]
        if len(odd) and (padding is None or (odd != padding).any()):
            yield "pixels", "unused_bits"
            return


def _padding(cleaned: Dataset, order: str) -> int | None:
    """Pixel Padding Value as the unsigned number its bytes are."""
    value = cleaned.get("PixelPaddingValue")
    return value & 0xFFFF if isinstance(value, int) else None


def _encapsulated(cleaned: Dataset, data: mmap, start: int) -> Iterator[Hit]:
    syntax = str(cleaned.file_meta.TransferSyntaxUID)
    table, *fragments = _items(data, start)
    frames = list(_frames(data, fragments, each=syntax in (_RLE, _DEFLATED_FRAMES)))
    yield from _tables(cleaned, data[slice(*table)], frames)
    if syntax.startswith(_NEVER_RELEASED):
        return
    for frame in frames:
        try:
            joined = b"".join(data[begin:end] for begin, end in frame)
            yield from (("pixels", kind) for kind in _extras(syntax, joined))
        except (ValueError, struct.error, zlib.error):
            yield "pixels", "unreadable_codestream"


def _extras(syntax: str, frame: bytes) -> Iterator[str]:
    if syntax == _DEFLATED_FRAMES:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        piece = stream.decompress(frame, _PIECE)
        while piece and not stream.eof:
            piece = stream.decompress(stream.unconsumed_tail, _PIECE)
        if stream.unused_data.strip(b"\0"):
            yield "behind_image"
    elif syntax == _RLE:
        # Bytes behind the runs of a segment are what the decoder of the pixel stage refuses.
        (count,) = struct.unpack_from("<I", frame)
        if any(frame[4 + 4 * count : 64]):
            yield "behind_image"
    else:
        yield from extras(frame)


def _items(data: mmap, at: int) -> Iterator[Span]:
    while data[at : at + 4] == b"\xfe\xff\x00\xe0":
        (length,) = struct.unpack_from("<I", data, at + 4)
        yield at + 8, at + 8 + length
        at += 8 + length


def _frames(data: mmap, fragments: list[Span], *, each: bool) -> Iterator[list[Span]]:
    frame: list[Span] = []
    for begin, end in fragments:
        if begin == end:
            continue
        if frame and (each or data[begin : begin + 8].startswith(_STARTS)):
            yield frame
            frame = []
        frame.append((begin, end))
    if frame:
        yield frame


def _tables(cleaned: Dataset, basic: bytes, frames: list[list[Span]]) -> Iterator[Hit]:
    """Offset tables that list something other than the frames (PS3.5 A.4, PS3.3 C.7.6.3.1.8)."""
    sizes = [sum(8 + end - begin for begin, end in frame) for frame in frames]
    begins = [0, *accumulate(sizes)][:-1]
    if basic and basic != struct.pack(f"<{len(begins)}I", *begins):
        yield "pixels", "false_offsets"
    if _OFFSETS in cleaned or _LENGTHS in cleaned:
        offsets, lengths = (bytes(cleaned[tag].value) if tag in cleaned else b"" for tag in (_OFFSETS, _LENGTHS))
        said = [length + length % 2 + 8 for (length,) in struct.iter_unpack("<Q", lengths)]
        if offsets != struct.pack(f"<{len(begins)}Q", *begins) or said != sizes:
            yield "pixels", "false_offsets"
