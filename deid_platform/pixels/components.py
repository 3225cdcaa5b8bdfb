"""Masks as places: connected cells, pixels cut out of frames, and rectangles for a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.model import Region
from deid_platform.pixels.masks import CELL, Cells, Mask

MAX_REGIONS = 256
"""Rectangles a manifest holds of one item; more are told more coarsely."""
_AROUND = np.ones((3, 3), np.bool_)


@dataclass(frozen=True, slots=True)
class Component:
    """Connected masked cells of one frame: their number among :func:`labelled`, and the pixels around them."""

    number: int
    top: int
    bottom: int
    left: int
    right: int

    def of(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The pixels of a frame, shape (rows, columns), that lie in the box of the component."""
        return picture[self.top : self.bottom, self.left : self.right]


def labelled(mask: Mask) -> tuple[NDArray[np.intp], list[Component]]:
    """The cells of a mask by the number of their component, from 1, and the components; 0 is not masked."""
    labels, _ = ndimage.label(mask.cells(), _AROUND)
    components = [
        Component(
            number,
            rows.start * CELL,
            min(rows.stop * CELL, mask.rows),
            columns.start * CELL,
            min(columns.stop * CELL, mask.columns),
        )
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
    ]
    return np.asarray(labels, np.intp), components


def regions_of(masks: Sequence[Mask | None]) -> tuple[Region, ...]:
    """Rectangles that together hold every masked pixel of every frame; at most :data:`MAX_REGIONS`.

    They are exact where so many suffice, else boxes around connected cells, at worst one box around everything.
    """
    touched = [mask for mask in dict.fromkeys(masks) if mask]
    if not touched:
        return ()
    cells = np.logical_or.reduce([mask.cells() for mask in touched])
    rows, columns = touched[0].rows, touched[0].columns
    boxes = _runs(cells)
    if len(boxes) > MAX_REGIONS:
        labels, _ = ndimage.label(cells, _AROUND)
        boxes = [(r.start, r.stop, c.start, c.stop) for r, c in ndimage.find_objects(labels)]
    if len(boxes) > MAX_REGIONS:
        tops, bottoms, lefts, rights = zip(*boxes, strict=True)
        boxes = [(min(tops), max(bottoms), min(lefts), max(rights))]
    return tuple(sorted(_region(box, rows, columns) for box in boxes))


def _runs(cells: Cells) -> list[tuple[int, int, int, int]]:
    """Rectangles of cells as (top, bottom, left, right): equal runs of cells in rows below each other are one."""
    done: list[tuple[int, int, int, int]] = []
    open_runs: dict[tuple[int, int], int] = {}
    for row, line in enumerate([*cells, np.zeros(cells.shape[1], np.bool_)]):
        edges = np.flatnonzero(np.diff(line.astype(np.int8), prepend=0, append=0)).tolist()
        found = set(zip(edges[::2], edges[1::2], strict=True))
        ended = [run for run in open_runs if run not in found]
        done += [(open_runs.pop(run), row, *run) for run in ended]
        for run in found:
            open_runs.setdefault(run, row)
    return done


def _region(box: tuple[int, int, int, int], rows: int, columns: int) -> Region:
    top, bottom, left, right = (edge * CELL for edge in box)
    return Region(left, top, min(right, columns) - left, min(bottom, rows) - top)
