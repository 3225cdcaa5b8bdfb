"""From the detector's logits to cells that hide whole lines of text: hysteresis, then growth along the line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.pixels.inference import Thresholds
from deid_platform.pixels.masks import Cells

_AROUND = np.ones((3, 3), np.bool_)
# A component that fills this much of its box is a line along the rows or columns; others are not grown on.
_LINE = 0.5
# In cells: no letters are taller, and what is wider both ways is no line.
_TALLEST = 40
# Each pass takes in what lies within a line height of the ends; a line has few pieces.
_PASSES = 4


def text_cells(logits: NDArray[np.float32], thresholds: Thresholds, furniture: Cells | None = None) -> Cells:
    """The cells to be masked, one more on each side than where text was seen.

    Parameters
    ----------
    logits
        Of one frame, shape (rows, columns) in cells.
    thresholds
        Cells from ``grow`` on are text where they touch, through others like them, one from ``seed`` on.
    furniture
        Cells outside what a scanner images, where nothing but writing and symbols is expected: there ``grow`` is
        enough.
    """
    likely = logits >= thresholds.grow
    sure = logits >= thresholds.seed
    if furniture is not None:
        sure |= likely & furniture
    if not sure.any():
        return np.zeros(logits.shape, np.bool_)
    cells = _touched(likely, sure)
    for _ in range(_PASSES):
        before = np.count_nonzero(cells)
        _close_lines(cells, likely)
        cells = _touched(likely | cells, cells)
        if np.count_nonzero(cells) == before:
            break
    return np.asarray(ndimage.binary_dilation(cells, _AROUND))


def _touched(likely: Cells, sure: Cells) -> Cells:
    """The likely cells that hang together with a sure one."""
    labels, count = ndimage.label(likely, _AROUND)
    kept = np.zeros(count + 1, np.bool_)
    kept[labels[sure]] = True
    return np.asarray(kept[labels])


def _close_lines(cells: Cells, likely: Cells) -> None:
    """Take in likely cells up to a line height beyond both ends of each line, and what lies between."""
    labels, _ = ndimage.label(cells, _AROUND)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        own = labels[rows, columns] == number
        if min(height, width) > _TALLEST or np.count_nonzero(own) < _LINE * height * width:
            continue
        if width >= height:
            _close(cells[rows, _longer(columns, height)], likely[rows, _longer(columns, height)])
        if height >= width:
            _close(cells[_longer(rows, width), columns].T, likely[_longer(rows, width), columns].T)


def _longer(part: slice, gap: int) -> slice:
    return slice(max(part.start - gap - 1, 0), part.stop + gap + 1)


def _close(cells: Cells, likely: Cells) -> None:
    """Fill a strip along a line, as high as it, with the likely cells in it and the gaps between them."""
    cells |= likely
    (along,) = np.nonzero(cells.any(axis=0))
    taken = np.zeros(cells.shape[1], np.bool_)
    taken[along[0] : along[-1] + 1] = True
    taken[along] = False
    cells[:, taken] = True
