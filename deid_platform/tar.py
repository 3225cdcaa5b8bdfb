"""Plain tar archives: headers that are the same every time, and a reader that takes nothing but plain files.

Source: POSIX.1-1988 ustar; sizes above 8 GiB as GNU tar writes them.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from typing import BinaryIO

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason

BLOCK = 512
END = bytes(2 * BLOCK)
"""What stands behind the last member."""
LONGEST_NAME = 100
"""Bytes of a name that fits into a header."""
_MARK, _MARK_AT = b"ustar", 257


@dataclass(frozen=True, slots=True)
class Member:
    """Where the bytes of a file lie in an archive."""

    at: int
    size: int


def header(name: str, size: int) -> bytes:
    """The block before a file's bytes: no owner, no time."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    """What fills the last block of a file of so many bytes."""
    return bytes(-size % BLOCK)


def first_name(head: bytes) -> str | None:
    """What the first member of an archive that begins with ``head`` is called; None for any other file."""
    if head[_MARK_AT : _MARK_AT + len(_MARK)] != _MARK:
        return None
    return head[:LONGEST_NAME].partition(b"\0")[0].decode("utf-8", "replace")


def members(file: BinaryIO, most: int) -> dict[str, Member]:
    """The files of an archive by name, in their order.

    Raises
    ------
    MalformedFile
        The archive ends too early, has a broken header, more than ``most`` members, two of one name, or links.
    """
    length = os.fstat(file.fileno()).st_size
    found: dict[str, Member] = {}
    at = 0
    while True:
        block = os.pread(file.fileno(), BLOCK, at)
        if len(block) < BLOCK:
            raise MalformedFile("The archive ends before its last member.", Reason.TRUNCATED)
        if not any(block):
            return found
        name, size = _read(block)
        if name in found or len(found) >= most:
            raise MalformedFile("The archive has too many members, or two of one name.")
        if size < 0 or at + BLOCK + size > length:
            raise MalformedFile("A member of the archive ends too early.", Reason.TRUNCATED)
        found[name] = Member(at + BLOCK, size)
        at += BLOCK + size + len(padding(size))


def _read(block: bytes) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        raise MalformedFile("The archive has a broken header.") from None
    if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        raise MalformedFile("The archive holds something else than plain files.")
    return info.name, info.size
