"""Minimum, maximum and median over many frames, without holding them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.pixels.masks import CELL, Cells

FEWEST = 6
"""Of fewer frames nothing is made: their anatomy would not fade but mingle, and look like writing."""

# Frames a median is taken of, and the bytes they may take together.
_MEDIAN_FRAMES = 32
_MEDIAN_BYTES = 2**26
_BLOCK = 2**22
# Shares: of the span of values, from which on a pixel is bright, and within which it stays the same; of all pixels.
_BRIGHT, _SAME, _LEAST_INK = 0.4, 0.2, 0.02


def evenly(count: int, most: int) -> list[int]:
    """At most so many of the numbers below ``count``, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(step * (count - 1) / (most - 1)) for step in range(most)})


def _has_ink(least: NDArray[np.float64], greatest: NDArray[np.float64]) -> bool:
    """Whether some pixels are bright in every picture, and much the same in all of them."""
    span = float(greatest.max() - least.min())
    bright = least > least.min() + _BRIGHT * span
    return bool((bright & (greatest - least <= _SAME * span)).mean() >= _LEAST_INK)


class Projections:
    """Takes pictures of one shape one by one; ``count`` is how many there will be."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._added = 0
        self._least: NDArray[Any] | None = None
        self._greatest: NDArray[Any] | None = None
        self._kept_numbers: frozenset[int] = frozenset()
        self._kept: list[NDArray[Any]] = []

    def add(self, picture: NDArray[Any]) -> None:
        """Take one more picture, shape (rows, columns) or (rows, columns, 3); the first decides on shape and type."""
        if self._least is None or self._greatest is None:
            self._least, self._greatest = picture, picture
            room = _MEDIAN_BYTES // max(picture.nbytes, 1)
            most = min(_MEDIAN_FRAMES, room)
            self._kept_numbers = frozenset(evenly(self._count, most) if most >= FEWEST else ())
        elif (picture.shape, picture.dtype) != (self._least.shape, self._least.dtype):
            return
        elif self._added == 1:  # the first picture itself stays as it is
            self._least, self._greatest = np.fmin(self._least, picture), np.fmax(self._greatest, picture)
        else:
            np.fmin(self._least, picture, out=self._least)
            np.fmax(self._greatest, picture, out=self._greatest)
        if self._added in self._kept_numbers:
            self._kept.append(picture)
        self._added += 1

    def pictures(self) -> list[NDArray[Any]]:
        """Minimum and maximum, and the median where it could be taken; nothing from fewer than six pictures."""
        if self._added < FEWEST or self._least is None or self._greatest is None:
            return []
        return [self._least, self._greatest, *([self._median()] if len(self._kept) >= FEWEST else [])]

    def lasting(self, cells: Cells) -> Cells:
        """The components of ``cells`` that hold something bright which hardly changes from picture to picture.

        What is drawn over slices stays as it is, while a rim of skin or skull that runs through all of them does not:
        where all that lasts is the air beside it, it is anatomy.
        """
        if self._least is None or self._greatest is None or not cells.any():
            return cells
        least, greatest = (picture.astype(np.float64) for picture in (self._least, self._greatest))
        labels, count = ndimage.label(cells, np.ones((3, 3)))
        kept = np.zeros_like(cells)
        for number, box in enumerate(ndimage.find_objects(labels, count), start=1):
            part = tuple(slice(side.start * CELL, side.stop * CELL) for side in box)
            if _has_ink(least[part], greatest[part]):
                kept |= labels == number
        return kept

    def _median(self) -> NDArray[Any]:
        """The median, of an even number the lower one, of some rows at a time."""
        median = np.empty_like(self._kept[0])
        middle = (len(self._kept) - 1) // 2
        rows = max(1, _BLOCK // (len(self._kept) * max(median[0].size, 1)))
        for start in range(0, len(median), rows):
            block = np.stack([picture[start : start + rows] for picture in self._kept])
            block.partition(middle, axis=0)
            median[start : start + rows] = block[middle]
        return median
