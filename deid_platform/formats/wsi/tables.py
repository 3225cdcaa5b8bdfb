"""Tables of JPEG streams that no scan reads: numbers that decoders pass over may be anything, such as text.

Of each table counts what was said last before a scan that reads it. A segment of which nothing counts becomes a comment
of zeros; in any other the numbers of tables that do not count give way to ones that say nothing.
Sources: ITU-T T.81 B.2.2 to B.2.4, G.1.2 (progressive scans), H.1.2 (lossless ones).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from deid_platform.errors import MalformedFile

HUFFMAN, QUANTISATION, COMMENT = 0xC4, 0xDB, 0xFE
Key = tuple[int, int]
"""Which table: the marker of its segments; class and number of a Huffman table in a byte, or number of another."""
_PROGRESSIVE, _LOSSLESS = frozenset((0xC2, 0xC6, 0xCA, 0xCE)), frozenset((0xC3, 0xC7, 0xCB, 0xCF))
_ARITHMETIC = 0xC9
"""The first frame of those whose scans read no Huffman table."""
_DIRECT, _ALTERNATING = 0x00, 0x10
_MOST_SEGMENTS = 4096


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that give way: where they begin, how many they are, and what stands there then, filled up with zeros."""

    at: int
    size: int
    new: bytes = b""


@dataclass(slots=True)
class _Table:
    key: Key
    at: int
    size: int
    read: bool = False


@dataclass(slots=True)
class Tables:
    """Tables in the order a stream defines them, and which of them its scans read.

    ``behind`` are those that other streams read, where this one holds the tables of a file (tag 347). ``outer`` are
    those that scans read and the stream does not define.
    """

    behind: Collection[Key] = ()
    outer: set[Key] = field(default_factory=set)
    _segments: list[tuple[int, int, list[_Table]]] = field(default_factory=list)
    _current: dict[Key, _Table] = field(default_factory=dict)
    _frame: dict[int, int] = field(default_factory=dict)
    _kind: int = 0
    _seen: set[int] = field(default_factory=set)

    def define(self, code: int, at: int, body: bytes) -> None:
        """Take in a segment of tables, whose content is ``body`` and begins at ``at``.

        Raises
        ------
        MalformedFile
            It holds something else, or the stream has more of them than any image.
        """
        tables = list(_tables_in(code, at, body))
        if len(self._segments) >= _MOST_SEGMENTS:
            raise MalformedFile("A tile of the slide has more tables than any image.")
        self._segments.append((at, len(body), tables))
        self._current |= {table.key: table for table in tables}

    def frame(self, code: int, body: bytes) -> None:
        """Take in the header of a frame, which tells by number the quantisation table of each component."""
        self._kind, self._frame = code, {body[at]: body[at + 2] for at in range(6, len(body) - 2, 3)}
        self._seen.clear()

    def scan(self, body: bytes) -> None:
        """Take in the header of a scan: what it reads counts.

        Raises
        ------
        MalformedFile
            It shows what no frame announced.
        """
        first, last, steps = body[-3:]
        for at in range(1, len(body) - 3, 2):
            component, numbers = body[at], body[at + 1]
            if component not in self._frame:
                raise MalformedFile("A scan of a tile shows what its frame does not announce.")
            if component not in self._seen and self._kind not in _LOSSLESS:
                self._read((QUANTISATION, self._frame[component]))
            self._seen.add(component)
            if self._kind < _ARITHMETIC and self._reads_direct(first, steps):
                self._read((HUFFMAN, _DIRECT | numbers >> 4))
            if self._kind < _ARITHMETIC and self._reads_alternating(last):
                self._read((HUFFMAN, _ALTERNATING | numbers & 15))

    def _reads_direct(self, first: int, steps: int) -> bool:
        """Whether a scan reads tables of DC coefficients: one that refines them has plain bits (G.1.2.1)."""
        return self._kind not in _PROGRESSIVE or (first == 0 and steps >> 4 == 0)

    def _reads_alternating(self, last: int) -> bool:
        return self._kind not in _LOSSLESS and (self._kind not in _PROGRESSIVE or last > 0)

    def _read(self, key: Key) -> None:
        if key in self._current:
            self._current[key].read = True
        else:
            self.outer.add(key)

    def unread(self) -> Iterator[Patch]:
        """What takes the place of tables that no scan reads, once all scans are taken in."""
        for key in self.behind:
            self._read(key)
        for at, size, tables in self._segments:
            if tables and not any(table.read for table in tables):
                yield Patch(at - 3, 1, bytes([COMMENT]))
                yield Patch(at, size)
                continue
            for table in tables:
                if not table.read:
                    yield Patch(table.at, table.size, _empty(table))


def _tables_in(code: int, at: int, body: bytes) -> Iterator[_Table]:
    """The tables of a segment, less the byte that tells which each is. Raises MalformedFile where there is more."""
    place = 0
    while place < len(body):
        told = body[place]
        if code == QUANTISATION:
            known, size, key = told in (0, 1, 2, 3, 16, 17, 18, 19), 128 if told >> 4 else 64, told & 15
        else:
            counts = sum(body[place + 1 : place + 17])
            known, size, key = not told & 0xEC and counts <= 256, 16 + counts, told
        if not known or place + 1 + size > len(body):
            raise MalformedFile("A segment of a JPEG tile holds more than it may.")
        yield _Table((code, key), at + place + 1, size)
        place += 1 + size


def _empty(table: _Table) -> bytes:
    """A table of the same length that says nothing: steps of one, or as many codes of most bits, all for zero."""
    if table.key[0] == QUANTISATION:
        return b"\1" * table.size if table.size == 64 else b"\0\1" * (table.size // 2)
    codes = table.size - 16
    return bytes([0] * 14 + [max(codes - 255, 0), min(codes, 255)])
