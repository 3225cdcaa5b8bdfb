"""Archives for tests: those that programs make, and those that only an attacker does."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UTF_8, ENCRYPTED = 0x800, 1


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive as Python makes it, the same every time."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return sink.getvalue()


def tarred(files: Mapping[str, bytes], kind: int = tarfile.PAX_FORMAT, *more: tarfile.TarInfo) -> bytes:
    """A TAR archive as Python makes it, with ``more`` headers at its end."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=kind) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return sink.getvalue()


@dataclass(frozen=True, slots=True)
class Raw:
    """A member as it is written down: every field may lie. ``at`` points the list at other bytes than its own."""

    name: bytes = b"a.bin"
    packed: bytes = b"bytes"
    size: int | None = None
    crc: int | None = None
    method: int = 0
    flags: int = 0
    host: int = 0
    mode: int = 0
    local_extra: bytes = b""
    local_method: int | None = None
    at: int | None = None
    wide: bool = False
    """Write sizes and place as archives beyond 4 GiB do."""

    @property
    def local(self) -> bytes:
        """The member's own header and its bytes."""
        method = self.method if self.local_method is None else self.local_method
        sums = (self._crc, len(self.packed), self._size)
        fixed = struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, self.flags, method, 0, 0x21, *sums, len(self.name), len(self.local_extra)
        )
        return fixed + self.name + self.local_extra + self.packed

    def entry(self, at: int) -> bytes:
        """Its entry in the list."""
        place = at if self.at is None else self.at
        sizes, extra, place_told = (len(self.packed), self._size), b"", place
        if self.wide:
            extra = struct.pack("<2H3Q", 1, 24, self._size, len(self.packed), place)
            sizes, place_told = (0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF
        return struct.pack(
            "<4s4B4HL2L5H2L", b"PK\1\2", 20, self.host, 20, 0, self.flags, self.method, 0, 0x21, self._crc, *sizes,
            len(self.name), len(extra), 0, 0, 0, self.mode << 16, place_told,
        ) + self.name + extra  # fmt: skip

    @property
    def _size(self) -> int:
        return len(self.packed) if self.size is None else self.size

    @property
    def _crc(self) -> int:
        return zlib.crc32(self.packed) if self.crc is None else self.crc


def deflated(data: bytes, name: bytes = b"a.bin", behind: bytes = b"") -> Raw:
    """A member with its bytes packed, and others behind their end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush() + behind
    return Raw(name, packed, len(data), zlib.crc32(data), method=8)


def raw_zip(members: Iterable[Raw], *, count: int | None = None, wide: bool = False, behind: bytes = b"") -> bytes:
    """An archive of these members; ``count`` is what its end says, ``wide`` gives it the records of a large one."""
    body, listed, number = b"", b"", 0
    for member in members:
        listed += member.entry(len(body))
        body += member.local
        number += 1
    return joined(body, listed, number if count is None else count, wide=wide, behind=behind)


def joined(body: bytes, listed: bytes, count: int, *, wide: bool, behind: bytes = b"") -> bytes:
    """An archive of members and their list, whose end says that there are ``count``."""
    start = len(body)
    if not wide:
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listed), start, 0)
    else:
        end = (
            struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(listed), start)
            + struct.pack("<4sLQL", b"PK\6\7", 0, start + len(listed), 1)
            + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        )
    return body + listed + end + behind
