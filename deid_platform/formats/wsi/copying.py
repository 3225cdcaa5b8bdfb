"""Writing a cleaned slide: a file of the same length in which everything stands where it stood, or is zero.

Bytes are copied only where a level needs them, so whatever no directory leads to, or only one that goes, is gone.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.slide import kept_directories, kept_tags, segments
from deid_platform.formats.wsi.tiff import Directory, Tag, Tiff
from deid_platform.model import Reason

_PIECE = 1 << 22
_HEADER = 1 << 10
_COMMENT, _APPLICATION = 0xFE, range(0xE0, 0xF0)
_KEPT_APPLICATION = (0xE0, 0xEE)
"""JFIF, and Adobe's note of the colours, which decoders need."""
_J2K_COMMENT = 0x64


@dataclass(slots=True)
class Counted:
    """What went: images, tags and notes inside of tiles."""

    images: int = 0
    tags: int = 0
    notes: int = 0


@dataclass(slots=True)
class Copy:
    """Copies what stays of one file; tiles are read from ``source``, so that none of them stays in memory."""

    tiff: Tiff
    source: BinaryIO
    sink: BinaryIO
    counted: Counted = field(default_factory=Counted)
    _taken: list[tuple[int, int]] = field(default_factory=list)

    def run(self) -> Counted:
        """Write the file. Raises MalformedFile when parts that stay and parts that are rewritten share bytes."""
        tiff = self.tiff
        self.sink.truncate(len(tiff.data))
        levels = kept_directories(tiff)
        self.counted.images = len(tiff.chain) - len(levels)
        self._put(0, tiff.data[: tiff.head])
        self._put(tiff.first_link_at, self._link(levels[0].at), claim=False)
        for directory, following in zip(levels, [*levels[1:], None], strict=True):
            self._level(directory, following.at if following else 0)
            for inner in tiff.below.get(directory.at, ()):
                self._level(inner, inner.next)
        self._check()
        for directory in (*levels, *(one for level in levels for one in tiff.below.get(level.at, ()))):
            self._tiles(directory)
        return self.counted

    def _link(self, offset: int) -> bytes:
        size = self.tiff.link_bytes
        return offset.to_bytes(size, "little" if self.tiff.order == "<" else "big")

    def _put(self, at: int, data: bytes, *, claim: bool = True) -> None:
        self.sink.seek(at)
        self.sink.write(data)
        if claim:
            self._taken.append((at, at + len(data)))

    def _level(self, directory: Directory, following: int) -> None:
        """A directory with the tags that stay, in the place of the old one."""
        tiff = self.tiff
        kept = list(kept_tags(tiff, directory))
        self.counted.tags += len(directory.tags) - len(kept)
        entry = 20 if tiff.big else 12
        body = struct.pack(tiff.order + ("Q" if tiff.big else "H"), len(kept))
        body += b"".join(self._entry(tag, entry, new) for tag, new in kept) + self._link(following)
        if tiff.ndpi:
            start = directory.link_at + 8
            places = (start + 4 * ((tag.at - directory.at - 2) // 12) for tag, _ in kept)
            body += b"".join(tiff.data[at : at + 4] for at in places)
        self._put(directory.at, body)
        self._taken[-1] = (directory.at, directory.end)
        for tag, new in kept:
            if not tag.inline:
                self._put(tag.value_at, new or tiff.data[tag.value_at : tag.value_at + tag.size])

    def _entry(self, tag: Tag, size: int, new: bytes | None) -> bytes:
        entry = self.tiff.data[tag.at : tag.at + size]
        return entry[: tag.value_at - tag.at] + new.ljust(size, b"\0")[: size - (tag.value_at - tag.at)] if (
            new is not None and tag.inline
        ) else entry

    def _check(self) -> None:
        """See that no rewritten part lies over another: values of two tags may be the same, but not overlap."""
        last = (0, 0)
        for part in sorted(set(self._taken)):
            if part[0] < last[1]:
                raise MalformedFile("Parts of the TIFF file overlap.")
            last = part

    def _tiles(self, directory: Directory) -> None:
        """Copy the tiles of a level in as few goes as their places allow, and blank the notes in their headers."""
        offsets, lengths = segments(self.tiff, directory)
        for start, end in _runs(offsets, lengths):
            self._refuse_overlap(start, end)
            self._copy(start, end)
        source = self.source.fileno()
        for at, length in zip(offsets.tolist(), lengths.tolist(), strict=True):
            for begin, size in notes_of(_reader(source, at, at + length), at, at + length):
                self.counted.notes += 1
                self._put(begin, bytes(size), claim=False)

    def _copy(self, start: int, end: int) -> None:
        self.source.seek(start)
        self.sink.seek(start)
        while start < end:
            piece = self.source.read(min(_PIECE, end - start))
            if not piece:
                raise MalformedFile("The slide became shorter while it was read.", Reason.SOURCE_CHANGED)
            start += self.sink.write(piece)

    def _refuse_overlap(self, start: int, end: int) -> None:
        if any(start < taken_end and taken < end for taken, taken_end in self._taken):
            raise MalformedFile("A tile of the slide lies over its directories.")


def _runs(offsets: NDArray[np.uint64], lengths: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Begin and end of stretches of tiles that follow each other without a gap."""
    order = np.argsort(offsets, kind="stable")
    starts, ends = offsets[order].astype(np.int64), (offsets + lengths)[order].astype(np.int64)
    ends = np.maximum.accumulate(ends)
    breaks = np.flatnonzero(starts[1:] > ends[:-1]) + 1
    for first, last in zip([0, *breaks.tolist()], [*breaks.tolist(), len(starts)], strict=True):
        yield int(starts[first]), int(ends[last - 1])


def _reader(file: int, at: int, end: int) -> Callable[[int, int], bytes]:
    """Reads of a stream's header, which is nearly always short, in one go."""
    block = os.pread(file, min(_HEADER, end - at), at)

    def read(count: int, place: int) -> bytes:
        inside = block[place - at : place - at + count]
        return inside if len(inside) == count else os.pread(file, count, place)

    return read


def notes_of(read: Callable[[int, int], bytes], at: int, end: int) -> Iterator[tuple[int, int]]:
    """Place and length of comments and notes of applications in the header of a JPEG or JPEG 2000 stream.

    ``read`` gives so many bytes from a place; the stream begins at ``at`` and ends before ``end``.

    Sources: ITU-T T.81 B.2.4.5, B.2.4.6; T.800 A.9.2.
    """
    head = read(3, at)
    jpeg, j2k = head == b"\xff\xd8\xff", head == b"\xff\x4f\xff"
    at += 2
    while (jpeg or j2k) and at + 4 <= end:
        first, marker, high, low = read(4, at)
        size = high << 8 | low
        if first != 0xFF:
            return
        if marker in (0xDA, 0x90, 0xD9, 0x93) or size < 2:
            return
        application = marker in _APPLICATION and marker not in _KEPT_APPLICATION
        if (jpeg and (marker == _COMMENT or application)) or (j2k and marker == _J2K_COMMENT):
            yield at + 4, min(size - 2, end - at - 4)
        at += 2 + size
