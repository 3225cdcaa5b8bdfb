"""A slide as it lies in its archive, opened: what stays of it and where that is."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from deid_platform import tar
from deid_platform.errors import MalformedFile
from deid_platform.formats.mrxs import index as index_file
from deid_platform.formats.mrxs.index import Index, Record, read_index
from deid_platform.formats.mrxs.slidedat import LARGEST, Layout, layout_of, read_sections
from deid_platform.model import Reason

SUFFIX = ".mrxs"
_MOST_MEMBERS = 4200
_LARGEST_IMAGE = 1 << 26
_POSITION = 9
"""Bytes that tell where a camera image lies: a flag and two int32."""


@dataclass(frozen=True, slots=True)
class Slide:
    """``pieces`` has a row for every piece that stays, in the order of the files: file, offset, size, level or -1."""

    file: BinaryIO
    members: dict[str, tar.Member]
    layout: Layout
    index: Index
    data: tuple[tar.Member, ...]
    pieces: NDArray[np.int64]

    def read(self, file: int, at: int, size: int) -> bytes:
        """So many bytes from a place in a Data file, or those there are."""
        member = self.data[file]
        return os.pread(self.file.fileno(), max(min(size, member.size - at), 0), member.at + at)


@contextmanager
def opened(path: Path) -> Iterator[Slide]:
    """Read all of a slide's structure.

    Raises
    ------
    MalformedFile
        A part is missing, or they contradict each other; the message says which.
    UnsupportedFormat
        The slide has several focus levels or filters.
    """
    with path.open("rb") as file:
        if tar.first_name(file.read(tar.BLOCK)) is None:
            raise MalformedFile("The slide came without its folder, or that has no Slidedat.ini.", Reason.TRUNCATED)
        members = tar.members(file, _MOST_MEMBERS)
        first, *others = members
        folder = first[: -len(SUFFIX)]
        if not all(_belongs(name, folder) for name in others):
            raise MalformedFile("The archive holds more than one slide: send what is in it as files.")
        layout = layout_of(read_sections(_part(file, members, f"{folder}/Slidedat.ini", LARGEST + 1, "Slidedat.ini")))
        told = _part(file, members, f"{folder}/{layout.index}", index_file.LARGEST, "Index.dat")
        index = read_index(told, layout)
        data = tuple(_data(members, f"{folder}/{name}", number) for number, name in enumerate(layout.files))
        slide = Slide(file, members, layout, index, data, _pieces(index, data))
        _check_positions(slide)
        yield slide


def _belongs(name: str, folder: str) -> bool:
    """Whether a member is one of the slide's folder: anything else would be lost with the archive."""
    inside = name.removeprefix(f"{folder}/")
    return inside != name and "/" not in inside and inside.lower().endswith((".dat", ".ini"))


def _part(file: BinaryIO, members: dict[str, tar.Member], name: str, most: int, what: str) -> bytes:
    member = members.get(name)
    if member is None:
        raise MalformedFile(f"The slide came without its {what}.", Reason.TRUNCATED)
    if member.size > most:
        raise MalformedFile(f"The {what} of the slide is larger than any real one.", Reason.TOO_LARGE)
    return os.pread(file.fileno(), member.size, member.at)


def _data(members: dict[str, tar.Member], name: str, number: int) -> tar.Member:
    if name not in members:
        raise MalformedFile(f"The slide came without its Data file {number}.", Reason.TRUNCATED)
    return members[name]


def _pieces(index: Index, data: tuple[tar.Member, ...]) -> NDArray[np.int64]:
    """All pieces that stay, each once, in order. Raises MalformedFile where they overlap or lie outside."""
    rows = [np.empty((0, 4), np.int64)]
    for level, images in enumerate(index.levels):
        rows.append(np.column_stack((images[:, 3], images[:, 1], images[:, 2], np.full(len(images), level))))
    if (one := index.positions) is not None and one.size:
        rows.append(np.array([[one.file, one.at, one.size, -1]]))
    pieces = np.unique(np.concatenate(rows).astype(np.int64), axis=0)
    if not len(pieces):
        raise MalformedFile("The slide has no images.")
    sizes = np.array([member.size for member in data], np.int64)
    ends = pieces[:, 1] + pieces[:, 2]
    if (ends > sizes[pieces[:, 0]]).any():
        raise MalformedFile("An image of the slide lies behind the end of its Data file.", Reason.TRUNCATED)
    if ((pieces[1:, 0] == pieces[:-1, 0]) & (pieces[1:, 1] < ends[:-1])).any():
        raise MalformedFile("Images of the slide overlap in its Data files.")
    if pieces[:, 2].max() > _LARGEST_IMAGE:
        raise MalformedFile("An image of the slide is larger than any real one.", Reason.TOO_LARGE)
    return pieces


def _check_positions(slide: Slide) -> None:
    """See that the record of positions holds positions and nothing else."""
    record, told = slide.index.positions, slide.layout.positions
    if record is None or told is None:
        return
    expected = _POSITION * slide.layout.camera_positions
    data = _inflated(slide, record, expected) if told.compressed else slide.read(record.file, record.at, record.size)
    if len(data) != expected or (np.frombuffer(data, np.uint8)[::_POSITION] > 1).any():
        raise MalformedFile("The positions of the slide are not what they should be.")


def _inflated(slide: Slide, record: Record, expected: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(slide.read(record.file, record.at, record.size), expected + 1)
    except zlib.error:
        raise MalformedFile("The positions of the slide cannot be unpacked.") from None
    if not inflater.eof or inflater.unused_data:
        raise MalformedFile("The positions of the slide are more than they should be.", Reason.TOO_LARGE)
    return data
