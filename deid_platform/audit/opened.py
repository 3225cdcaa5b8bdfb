"""One DICOM object as the audit reads it: its elements by pydicom, its bytes, and where in these the pixels begin."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """All elements but the pixels, the bytes they came from (inflated), and where in these the pixels begin.

    ``file`` holds the same bytes. Without pixels ``bulk_at`` is the end.
    """

    elements: Dataset
    data: mmap
    bulk_at: int
    file: BinaryIO

    @property
    def transfer_syntax(self) -> str:
        """The transfer syntax the file names, or the native one its elements are encoded in where it names none."""
        named = self.elements.file_meta.get("TransferSyntaxUID")
        implicit, little = self.elements.original_encoding
        native = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        return str(named or native)

    @property
    def has_pixels(self) -> bool:
        """Whether there is a pixel element."""
        return self.bulk_at < len(self.data)


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open an object for as long as the block runs. Raises whatever pydicom does on bytes it cannot read."""
    with path.open("rb") as file, _flat(file) as flat:
        flat.seek(0)
        elements = pydicom.dcmread(flat, stop_before_pixels=True, force=True)
        with mmap(flat.fileno(), 0, access=ACCESS_READ) as data:
            yield Opened(elements, data, flat.tell(), flat)


@contextmanager
def _flat(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file itself, or what it is when not deflated (PS3.5 A.5), its transfer syntax overwritten."""
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    start = file.tell()
    file.seek(0)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        yield file
        return
    deflated = DeflatedExplicitVRLittleEndian.encode()
    with tempfile.TemporaryFile() as flat:
        flat.write(file.read(start).replace(deflated, ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0"), 1))
        _inflate(file, flat)
        flat.flush()
        yield flat


def _inflate(file: BinaryIO, flat: BinaryIO) -> None:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    while not engine.eof:
        piece = engine.unconsumed_tail or file.read(_PIECE)
        inflated = engine.decompress(piece, _PIECE)
        if not piece and not inflated:
            raise EOFError("The deflated stream has no end.")
        flat.write(inflated)
