"""The judge's own unpacking of tiles that are neither JPEG nor JPEG 2000: nothing stands behind their data.

Sources: TIFF 6.0 sections 3, 9 and 13; RFC 1950; RFC 8878.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from deid_platform.audit.tiff_map import Image

_PLAIN, _PIECE = 1, 1 << 16
_CLEAR, _LAST = 256, 257
_FRAME = b"\x28\xb5\x2f\xfd"

Unpacked = tuple[int, int]
"""How many bytes came out of a tile, and how many went in."""


def has_surplus(data: Any, image: Image) -> bool:
    """Whether a tile of an image holds more than its size asks for, or anything but zeros behind it.

    Raises
    ------
    ValueError, KeyError, IndexError, OSError, zlib.error
        Tiles cannot be unpacked.
    """
    if image.compression == _PLAIN and not image.unpacked:
        return False  # the map takes no strip that is longer than its rows
    for at, length in image.tiles.tolist():
        tile = data[at : at + length]
        made, used = unpacked(tile, image)
        if made != image.unpacked or tile[used:].strip(b"\0"):
            return True
    return False


def unpacked(tile: bytes, image: Image) -> Unpacked:
    """What comes out of a tile of an image. Raises as ``has_surplus`` does."""
    size = image.unpacked
    return (size, size) if image.compression == _PLAIN else _WAYS[image.compression](tile, size)


def _deflate(tile: bytes, _size: int) -> Unpacked:
    stream, made, rest = zlib.decompressobj(), 0, tile
    while not stream.eof:
        piece = stream.decompress(rest, _PIECE)
        if not piece and not stream.unconsumed_tail and not stream.eof:
            raise ValueError("A tile does not end.")
        made, rest = made + len(piece), stream.unconsumed_tail
    return made, len(tile) - len(stream.unused_data)


def _lzw(tile: bytes, size: int) -> Unpacked:
    made = bit = 0
    lengths, code = list[int](), _CLEAR
    while code != _LAST and made <= size:
        if code == _CLEAR:
            lengths, last = [1] * (_LAST + 1), 0
        width = min((len(lengths) + 1).bit_length(), 12)
        codes = _codes(tile, bit, width, 4096 if width == 12 else (1 << width) - len(lengths) - bool(last))
        for number, code in enumerate(codes, 1):  # noqa: B007 - how many were read is asked for behind the loop
            if _CLEAR <= code <= _LAST:
                break
            if last:
                lengths.append(last + 1)
            last = lengths[code]
            made += last
        bit += width * number
    return made, -(-bit // 8)


def _codes(tile: bytes, bit: int, width: int, count: int) -> list[int]:
    """So many codes from a bit on, or as many as there are. Raises ValueError where there is none."""
    begin, end = bit // 8, (bit + count * width) // 8 + 1
    bits = np.unpackbits(np.frombuffer(tile[begin:end], np.uint8))[bit % 8 :]
    whole = bits[: len(bits) // width * width].reshape(-1, width)[:count]
    if not len(whole):
        raise ValueError("A tile does not end.")
    return list(map(int, (whole @ (1 << np.arange(width)[::-1])).tolist()))


def _packbits(tile: bytes, size: int) -> Unpacked:
    made = at = 0
    while made < size:
        (told,) = struct.unpack_from("b", tile, at)
        made += 1 + told if told >= 0 else 1 - told if told > -128 else 0
        at += 2 + told if told >= 0 else 2 if told > -128 else 1
    return made, at


def _zstd(tile: bytes, size: int) -> Unpacked:
    import pyarrow  # slow to load, and of use for few slides

    flags = tile[4]
    if tile[:4] != _FRAME or flags & 3:
        raise ValueError("A tile is no frame.")
    single, stated = flags & 32, flags >> 6
    at = 5 + (not single) + (1 << stated if stated else int(bool(single)))
    last = False
    while not last:
        low, middle, high = tile[at : at + 3]
        last, repeated = bool(low & 1), low & 6 == 2
        at += 3 + (1 if repeated else (low | middle << 8 | high << 16) >> 3)
    at += 4 if flags & 4 else 0
    stream = pyarrow.CompressedInputStream(pyarrow.BufferReader(tile[:at]), "zstd")
    made = 0
    while made <= size and (piece := stream.read(_PIECE)):
        made += len(piece)
    return made, at


_WAYS: Mapping[int, Callable[[bytes, int], Unpacked]] = {
    5: _lzw, 8: _deflate, 32773: _packbits, 32946: _deflate, 50000: _zstd,
}  # fmt: skip
