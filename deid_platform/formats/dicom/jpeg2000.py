"""What JPEG 2000 and HTJ2K images hold besides themselves, in codestreams and JP2 boxes.

Only headers are read; coded data are stepped over by the length each tile-part states. Comments are overwritten with
zeros, segments and boxes of unknown kind are made comments and free space, all in their old length.
Sources: ISO/IEC 15444-1 annexes A and I, 15444-2 annex A, 15444-15.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from deid_platform.encoders import MAX_COMMENT, names_encoder
from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom.codestream import Buffer, Patch, blank
from deid_platform.formats.icc import cleaned_profile
from deid_platform.model import Reason

_SOC, _SOT, _SOD, _EOC, _COMMENT = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF64
_BARE = range(0xFF30, 0xFF40)
# CAP SIZ COD COC, TLM PRF PLM PLT CPF, QCD QCC RGN POC PPM PPT CRG, and those of part 2.
_CODING = frozenset(
    0xFF00 | code
    for code in (*range(0x50, 0x54), *range(0x55, 0x5A), *range(0x5C, 0x64), *range(0x70, 0x7A))
)
_LATIN = b"\0\x01"
"""Registration of comments that are text."""
_TILE_PART = 12
"""Bytes of a start of tile-part with its segment."""
_BOXES = frozenset((b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"free", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef", b"colr",
                    b"res ", b"resc", b"resd"))  # fmt: skip
_HOLDS_BOXES = frozenset((b"jp2h", b"res "))
_RESTRICTED_ICC, _ANY_ICC = 2, 3


def codestream(buffer: Buffer, start: int, end: int) -> Iterator[Patch]:
    """What a JPEG 2000 codestream holds besides its image.

    Raises
    ------
    MalformedFile
        The headers cannot be walked to the end of the codestream.
    """
    at = start + 2
    while True:
        at = yield from _header(buffer, at, end)
        marker = _number(buffer, at, 2, end)
        if marker != _SOT:
            break
        stated = _number(buffer, at + 6, 4, end)
        data = yield from _header(buffer, at + _TILE_PART, end)
        if _number(buffer, data, 2, end) != _SOD:
            raise _broken()
        at = at + stated if stated else _last_end(buffer, data, end)
        if not data + 2 <= at <= end - 2:
            raise _broken()
    if marker != _EOC:
        raise _broken()
    yield from blank(buffer, at + 2, end)


def _header(buffer: Buffer, at: int, end: int) -> Generator[Patch, None, int]:
    """Walk marker segments up to the next delimiter, whose offset is returned."""
    while (marker := _number(buffer, at, 2, end)) not in (_SOT, _SOD, _EOC):
        if marker in _BARE:
            at += 2
            continue
        stop = at + 2 + _number(buffer, at + 2, 2, end)
        if marker < 0xFF00 or not at + 4 <= stop <= end:
            raise _broken()
        if marker not in _CODING:
            yield from _comment(buffer, marker, at, stop)
        at = stop
    return at


def _comment(buffer: Buffer, marker: int, at: int, stop: int) -> Iterator[Patch]:
    """Blank a comment, unless it names an encoder; make any other segment one."""
    if marker == _COMMENT and buffer[at + 4 : at + 6] == _LATIN and stop - at <= MAX_COMMENT + 6:
        if names_encoder(buffer[at + 6 : stop]):
            return
    elif marker != _COMMENT:
        yield at, _COMMENT.to_bytes(2, "big")
    yield from blank(buffer, at + 4, stop)


def _last_end(buffer: Buffer, data: int, end: int) -> int:
    """Where a last tile-part of unstated length ends: coded data never hold this marker."""
    found = buffer.find(_EOC.to_bytes(2, "big"), data, end)
    if found < 0:
        raise _broken()
    return found


def boxes(buffer: Buffer, start: int, end: int) -> Iterator[Patch]:
    """What a JP2 file holds besides its image: boxes of text and metadata become free space."""
    at = start
    while at + 8 <= end and any(buffer[at : at + 8]):
        kind, head, stop = _box(buffer, at, end)
        if kind in _HOLDS_BOXES:
            yield from boxes(buffer, at + head, stop)
        elif kind == b"jp2c":
            yield from codestream(buffer, at + head, stop)
        elif kind == b"colr":
            yield from _colour(buffer, at + head, stop)
        elif kind not in _BOXES or kind == b"free":
            if kind != b"free":
                yield at + 4, b"free"
            yield from blank(buffer, at + head, stop)
        at = stop
    yield from blank(buffer, at, end)


def _box(buffer: Buffer, at: int, end: int) -> tuple[bytes, int, int]:
    """Kind, bytes of its head and end of the box at ``at``."""
    length, kind, head = _number(buffer, at, 4, end), buffer[at + 4 : at + 8], 8
    if length == 1:
        length, head = _number(buffer, at + 8, 8, end), 16
    stop = at + length if length else end
    if not at + head <= stop <= end:
        raise _broken()
    return kind, head, stop


def _colour(buffer: Buffer, at: int, stop: int) -> Iterator[Patch]:
    """A colour specification, which may hold a profile."""
    if buffer[at] in (_RESTRICTED_ICC, _ANY_ICC):
        profile = buffer[at + 3 : stop]
        cleaned = cleaned_profile(profile) or bytes(len(profile))
        if cleaned != profile:
            yield at + 3, cleaned
    elif buffer[at] == 1:
        yield from blank(buffer, at + 7, stop)
    else:
        yield from blank(buffer, at + 3, stop)


def _number(buffer: Buffer, at: int, size: int, end: int) -> int:
    raw = buffer[at : min(at + size, end)]
    if len(raw) < size:
        raise _broken()
    return int.from_bytes(raw, "big")


def _broken() -> MalformedFile:
    return MalformedFile("A JPEG 2000 image cannot be walked to its end, so nobody knows what it holds.",
                         Reason.PIXELS_UNDECODABLE)
