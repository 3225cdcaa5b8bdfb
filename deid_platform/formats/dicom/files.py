"""Writing a DICOM file: preamble, File Meta Information, and the data set, which some transfer syntaxes deflate."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from deid_platform.formats.dicom.elements import EXPLICIT_LITTLE, DataSet
from deid_platform.formats.dicom.encode import Sink, write_data_set
from deid_platform.formats.dicom.source import DEFLATED, PREAMBLE, Source


def write_file(sink: BinaryIO, meta: DataSet, data: DataSet, source: Source) -> None:
    """Write ``data``, which was read from ``source`` and is encoded as it was, under the meta group ``meta``."""
    _write_preliminaries(sink, meta)
    with _compressed(sink, source.transfer_syntax) as body:
        write_data_set(body, data, source.encoding, source.file)


def _write_preliminaries(sink: BinaryIO, meta: DataSet) -> None:
    """An empty preamble, the prefix and the meta group with its length (PS3.10 7.1)."""
    body = BytesIO()
    write_data_set(body, meta, EXPLICIT_LITTLE, body)
    length = len(body.getvalue())
    sink.write(bytes(PREAMBLE) + b"DICM\x02\x00\x00\x00UL\x04\x00" + length.to_bytes(4, "little") + body.getvalue())


class _Deflater:
    """A sink that deflates (PS3.5 A.5)."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._written = 0

    def write(self, data: bytes) -> None:
        self._put(self._engine.compress(data))

    def finish(self) -> None:
        """Write what is still held back, padded to an even length."""
        self._put(self._engine.flush())
        if self._written % 2:
            self._put(b"\0")

    def _put(self, data: bytes) -> None:
        self._written += len(data)
        self._sink.write(data)


@contextmanager
def _compressed(sink: BinaryIO, transfer_syntax: str) -> Iterator[Sink]:
    if transfer_syntax != DEFLATED:
        yield sink
        return
    deflater = _Deflater(sink)
    yield deflater
    deflater.finish()
