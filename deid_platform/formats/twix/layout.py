"""The parts of a raw data file: its table of measurements, their headers, and what follows each.

Sources: the layout as twixtools (MIT) reads it. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason

TABLE_BYTES, ENTRIES = 9736, 64
"""Length of the table of VD and later, and how many measurements it has room for."""
ENTRY = struct.Struct("<IIQQ64s64s")
"""Measurement and file numbers, offset, length, name of the patient, name of the protocol."""
_LONGEST_HEADER = 1 << 28
_ALIGNED = 512
_BUFFERS = 64


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement: where it begins, its header ends, and it ends."""

    start: int
    data: int
    end: int


@dataclass(frozen=True, slots=True)
class Raw:
    """A whole file. ``table`` tells whether it begins with a table (VD, VE, XA) or with its only header (VB)."""

    table: bool
    measurements: tuple[Measurement, ...]


def accepts(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is raw data of Siemens."""
    if len(head) < 8 + ENTRY.size:
        return False
    first, second = struct.unpack_from("<II", head)
    if first < 10000 and 0 < second <= ENTRIES:
        offset = ENTRY.unpack_from(head, 8)[2]
        return bool(TABLE_BYTES <= offset < 1 << 20 and offset % _ALIGNED == 0)
    return 10000 <= first < _LONGEST_HEADER and 0 < second <= _BUFFERS and _buffer_name(head[8:40])


def _buffer_name(start: bytes) -> bool:
    name, end, _ = start.partition(b"\0")
    return bool(end) and name.isalnum()


def read_raw(file: BinaryIO) -> Raw:
    """Find the measurements of an open file.

    Raises
    ------
    MalformedFile
        The table or a header points where it cannot.
    """
    size = file.seek(0, 2)
    file.seek(0)
    first, count = struct.unpack("<II", _exactly(file, 8))
    if first >= 10000:
        return Raw(False, (_measurement(file, 0, size),))
    file.seek(8)
    entries = [ENTRY.unpack(_exactly(file, ENTRY.size)) for _ in range(ENTRIES)][:count]
    measurements = []
    end = TABLE_BYTES
    for _, _, offset, length, _, _ in sorted(entries, key=lambda entry: entry[2]):
        stop = offset + (length or (size - offset if count == 1 else 0))
        if not end <= offset < stop or stop > size:
            raise MalformedFile("The table of measurements points outside of the file.", Reason.TRUNCATED)
        measurements.append(_measurement(file, offset, stop))
        end = stop
    return Raw(True, tuple(measurements))


def _measurement(file: BinaryIO, start: int, end: int) -> Measurement:
    file.seek(start)
    length, buffers = struct.unpack("<II", _exactly(file, 8))
    if not 8 < length <= min(_LONGEST_HEADER, end - start) or not 0 < buffers <= _BUFFERS:
        raise MalformedFile("The header of a measurement has an impossible length.")
    return Measurement(start, start + length, end)


def buffers_of(header: bytes) -> Iterator[tuple[str, slice]]:
    """Name and place of the texts of a header. Raises MalformedFile when they do not fit in."""
    (count,) = struct.unpack_from("<I", header, 4)
    at = 8
    for _ in range(count):
        end = header.find(b"\0", at, at + 256)
        if end < 0 or end + 5 > len(header):
            raise MalformedFile("The header of a measurement is torn.")
        (length,) = struct.unpack_from("<I", header, end + 1)
        start = end + 5
        if start + length > len(header):
            raise MalformedFile("A text of a measurement's header is longer than the header.")
        yield header[at:end].decode("latin-1"), slice(start, start + length)
        at = start + length


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise MalformedFile("The raw data end too early.", Reason.TRUNCATED)
    return data
