"""Bodies in a stack, coarsely: where something as thick as a head lies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.heads.grid import Grid, Reduced, normalised

_STEP = 4.0
_SOLID = 0.15
BELOW_VERTEX = 96.0
"""Millimetres from the top of a head to its anchor."""
_THINNEST, _THICKEST = 35.0, 95.0
"""Half the thickness of what may be a head, in mm: the head of a newborn has 45, of a large man 85."""
_WAIST, _NEIGHBOURS = 0.7, 80.0


def coarse(reduced: Reduced) -> tuple[Grid, NDArray[np.bool_]]:
    """A grid of 4 mm over all of a stack, and what is solid on it; all that was scanned where nothing stands out."""
    low, high = reduced.corners().min(axis=0), reduced.corners().max(axis=0)
    shape = tuple(int(count) + 1 for count in np.maximum((high - low) / _STEP, 1))
    grid = Grid(low, _STEP, (shape[0], shape[1], shape[2]))
    volume, inside = reduced.on(grid)
    solid = ndimage.binary_opening(normalised(volume, inside) > _SOLID)
    return grid, solid if solid.any() else inside


def _anchor(filled: NDArray[np.bool_], core: NDArray[np.int64]) -> float | None:
    """The height of a head's anchor, as an index, were the top of what lies above a core its vertex; None without."""
    x, y, z = core
    above = np.asarray(filled[max(x - 5, 0) : x + 6, max(y - 5, 0) : y + 6, z:].any(axis=(0, 1)))
    return None if above.all() else float(min(z + int(above.argmin()) - BELOW_VERTEX / _STEP, z))


def cores(
    grid: Grid, solid: NDArray[np.bool_], known: Sequence[NDArray[np.float64]], apart: float
) -> Iterator[NDArray[np.float64]]:
    """Middles of what may be heads, the thickest first, further than ``apart`` mm from what is known.

    Heads that touch are two bodies: where they meet, both are thinner. A trunk is one body, and too thick for a head; a
    thigh goes on to where the field of view ends above it.
    """
    filled = np.stack([ndimage.binary_fill_holes(level) for level in np.moveaxis(solid, 2, 0)], axis=2)
    padded = np.pad(filled, 1)  # what the field of view cuts is no thicker than what was scanned
    thick = ndimage.distance_transform_edt(padded)[1:-1, 1:-1, 1:-1] * grid.step
    peaks = (thick == ndimage.maximum_filter(thick, int(_NEIGHBOURS / grid.step))) & (thick >= _THINNEST)
    places = np.argwhere(peaks)
    bodies: list[NDArray[np.int64]] = []
    for place in places[np.argsort(-thick[peaks], kind="stable")]:
        if any(_joined(thick, place, body) for body in bodies):
            continue
        bodies.append(place)
        height = _anchor(filled, place)
        if height is None or thick[tuple(place)] > _THICKEST:
            continue
        middle = grid.origin + grid.step * np.array([*place[:2], height])
        if all(np.linalg.norm(middle - one) > apart for one in known):
            yield middle


def _joined(thick: NDArray[np.float64], place: NDArray[np.int64], body: NDArray[np.int64]) -> bool:
    """Whether the way between two cores is nowhere much thinner than the thinner one."""
    way = np.linspace(place, body, 30).round().astype(int)
    return bool(thick[tuple(way.T)].min() > _WAIST * thick[tuple(place)])
