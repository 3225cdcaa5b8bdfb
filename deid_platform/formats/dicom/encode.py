"""Writing data sets: elements sorted by tag, sequences with delimiters, large values copied from their file.

The encoding of the file is kept, so that untouched values go out as they came in.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom.elements import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    DataSet,
    Encoding,
    Extent,
)
from deid_platform.formats.dicom.vr import LONG_VRS, SHORT_VRS
from deid_platform.model import Reason

CHUNK = 1 << 20
_IMPLICIT = {order: struct.Struct(order + "HHI").pack for order in "<>"}
_SHORT = {order: struct.Struct(order + "HH2sH").pack for order in "<>"}
_LONG = {order: struct.Struct(order + "HH2sHI").pack for order in "<>"}


class Sink(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of ``data``."""
        ...


@dataclass(frozen=True, slots=True)
class Rewritten(Extent, ABC):
    """A value in its file that is changed while it is copied; ``length`` is that of the new value."""

    @abstractmethod
    def write_to(self, source: BinaryIO, sink: Sink) -> None:
        """Write the new value: exactly ``length`` bytes, or fragments with their delimiter."""


def write_data_set(sink: Sink, data: DataSet, encoding: Encoding, source: BinaryIO) -> None:
    """Write ``data``; ``source`` is the open file its extents refer to. Group lengths are left out (PS3.5 7.2)."""
    pending: list[bytes] = []
    _write_elements(sink, data, encoding, source, pending)
    sink.write(b"".join(pending))


def _write_elements(sink: Sink, data: DataSet, encoding: Encoding, source: BinaryIO, pending: list[bytes]) -> None:
    """Encode into ``pending``, which is written before any value that is copied from its file."""
    for tag in sorted(data):
        if not (tag & 0xFFFF or tag >> 16 == 2):
            continue
        element = data[tag]
        value = element.value
        if isinstance(value, bytes):
            if len(value) & 1:
                value += padding(element.vr)
            pending += _header(tag, element.vr, len(value), encoding), value
        elif isinstance(value, list):
            pending.append(_header(tag, "SQ", UNDEFINED, encoding))
            for item in value:
                pending.append(_delimiter(ITEM, UNDEFINED, encoding))
                _write_elements(sink, item, encoding, source, pending)
                pending.append(_delimiter(ITEM_END, 0, encoding))
            pending.append(_delimiter(SEQUENCE_END, 0, encoding))
        else:
            length = UNDEFINED if value.fragments else value.length + value.length % 2
            sink.write(b"".join(pending) + _header(tag, element.vr, length, encoding))
            pending.clear()
            _copy(source, value, sink)
            if length != UNDEFINED and value.length % 2:
                sink.write(b"\0")


def padding(vr: str) -> bytes:
    """The byte that makes a value's length even (PS3.5 6.2)."""
    return b"\0" if vr == "UI" or vr.startswith("O") or vr == "UN" else b" "


def _header(tag: int, vr: str, length: int, encoding: Encoding) -> bytes:
    group, number = tag >> 16, tag & 0xFFFF
    order = encoding.order
    if encoding.implicit:
        return _IMPLICIT[order](group, number, length)
    if vr in SHORT_VRS and length <= 0xFFFF:
        return _SHORT[order](group, number, vr.encode(), length)
    return _LONG[order](group, number, vr.encode() if vr in LONG_VRS else b"UN", 0, length)


def _delimiter(tag: int, length: int, encoding: Encoding) -> bytes:
    return _IMPLICIT[encoding.order](tag >> 16, tag & 0xFFFF, length)


def _copy(source: BinaryIO, extent: Extent, sink: Sink) -> None:
    if isinstance(extent, Rewritten):
        extent.write_to(source, sink)
        return
    source.seek(extent.offset)
    left = extent.length
    while left:
        chunk = source.read(min(CHUNK, left))
        if not chunk:
            raise MalformedFile("The file became shorter while it was copied.", Reason.SOURCE_CHANGED)
        sink.write(chunk)
        left -= len(chunk)
