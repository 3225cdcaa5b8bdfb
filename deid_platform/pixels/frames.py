"""The frames of a DICOM file, one at a time, from bytes on disk to arrays of stored values.

Nothing is guessed: where the data set, the codestream and the bytes disagree, the file is refused, because what a
decoder makes of it may not be what another reader will show. Memory is bounded by one frame.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from deid_platform.pixels.decode import encoded_frame, native_frame, starts_frame
from deid_platform.pixels.encapsulation import encoded_frames
from deid_platform.pixels.layout import Layout, Limits, quiet, read_layout
from deid_platform.pixels.refusal import too_large, undecodable

_CHUNK = 2**20
# An incompressible frame grows by a few bytes in every encoding; twice its size is no frame any more.
_ENCODED_GROWTH = 2
_ENCODED_OVERHEAD = 2**16


@dataclass(frozen=True, slots=True)
class PixelSource:
    """An open file with pixels: what it declares, and its frames.

    Offsets of the layout are those of ``file``, which is the file on disk, or its inflated copy.
    """

    layout: Layout
    file: BinaryIO

    def frames(self) -> Iterator[NDArray[Any]]:
        """Yield what the frames show, in order; see :meth:`by_frame`."""
        for shown in self.by_frame():
            yield from shown

    def by_frame(self) -> Iterator[list[NDArray[Any]]]:
        """Yield what each frame shows.

        Shape (rows, columns) for stored values of one sample, (rows, columns, 3) for RGB; YBR is converted. A frame
        with a palette gives its colours and then its stored values. A frame whose cells hold more than the
        declared samples, such as an overlay in the unused high bits, gives these bits as one more array.

        Raises
        ------
        UnsafeToRelease
            A frame cannot be decoded as declared.
        """
        for cells in self._cells():
            if cells.shape != (self.layout.rows, self.layout.columns, 3)[: 2 + (self.layout.samples == 3)]:
                raise undecodable("the decoder returns a frame of another size")
            samples, rest = split_bits(cells, self.layout)
            coloured = [_coloured(samples, self.layout)] if self.layout.photometric == "PALETTE COLOR" else []
            yield [*coloured, samples, *([] if rest is None else [rest])]

    def _cells(self) -> Iterator[NDArray[Any]]:
        layout = self.layout
        if layout.length is not None:
            for index in range(layout.frames):
                yield native_frame(self.file, layout, index)
            end = layout.offset + layout.length
        else:
            yield from self._encoded()
            end = self.file.tell()
        self.file.seek(end)
        _check_last(self.file, layout)

    def _encoded(self) -> Iterator[NDArray[Any]]:
        for fragments in self.encoded():
            yield encoded_frame(b"".join(fragments), self.layout)

    def encoded(self) -> Iterator[list[bytes]]:
        """Yield the fragments of each frame of encapsulated pixels as they stand in the file, in order.

        Raises
        ------
        UnsafeToRelease
            The fragments do not make up the declared frames.
        """
        layout = self.layout
        longest = layout.frame_bytes * _ENCODED_GROWTH + _ENCODED_OVERHEAD
        self.file.seek(layout.offset)
        try:
            yield from encoded_frames(
                self.file, layout.frames, longest, lambda fragment: starts_frame(layout.transfer_syntax, fragment)
            )
        except ValueError as error:
            raise undecodable(str(error)) from None


@contextmanager
def open_pixels(path: Path, limits: Limits | None = None) -> Iterator[PixelSource | None]:
    """Open a DICOM file for reading its frames; the value is None when it has no pixels.

    Raises
    ------
    UnsafeToRelease
        With PIXELS_UNDECODABLE, VIDEO or TOO_LARGE, before anything is decoded.
    """
    limits = limits or Limits()
    with path.open("rb") as stored, _inflated(path, stored, limits) as file:
        layout = read_layout(file, limits)
        yield None if layout is None else PixelSource(layout, file)


def frames(path: Path, limits: Limits | None = None) -> Iterator[NDArray[Any]]:
    """Yield what the frames of a DICOM file show; see :meth:`PixelSource.frames`. None without pixels."""
    with open_pixels(path, limits) as source:
        if source is not None:
            yield from source.frames()


@contextmanager
def _inflated(path: Path, stored: BinaryIO, limits: Limits) -> Iterator[BinaryIO]:
    """The file itself, or a nameless temporary file with the inflated data set where the whole of it is deflated."""
    try:
        with quiet():
            meta = read_file_meta_info(path)
            deflated = meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
            start = 144 + int(meta.FileMetaInformationGroupLength) if deflated else 0
    except Exception:  # noqa: BLE001 - readers raise whatever they like
        raise undecodable("the header cannot be read") from None
    if not deflated:
        yield stored
        return
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with tempfile.TemporaryFile() as file:
        head = DicomBytesIO()
        write_file_meta_info(head, meta, enforce_standard=False)
        file.write(bytes(128) + b"DICM" + head.getvalue())
        stored.seek(start)
        _inflate(stored, file, limits.total_bytes)
        file.seek(0)
        yield file


def _inflate(source: BinaryIO, sink: BinaryIO, most: int) -> None:
    """Copy a raw deflate stream, inflated. Source: PS3.5 A.5."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    written = 0
    while not stream.eof:
        chunk = stream.unconsumed_tail or source.read(_CHUNK)
        try:
            inflated = stream.decompress(chunk, _CHUNK)
        except zlib.error:
            raise undecodable("the deflated data set is broken") from None
        if not chunk and not inflated:
            raise undecodable("the deflated data set is cut off")
        written += sink.write(inflated)
        if written > most:
            raise too_large("size of the inflated data set")


def split_bits(cells: NDArray[Any], layout: Layout) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Separate the samples of ``cells`` from the other bits; those are None where they hold nothing.

    Source: PS3.5 8.1.1. Sign extension and zeros are nothing; retired overlays in unused bits are something.
    """
    width = cells.dtype.itemsize * 8
    if cells.dtype.kind not in "iu" or layout.bits_allocated == 1 or layout.bits_stored >= width:
        return cells, None
    cells = cells.astype(cells.dtype.newbyteorder("="), copy=False)
    low = layout.high_bit + 1 - layout.bits_stored
    samples = (cells << (width - layout.high_bit - 1)) >> (width - layout.bits_stored)
    mask = ((1 << layout.bits_stored) - 1) << low
    rest = cells.view(f"u{cells.dtype.itemsize}") & np.array(~mask & ((1 << width) - 1), f"u{cells.dtype.itemsize}")
    if not rest.any() or (low == 0 and layout.signed and np.array_equal(samples, cells)):
        return samples, None
    return samples, rest


def _coloured(samples: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """The frame in the colours of its palette, shape (rows, columns, 3)."""
    try:
        with quiet():
            return apply_color_lut(samples, layout.header)[:, :, :3]
    except Exception:  # noqa: BLE001 - the library raises whatever it likes
        raise undecodable("the palette cannot be applied") from None


def _check_last(file: BinaryIO, layout: Layout) -> None:
    """See that no second pixel element follows the one that was read."""
    little = layout.header.original_encoding[1]
    group = int.from_bytes(file.read(2), "little" if little else "big")
    if group == 0x7FE0:
        raise undecodable("a second pixel element follows the first")
