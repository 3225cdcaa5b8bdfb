"""An object of a store as a file that can be sought in, read piece by piece."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason


class _Ranges(io.RawIOBase):
    """``read`` takes a place and a count and gives bytes."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read, self._size, self._at = read, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), max(self._size - self._at, 0))
        data = self._read(self._at, count) if count else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def opened(read: Callable[[int, int], bytes], size: int, buffer: int) -> BinaryIO:
    """The bytes of an object of ``size`` bytes; ``buffer`` of them are asked for at a time."""
    return io.BufferedReader(_Ranges(read, size), buffer)


def exactly(file: BinaryIO, count: int) -> bytes:
    """The next bytes. Raises MalformedFile where the file ends before."""
    data = file.read(count)
    if len(data) < count:
        raise MalformedFile("The archive ends too early.", Reason.TRUNCATED)
    return data
