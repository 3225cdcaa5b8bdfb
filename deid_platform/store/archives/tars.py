"""TAR archives, not compressed: ustar, pax, and what GNU tar adds.

Read by hand and not by `tarfile`, which stops at a broken header as if the archive ended there, and so loses what
follows. Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar
Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.model import Reason
from deid_platform.store.archives.contents import NO_PLAIN_FILE, Contents, Member, key_of
from deid_platform.store.archives.ranges import exactly

_BLOCK = 512
_CHUNK = 1 << 20
_LONGEST_EXTENSION = 1 << 16
_FILES, _FOLDER = (b"0", b"\0", b"7"), b"5"
_PAX, _PAX_FOR_ALL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"
_SUM = slice(148, 156)
_OCTAL = re.compile(rb"[ ]*([0-7]*)[ \0]*")
_FIELD = re.compile(rb"(\d{1,5}) ([^=\n]{1,200})=")


def begins(head: bytes) -> bool:
    """Whether a file that begins so is an archive."""
    return head[257:262] == b"ustar"


def contents(file: BinaryIO, length: int) -> Contents:
    """What is in an archive of ``length`` bytes: its headers are read, and nothing of its members.

    Raises
    ------
    MalformedFile
        It is torn, a header is broken, something follows its end, or names are as :class:`Contents` refuses them.
    """
    return Contents.of(_members(file, length), length, length)


def chunks(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The bytes of a member, at most 1 MiB at a time.

    Raises
    ------
    UnsupportedFormat
        It is a link, a device, or has holes.
    """
    if member.method == NO_PLAIN_FILE:
        raise UnsupportedFormat("A member of the archive is not a plain file.")
    file.seek(member.at)
    for at in range(0, member.size, _CHUNK):
        yield exactly(file, min(_CHUNK, member.size - at))


def _members(file: BinaryIO, length: int) -> Iterator[tuple[str, Member]]:
    at, told = 0, dict[bytes, bytes]()
    while any(header := _header(file, at)):
        at += _BLOCK
        kind, size = header[156:157], int(told.get(b"size", b"")) if b"size" in told else _number(header[124:136])
        if at + size > length:
            raise MalformedFile("The archive ends before a member of it does.", Reason.TRUNCATED)
        if kind in (_PAX, _PAX_FOR_ALL, _LONG_NAME, _LONG_LINK):
            told |= _extension(file, kind, size)
        else:
            if kind != _FOLDER:
                yield _member(header, kind, told, at, size)
            told = {}
        at += -(-size // _BLOCK) * _BLOCK
    _refuse_more(file, at)


def _header(file: BinaryIO, at: int) -> bytes:
    """The header at a place, whose sum is right; zeros where the archive ends."""
    file.seek(at)
    header = exactly(file, _BLOCK)
    spaces = header[: _SUM.start] + b" " * 8 + header[_SUM.stop :]
    if any(header) and sum(spaces) != _number(header[_SUM]):
        raise MalformedFile("A header of the archive is broken.")
    return header


def _number(field: bytes) -> int:
    """Octal digits, or for what is larger than they allow a number of 8 bytes (GNU)."""
    if field[0] == 0x80:
        return int.from_bytes(field[-8:], "big") & ((1 << 62) - 1)
    digits = _OCTAL.fullmatch(field)
    if digits is None:
        raise MalformedFile("A header of the archive is broken.")
    return int(digits[1] or b"0", 8)


def _extension(file: BinaryIO, kind: bytes, size: int) -> dict[bytes, bytes]:
    """What a header in front of a member tells of it: its name and size, and whether it has holes."""
    if size > _LONGEST_EXTENSION:
        raise MalformedFile("A header of the archive is longer than any name.")
    data = exactly(file, size)
    if kind == _LONG_NAME:
        return {b"path": data.rstrip(b"\0")}
    if kind == _LONG_LINK:
        return {}
    found = dict(_fields(data))
    if kind == _PAX_FOR_ALL and found.keys() & {b"path", b"size"}:
        raise MalformedFile("A header of the archive gives all members one name or size.")
    if not found.get(b"size", b"0").isdigit() or len(found.get(b"size", b"")) > 18:
        raise MalformedFile("A header of the archive is broken.")
    return found if kind == _PAX else {}


def _fields(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Records ``length key=value`` of a pax header."""
    at = 0
    while at < len(data):
        found = _FIELD.match(data, at)
        end = at + int(found[1]) if found else 0
        if not found or not found.end() < end <= len(data) or data[end - 1 : end] != b"\n":
            raise MalformedFile("A header of the archive is broken.")
        yield found[2], data[found.end() : end - 1]
        at = end


def _member(header: bytes, kind: bytes, told: Mapping[bytes, bytes], at: int, size: int) -> tuple[str, Member]:
    name, prefix = (header[part].partition(b"\0")[0] for part in (slice(0, 100), slice(345, 500)))
    posix = header[257:263] == b"ustar\0" and prefix
    name = told.get(b"path", b"/".join((prefix, name)) if posix else name)
    plain = kind in _FILES and not any(key.startswith(b"GNU.sparse") for key in told)
    return key_of(name), Member(at, at + size, size, size, method=0 if plain else NO_PLAIN_FILE)


def _refuse_more(file: BinaryIO, at: int) -> None:
    """See that nothing but zeros follows the end: another archive would be lost."""
    file.seek(at)
    while piece := file.read(_CHUNK):
        if any(piece):
            raise MalformedFile("Something follows the end of the archive.")
