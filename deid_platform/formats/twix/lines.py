"""The measured lines: copied as they are, but for the time of day, the number of the measurement, and physiology.

Source: the scan, channel and line headers of VB and of VD to XA, as twixtools (MIT) defines them.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from deid_platform.errors import MalformedFile
from deid_platform.formats.twix.layout import Measurement
from deid_platform.model import Reason

_LINE_BYTES, _SCAN_BYTES, _CHANNEL_BYTES = 128, 192, 32
_LENGTH = 0x1FFFFFF
"""Bits of the first number that tell the length of a block."""
_LAST, _PHYSIOLOGY = 1 << 0, 1 << 5
_MASK_AT, _SAMPLES_AT = {True: 40, False: 20}, {True: 48, False: 28}
_CHECKSUM_AT, _CHANNEL_CHECKSUM_AT = 188, 28
_DAY = 34_560_000
"""Ticks of 2.5 ms in a day."""
_PIECE = 1 << 20


def copy_lines(source: BinaryIO, sink: BinaryIO, measurement: Measurement, *, table: bool) -> bool:
    """Copy the lines of a measurement; gives whether there was physiology, which becomes zeros.

    Times of day are counted from the first line. Behind the last line nothing is copied.

    Raises
    ------
    MalformedFile
        A line is cut off, or none is the last.
    """
    at, first, physiology = measurement.data, -1, False
    least = _SCAN_BYTES if table else _LINE_BYTES
    source.seek(at)
    sink.seek(at)
    while at + least <= measurement.end:
        head = bytearray(source.read(least))
        mask, length = _length_of(head, table)
        if len(head) < least or length < least or at + length > measurement.end:
            raise MalformedFile("A measured line is cut off.", Reason.TRUNCATED)
        (time,) = struct.unpack_from("<I", head, 12)
        first = time if first < 0 else first
        _anonymous(head, (time - first) % _DAY, table)
        sink.write(head)
        if mask & (_LAST | _PHYSIOLOGY):
            physiology |= bool(mask & _PHYSIOLOGY)
            source.seek(length - least, 1)
            sink.seek(length - least, 1)
        else:
            _copy_samples(source, sink, head, length - least, table)
        if mask & _LAST:
            return physiology
        at += length
    raise MalformedFile("The raw data end before the last line.", Reason.TRUNCATED)


def _length_of(head: bytearray, table: bool) -> tuple[int, int]:
    """The flags of a block and its length with all its channels; what is written down is at times wrong for lines."""
    if len(head) < 64:
        return 0, 0
    (mask,) = struct.unpack_from("<Q", head, _MASK_AT[table])
    samples, channels = struct.unpack_from("<HH", head, _SAMPLES_AT[table])
    if mask & (_LAST | _PHYSIOLOGY):
        return mask, struct.unpack_from("<I", head)[0] & _LENGTH
    if table:
        return mask, _SCAN_BYTES + channels * (_CHANNEL_BYTES + 8 * samples)
    return mask, _LINE_BYTES + 8 * samples  # one channel


def _anonymous(head: bytearray, time: int, table: bool) -> None:
    struct.pack_into("<i", head, 4, 0)
    struct.pack_into("<I", head, 12, time)
    if table:
        struct.pack_into("<I", head, _CHECKSUM_AT, 0)  # not used by the scanner's own software


def _copy_samples(source: BinaryIO, sink: BinaryIO, head: bytearray, length: int, table: bool) -> None:
    if not table:
        _copy(source, sink, length)
        return
    samples, channels = struct.unpack_from("<HH", head, _SAMPLES_AT[True])
    for _ in range(channels):
        own = bytearray(source.read(_CHANNEL_BYTES))
        if len(own) < _CHANNEL_BYTES:
            raise MalformedFile("A measured line is cut off.", Reason.TRUNCATED)
        struct.pack_into("<i", own, 4, 0)
        struct.pack_into("<I", own, 16, 0)
        struct.pack_into("<I", own, _CHANNEL_CHECKSUM_AT, 0)
        sink.write(own)
        _copy(source, sink, 8 * samples)


def _copy(source: BinaryIO, sink: BinaryIO, length: int) -> None:
    while length:
        piece = source.read(min(length, _PIECE))
        if not piece:
            raise MalformedFile("A measured line is cut off.", Reason.TRUNCATED)
        sink.write(piece)
        length -= len(piece)
