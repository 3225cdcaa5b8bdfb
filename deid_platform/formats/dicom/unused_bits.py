"""Native pixels with nothing in the bits and bytes that hold no pixel (PS3.5 8.1.1 and 8.2).

Bits outside Bits Stored once held overlays (retired, PS3.5-2004 8.1.2), which viewers do not show. They become what
arithmetic expects: zero, or copies of the sign. Pixels are read in pieces and looked at for their least and greatest
value only; what is in range goes out as it came in.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom.encode import Rewritten, Sink
from deid_platform.model import Reason

CHUNK = 1 << 20
"""Bytes of a piece, a multiple of every cell."""


@dataclass(frozen=True, slots=True)
class Cells:
    """How pixels stand in their cells: bits allocated and stored, the highest one, sign, byte order.

    ``padding`` is the value declared for what is no pixel. Where it does not fit the stored bits, as with scanners
    that write -2000 into twelve bits, it is kept: one fixed number cannot spell anything that the image does not show.
    """

    allocated: int
    stored: int
    high: int
    signed: bool
    little: bool
    padding: int | None = None

    @property
    def cleanable(self) -> bool:
        """Whether there are unused bits, in cells of whole bytes."""
        whole = self.allocated in (8, 16, 32, 64) and 0 < self.stored <= self.high + 1 <= self.allocated
        return whole and self.stored < self.allocated

    def cleaned(self, piece: bytes) -> bytes:
        """A piece of pixels with unused bits cleared; the same object where they are."""
        whole = len(piece) - len(piece) % (self.allocated // 8)
        cells = np.frombuffer(piece, self._dtype, whole // (self.allocated // 8))
        if self._in_range(cells):
            return piece
        fixed = self._fixed(cells)
        if self.padding is not None:
            padded = cells.view(self._dtype.str.replace("i", "u")) == self.padding
            fixed[padded] = cells[padded]
        return piece if np.array_equal(fixed, cells) else fixed.tobytes() + piece[whole:]

    @property
    def _dtype(self) -> np.dtype[Any]:
        return np.dtype(f"{'<' if self.little else '>'}{'i' if self.signed else 'u'}{self.allocated // 8}")

    def _in_range(self, cells: NDArray[Any]) -> bool:
        """Whether all values fit the stored bits where these are the lowest."""
        if not len(cells):
            return True
        if self.high != self.stored - 1:
            return False
        top = 1 << (self.stored - self.signed)
        return bool(cells.max() < top and (not self.signed or cells.min() >= -top))

    def _fixed(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Shifted up so that bits above fall out, down so that bits below do, and back into place."""
        above, below = self.allocated - 1 - self.high, self.high + 1 - self.stored
        fixed = cells.astype(self._dtype.newbyteorder("="))
        fixed <<= above
        fixed >>= above + below
        fixed <<= below
        return fixed.astype(self._dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class Native(Rewritten):
    """Native pixels in their file, written with unused bits cleared. ``found`` counts the values that had some set.

    ``last`` masks the last byte, whose upper bits are no pixels where pixels are single bits.
    """

    cells: Cells
    found: Counter[str]
    last: int = 0xFF

    def write_to(self, source: BinaryIO, sink: Sink) -> None:
        """See :class:`~deid_platform.formats.dicom.encode.Rewritten`."""
        changed = False
        source.seek(self.offset)
        for left in range(self.length, 0, -CHUNK):
            piece = source.read(min(CHUNK, left))
            if len(piece) < min(CHUNK, left):
                raise MalformedFile("The file became shorter while it was copied.", Reason.SOURCE_CHANGED)
            cleaned = cleaned_cells(piece, self.cells, self.last if left <= CHUNK else 0xFF)
            changed |= cleaned is not piece and cleaned != piece
            sink.write(cleaned)
        self.found["unused bits"] += changed


def cleaned_cells(piece: bytes, cells: Cells, last: int = 0xFF) -> bytes:
    """Pixels with unused bits cleared, those of the last byte by the mask ``last``."""
    if cells.cleanable:
        piece = cells.cleaned(piece)
    return piece if last == 0xFF or not piece else piece[:-1] + bytes((piece[-1] & last,))
