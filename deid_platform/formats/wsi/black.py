"""A small black image in the place of one that goes, where readers ask for the first image or for one of a kind.

It has one tile of 32 x 32 grey pixels, all zero, in the place of tiles or strips of the image that goes. libtiff, as
OpenSlide uses it, reads uncompressed tiles of whole KiB only.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.slide import segments
from deid_platform.formats.wsi.tiff import Directory, Tiff

SIDE = 32
_SHORT, _LONG, _LONG8 = 3, 4, 16
_FORMS = {_SHORT: "H", _LONG: "I", _LONG8: "Q"}
_OFFSETS = 324
# Width, length, bits, no compression, black is zero, samples, width and length of tiles, bytes of the tile.
_VALUES = {256: SIDE, 257: SIDE, 258: 8, 259: 1, 262: 1, 277: 1, 322: SIDE, 323: SIDE, 325: SIDE * SIDE}


def black_entries(tiff: Tiff, directory: Directory, texts: Mapping[int, bytes]) -> tuple[list[bytes], tuple[int, int]]:
    """Entries of its directory with the tags of ``texts``, and the place of its tile, begin and end.

    Raises
    ------
    MalformedFile
        The image that goes has too few tags, or too few bytes.
    """
    at = _room(tiff, directory)
    if at is None or tiff.ndpi or len(_VALUES) + 1 + len(texts) > len(directory.tags):
        raise MalformedFile("An image of the slide has no room for the black one that replaces it.")
    entries = {number: _entry(tiff, number, value) for number, value in {**_VALUES, _OFFSETS: at}.items()}
    size = 20 if tiff.big else 12
    for number in texts:
        tag = directory.tags[number]
        entries[number] = tiff.data[tag.at : tag.at + size]
    return [entries[number] for number in sorted(entries)], (at, at + SIDE * SIDE)


def _room(tiff: Tiff, directory: Directory) -> int | None:
    """Where a tile or strip begins that has room, or several of which each follows upon the one before."""
    begin = end = 0
    for at, size in sorted((int(at), int(size)) for at, size in zip(*segments(tiff, directory), strict=True)):
        begin, end = (begin if at == end else at), at + size
        if end - begin >= SIDE * SIDE:
            return begin
    return None


def _entry(tiff: Tiff, number: int, value: int) -> bytes:
    kind = _SHORT if number != _OFFSETS else _LONG8 if tiff.big else _LONG
    count = struct.pack(tiff.order + ("Q" if tiff.big else "I"), 1)
    told = struct.pack(tiff.order + _FORMS[kind], value)
    return struct.pack(tiff.order + "HH", number, kind) + count + told.ljust(8 if tiff.big else 4, b"\0")
