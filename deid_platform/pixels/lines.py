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
# Of writing, at least this share of what hangs together is sure; tissue that looks a little like it has less. Small
# pieces are believed: a few letters may have one sure cell.
_SURE_SHARE = 0.1
_SMALL = 40
# Steps from ``grow`` to ``seed`` in which growth is tried again where too little is sure.
_STEPS = 4


def text_cells(logits: NDArray[np.float32], thresholds: Thresholds, furniture: Cells | None = None) -> Cells:
    """The cells to be masked, one more on each side than where text was seen.

    Parameters
    ----------
    logits
        Of one frame, shape (rows, columns) in cells.
    thresholds
        Cells from ``grow`` on are text where they touch, through others like them, one from ``seed`` on.
    furniture
        Cells outside what a scanner images, where nothing but writing and symbols is expected: there the middle
        between ``grow`` and ``seed`` is enough.
    """
    likely = logits >= thresholds.grow
    sure = logits >= thresholds.seed
    if furniture is not None:
        sure |= furniture & (logits >= (thresholds.seed + thresholds.grow) / 2)
    if not sure.any():
        return np.zeros(logits.shape, np.bool_)
    cells = _grown(logits, sure, thresholds)
    for _ in range(_PASSES):
        before = np.count_nonzero(cells)
        _close_lines(cells, likely)
        if np.count_nonzero(cells) == before:
            break
    return np.asarray(ndimage.binary_dilation(cells, _AROUND))


def _grown(logits: NDArray[np.float32], sure: Cells, thresholds: Thresholds) -> Cells:
    """What hangs together with sure cells, grown as far as enough of it stays sure."""
    found = sure.copy()
    left = sure
    for level in np.linspace(thresholds.grow, thresholds.seed, _STEPS, endpoint=False):
        labels, count = ndimage.label((logits >= level) | left, _AROUND)
        sizes, sures = (np.bincount(labels[cells], minlength=count + 1) for cells in (labels > 0, left))
        kept = (sures > 0) & ((sures >= _SURE_SHARE * sizes) | (sizes <= _SMALL))
        taken = kept[labels]
        found |= taken
        left = left & ~taken
        if not left.any():
            break
    return found


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
