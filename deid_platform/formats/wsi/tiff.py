"""The structure of a TIFF file: where its directories and their values lie. Nothing is decoded.

Sources: TIFF 6.0; BigTIFF; NDPI is TIFF whose offsets have further bytes behind each directory (as OpenSlide reads it).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from mmap import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value by its type."""
ASCII, UNDEFINED = 2, 7
_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
SUB_IFDS, NDPI_MARK = 330, 65420
_MOST_DIRECTORIES, _MOST_TAGS, _MOST_VALUES = 4096, 512, 1 << 23


@dataclass(frozen=True, slots=True)
class Tag:
    """One entry: ``at`` is where its twelve (BigTIFF: twenty) bytes stand, ``value_at`` where its ``size`` bytes do."""

    number: int
    kind: int
    count: int
    at: int
    value_at: int
    size: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """One image's tags. ``link_at`` is where the offset of the next one stands, ``end`` where its own bytes end."""

    at: int
    tags: dict[int, Tag]
    link_at: int
    end: int
    next: int

    def high_at(self, tag: Tag) -> int:
        """Where NDPI has the high half of a tag's offset."""
        return self.link_at + 8 + 4 * ((tag.at - self.at - 2) // 12)


@dataclass(frozen=True, slots=True)
class Tiff:
    """A file's directories in the order of their chain, and those below each, by the offset of the one above."""

    data: mmap
    order: str
    big: bool
    ndpi: bool
    first_link_at: int
    chain: tuple[Directory, ...]
    below: dict[int, tuple[Directory, ...]]

    @property
    def head(self) -> int:
        """Bytes before any directory."""
        return 16 if self.big else 12 if self.ndpi else 8

    @property
    def link_bytes(self) -> int:
        """Bytes of an offset of a directory."""
        return 8 if self.big or self.ndpi else 4

    def bytes_of(self, tag: Tag) -> bytes:
        """The bytes of a tag's values."""
        return self.data[tag.value_at : tag.value_at + tag.size]

    def numbers(self, tag: Tag | None) -> NDArray[Any]:
        """The whole numbers of a tag; none where it has others."""
        if tag is None or tag.kind not in _NUMBERS:
            return np.empty(0, np.uint64)
        dtype = np.dtype(self.order + _NUMBERS[tag.kind])
        return np.frombuffer(self.bytes_of(tag), dtype).astype(np.uint64)

    def number(self, directory: Directory, tag: int, default: int = 0) -> int:
        """The first number of a tag."""
        found = self.numbers(directory.tags.get(tag))
        return int(found[0]) if len(found) else default

    def high(self, directory: Directory, tag: int) -> int:
        """What NDPI adds behind a directory to an offset that stands in its entry."""
        found = directory.tags.get(tag)
        if not self.ndpi or found is None or not found.inline:
            return 0
        place = directory.high_at(found)
        return int.from_bytes(self.data[place : place + 4], "little" if self.order == "<" else "big") << 32

    def text(self, directory: Directory, tag: int) -> str:
        """A text as Latin-1, up to its first zero."""
        found = directory.tags.get(tag)
        raw = self.data[found.value_at : found.value_at + found.size] if found is not None else b""
        return raw.partition(b"\0")[0].decode("latin-1")


def is_tiff(head: bytes) -> bool:
    """Whether a file begins like TIFF or BigTIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_tiff(data: mmap) -> Tiff:
    """Find all directories of a file.

    Raises
    ------
    MalformedFile
        Directories or values lie where they cannot, or lead in a circle.
    """
    if len(data) < 16 or not is_tiff(data[:4]):
        raise MalformedFile("The TIFF file has no header.", Reason.TRUNCATED)
    order = "<" if data[:2] == b"II" else ">"
    reader = _Reader(data, order, big=data[2:4] in (b"+\0", b"\0+"), ndpi=False)
    first_at = 8 if reader.big else 4
    start = reader.offset(first_at)
    far = _Reader(data, order, big=False, ndpi=True)
    if not reader.big and (_is_ndpi(data, order, start) or _is_ndpi(data, order, far.offset(first_at))):
        reader, start = far, far.offset(first_at)
    seen: set[int] = set()
    chain = reader.chain(start, seen)
    below = {one.at: reader.below(one, seen) for one in chain if SUB_IFDS in one.tags}
    return Tiff(data, order, reader.big, reader.ndpi, first_at, tuple(chain), below)


def _is_ndpi(data: mmap, order: str, start: int) -> bool:
    """Whether the first directory has the mark of NDPI."""
    if start + 2 > len(data):
        return False
    (count,) = struct.unpack_from(order + "H", data, start)
    entries = data[start + 2 : start + 2 + 12 * count]
    return any(
        struct.unpack_from(order + "H", entries, at)[0] == NDPI_MARK for at in range(0, len(entries) - 11, 12)
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    data: mmap
    order: str
    big: bool
    ndpi: bool

    def offset(self, at: int) -> int:
        """The offset of a directory that stands at a place."""
        form = "Q" if self.big or self.ndpi else "I"
        return int(self._number(form, at))

    def _number(self, form: str, at: int) -> int:
        size = struct.calcsize(form)
        if at < 0 or at + size > len(self.data):
            raise MalformedFile("The TIFF file ends before its directories do.", Reason.TRUNCATED)
        (number,) = struct.unpack_from(self.order + form, self.data, at)
        return int(number)

    def chain(self, start: int, seen: set[int]) -> list[Directory]:
        """The directories from one on."""
        found: list[Directory] = []
        while start:
            if start in seen or len(seen) >= _MOST_DIRECTORIES:
                raise MalformedFile("The directories of the TIFF file lead in a circle, or are too many.")
            seen.add(start)
            found.append(self._directory(start))
            start = found[-1].next
        if not found:
            raise MalformedFile("The TIFF file holds no image.")
        return found

    def below(self, directory: Directory, seen: set[int]) -> tuple[Directory, ...]:
        """The directories a tag of one names."""
        tag = directory.tags[SUB_IFDS]
        tiff = Tiff(self.data, self.order, self.big, self.ndpi, 0, (), {})
        return tuple(one for start in tiff.numbers(tag) for one in self.chain(int(start), seen))

    def _directory(self, at: int) -> Directory:
        count = self._number("Q" if self.big else "H", at)
        if not 0 < count <= _MOST_TAGS:
            raise MalformedFile("A directory of the TIFF file has an impossible number of tags.")
        entry = 20 if self.big else 12
        start = at + (8 if self.big else 2)
        link_at = start + entry * count
        link = 8 if self.big or self.ndpi else 4
        end = link_at + link + (4 * count if self.ndpi else 0)
        if end > len(self.data):
            raise MalformedFile("The TIFF file ends before its directories do.", Reason.TRUNCATED)
        tags = [self._tag(start + entry * number, link_at + link + 4 * number) for number in range(count)]
        if len({tag.number for tag in tags}) < count:
            raise MalformedFile("A directory of the TIFF file has a tag twice, of which readers see this or that.")
        return Directory(at, {tag.number: tag for tag in tags}, link_at, end, self.offset(link_at))

    def _tag(self, at: int, high_at: int) -> Tag:
        number, kind = self._number("H", at), self._number("H", at + 2)
        count = self._number("Q" if self.big else "I", at + 4)
        size = SIZES.get(kind, 1) * count
        room, value_at = (8, at + 12) if self.big else (4, at + 8)
        inline = size <= room
        if not inline:
            value_at = self._number("Q" if self.big else "I", value_at)
            if self.ndpi:
                value_at += self._number("I", high_at) << 32
        if count > _MOST_VALUES or value_at + size > len(self.data):
            raise MalformedFile("A value of the TIFF file lies outside of it.", Reason.TRUNCATED)
        return Tag(number, kind, count, at, value_at, size, inline)
