"""Places inside of JPEG streams that no decoder needs: comments, notes of applications, and bytes behind the end.

Source: ITU-T T.81 B.1.1 and B.2.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.tables import COMMENT, HUFFMAN, QUANTISATION, Key, Patch, Tables

Read = Callable[[int, int], bytes]
"""So many bytes (second) from a place (first), fewer at the end of the file."""
Patches = Iterator[Patch]
"""What of a tile gives way."""

_START, _END, _SCAN, _LINES = 0xD8, 0xD9, 0xDA, 0xDC
_INTERVAL = 0xDD
_JFIF, _ADOBE = 0xE0, 0xEE
_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_FILL = 64
# What stands behind 0xFF where a marker stands: neither a stuffed zero, nor a fill byte, nor a restart marker.
_IS_MARKER = np.ones(256, np.bool_)
_IS_MARKER[[0x00, 0xFF, *range(0xD0, 0xD8)]] = False


def markers_in(data: bytes | bytearray | memoryview) -> NDArray[np.int64]:
    """Where in some bytes markers of JPEG may stand; in entropy-coded data none but true ones look so."""
    values = np.frombuffer(data, np.uint8)
    places = np.flatnonzero(values[:-1] == 0xFF)
    return places[_IS_MARKER[values[places + 1]]]


def jpeg_notes(read: Read, markers: Iterable[int], at: int, end: int, tables: Tables | None = None) -> Patches:
    """What gives way in a JPEG stream from ``at`` to before ``end``; ``markers`` are those of it, in order.

    ``tables`` learn then which tables the stream reads.

    Raises
    ------
    MalformedFile
        It is no JPEG stream, or a segment of it is torn or holds what it must not.
    """
    if read(at, 2) != b"\xff\xd8":
        raise MalformedFile("A tile of the slide is no JPEG image, though its tags say so.")
    tables = Tables() if tables is None else tables
    place, scanning = at + 2, False
    for marker in (one for one in markers if one >= at + 2):
        if marker < place:
            continue
        if not scanning and (marker - place > _FILL or read(place, marker - place).strip(b"\xff")):
            yield Patch(place, marker - place)
        code = read(marker + 1, 1)[0]
        if code == _END:
            place, scanning = marker + 2, False
            break
        body = segment(read, marker, end)
        place = marker + 4 + len(body)
        if not _needed(code, body):
            yield Patch(marker + 4, len(body))
        _take(tables, code, marker + 4, body)
        scanning = code == _SCAN or (scanning and code == _LINES)
    if not scanning and place < end:
        yield Patch(place, end - place)
    yield from tables.unread()


def _take(tables: Tables, code: int, at: int, body: bytes) -> None:
    if code in (HUFFMAN, QUANTISATION):
        tables.define(code, at, body)
    elif code in _FRAMES:
        tables.frame(code, body)
    elif code == _SCAN:
        tables.scan(body)


def segment(read: Read, marker: int, end: int) -> bytes:
    """What a segment holds behind its marker and length. Raises MalformedFile where it is torn."""
    size = int.from_bytes(read(marker + 2, 2), "big")
    if size < 2 or marker + 2 + size > end:
        raise MalformedFile("A segment of a tile is torn.")
    return read(marker + 4, size - 2)


def _needed(code: int, body: bytes) -> bool:
    """Whether a segment stays. Raises MalformedFile for one that decoders need and that holds more than it may."""
    if code == _JFIF:
        return body[:5] == b"JFIF\0" and len(body) == 14 and body[12:] == b"\0\0"
    if code == _ADOBE:
        return body[:5] == b"Adobe" and len(body) == 12
    sizes = {_SCAN: 4 + 2 * body[0] if body else 4, _LINES: 2, _INTERVAL: 2}
    if code in _FRAMES:
        good = len(body) > 5 and len(body) == 6 + 3 * body[5]
    elif code in sizes:
        good = len(body) == sizes[code]
    else:
        return code in (HUFFMAN, QUANTISATION)
    if not good:
        raise MalformedFile("A segment of a JPEG tile holds more than it may.")
    return True


def clean_tables(data: bytes, read_by_tiles: Collection[Key]) -> bytes:
    """JPEG tables of a TIFF file (tag 347) with nothing but those that its tiles read, of the same length.

    Raises
    ------
    MalformedFile
        They are no such tables.
    """

    def read(at: int, count: int) -> bytes:
        return data[at : at + count]

    cleaned, at = bytearray(data), 2
    if data[:2] != b"\xff\xd8" or data.rstrip(b"\0")[-2:] != b"\xff\xd9":
        raise MalformedFile("The JPEG tables of a slide are none.")
    while data[at : at + 2] not in (b"\xff\xd9", b""):
        if data[at] != 0xFF or data[at + 1] not in (HUFFMAN, QUANTISATION, _INTERVAL, _JFIF, _ADOBE, COMMENT):
            raise MalformedFile("The JPEG tables of a slide hold something else.")
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    for patch in jpeg_notes(read, markers_in(data).tolist(), 0, len(data), Tables(read_by_tiles)):
        cleaned[patch.at : patch.at + patch.size] = patch.new.ljust(patch.size, b"\0")
    return bytes(cleaned)
