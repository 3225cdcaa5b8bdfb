"""The judge's own reading of tables in JPEG streams: those that no scan reads must say nothing.

A quantisation table says nothing where all its steps are one, a Huffman table where all codes stand for zero and are
as long as may be. Sources: ITU-T T.81 annex B, F.1.2 and G.1.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_SEGMENT = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
_DHT, _DQT, _SOS, _EOI, _COM = 0xC4, 0xDB, 0xDA, 0xD9, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_PROGRESSIVE, _LOSSLESS, _ARITHMETIC = frozenset((0xC2, 0xC6)), frozenset((0xC3, 0xC7)), range(0xC9, 0xD0)

Name = tuple[str, int]
"""Which table: ``q`` and its number, or ``d`` or ``a`` and the number of one for DC or AC coefficients."""
Place = tuple[int, int]
"""Where something begins in a file, and how many bytes it is."""


@dataclass(slots=True)
class Definitions:
    """Places of tables that scans read and of those that none reads, and tables read that stand elsewhere."""

    read: set[Place] = field(default_factory=set)
    unread: set[Place] = field(default_factory=set)
    elsewhere: set[Name] = field(default_factory=set)
    _last: dict[Name, Place] = field(default_factory=dict)

    def define(self, name: Name, place: Place) -> None:
        """Take in a table, which counts until another of its name comes."""
        self._last[name] = place
        self.unread.add(place)

    def use(self, names: Iterable[Name]) -> None:
        """Take in what a scan reads."""
        for name in names:
            if name in self._last:
                self.read.add(self._last[name])
                self.unread.discard(self._last[name])
            else:
                self.elsewhere.add(name)


def definitions(data: Any, begin: int, end: int) -> Definitions:
    """Tables of the stream between two places.

    Raises
    ------
    ValueError, IndexError
        A segment is torn.
    """
    found, frame, shown = Definitions(), (0, b""), set[int]()
    for code, at, size in segments(data, begin, end):
        if code in (_DHT, _DQT):
            for name, place in _tables(code, bytes(data[at : at + size]), at):
                found.define(name, place)
        elif code in _FRAMES:
            frame, shown = (code, bytes(data[at : at + size])), set()
        elif code == _SOS:
            scan = bytes(data[at : at + size])
            found.use(_asked(*frame, scan, shown))
            shown |= set(scan[1:-3:2])
    return found


def segments(data: Any, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Code of each segment of a stream, and where its content begins and how many bytes it is; coded data are passed.

    Raises
    ------
    ValueError
        One is torn.
    """
    at = begin + 2
    while (mark := _SEGMENT.search(data, at, end)) is not None and data[mark.end() - 1] != _EOI:
        size = int.from_bytes(data[mark.end() : mark.end() + 2], "big") - 2
        at = mark.end() + 2 + size
        if size < 0 or at > end:
            raise ValueError("A segment is torn.")
        yield data[mark.end() - 1], mark.end() + 2, size


def _tables(code: int, body: bytes, at: int) -> Iterator[tuple[Name, Place]]:
    """Tables of a segment, each with its first byte, which tells its name."""
    place = 0
    while place < len(body):
        told = body[place]
        if code == _DQT:
            size, name = (129 if told >> 4 else 65), ("q", told & 15)
        else:
            size, name = 17 + sum(body[place + 1 : place + 17]), ("a" if told >> 4 else "d", told & 15)
        if place + size > len(body):
            raise ValueError("A table is torn.")
        yield name, (at + place, size)
        place += size


def _asked(kind: int, frame: bytes, scan: bytes, shown: set[int]) -> Iterator[Name]:
    """What a scan of a frame reads; ``shown`` are components of earlier scans, whose steps are known."""
    steps = {frame[at]: frame[at + 2] for at in range(6, len(frame) - 2, 3)}
    low, high, refined = scan[-3], scan[-2], scan[-1] >> 4
    for component, numbers in zip(scan[1:-3:2], scan[2:-3:2], strict=True):
        if component not in shown and kind not in _LOSSLESS:
            yield "q", steps[component]
        if kind in _ARITHMETIC:
            continue
        if kind not in _PROGRESSIVE or (not low and not refined):
            yield "d", numbers >> 4
        if kind not in _LOSSLESS and (kind not in _PROGRESSIVE or high):
            yield "a", numbers & 15


def says_nothing(table: bytes) -> bool:
    """Whether a table, from its first byte on, holds numbers of no meaning."""
    numbers = table[1:]
    if len(table) in (65, 129) and numbers in (b"\1" * 64, b"\0\1" * 64):
        return True
    codes = len(table) - 17
    counts = bytes([0] * 14 + [max(codes - 255, 0), min(codes, 255)]) if codes >= 0 else b""
    return codes >= 0 and numbers == counts.ljust(len(numbers), b"\0")


def outer_faults(tables: bytes, read: set[Name]) -> bool:
    """Whether the tables of a file (tag 347) hold one that says something and none of its tiles reads.

    Raises
    ------
    ValueError, IndexError
        They are torn.
    """
    found = definitions(tables, 0, len(tables))
    found.use(read)
    return any(not says_nothing(tables[at : at + size]) for at, size in found.unread)


def given_way(old: Any, new: Any, begin: int, end: int) -> list[Place] | None:
    """Where a cleaned tile may differ from its original for tables that no scan reads; nothing where one that is read
    differs.

    Raises
    ------
    ValueError, IndexError
        A segment is torn.
    """
    found = definitions(new, begin, end)
    if any(old[at : at + size] != new[at : at + size] for at, size in found.read):
        return None
    empty = [(at, size) for at, size in found.unread if says_nothing(bytes(new[at : at + size]))]
    for code, at, size in segments(new, begin, end):
        if code == _COM and old[at - 3] in (_DHT, _DQT) and not any(new[at : at + size]):
            empty.append((at - 3, size + 3))
    return empty
