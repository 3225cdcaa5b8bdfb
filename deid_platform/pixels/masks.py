"""Which pixels of a frame are to be replaced, in cells small enough for letters and cheap enough for long cines."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

CELL = 4
"""Side of a cell in pixels: the step of the text detector's output."""

Cells = NDArray[np.bool_]
"""Shape (ceil(rows / CELL), ceil(columns / CELL)); True where a cell is masked."""


@dataclass(frozen=True, slots=True)
class Mask:
    """The masked cells of one frame of ``rows`` x ``columns`` pixels, held compressed: a cine has thousands."""

    rows: int
    columns: int
    _packed: bytes = field(repr=False)

    @classmethod
    def of(cls, cells: Cells, rows: int, columns: int) -> Mask:
        """Pack cells. Raises ValueError when they do not cover the frame exactly."""
        if cells.shape != _grid(rows, columns):
            raise ValueError(f"cells of shape {cells.shape} do not cover {rows} x {columns} pixels")
        return cls(rows, columns, zlib.compress(np.packbits(cells).tobytes(), 1))

    def cells(self) -> Cells:
        """The cells, True where masked."""
        shape = _grid(self.rows, self.columns)
        bits = np.frombuffer(zlib.decompress(self._packed), np.uint8)
        return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(np.bool_)

    def pixels(self) -> NDArray[np.bool_]:
        """Shape (rows, columns), True where a pixel is to be replaced."""
        enlarged = self.cells().repeat(CELL, axis=0).repeat(CELL, axis=1)
        return enlarged[: self.rows, : self.columns]

    def __or__(self, other: Mask) -> Mask:
        """Everything masked in either; both are of frames of the same size."""
        return Mask.of(self.cells() | other.cells(), self.rows, self.columns)

    def __bool__(self) -> bool:
        """Whether anything is masked."""
        return bool(self.cells().any())


def _grid(rows: int, columns: int) -> tuple[int, int]:
    return -(-rows // CELL), -(-columns // CELL)
