"""Index.dat: where the images of every level lie in the Data files; read, and written anew with what stays.

Source: how OpenSlide reads it. All numbers are little-endian int32.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.formats.mrxs.slidedat import Layout
from deid_platform.model import Reason

VERSION = b"01.02"
LARGEST = 1 << 28
_PAGES = 1 << 18
Records = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Record:
    """A piece of a Data file."""

    at: int
    size: int
    file: int


@dataclass(frozen=True, slots=True)
class Index:
    """Per level its images, shape (images, 4): number, offset, size, Data file; and the record of positions."""

    levels: tuple[Records, ...]
    positions: Record | None


def read_index(data: bytes, layout: Layout) -> Index:
    """All records of the levels, and that of the positions.

    Raises
    ------
    MalformedFile
        Pages lie outside of the file, lead in a circle, or tell more images than a level has room for.
    """
    start = VERSION + layout.identifier.encode("ascii")
    if not data.startswith(start):
        raise MalformedFile("The Index.dat does not belong to the slide, or is of an unknown version.")
    table = _number(data, len(start))
    levels = tuple(
        _level(data, _number(data, table + 4 * number), layout.most_images(number))
        for number in range(len(layout.levels))
    )
    for images in levels:
        if images.size and (images.min() < 0 or (images[:, 0] >= layout.across * layout.down).any()):
            raise MalformedFile("The Index.dat of the slide tells of images where none can be.")
        if (images[:, 2] == 0).any() or (images[:, 3] >= len(layout.files)).any():
            raise MalformedFile("The Index.dat tells of empty images, or of Data files that the slide does not name.")
    told = layout.positions
    positions = _single(data, len(start) + 4, told.record, len(layout.files)) if told else None
    return Index(levels, positions)


def written(index: Index, identifier: str) -> bytes:
    """The Index.dat of the cleaned slide: one page for every level."""
    start = VERSION + identifier.encode("ascii")
    table = len(start) + 8
    at = table + 4 * (len(index.levels) + (index.positions is not None))
    pointers, pages = [], b""
    for images in index.levels:
        pointers.append(at + len(pages))
        pages += struct.pack("<4i", 0, at + len(pages) + 8, len(images), 0) + images.astype("<i4").tobytes()
    if (one := index.positions) is not None:
        pointers.append(at + len(pages))
        pages += struct.pack("<9i", 0, at + len(pages) + 8, 1, 0, 0, 0, one.at, one.size, one.file)
    roots = struct.pack("<2i", table, table + 4 * len(index.levels))
    return start + roots + struct.pack(f"<{len(pointers)}i", *pointers) + pages


def _level(data: bytes, at: int, most: int) -> Records:
    if _number(data, at) != 0:
        raise MalformedFile("A level of the slide does not begin as it should.")
    pages: list[Records] = []
    seen: set[int] = set()
    total, at = 0, _number(data, at + 4)
    while True:
        count, following = _number(data, at), _number(data, at + 4)
        total += count
        if count < 0 or total > most or at in seen or len(seen) >= _PAGES:
            raise MalformedFile("The pages of the Index.dat lead in a circle, or tell too many images.")
        if at + 8 + 16 * count > len(data):
            raise MalformedFile("The Index.dat of the slide ends too early.", Reason.TRUNCATED)
        pages.append(np.frombuffer(data, "<i4", 4 * count, at + 8).reshape(count, 4))
        seen.add(at)
        if following == 0:
            return np.concatenate(pages)
        at = following


def _single(data: bytes, root: int, record: int, files: int) -> Record:
    """What the first page of a record outside of the pyramid tells."""
    pointer = _number(data, _number(data, root) + 4 * record)
    page = _number(data, pointer + 4)
    if _number(data, page) != 1:
        raise MalformedFile("The positions of the slide are told in more than one record.")
    at, size, file = (_number(data, page + 16 + 4 * n) for n in range(3))
    if min(at, size, file) < 0 or file >= files:
        raise MalformedFile("The positions of the slide lie nowhere.")
    return Record(at, size, file)


def _number(data: bytes, at: int) -> int:
    if at < 0 or at + 4 > len(data):
        raise MalformedFile("The Index.dat of the slide points out of itself.", Reason.TRUNCATED)
    (number,) = struct.unpack_from("<i", data, at)
    return int(number)
