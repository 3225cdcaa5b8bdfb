"""What compressed frames hold besides their image, found without decoding it.

Comments, application data (EXIF, XMP, thumbnails), boxes of text and bytes behind the end are overwritten with zeros of
the same length, so that every length and offset in the frame stays true and the coded image stays byte for byte.
Sources: ISO/IEC 10918-1 annex B and 10918-5 (JPEG, JFIF), 14495-1 annex C (JPEG-LS), PS3.5 annex G (RLE), PS3.5 A.4.13.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from mmap import mmap

from deid_platform.encoders import MAX_COMMENT, names_encoder
from deid_platform.errors import MalformedFile
from deid_platform.formats.icc import cleaned_profile
from deid_platform.model import Reason

Patch = tuple[int, bytes]
"""Where in a buffer, and the bytes that are to stand there."""
Buffer = bytes | mmap
Finder = Callable[[Buffer, int, int], Iterator[Patch]]
"""Gives the patches of the frame between two offsets."""

_EOI, _SOS, _COMMENT = 0xD9, 0xDA, 0xFE
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD9)))
# Frame headers and tables; 0xF7 and 0xF8 are those of JPEG-LS. All other segments are for applications.
_CODING = frozenset((*range(0xC0, 0xD0), *range(0xDA, 0xE0), 0xF7, 0xF8)) - {0xC8}
_IN_SCAN = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")
"""A marker that ends the coded data of a scan: 0xFF is followed by a stuffed zero or bit, a restart or fill byte."""
_ICC, _ICC_HEAD = b"ICC_PROFILE\0", 14
_NEEDED = ((0xE0, b"JFIF\0", 14), (0xEE, b"Adobe", 12), (0xE8, b"mrfx", 5), (0xE8, b"SPIFF\0", 30))
"""Application data decoders read: marker, name, bytes. Behind them stand thumbnails and directories."""
_SPIFF_END = b"\0\0\0\x01\xff\xd8"
_CHUNK = 1 << 20


def blank(buffer: Buffer, start: int, end: int) -> Iterator[Patch]:
    """Zeros from ``start`` to ``end``, unless they are there, or one byte of ones, with which some writers pad."""
    if end > start and (end - start > 1 or buffer[start] != 0xFF) and any(buffer[start:end]):
        yield start, bytes(end - start)


def jpeg(buffer: Buffer, start: int, end: int) -> Iterator[Patch]:
    """What a JPEG or JPEG-LS image holds besides itself.

    Raises
    ------
    MalformedFile
        The marker segments cannot be walked to the end of the image.
    """
    profile: list[tuple[int, int]] = []
    at = start + 2
    while True:
        code, at = _marker(buffer, at, end)
        if code == _EOI:
            break
        if code in _STANDALONE:
            continue
        stop = at + int.from_bytes(buffer[at : at + 2], "big")
        if not at + 2 <= stop <= end:
            raise _broken()
        if code not in _CODING:
            yield from _application(buffer, code, at + 2, stop, profile)
        at = _behind_scan(buffer, stop, end) if code == _SOS else stop
    yield from _profile(buffer, profile)
    yield from blank(buffer, at, end)


def _marker(buffer: Buffer, at: int, end: int) -> tuple[int, int]:
    """The marker code at ``at``, which fill bytes may precede, and the offset behind it."""
    if buffer[at : at + 1] != b"\xff":
        raise _broken()
    while at < end and buffer[at] == 0xFF:
        at += 1
    if at >= end:
        raise _broken()
    return buffer[at], at + 1


def _behind_scan(buffer: Buffer, at: int, end: int) -> int:
    found = _IN_SCAN.search(buffer, at, end)
    if found is None:
        raise _broken()
    return found.start()


def _application(buffer: Buffer, code: int, at: int, stop: int, profile: list[tuple[int, int]]) -> Iterator[Patch]:
    """Blank a segment but for what a decoder needs; chunks of a colour profile are noted in ``profile``."""
    data = buffer[at : min(stop, at + MAX_COMMENT + 2)]
    if code == _COMMENT and stop - at == len(data) and names_encoder(data):
        return
    if code == 0xE2 and data.startswith(_ICC) and stop - at >= _ICC_HEAD:
        profile.append((at + _ICC_HEAD, stop))
        return
    keep = next((kept for marker, name, kept in _NEEDED if code == marker and data.startswith(name)), 0)
    if data == _SPIFF_END and code == 0xE8:
        keep = len(_SPIFF_END)
    yield from blank(buffer, min(at + keep, stop), stop)


def _profile(buffer: Buffer, chunks: list[tuple[int, int]]) -> Iterator[Patch]:
    """The chunks of a colour profile in the order of the file, cleaned as the one profile they are (ICC.1 B.4)."""
    joined = b"".join(buffer[start:stop] for start, stop in chunks)
    cleaned = cleaned_profile(joined) or bytes(len(joined))
    at = 0
    for start, stop in chunks:
        part = cleaned[at : at + stop - start]
        if part != buffer[start:stop]:
            yield start, part
        at += stop - start


def run_lengths(length: int) -> Finder:
    """For frames in RLE whose segments each expand to ``length`` bytes: unused offsets, and bytes behind a segment."""

    def find(buffer: Buffer, start: int, end: int) -> Iterator[Patch]:
        header = buffer[start : start + 64]
        numbers = [int.from_bytes(header[at : at + 4], "little") for at in range(0, len(header), 4)]
        count = numbers[0] if len(numbers) == 16 else 0
        bounds = [*numbers[1 : 1 + count], end - start]
        if not 1 <= count <= 15 or bounds[0] < 64 or bounds != sorted(bounds) or bounds[-2] >= bounds[-1]:
            raise _broken()
        yield from blank(buffer, start + 4 + 4 * count, start + bounds[0])
        for begin, stop in pairwise(bounds):
            segment = buffer[start + begin : start + stop]
            yield from blank(buffer, start + begin + _consumed(segment, length), start + stop)

    return find


def _consumed(segment: bytes, length: int) -> int:
    """Bytes of a run-length encoded segment that expand to ``length`` bytes (PS3.5 G.3.1)."""
    at = expanded = 0
    try:
        while expanded < length:
            control = segment[at]
            if control < 128:
                expanded += control + 1
                at += control + 2
            elif control > 128:
                expanded += 257 - control
                at += 2
            else:
                at += 1
    except IndexError:
        raise _broken() from None
    return at


def deflated(buffer: Buffer, start: int, end: int) -> Iterator[Patch]:
    """Bytes behind the end of a raw deflate stream, which has to be inflated to find it."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    at = start
    try:
        while not stream.eof:
            piece = stream.unconsumed_tail or buffer[at : min(end, at + _CHUNK)]
            at += 0 if stream.unconsumed_tail else len(piece)
            inflated = stream.decompress(piece, _CHUNK)
            if not piece and not inflated:
                raise _broken()
    except zlib.error:
        raise _broken() from None
    yield from blank(buffer, at - len(stream.unused_data), end)


def _broken() -> MalformedFile:
    return MalformedFile("A compressed frame cannot be walked to its end, so nobody knows what it holds.",
                         Reason.PIXELS_UNDECODABLE)
