"""A header and an image in files of their own, which the landing zone shows as one archive.

Source: NIfTI-1.1 (nifti1.h), and Analyze 7.5 (dbh.h of the Mayo Clinic), whose layout NIfTI took over.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

from deid_platform import tar
from deid_platform.errors import MalformedFile

MEMBERS = "pair.hdr", "pair.img"
"""What the landing zone calls the files, compressed or not."""
_GZIP = b"\x1f\x8b"
_LONGEST_HEADER = 1 << 24
"""Bytes of a header with its extensions."""


def is_pair(head: bytes) -> bool:
    """Whether a file begins like the archive of a pair."""
    return tar.first_name(head) == MEMBERS[0]


@contextmanager
def opened_pair(file: BinaryIO) -> Iterator[tuple[bytes, BinaryIO, bool]]:
    """The whole header and the image of an archive, decompressed while they are read, and whether the image is packed.

    Raises
    ------
    MalformedFile
        The archive holds something else, or its header is longer than any.
    """
    members = tar.members(file, len(MEMBERS))
    if tuple(members) != MEMBERS:
        raise MalformedFile("The archive holds something else than a header and an image.")
    with ExitStack() as stack:
        header, image = (stack.enter_context(_Part(file, members[name])) for name in MEMBERS)
        told, _ = _plain(header, stack)
        head = told.read(_LONGEST_HEADER)
        if told.read(1):
            raise MalformedFile("The header is longer than any.")
        yield head, *_plain(image, stack)


def _plain(part: _Part, stack: ExitStack) -> tuple[BinaryIO, bool]:
    stored = stack.enter_context(io.BufferedReader(part))
    compressed = stored.peek(2).startswith(_GZIP)
    return cast("BinaryIO", stack.enter_context(gzip.open(stored, "rb")) if compressed else stored), compressed


class _Part(io.RawIOBase):
    """A member of an archive as a file of its own."""

    def __init__(self, file: BinaryIO, member: tar.Member) -> None:
        """``file`` stays open."""
        self._file, self._member, self._at = file, member, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See :class:`io.IOBase`."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._member.size}[whence]
        self._at = max(start + offset, 0)
        return self._at

    def readinto(self, buffer: object) -> int:
        """See :class:`io.RawIOBase`."""
        view = memoryview(cast("bytearray", buffer))
        count = max(min(len(view), self._member.size - self._at), 0)
        self._file.seek(self._member.at + self._at)
        piece = self._file.read(count)
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
