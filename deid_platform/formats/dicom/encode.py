"""Writing data sets: elements sorted by tag, sequences with delimiters, large values copied from their file.

The encoding of the file is kept, so that untouched values go out as they came in.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, Protocol

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom.elements import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    DataSet,
    Element,
    Encoding,
    Extent,
)
from deid_platform.model import Reason

CHUNK = 1 << 20


class Sink(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""
        ...


def write_data_set(sink: Sink, data: DataSet, encoding: Encoding, source: BinaryIO) -> None:
    """Write ``data``; ``source`` is the open file its extents refer to. Group lengths are left out (PS3.5 7.2)."""
    for tag in sorted(data):
        if tag & 0xFFFF or tag >> 16 == 2:
            _write_element(sink, data[tag], encoding, source)


def _write_element(sink: Sink, element: Element, encoding: Encoding, source: BinaryIO) -> None:
    value = element.value
    if isinstance(value, list):
        sink.write(_header(element.tag, "SQ", UNDEFINED, encoding))
        for item in value:
            sink.write(_delimiter(ITEM, UNDEFINED, encoding))
            write_data_set(sink, item, encoding, source)
            sink.write(_delimiter(ITEM_END, 0, encoding))
        sink.write(_delimiter(SEQUENCE_END, 0, encoding))
    elif isinstance(value, Extent):
        length = UNDEFINED if value.fragments else value.length + value.length % 2
        sink.write(_header(element.tag, element.vr, length, encoding))
        _copy(source, value, sink)
        if value.length % 2:
            sink.write(b"\0")
    else:
        if len(value) % 2:
            value += padding(element.vr)
        sink.write(_header(element.tag, element.vr, len(value), encoding) + value)


def padding(vr: str) -> bytes:
    """The byte that makes a value's length even (PS3.5 6.2)."""
    return b"\0" if vr == "UI" or vr.startswith("O") or vr == "UN" else b" "


def _header(tag: int, vr: str, length: int, encoding: Encoding) -> bytes:
    group, number = tag >> 16, tag & 0xFFFF
    if encoding.implicit:
        return struct.pack(encoding.order + "HHI", group, number, length)
    if vr in LONG_VRS:
        return struct.pack(encoding.order + "HH2sHI", group, number, vr.encode(), 0, length)
    if vr in SHORT_VRS and length <= 0xFFFF:
        return struct.pack(encoding.order + "HH2sH", group, number, vr.encode(), length)
    return struct.pack(encoding.order + "HH2sHI", group, number, b"UN", 0, length)


def _delimiter(tag: int, length: int, encoding: Encoding) -> bytes:
    return struct.pack(encoding.order + "HHI", tag >> 16, tag & 0xFFFF, length)


def _copy(source: BinaryIO, extent: Extent, sink: Sink) -> None:
    source.seek(extent.offset)
    left = extent.length
    while left:
        chunk = source.read(min(CHUNK, left))
        if not chunk:
            raise MalformedFile("The file became shorter while it was copied.", Reason.SOURCE_CHANGED)
        sink.write(chunk)
        left -= len(chunk)
