"""The slices of a NIfTI file: looking at them, and changing some. One slice is what shares its third index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from deid_platform.formats.nifti.files import image_bytes, opened
from deid_platform.formats.nifti.header import Header
from deid_platform.pixels.layout import Layout

_CT_BELOW = -500.0
"""Values of air in Hounsfield units lie below, and no other image's values do."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """An unpacked image: ``stored`` has shape (frames, rows, columns), with 3 behind for colours, mapped from disk."""

    header: Header
    stored: NDArray[Any]

    @property
    def layout(self) -> Layout:
        """What the finder of text is to know of the slices: plain ones of a scanner, as far as anybody can tell."""
        header, rgb = self.header, self.header.samples == 3
        bits = header.dtype.itemsize * 8
        described = Dataset()
        described.Modality = "OT" if rgb else "MR"
        columns, rows = header.dims[:2]
        return Layout(
            ExplicitVRLittleEndian, "PixelData", "OW", 0, header.length, rows, columns, header.samples,
            "RGB" if rgb else "MONOCHROME2", 0, bits, bits, bits - 1, header.dtype.kind == "i", header.frames,
            described,
        )  # fmt: skip

    def by_frame(self) -> Iterator[list[NDArray[Any]]]:
        """What each slice shows, in the byte order of this machine; of complex numbers their size."""
        for number in range(self.header.frames):
            yield [self.shown(number)]

    def frames(self) -> Iterator[NDArray[Any]]:
        """The same, slice by slice."""
        yield from (shown for (shown,) in self.by_frame())

    def shown(self, number: int) -> NDArray[Any]:
        """One slice, see :meth:`by_frame`."""
        cells = self.native(number)
        return np.abs(cells) if cells.dtype.kind == "c" else cells

    def native(self, number: int) -> NDArray[Any]:
        """The stored values of one slice, in the byte order of this machine."""
        cells = self.stored[number]
        return np.array(cells, cells.dtype.newbyteorder("="))

    def scaled(self, number: int) -> NDArray[np.float32]:
        """One slice as numbers that mean something, shape (rows, columns)."""
        shown = self.shown(number)
        grey = shown.mean(axis=2) if shown.ndim > 2 else shown
        return np.asarray(grey * self.header.slope + self.header.intercept, np.float32)

    @property
    def modality(self) -> str:
        """CT where the darkest values can be nothing else; the file itself does not tell."""
        middle = self.scaled(self.header.slices // 2)
        return "CT" if middle.size and float(np.nanmin(middle)) < _CT_BELOW else "MR"


@contextmanager
def unpacked(path: Path) -> Iterator[Volume]:
    """The image of a file, in a temporary file of its own that may be changed.

    Raises
    ------
    MalformedFile, UnsupportedFormat
        The file cannot be read to the end of its image.
    """
    with TemporaryDirectory() as scratch:
        place = Path(scratch, "image")
        with opened(path) as (header, file), place.open("wb") as sink:
            for piece in image_bytes(file, header):
                sink.write(piece)
        shape = (header.frames, *header.frame_shape)
        yield Volume(header, np.memmap(place, header.dtype, "r+", shape=shape))
