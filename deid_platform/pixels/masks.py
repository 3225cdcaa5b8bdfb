"""Which pixels of a frame are to be replaced: text in cells, small enough for letters and cheap enough for long cines,
and what is removed of a head, pixel by pixel."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

CELL = 4
"""Side of a cell in pixels: the step of the text detector's output."""

Cells = NDArray[np.bool_]
"""Shape (ceil(rows / CELL), ceil(columns / CELL)); True where a cell is masked."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What is removed of a head in one frame of ``rows`` x ``columns`` pixels, held compressed.

    ``values`` are stored values to fill with, without their unused bits: one, or several to be dealt out as noise.
    """

    rows: int
    columns: int
    values: tuple[float, ...]
    _packed: bytes = field(repr=False)

    @classmethod
    def of(cls, pixels: NDArray[np.bool_], values: tuple[float, ...]) -> Removed:
        """Pack pixels of shape (rows, columns), True where one is removed."""
        return cls(pixels.shape[0], pixels.shape[1], values, zlib.compress(np.packbits(pixels).tobytes(), 1))

    def pixels(self) -> NDArray[np.bool_]:
        """Shape (rows, columns), True where a pixel is removed."""
        bits = np.frombuffer(zlib.decompress(self._packed), np.uint8)
        return np.unpackbits(bits, count=self.rows * self.columns).reshape(self.rows, self.columns).astype(np.bool_)

    def box(self) -> tuple[int, int, int, int]:
        """First row, row after the last, first column and column after the last that hold a removed pixel."""
        pixels = self.pixels()
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1

    def fillers(self, count: int) -> NDArray[np.float64]:
        """``count`` values to fill with; noise starts from the shape of what is removed, so it comes out the same."""
        if len(self.values) == 1:
            return np.full(count, self.values[0])
        dealer = np.random.default_rng(zlib.crc32(self._packed))
        return np.asarray(self.values)[dealer.integers(0, len(self.values), count)]


@dataclass(frozen=True, slots=True)
class Mask:
    """The masked cells of one frame of ``rows`` x ``columns`` pixels, held compressed: a cine has thousands.

    ``removed`` is what goes of a head as well.
    """

    rows: int
    columns: int
    _packed: bytes = field(repr=False)
    removed: Removed | None = None

    @classmethod
    def of(cls, cells: Cells, rows: int, columns: int) -> Mask:
        """Pack cells. Raises ValueError when they do not cover the frame exactly."""
        if cells.shape != _grid(rows, columns):
            raise ValueError(f"cells of shape {cells.shape} do not cover {rows} x {columns} pixels")
        return cls(rows, columns, zlib.compress(np.packbits(cells).tobytes(), 1))

    @classmethod
    def without_text(cls, removed: Removed) -> Mask:
        """A mask of a head alone."""
        rows, columns = removed.rows, removed.columns
        return replace(cls.of(np.zeros(_grid(rows, columns), np.bool_), rows, columns), removed=removed)

    def cells(self) -> Cells:
        """The cells with text, True where masked."""
        shape = _grid(self.rows, self.columns)
        bits = np.frombuffer(zlib.decompress(self._packed), np.uint8)
        return np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).astype(np.bool_)

    def pixels(self) -> NDArray[np.bool_]:
        """Shape (rows, columns), True where a pixel is to be replaced."""
        return self.text_pixels() | self.removed.pixels() if self.removed else self.text_pixels()

    def text_pixels(self) -> NDArray[np.bool_]:
        """Shape (rows, columns), True where a pixel is to be replaced because of text."""
        return self.cells().repeat(CELL, axis=0).repeat(CELL, axis=1)[: self.rows, : self.columns]

    def __or__(self, other: Mask) -> Mask:
        """All text of either, and what the first that names any removes; both are of frames of the same size."""
        joined = Mask.of(self.cells() | other.cells(), self.rows, self.columns)
        return replace(joined, removed=self.removed or other.removed)

    def __bool__(self) -> bool:
        """Whether anything is masked."""
        return self.removed is not None or self.has_text

    @property
    def has_text(self) -> bool:
        """Whether any cell is masked."""
        return bool(self.cells().any())


def _grid(rows: int, columns: int) -> tuple[int, int]:
    return -(-rows // CELL), -(-columns // CELL)
