"""Where the encoded data of a tile end that is neither JPEG nor JPEG 2000: whatever stands behind is no part of it.

A tile is unpacked to see that it holds as many bytes as its size asks for, and no more.
Sources: TIFF 6.0 sections 9 (PackBits) and 13 (LZW); RFC 1950; RFC 8878 section 3.1.1 (zstd).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.wsi.levels import STRIPS
from deid_platform.formats.wsi.tiff import Directory, Tiff
from deid_platform.model import Reason

PLAIN = 1
JPEG, J2K = frozenset((6, 7)), frozenset((33003, 33004, 33005, 34712))
_BITS, _COMPRESSION, _COLOURS, _ORDER, _SAMPLES, _PLANAR, _WIDTH, _LENGTH = 258, 259, 262, 266, 277, 284, 322, 323
_COLUMNS, _HEIGHT, _ROWS = 256, 257, 278
_YCBCR, _SEPARATE = 6, 2
_MOST = 1 << 26
"""Bytes of the largest tile that is unpacked."""
_LITTLE = 4096
_CLEAR, _LAST, _WIDEST = 256, 257, 12
_ZSTD, _ZSTD_STATED = b"\x28\xb5\x2f\xfd", (0, 2, 4, 8)
_ZSTD_NUMBERED, _ZSTD_RESERVED = 3, 8


@dataclass(frozen=True, slots=True)
class Form:
    """How the tiles of a level are encoded, and how many bytes one is unpacked: 0 where its own header tells."""

    compression: int
    size: int = 0


def form_of(tiff: Tiff, directory: Directory) -> Form:
    """How the tiles of a level are encoded.

    Raises
    ------
    UnsupportedFormat
        In a way of which nobody here can tell what belongs to a tile.
    MalformedFile
        Its tiles have an impossible size.
    """
    compression = tiff.number(directory, _COMPRESSION, PLAIN)
    if compression in JPEG or compression in J2K:
        return Form(compression)
    samples, depths = tiff.number(directory, _SAMPLES, 1), tiff.numbers(directory.tags.get(_BITS)).tolist() or [1]
    if _WIDTH not in directory.tags and compression == PLAIN:
        return Form(compression, _strip(tiff, directory, depths, samples))
    odd = tiff.number(directory, _COLOURS) == _YCBCR or tiff.number(directory, _ORDER, 1) != 1 or len(set(depths)) > 1
    if (compression != PLAIN and compression not in _ENDS) or _WIDTH not in directory.tags or odd:
        raise UnsupportedFormat("Tiles of the slide are encoded in a way that cannot be cleaned.")
    planes = 1 if tiff.number(directory, _PLANAR, 1) == _SEPARATE else samples
    row = -(-tiff.number(directory, _WIDTH) * planes * int(depths[0]) // 8)
    size = row * tiff.number(directory, _LENGTH)
    if not 0 < size <= _MOST:
        raise MalformedFile("Tiles of the slide have an impossible size.", Reason.TOO_LARGE)
    return Form(compression, size)


def _strip(tiff: Tiff, directory: Directory, depths: list[int], samples: int) -> int:
    """Bytes of a whole strip. Raises MalformedFile where one is longer or shorter than its rows ask for."""
    width, height = (tiff.number(directory, tag) for tag in (_COLUMNS, _HEIGHT))
    together = 1 if tiff.number(directory, _PLANAR, 1) == _SEPARATE else samples
    row = -(-width * together * int(depths[0]) // 8)
    rows = min(max(1, tiff.number(directory, _ROWS, height)), height)
    lengths = [row * min(rows, height - top) for top in range(0, height, rows)]
    told = tiff.numbers(directory.tags.get(STRIPS[1])).tolist()
    if len(set(depths)) > 1 or told != lengths * (samples // together):
        raise MalformedFile("Strips of the slide have other lengths than its size asks for.")
    return row * rows


def end_of(form: Form, read: Callable[[int, int], bytes], at: int, end: int) -> int:
    """Where the encoded tile ends that begins at ``at`` and has room before ``end``.

    Raises
    ------
    MalformedFile
        It cannot be unpacked, or not to as many bytes as it has to.
    """
    if form.compression == PLAIN:
        return min(at + form.size, end)
    if end - at > 2 * form.size + _LITTLE:
        raise MalformedFile("A tile of the slide is longer than any way to encode it asks for.", Reason.TOO_LARGE)
    data = read(at, end - at)
    try:
        return at + _ENDS[form.compression](data, form.size)
    except (IndexError, ValueError, OSError, zlib.error):
        raise MalformedFile("A tile of the slide is not what its size asks for.") from None


def _deflate(data: bytes, size: int) -> int:
    stream = zlib.decompressobj()
    found = len(stream.decompress(data, size + 1))
    if found != size or not stream.eof:
        raise ValueError("another size")
    return len(data) - len(stream.unused_data)


def _packbits(data: bytes, size: int) -> int:
    at = found = 0
    while found < size:
        told = data[at]
        if told < 128:
            at, found = at + told + 2, found + told + 1
        else:
            at, found = at + (1 if told == 128 else 2), found + (257 - told if told > 128 else 0)
    if found != size or at > len(data):
        raise ValueError("another size")
    return at


def _lzw(data: bytes, size: int) -> int:
    """Codes are read by as many as have one width; of each only the length counts. Clear codes begin a new table."""
    if data[:1] != b"\x80":
        raise ValueError("no clear code")
    octets = np.frombuffer(data + bytes(2), np.uint8)
    bit, found, width = 9, 0, 9
    lengths, before = [1] * 258, 0
    while True:
        room = 4096 if width == _WIDEST else (1 << width) - 1 - len(lengths) + (before == 0)
        places = bit + width * np.arange(min(room, (8 * len(data) - bit) // width))
        words = sum(octets[(places >> 3) + one].astype(np.int64) << 8 * (2 - one) for one in range(3))
        codes = words >> (24 - (places & 7) - width) & (1 << width) - 1
        stops = np.flatnonzero((codes == _CLEAR) | (codes == _LAST))[:1].tolist()
        for code in codes[: stops[0] if stops else None].tolist():
            if before:
                lengths.append(before + 1)
            before = lengths[code]
            found += before
        if found > size or not len(codes):
            raise ValueError("another size")
        bit += width * (stops[0] + 1 if stops else len(codes))
        if stops and codes[stops[0]] == _LAST:
            break
        width = 9 if stops else min(width + 1, _WIDEST)
        lengths, before = ([1] * 258, 0) if stops else (lengths, before)
    if found != size:
        raise ValueError("another size")
    return -(-bit // 8)


def _zstd(data: bytes, size: int) -> int:
    """The end of the first frame, once it is unpacked: more of them could hold anything."""
    import pyarrow  # slow to load, and of use for few slides

    told = data[4]
    if data[:4] != _ZSTD or told & (_ZSTD_NUMBERED | _ZSTD_RESERVED):
        raise ValueError("no frame")
    whole = told >> 5 & 1
    at, last = 5 + (_ZSTD_STATED[told >> 6] or whole) + (not whole), 0
    while not last:
        head = int.from_bytes(data[at : at + 3], "little")
        kind, last = head >> 1 & 3, head & 1
        at += 3 + (1 if kind == 1 else head >> 3)
        if kind == 3 or at > len(data):
            raise ValueError("no block")
    at += 4 if told & 4 else 0
    pyarrow.Codec("zstd").decompress(data[:at], size)
    return at


_ENDS: Mapping[int, Callable[[bytes, int], int]] = {
    5: _lzw,
    8: _deflate,
    32946: _deflate,
    32773: _packbits,
    50000: _zstd,
}
"""Functions that find the end of a tile, by how it is encoded."""
