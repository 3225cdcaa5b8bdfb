"""Writing a cleaned slide: a file of the same length in which everything stands where it stood, or is zero.

Bytes are copied only where a level needs them, so whatever no directory leads to, or only one that goes, is gone.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.black import black_entries
from deid_platform.formats.wsi.levels import STRIPS, TILES, kept_below
from deid_platform.formats.wsi.packed import form_of
from deid_platform.formats.wsi.plan import DESCRIPTION, Drawn, Plan
from deid_platform.formats.wsi.slide import JPEG_TABLES, kept_tags, segments
from deid_platform.formats.wsi.streams import clean_tables
from deid_platform.formats.wsi.tables import Key
from deid_platform.formats.wsi.tiff import Directory, Tag, Tiff
from deid_platform.formats.wsi.tiles import Tiles
from deid_platform.model import Reason

_PIECE = 1 << 21
_OFFSETS = (STRIPS[0], TILES[0])
_MOST_COPIES = 4
"""How many times its own length the tiles of a slide may amount to, as some share their bytes."""


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
    plan: Plan
    source: BinaryIO
    sink: BinaryIO
    counted: Counted = field(default_factory=Counted)
    _taken: list[tuple[int, int]] = field(default_factory=list)
    _copied: int = 0
    _room: bytearray = field(default_factory=lambda: bytearray(_PIECE))
    _tables: dict[int, tuple[Tag, set[Key]]] = field(default_factory=dict)

    def run(self) -> Counted:
        """Write the file. Raises MalformedFile when parts that stay and parts that are rewritten share bytes."""
        tiff = self.tiff
        self.sink.truncate(len(tiff.data))
        images, levels = self.plan.images, self.plan.levels
        self.counted.images = len(tiff.chain) - len(levels)
        self._put(0, tiff.data[: tiff.head])
        self._put(tiff.first_link_at, self._link(images[0].at), claim=False)
        for directory, following in zip(images, [*images[1:], None], strict=True):
            if directory.at in self.plan.drawn:
                self._drawn(directory, self.plan.drawn[directory.at], following.at if following else 0)
                continue
            if directory is self.plan.black:
                self._black(directory, following.at if following else 0)
                continue
            self._level(directory, following.at if following else 0)
            below = kept_below(tiff, directory)
            for inner in below:
                self._level(inner, 0)
        self._check()
        for directory in (*levels, *(one for level in levels for one in kept_below(tiff, level))):
            self._tiles(directory)
        self._shared_tables()
        return self.counted

    def _link(self, offset: int) -> bytes:
        size = self.tiff.link_bytes
        return offset.to_bytes(size, "little" if self.tiff.order == "<" else "big")

    def _put(self, at: int, data: bytes | memoryview, *, claim: bool = True) -> None:
        self.sink.seek(at)
        self.sink.write(data)
        if claim:
            self._taken.append((at, at + len(data)))

    def _level(self, directory: Directory, following: int) -> None:
        """A directory with the tags that stay, in the place of the old one."""
        tiff = self.tiff
        kept = list(kept_tags(tiff, directory, self.plan.texts))
        self.counted.tags += len(directory.tags) - len(kept)
        entry = 20 if tiff.big else 12
        body = self._directory([self._entry(tag, entry, new) for tag, new in kept], following)
        if tiff.ndpi:
            body += b"".join(self._high(directory, tag) for tag, _ in kept)
        self._put(directory.at, body)
        self._taken[-1] = (directory.at, directory.end)
        for tag, new in kept:
            if not tag.inline:
                self._put(tag.value_at, new or tiff.data[tag.value_at : tag.value_at + tag.size])

    def _black(self, directory: Directory, following: int) -> None:
        """A black image, with the texts that stay, in the place of one that goes."""
        texts = {tag: new for (at, tag), new in (self.plan.texts or {}).items() if at == directory.at}
        entries, tile = black_entries(self.tiff, directory, texts)
        self.counted.tags += len(directory.tags)
        self._put(directory.at, self._directory(entries, following))
        self._taken[-1] = (directory.at, directory.end)
        self._taken.append(tile)
        for number, new in texts.items():
            self._put(directory.tags[number].value_at, new)

    def _drawn(self, directory: Directory, drawn: Drawn, following: int) -> None:
        """An image drawn anew, with nothing but its own tags."""
        self.counted.tags += len(directory.tags)
        self._put(directory.at, self._directory(list(drawn.entries), following))
        self._taken[-1] = (directory.at, directory.end)
        self._put(drawn.at, drawn.samples)
        if drawn.text:
            told = directory.tags[DESCRIPTION]
            self._put(told.value_at, drawn.text.encode("ascii").ljust(told.size, b"\0"))

    def _directory(self, entries: list[bytes], following: int) -> bytes:
        count = struct.pack(self.tiff.order + ("Q" if self.tiff.big else "H"), len(entries))
        return count + b"".join(entries) + self._link(following)

    def _entry(self, tag: Tag, size: int, new: bytes | None) -> bytes:
        """An entry of a directory, in which nothing stands behind a value that is shorter than its room."""
        entry = self.tiff.data[tag.at : tag.at + size]
        if not tag.inline:
            return entry
        value = self.tiff.bytes_of(tag) if new is None else new
        return (entry[: tag.value_at - tag.at] + value).ljust(size, b"\0")[:size]

    def _high(self, directory: Directory, tag: Tag) -> bytes:
        """The high half that NDPI has for a tag: numbers that are no offsets have none."""
        place = directory.high_at(tag)
        return bytes(4) if tag.inline and tag.number not in _OFFSETS else self.tiff.data[place : place + 4]

    def _check(self) -> None:
        """See that no rewritten part lies over another: values of two tags may be the same, but not overlap."""
        last = (0, 0)
        for part in sorted(set(self._taken)):
            if part[0] < last[1]:
                raise MalformedFile("Parts of the TIFF file overlap.")
            last = part
        self._taken = sorted(set(self._taken))

    def _tiles(self, directory: Directory) -> None:
        """Copy the tiles of a level in as few goes as their places allow, and blank what no decoder needs of them."""
        places = np.stack(segments(self.tiff, directory), axis=1).astype(np.int64)
        if (np.diff(places[:, 0]) <= 0).any():  # most files have their tiles in order, and sorting takes its time
            places = np.unique(places, axis=0)
        self._copied += int(places[:, 1].sum())
        if self._copied > _MOST_COPIES * len(self.tiff.data):
            raise MalformedFile("The tiles of the slide are larger than the file many times over.", Reason.TOO_LARGE)
        tiles = Tiles(form_of(self.tiff, directory))
        for group in _groups(places):
            start, end = int(group[0, 0]), int(group.sum(axis=1).max())
            self._refuse_overlap(start, end)
            if end - start > _PIECE:
                self._large(start, end, tiles)
            else:
                self._group(group, start, end, tiles)
        tag = directory.tags.get(JPEG_TABLES)
        if tag is not None and not tag.inline:
            self._tables.setdefault(tag.value_at, (tag, set()))[1].update(tiles.read)

    def _group(self, places: NDArray[np.int64], start: int, end: int, tiles: Tiles) -> None:
        """Copy tiles that lie near each other, without what lies between them."""
        data = memoryview(self._room)[: end - start]
        if os.preadv(self.source.fileno(), [data], start) < end - start:
            raise MalformedFile("The slide became shorter while it was read.", Reason.SOURCE_CHANGED)
        starts, ends = places[:, 0] - start, places.sum(axis=1) - start
        patches = list(tiles.near(data, starts, ends))
        reached = np.maximum.accumulate(ends)[:-1]
        for number in np.flatnonzero(starts[1:] > reached).tolist():
            data[reached[number] : starts[number + 1]] = bytes(starts[number + 1] - reached[number])
        for patch in patches:
            new = patch.new.ljust(patch.size, b"\0")
            self.counted.notes += data[patch.at : patch.at + patch.size] != new
            data[patch.at : patch.at + patch.size] = new
        self._put(start, data, claim=False)

    def _large(self, start: int, end: int, tiles: Tiles) -> None:
        """Copy a tile that is too large to be held."""
        self._copy(start, end)
        for patch in tiles.large(self.source.fileno(), start, end):
            self.counted.notes += 1
            for place in range(patch.at, patch.at + patch.size, _PIECE):
                self._put(place, bytes(min(_PIECE, patch.at + patch.size - place)), claim=False)
            self._put(patch.at, patch.new, claim=False)

    def _shared_tables(self) -> None:
        """Write the JPEG tables that tiles read, now that all tiles were looked at; levels may share them."""
        for value_at, (tag, read) in self._tables.items():
            self._put(value_at, clean_tables(self.tiff.bytes_of(tag), read), claim=False)

    def _copy(self, start: int, end: int) -> None:
        self.source.seek(start)
        self.sink.seek(start)
        while start < end:
            piece = self.source.read(min(_PIECE, end - start))
            if not piece:
                raise MalformedFile("The slide became shorter while it was read.", Reason.SOURCE_CHANGED)
            start += self.sink.write(piece)

    def _refuse_overlap(self, start: int, end: int) -> None:
        before = bisect_left(self._taken, (end, 0)) - 1
        if before >= 0 and self._taken[before][1] > start:
            raise MalformedFile("A tile of the slide lies over its directories.")


def _groups(tiles: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Tiles (offset, length; sorted) in groups that one read fetches; a tile too large for one stands alone.

    Raises
    ------
    MalformedFile
        A tile too large to be held shares bytes with another.
    """
    starts, ends = tiles[:, 0], np.maximum.accumulate(tiles.sum(axis=1))
    first = 0
    while first < len(tiles):
        after = max(int(np.searchsorted(ends, starts[first] + _PIECE, side="right")), first + 1)
        large = ends[after - 1] - starts[first] > _PIECE
        if large and after < len(tiles) and starts[after] < ends[after - 1]:
            raise MalformedFile("Tiles of the slide overlap.")
        yield tiles[first:after]
        first = after
