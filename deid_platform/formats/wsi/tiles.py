"""What gives way in the encoded tiles of a level. Tiles that lie near each other are looked at together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deid_platform.formats.wsi.j2k import j2k_notes
from deid_platform.formats.wsi.packed import J2K, JPEG, Form, end_of
from deid_platform.formats.wsi.streams import Patches, Read, jpeg_notes, markers_in
from deid_platform.formats.wsi.tables import Key, Patch, Tables

_PIECE = 1 << 21
_SCAN, _END = 0xDA, 0xD9
_MOST_HEADS, _LONGEST_HEAD = 4096, 4096


@dataclass(slots=True)
class Tiles:
    """The tiles of a level; ``read`` are the JPEG tables of the file (tag 347) that those looked at so far read."""

    form: Form
    read: set[Key] = field(default_factory=set)
    _heads: dict[bytes, tuple[Patch, ...]] = field(default_factory=dict)
    _usual: _Usual | None = None

    def near(self, data: memoryview, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Patches:
        """What gives way in tiles whose places are counted from the begin of ``data``.

        Raises
        ------
        MalformedFile
            A tile is not what its tags say, or holds what nobody can tell apart from it.
        """
        found = markers_in(data) if self.form.compression in JPEG else np.empty(0, np.int64)
        tiles = np.stack((starts, ends, np.searchsorted(found, starts), np.searchsorted(found, ends - 1)), axis=1)
        if self._usual is not None:
            usual = self._usual.heads(data, found, tiles)
            yield from (Patch(one.at + at, one.size, one.new) for at in starts[usual].tolist()
                        for one in self._usual.patches)  # fmt: skip
            tiles = tiles[~usual]
        yield from self._one_by_one(data, found, tiles)

    def _one_by_one(self, data: memoryview, found: NDArray[np.int64], tiles: NDArray[np.int64]) -> Patches:
        def read(place: int, count: int) -> bytes:
            return bytes(data[place : place + count])

        markers = found.tolist() if len(tiles) else []
        for at, stop, first, last in tiles.tolist():
            head = _plain_head(data, markers, first, last, at, stop) if self.form.compression in JPEG else b""
            patches = self._heads.get(head)
            if patches is None:
                patches = tuple(self._of(read, markers[first:last], at, stop))
                if head and len(self._heads) < _MOST_HEADS:
                    self._heads[head] = tuple(Patch(one.at - at, one.size, one.new) for one in patches)
                yield from patches
            else:
                self._usual = _Usual(np.frombuffer(head, np.uint8), found[first : last - 1] - at, patches)
                yield from (Patch(one.at + at, one.size, one.new) for one in patches)

    def large(self, file: int, start: int, end: int) -> Patches:
        """What gives way in a tile of an open file that is too large to be held. Raises as ``near`` does."""
        markers = _markers(file, start, end) if self.form.compression in JPEG else ()
        yield from self._of(lambda place, count: os.pread(file, count, place), markers, start, end)

    def _of(self, read: Read, markers: Iterable[int], at: int, end: int) -> Patches:
        """What gives way in a tile."""
        if self.form.compression in JPEG:
            tables = Tables()
            yield from jpeg_notes(read, markers, at, end, tables)
            self.read |= tables.outer
        elif self.form.compression in J2K:
            yield from j2k_notes(read, at, end)
        elif (behind := end_of(self.form, read, at, end)) < end:
            yield Patch(behind, end - behind)


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """The head most tiles have, see :func:`_plain_head`: its bytes, its markers, and what gives way in it."""

    head: NDArray[np.uint8]
    markers: NDArray[np.int64]
    patches: tuple[Patch, ...]

    def heads(self, data: memoryview, found: NDArray[np.int64], tiles: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which tiles (begin, end, their markers from and to) have this head, and end with the scan behind it."""
        starts, ends, first, last = tiles.T
        count = len(self.markers)
        usual = (last - first == count + 1) & (ends - starts >= len(self.head) + 2)
        rows = np.flatnonzero(usual)
        values = np.frombuffer(data, np.uint8)
        own = found[first[rows, None] + np.arange(count + 1)] - starts[rows, None]
        good = (own[:, :-1] == self.markers).all(axis=1) & (own[:, -1] == ends[rows] - starts[rows] - 2)
        good &= values[ends[rows] - 1] == _END
        good &= (values[starts[rows, None] + np.arange(len(self.head))] == self.head).all(axis=1)
        usual[rows] = good
        return np.asarray(usual)


def _plain_head(data: memoryview, markers: list[int], first: int, last: int, at: int, stop: int) -> bytes:
    """What stands before the only scan of a tile that ends with that scan; nothing for any other tile.

    Tiles of a slide share few such heads, and what gives way in a tile with one is the same in all.
    """
    if last - first < 2 or markers[last - 1] != stop - 2:
        return b""
    if data[stop - 1] != _END or data[markers[last - 2] + 1] != _SCAN:
        return b""
    scan = markers[last - 2] + 2
    end = scan + int.from_bytes(data[scan : scan + 2], "big")
    return bytes(data[at:end]) if end - at <= _LONGEST_HEAD else b""


def _markers(file: int, start: int, end: int) -> Iterator[int]:
    """Markers of a stream read in pieces, of which each shares a byte with the next."""
    for at in range(start, end - 1, _PIECE - 1):
        piece = os.pread(file, min(_PIECE, end - at), at)
        yield from (markers_in(piece) + at).tolist()
