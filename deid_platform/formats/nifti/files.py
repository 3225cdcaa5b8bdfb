"""NIfTI files on disk: opening them, compressed or not, and writing them without a name, a time or a tail."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from deid_platform import tar
from deid_platform.errors import MalformedFile
from deid_platform.formats.nifti.header import HEAD_BYTES, Header, read_header
from deid_platform.formats.nifti.pair import is_pair, opened_pair
from deid_platform.model import Reason

_GZIP = b"\x1f\x8b"
_LEVEL = 6
_PIECE = 1 << 20
_MOST_BEHIND = 64


def is_compressed(head: bytes) -> bool:
    """Whether a file begins like one of gzip."""
    return head.startswith(_GZIP)


def begin(head: bytes) -> bytes:
    """What the first bytes of a file say once decompressed, as far as they go; nothing where they cannot be."""
    if is_pair(head):
        head = head[tar.BLOCK :]
    if not is_compressed(head):
        return head
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def stored_compressed(path: Path) -> bool:
    """Whether the image of a file, or of a pair, is compressed."""
    with path.open("rb") as stored:
        head = stored.read(tar.BLOCK)
        if not is_pair(head):
            return is_compressed(head)
        with opened_pair(stored) as (_, _, compressed):
            return compressed


@contextmanager
def opened(path: Path) -> Iterator[tuple[Header, BinaryIO]]:
    """The checked header of a file or a pair, and the file its image lies in, decompressed while it is read.

    Raises
    ------
    MalformedFile, UnsupportedFormat
        See :func:`~deid_platform.formats.nifti.header.read_header`; also while reading, when it ends too early.
    """
    with ExitStack() as stack:
        stored = stack.enter_context(path.open("rb"))
        head = stored.read(tar.BLOCK)
        stored.seek(0)
        try:
            if is_pair(head):
                told, image, _ = stack.enter_context(opened_pair(stored))
                yield read_header(told, paired=True), image
                return
            packed = is_compressed(head)
            file = cast("BinaryIO", stack.enter_context(gzip.open(stored, "rb"))) if packed else stored
            header = read_header(file.read(HEAD_BYTES))
            _check_extensions(file, header)
            yield header, file
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise MalformedFile("The compressed NIfTI file is broken or cut off.", Reason.TRUNCATED) from None


def _check_extensions(file: BinaryIO, header: Header) -> None:
    """Raise MalformedFile when the image is said to begin inside of an extension: a text would be taken for voxels."""
    at = 348 if header.version == 1 else 540
    file.seek(at)
    flag, at = file.read(4)[:1], at + 4
    while flag not in (b"", b"\0") and at + 8 <= header.offset:
        file.seek(at)
        size = int.from_bytes(file.read(8)[:4], "little" if header.little else "big")
        if size < 8 or at + size > header.offset:
            raise MalformedFile("The image of the NIfTI file begins inside of an extension.")
        at += size


def image_bytes(file: BinaryIO, header: Header) -> Iterator[bytes]:
    """The bytes of the image, piece by piece.

    Raises
    ------
    MalformedFile
        There are fewer than the header says.
    """
    file.seek(header.offset)
    left = header.length
    while left:
        piece = file.read(min(left, _PIECE))
        if not piece:
            raise MalformedFile("The NIfTI file ends before its image does.", Reason.TRUNCATED)
        left -= len(piece)
        yield piece


def read_out(file: BinaryIO) -> None:
    """Read what follows the image, so that the checksum of a compressed file is looked at.

    Raises
    ------
    MalformedFile
        There is more than anything but an attack would put there.
    """
    for _ in range(_MOST_BEHIND):
        if not file.read(_PIECE):
            return
    raise MalformedFile("Too much follows the image of the NIfTI file.", Reason.TOO_LARGE)


@contextmanager
def written(path: Path, *, compressed: bool) -> Iterator[BinaryIO]:
    """A file to be written; compressed, it names neither a file nor a time, so that equal images give equal bytes."""
    with path.open("wb") as stored:
        if not compressed:
            yield stored
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=stored, mtime=0) as file:
            yield cast("BinaryIO", file)
