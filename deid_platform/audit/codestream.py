"""What compressed frames hold besides their image, as a list of faults; written apart from the code that cleans them.

A frame is split into its parts, each part is named, and whatever is neither needed for decoding nor zero is a fault.
Sources: ISO/IEC 10918-1 annex B, 14495-1 annex C, 15444-1 annexes A and I.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from deid_platform.audit.icc import profile_faults
from deid_platform.encoders import names_encoder

Part = tuple[str, bytes]
"""What a part of a frame is, and its bytes."""
_STUFFED = re.compile(rb"(?:[^\xff]|\xff[\x00-\x7f\xd0-\xd7]|\xff(?=\xff))*")
_APPLICATION = range(0xE0, 0xF0)
_TABLES = frozenset(b"\xc4\xcc\xda\xdb\xdc\xdd\xde\xdf\xf7\xf8")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_J2K_PLAIN = frozenset(b"\x50\x51\x52\x53\x55\x56\x57\x58\x59\x5c\x5d\x5e\x5f\x60\x61\x62\x63") | set(range(0x70, 0x7A))
_BOXES = frozenset((b"jP  ", b"ftyp", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef", b"resc", b"resd"))


class Unwalkable(ValueError):
    """The parts of a frame cannot be told apart."""


def extras(frame: bytes) -> Iterator[str]:
    """Name what a frame holds besides its image. Raises Unwalkable, or struct.error where it ends early."""
    for kind, data in _parts(frame):
        if kind == "icc":
            yield from profile_faults(data)
        elif data.strip(b"\0") and not _harmless(kind, data):
            yield kind


def _harmless(kind: str, data: bytes) -> bool:
    """The name of an encoder, or one byte of padding."""
    if kind == "comment":
        return names_encoder(data.removeprefix(b"\0\x01"))
    return kind == "behind_image" and data == b"\xff"


def _parts(frame: bytes) -> Iterator[Part]:
    if frame[:2] == b"\xff\xd8":
        return _jpeg(frame)
    if frame[:2] == b"\xff\x4f":
        return _jpeg_2000(frame)
    if frame[4:8] == b"jP  ":
        return _boxes(frame)
    raise Unwalkable("the frame is of no known kind")


def _jpeg(frame: bytes) -> Iterator[Part]:
    profile = b""
    for code, body, end in _segments(frame):
        if code == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            profile += body[14:]
        elif code == 0xD9:
            yield "behind_image", frame[end:]
        elif code not in _FRAMES and code not in _TABLES:
            yield "comment" if code == 0xFE else "application_data", _not_needed(code, body)
    if profile:
        yield "icc", profile


def _segments(frame: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, body and end of each segment up to the end of the image; coded data are stepped over."""
    at, code = 2, 0
    while code != 0xD9:
        while frame[at : at + 2] == b"\xff\xff":
            at += 1
        first, code = struct.unpack_from("BB", frame, at)
        if first != 0xFF:
            raise Unwalkable("a marker is missing")
        (length,) = struct.unpack_from(">H", frame, at + 2) if code != 0xD9 else (0,)
        body, at = frame[at + 4 : at + 2 + length], at + 2 + length
        yield code, body, at
        if code == 0xDA:
            scan = _STUFFED.match(frame, at)
            at = scan.end() if scan else at


def _not_needed(code: int, body: bytes) -> bytes:
    """What of an application segment no decoder needs."""
    if code == 0xE0 and body[:5] == b"JFIF\0":
        return body[14:]
    if code == 0xEE and body[:5] == b"Adobe":
        return body[12:]
    if code == 0xE8 and body[:4] == b"mrfx":
        return body[5:]
    if code == 0xE8 and body[:6] == b"SPIFF\0":
        return body[30:]
    return b"" if body == b"\0\0\0\x01\xff\xd8" else body


def _jpeg_2000(frame: bytes) -> Iterator[Part]:
    at = 2
    tile = 0
    while (code := frame[at : at + 2]) != b"\xff\xd9":
        if len(code) < 2 or code[0] != 0xFF:
            raise Unwalkable("a marker is missing")
        if code == b"\xff\x93":
            at = tile or frame.index(b"\xff\xd9", at)
            continue
        (length,) = struct.unpack_from(">H", frame, at + 2)
        if code == b"\xff\x90":
            (stated,) = struct.unpack_from(">I", frame, at + 6)
            tile = at + stated if stated else 0
        elif code[1] not in _J2K_PLAIN:
            yield "comment", frame[at + 4 : at + 2 + length]
        at += 2 + length
    yield "behind_image", frame[at + 2 :]


def _boxes(data: bytes) -> Iterator[Part]:
    at = 0
    while len(data) - at >= 8:
        length, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,), head = struct.unpack_from(">Q", data, at + 8), 16
        if not length and not kind.strip(b"\0"):
            break
        body = data[at + head : at + length] if length else data[at + head :]
        yield from _box(kind, body)
        at = at + max(length, head) if length else len(data)
    yield "behind_image", data[at:]


def _box(kind: bytes, body: bytes) -> Iterator[Part]:
    if kind in (b"jp2h", b"res "):
        yield from _boxes(body)
    elif kind == b"jp2c":
        yield from _jpeg_2000(body)
    elif kind == b"colr":
        yield ("icc", body[3:]) if body[:1] in (b"\x02", b"\x03") else ("box", body[7:])
    elif kind not in _BOXES:
        yield "box", body if kind == b"free" else kind + body
