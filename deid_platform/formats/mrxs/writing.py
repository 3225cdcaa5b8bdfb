"""Writing a cleaned slide: its own Slidedat.ini and Index.dat, and Data files in which only images are not zero."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from deid_platform import tar
from deid_platform.formats.mrxs import index as index_file
from deid_platform.formats.mrxs import slidedat
from deid_platform.formats.mrxs.images import cleaned
from deid_platform.formats.mrxs.slide import SUFFIX, Slide

_NEUTRAL = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBk"
    "eFxlZ2P/wAALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAb/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/ALAB/9k="
)
"""A grey JPEG of 16 x 16 pixels in the place of the overview that the file itself shows."""
_PIECE = 1 << 20


@dataclass(slots=True)
class Counted:
    """What became of a slide: images with notes, bytes that no level needs."""

    notes: int = 0
    unneeded: int = 0


def write(slide: Slide, sink: BinaryIO, name: str, identifier: str) -> Counted:
    """Write the archive. ``name`` is what file and folder are called, ``identifier`` the new SLIDE_ID."""
    counted = Counted()
    files = [f"Data{number:04d}.dat" for number in range(len(slide.data))]
    _add(sink, name + SUFFIX, _NEUTRAL)
    _add(sink, f"{name}/Slidedat.ini", slidedat.written(slide.layout, identifier, files))
    _add(sink, f"{name}/Index.dat", index_file.written(slide.index, identifier))
    for number, file in enumerate(files):
        size = slide.data[number].size
        sink.write(tar.header(f"{name}/{file}", size))
        for piece in _data(slide, number, identifier, counted):
            sink.write(piece)
        sink.write(tar.padding(size))
    sink.write(tar.END)
    return counted


def _add(sink: BinaryIO, name: str, data: bytes) -> None:
    sink.write(tar.header(name, len(data)) + data + tar.padding(len(data)))


def _data(slide: Slide, number: int, identifier: str, counted: Counted) -> Iterator[bytes]:
    """The bytes of a Data file: as long as it was, zero where nothing stays."""
    pieces = slide.pieces[slide.pieces[:, 0] == number]
    begin = _begin(slide, number, identifier)
    at = len(begin)
    if len(pieces) and pieces[0, 1] < at:
        begin, at = b"", 0
    yield begin
    for _, start, size, level in pieces.tolist():
        counted.unneeded += start - at
        yield from _zeros(start - at)
        data = slide.read(number, start, size)
        new = data if level < 0 else cleaned(slide.layout.levels[level]["IMAGE_FORMAT"], data)
        counted.notes += new != data
        yield new
        at = start + size
    counted.unneeded += slide.data[number].size - at
    yield from _zeros(slide.data[number].size - at)


def _begin(slide: Slide, number: int, identifier: str) -> bytes:
    """Version and slide identifier, with which Data files begin."""
    old = index_file.VERSION + slide.layout.identifier.encode("ascii")
    is_there = slide.read(number, 0, len(old)) == old
    return index_file.VERSION + identifier.encode("ascii") if is_there else b""


def _zeros(count: int) -> Iterator[bytes]:
    while count > 0:
        yield bytes(min(count, _PIECE))
        count -= _PIECE
