"""ZIP archives: the list at their end, and members stored or deflated.

Read by hand and not by `zipfile`, which takes ten times the memory for the list, finds one anywhere, and lets members
overlap. Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5 and appendix D.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.model import Reason
from deid_platform.store.archives.contents import (
    MOST_MEMBERS,
    NO_PLAIN_FILE,
    Contents,
    Member,
    expands_beyond_reason,
    key_of,
)
from deid_platform.store.archives.ranges import exactly

_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_END, _END_64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _PATCHED, _UTF_8 = 0x2041, 0x20, 0x800
_UNIX, _ZIP_64 = 3, 1
_WIDE = 0xFFFFFFFF
_LONGEST_COMMENT = 0xFFFF
_LARGEST_LIST = 1 << 28
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class _List:
    """Where the central directory lies and how many entries it has."""

    at: int
    size: int
    count: int


def begins(head: bytes) -> bool:
    """Whether a file that begins so is an archive; an empty or a split one counts."""
    return head[:4] in (b"PK\3\4", b"PK\5\6", b"PK\7\x08")


def contents(file: BinaryIO, length: int) -> Contents:
    """What is in an archive of ``length`` bytes.

    Raises
    ------
    MalformedFile
        It is torn, split, encrypted or too large, or names or members are as :class:`Contents` refuses them.
    """
    listed = _list(file, length)
    return Contents.of(_entries(file, listed), length, listed.at)


def chunks(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """The bytes of a member, at most 1 MiB at a time; that they are the right ones is known at the end only.

    Raises
    ------
    MalformedFile
        They are not as long as the list says, or another sum of them stands there.
    UnsupportedFormat
        It is not a plain file, or is packed by another method than deflate.
    """
    if member.method == NO_PLAIN_FILE:
        raise UnsupportedFormat("A member of the archive is not a plain file.")
    if member.method not in (_STORED, _DEFLATED):
        raise UnsupportedFormat("A member of the archive is packed by a method other than deflate.")
    if expands_beyond_reason(member.size, member.packed):
        raise MalformedFile("A member of the archive expands beyond reason.", Reason.TOO_LARGE)
    _seek_data(file, member)
    size = crc = 0
    for chunk in (_stored if member.method == _STORED else _inflated)(file, member):
        size += len(chunk)
        if size > member.size:
            break
        crc = zlib.crc32(chunk, crc)
        yield chunk
    if (size, crc) != (member.size, member.crc):
        raise MalformedFile("A member of the archive is damaged: its length or checksum is another.")


def _list(file: BinaryIO, length: int) -> _List:
    """Read the end record, which must end the file and be right behind the list."""
    begin = max(0, length - _LONGEST_COMMENT - _END.size)
    file.seek(begin)
    tail = exactly(file, length - begin)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + _END.size:
        raise MalformedFile("The archive ends before its list of members.", Reason.TRUNCATED)
    _, disk, first, here, count, size, start, comment = _END.unpack_from(tail, at)
    end = begin + at
    if end + _END.size + comment != length:
        raise MalformedFile("The archive ends too early, or something follows it.", Reason.TRUNCATED)
    if (disk, first, here) != (0, 0, count) and 0xFFFF not in (disk, first, here):
        raise MalformedFile("The archive is split into several files: send it as one.")
    if 0xFFFF in (disk, here, count) or _WIDE in (size, start):
        end, count, size, start = _list_64(file, end, count, size, start)
    if start + size != end:
        raise MalformedFile("The list of the archive is not where it should be.")
    if count > MOST_MEMBERS or size > _LARGEST_LIST:
        raise MalformedFile(f"The archive has more than {MOST_MEMBERS} members.", Reason.TOO_LARGE)
    return _List(start, size, count)


def _list_64(file: BinaryIO, end: int, *narrow: int) -> tuple[int, int, int, int]:
    """What the record for large archives says: where it lies, number of entries, size and place of the list."""
    file.seek(max(0, end - _LOCATOR.size))
    mark, disk, at, disks = _LOCATOR.unpack(exactly(file, _LOCATOR.size))
    if mark != b"PK\6\7":
        count, size, start = narrow  # exactly 65,535 members, say
        return end, count, size, start
    if (disk, disks) != (0, 1) or at + _END_64.size > end - _LOCATOR.size:
        raise MalformedFile("The archive is split into several files: send it as one.")
    file.seek(at)
    mark, _, _, _, disk, first, here, count, size, start = _END_64.unpack(exactly(file, _END_64.size))
    if mark != b"PK\6\6" or (disk, first, here) != (0, 0, count):
        raise MalformedFile("The end record of the archive is broken.")
    return at, count, size, start


def _entries(file: BinaryIO, listed: _List) -> Iterator[tuple[str, Member]]:
    file.seek(listed.at)
    left = listed.size
    for _ in range(listed.count):
        fixed = _ENTRY.unpack(exactly(file, _ENTRY.size))
        mark, _, host, _, _, flags, method, _, _, crc, packed, size, named, extra, comment, disk, _, mode, at = fixed
        left -= _ENTRY.size + named + extra + comment
        if mark != b"PK\1\2" or left < 0:
            raise MalformedFile("The list of the archive is broken.")
        name = exactly(file, named)
        more = exactly(file, extra + comment)[:extra]
        if flags & _ENCRYPTED:
            raise MalformedFile("The archive is encrypted: send it without a password.", Reason.ENCRYPTED)
        size, packed, at, disk = _widened(more, size, packed, at, disk)
        if disk:
            raise MalformedFile("The archive is split into several files: send it as one.")
        name = _spelt(name, utf_8=bool(flags & _UTF_8))
        if name.endswith(b"/") and not size:
            continue
        plain = not flags & _PATCHED and _is_file(host, mode >> 16)
        least = at + _LOCAL.size + named + packed
        yield key_of(name), Member(at, least, packed, size, crc, method if plain else NO_PLAIN_FILE)
    if left:
        raise MalformedFile("The list of the archive has more entries than it says.")


def _spelt(name: bytes, *, utf_8: bool) -> bytes:
    """A name in UTF-8 with '/' between folders: some programs of Windows write no mark, or backslashes."""
    if not utf_8:
        try:
            name.decode("utf-8")
        except UnicodeDecodeError:
            name = name.decode("cp437").encode("utf-8")
    return name.replace(b"\\", b"/")


def _is_file(host: int, mode: int) -> bool:
    """Whether the mode, where it was written on Unix, is a plain file's or none's."""
    return host != _UNIX or stat.S_IFMT(mode) in (0, stat.S_IFREG)


def _widened(extra: bytes, *narrow: int) -> tuple[int, int, int, int]:
    """Size, packed size, place and disk, those of them that are 'see there' from the field for large files."""
    wide = b""
    while len(extra) >= 4:
        kind, count = struct.unpack_from("<2H", extra)
        if kind == _ZIP_64:
            wide = extra[4 : 4 + count]
        extra = extra[4 + count :]
    found = []
    for value, nothing, width in zip(narrow, (_WIDE, _WIDE, _WIDE, 0xFFFF), (8, 8, 8, 4), strict=True):
        elsewhere = value == nothing and len(wide) >= width
        found.append(int.from_bytes(wide[:width], "little") if elsewhere else value)
        wide = wide[width:] if elsewhere else wide
    if max(found) >= 1 << 62:
        raise MalformedFile("A member of the archive has an impossible size or place.")
    size, packed, at, disk = found
    return size, packed, at, disk


def _seek_data(file: BinaryIO, member: Member) -> None:
    """Go to the first byte behind a member's own header."""
    file.seek(member.at)
    mark, _, flags, method, *_, named, extra = _LOCAL.unpack(exactly(file, _LOCAL.size))
    data = member.at + _LOCAL.size + named + extra
    if mark != b"PK\3\4" or method != member.method or flags & _ENCRYPTED or data + member.packed > member.end:
        raise MalformedFile("The header of a member of the archive does not fit the list.")
    file.seek(data)


def _stored(file: BinaryIO, member: Member) -> Iterator[bytes]:
    left = member.packed
    while left:
        chunk = exactly(file, min(left, _CHUNK))
        left -= len(chunk)
        yield chunk


def _inflated(file: BinaryIO, member: Member) -> Iterator[bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for chunk in _stored(file, member):
            if inflater.eof:
                raise MalformedFile("A member of the archive is damaged: something follows its end.")
            yield inflater.decompress(chunk, _CHUNK)
            while inflater.unconsumed_tail:
                yield inflater.decompress(inflater.unconsumed_tail, _CHUNK)
        while not inflater.eof and (more := inflater.decompress(inflater.unconsumed_tail, _CHUNK)):
            yield more
    except zlib.error:
        raise MalformedFile("A member of the archive is damaged.") from None
    if not inflater.eof or inflater.unused_data:
        raise MalformedFile("A member of the archive is damaged: it has no end, or something follows it.")
