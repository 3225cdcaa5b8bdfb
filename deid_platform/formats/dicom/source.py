"""Opening a DICOM file: preamble, File Meta Information, transfer syntax (PS3.10 section 7, PS3.5 section 10)."""

from __future__ import annotations

import mmap
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    DataSet,
    Encoding,
    read_data_set,
)
from deid_platform.formats.dicom.uids import uid_in
from deid_platform.formats.dicom.vr import LONG_VRS, SHORT_VRS
from deid_platform.model import Reason

IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

PREAMBLE = 128
MAX_INFLATED = 1 << 32
"""A deflated data set that grows beyond 4 GiB is refused."""
MAX_META_BYTES = 1 << 20
"""No value of real File Meta Information comes near 1 MiB."""
_VRS = SHORT_VRS | LONG_VRS
_FIRST_GROUPS = (0x0002, 0x0004, 0x0008)


@dataclass(frozen=True, slots=True)
class Source:
    """An open DICOM file. ``file`` is what extents of ``data`` refer to: the file itself, or its inflated copy."""

    meta: DataSet
    data: DataSet
    encoding: Encoding
    transfer_syntax: str
    file: BinaryIO


def looks_like_dicom(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a DICOM file, with or without preamble and meta group."""
    if head[PREAMBLE : PREAMBLE + 4] == b"DICM":
        return True
    return len(head) >= 8 and _bare_encoding(head) is not None


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Read everything but bulk values, which stay in the file.

    Raises
    ------
    MalformedFile
        The file cannot be read as DICOM, or not to its end.
    """
    if not path.stat().st_size:
        raise MalformedFile("The file has no bytes.", Reason.EMPTY)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        meta, start, encoding, syntax = _preliminaries(buffer)
        if syntax == DEFLATED:
            with _inflated(file, start) as inflated, _mapped(inflated) as flat:
                yield Source(meta, read_data_set(flat, 0, encoding), encoding, syntax, inflated)
        else:
            yield Source(meta, read_data_set(buffer, start, encoding), encoding, syntax, file)


def read_head(head: bytes, last: int) -> DataSet:
    """The elements up to tag ``last`` as far as the first bytes of a file tell them; none when they tell too little."""
    try:
        _, start, encoding, syntax = _preliminaries(head)
        if syntax == DEFLATED:
            head, start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(head[start:], 1 << 20), 0
        return read_data_set(head, start, encoding, last)
    except (MalformedFile, zlib.error):
        return DataSet()


def _preliminaries(buffer: mmap.mmap | bytes) -> tuple[DataSet, int, Encoding, str]:
    """Meta group, offset of the data set, its encoding and transfer syntax."""
    start = PREAMBLE + 4 if buffer[PREAMBLE : PREAMBLE + 4] == b"DICM" else 0
    meta = DataSet()
    while buffer[start : start + 2] == b"\x02\x00":
        # The group length of the sender is not trusted; the group ends where another one begins.
        element, start = _one_element(buffer, start)
        meta.update(element)
    syntax = uid_in(meta, 0x00020010)
    encoding = _bare_encoding(buffer[start : start + 8])
    if syntax:
        return meta, start, *_reconciled(syntax, encoding)
    if encoding is None:
        raise MalformedFile("There is neither File Meta Information nor a data set in a default encoding.")
    return meta, start, encoding, _SYNTAX_OF[encoding]


def _reconciled(syntax: str, seen: Encoding | None) -> tuple[Encoding, str]:
    """Encoding and transfer syntax by what the file says and by the look of its data set (None: it tells nothing).

    Senders mix up Implicit and Explicit VR, which every reader notices. On byte order readers trust what is said, so
    that nobody could check what was read.
    """
    said = _encoding(syntax)
    if seen is None or seen == said or syntax == DEFLATED:
        return said, syntax
    if seen.little != said.little:
        raise MalformedFile("The byte order of the data set is not that of its transfer syntax.")
    return (seen, _SYNTAX_OF[seen]) if syntax in _SYNTAX_OF.values() else (said, syntax)


def _one_element(buffer: mmap.mmap | bytes, at: int) -> tuple[DataSet, int]:
    """One element of the meta group, which is always Explicit VR Little Endian (PS3.10 7.1)."""
    head = buffer[at : at + 12]
    vr = head[4:6].decode("latin-1")
    if vr not in _VRS or len(head) < 8:
        raise MalformedFile("The File Meta Information is not encoded as it must be.")
    long = vr in LONG_VRS
    begin = at + (12 if long else 8)
    length = int.from_bytes(head[8:12] if long else head[6:8], "little")
    if length > MAX_META_BYTES and begin + length <= len(buffer):
        raise MalformedFile("The File Meta Information holds a larger value than any real one.", Reason.TOO_LARGE)
    if begin + length > len(buffer):
        raise MalformedFile("The file ends inside its File Meta Information.", Reason.TRUNCATED)
    return read_data_set(buffer[at : begin + length], 0, EXPLICIT_LITTLE), begin + length



def _encoding(syntax: str) -> Encoding:
    if syntax == IMPLICIT_VR_LITTLE_ENDIAN:
        return IMPLICIT_LITTLE
    # All other standard syntaxes are Explicit VR Little Endian (PS3.5 A.4).
    return EXPLICIT_BIG if syntax == EXPLICIT_VR_BIG_ENDIAN else EXPLICIT_LITTLE


_SYNTAX_OF = {
    IMPLICIT_LITTLE: IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_LITTLE: EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_BIG: EXPLICIT_VR_BIG_ENDIAN,
}


def _bare_encoding(head: bytes) -> Encoding | None:
    """The encoding of a data set that begins right here, by the look of its first element."""
    little, big = int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big")
    vr = head[4:6].decode("latin-1")
    if little in _FIRST_GROUPS:
        if vr in _VRS:
            return EXPLICIT_LITTLE
        return IMPLICIT_LITTLE if int.from_bytes(head[4:8], "little") < 1 << 16 else None
    return EXPLICIT_BIG if big in _FIRST_GROUPS and vr in _VRS else None


@contextmanager
def _inflated(file: BinaryIO, start: int) -> Iterator[BinaryIO]:
    """The deflated data set from ``start`` on (PS3.5 A.5), inflated piece by piece into a temporary file."""
    with tempfile.TemporaryFile() as flat:
        file.seek(start)
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            while not engine.eof:
                piece = engine.unconsumed_tail or file.read(1 << 20)
                # The engine may hold back output when it has taken in all there is.
                inflated = engine.decompress(piece, 1 << 20)
                if not piece and not inflated:
                    break
                flat.write(inflated)
                if flat.tell() > MAX_INFLATED:
                    raise MalformedFile("The deflated data set is larger than allowed.", Reason.TOO_LARGE)
        except zlib.error:
            raise MalformedFile("The deflated data set is damaged.") from None
        if not engine.eof:
            raise MalformedFile("The deflated data set ends too early.", Reason.TRUNCATED)
        flat.flush()
        yield flat


@contextmanager
def _mapped(file: BinaryIO) -> Iterator[mmap.mmap]:
    if file.tell() == 0:
        raise MalformedFile("The deflated data set is empty.", Reason.TRUNCATED)
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
        yield buffer
