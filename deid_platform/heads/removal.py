"""What is taken out of a volume, in patient space, so that the same is taken out of every image of it.

What goes is what the net calls face, orbit or ear, and all that lies beyond a plane in the head's own frame. Tilted
like the line from brow to jaw angle and placed just in front of this head's own brain, it holds even where the net is
unsure of the face, because brains are found more surely than faces. Nothing within :data:`MARGIN` of the brain is
touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.heads.finding import Head, largest
from deid_platform.heads.grid import Grid
from deid_platform.heads.net import BRAIN, EARS, FACE, ORBITS
from deid_platform.heads.plane import face_planes
from deid_platform.heads.stack import Plane

MARGIN = 5.0
"""Millimetres around the brain that stay as they are."""
_LOWEST = -150.0  # mm of the head frame: below chin and larynx, where nobody is recognised
_FINE = 2  # points of a field per point of the head's grid, along each axis
_MM_PER_LOGIT = 1.0  # about how far a boundary moves for one logit: near it, logits grow like a distance
_FAR = 30.0
_THICK = 4.0  # mm from which on a slice is more than a plane


@dataclass(frozen=True, eq=False)
class Field:
    """A region of patient space: where ``depth``, in mm on the points of ``grid``, is positive. Beyond lies none."""

    grid: Grid
    depth: NDArray[np.float32] = field(repr=False)

    @cached_property
    def box(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Two opposite corners of a box around the region, RAS mm; None where there is no region."""
        found = [np.flatnonzero((self.depth > 0).any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
        if not all(map(len, found)):
            return None
        low = self.grid.origin + self.grid.step * (np.array([places[0] for places in found]) - 1)
        return low, self.grid.origin + self.grid.step * (np.array([places[-1] for places in found]) + 1)

    def inside(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether points of shape (3, rows, columns) lie in the region."""
        index = self.grid.indices(points)
        return np.asarray(ndimage.map_coordinates(self.depth, index, order=1, mode="constant", cval=-_FAR) > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Removal:
    """All of ``gone``, but for ``kept``; where ``everything`` goes, ``kept`` alone stays."""

    gone: tuple[Field, ...]
    kept: tuple[Field, ...]
    everything: bool = False

    def on(self, plane: Plane, thickness: float = 0.0) -> NDArray[np.bool_] | None:
        """The pixels of a slice that go, shape (rows, columns); None where none does.

        A thick slice shows what lies before and behind its middle: a pixel goes where any of that does, unless some of
        it is to stay.
        """
        levels = [shifted(plane, share * thickness) for share in ((-0.35, 0.0, 0.35) if thickness > _THICK else (0.0,))]
        mask = np.full((plane.rows, plane.columns), self.everything)
        for level in levels:
            for region in self.gone:
                _mark(mask, region, level, goes=True)
        if mask.any():
            for level in levels:
                for region in self.kept:
                    _mark(mask, region, level, goes=False)
        return mask if mask.any() else None

    def __or__(self, other: Removal) -> Removal:
        """What goes in either, but for what either keeps."""
        return Removal(self.gone + other.gone, self.kept + other.kept, self.everything or other.everything)


def shifted(plane: Plane, distance: float) -> Plane:
    """A slice moved along its normal."""
    return replace(plane, origin=plane.origin + distance * plane.normal) if distance else plane


def _mark(mask: NDArray[np.bool_], region: Field, plane: Plane, *, goes: bool) -> None:
    """Set the pixels of a slice that lie in a region, looking at a box around it only."""
    area = _crossing(plane, *region.box) if region.box else None
    if area is None:
        return
    # Fields are smooth: blocks of pixels as large as the distance of their points share one answer.
    steps = (plane.row_step, plane.column_step)
    down, across = (max(int(region.grid.step / np.linalg.norm(step)), 1) for step in steps)
    rows = np.arange(area[0].start, area[0].stop, down) + (down - 1) / 2
    columns = np.arange(area[1].start, area[1].stop, across) + (across - 1) / 2
    points = (
        plane.origin[:, None, None]
        + plane.row_step[:, None, None] * rows[None, :, None]
        + plane.column_step[:, None, None] * columns[None, None, :]
    )
    inside = region.inside(points).repeat(down, axis=0).repeat(across, axis=1)
    part = mask[area]
    part[inside[: part.shape[0], : part.shape[1]]] = goes


def _crossing(plane: Plane, low: NDArray[np.float64], high: NDArray[np.float64]) -> tuple[slice, slice] | None:
    """Rows and columns of a slice that hold all of its pixels in a box; None where it misses the box."""
    corners = np.array([[(low, high)[bit >> axis & 1][axis] for axis in range(3)] for bit in range(8)])
    heights = (corners - plane.origin) @ plane.normal
    if heights.min() > 0 or heights.max() < 0:
        return None
    steps = np.column_stack([plane.row_step, plane.column_step])
    places = (corners - plane.origin) @ np.linalg.pinv(steps).T
    first = np.clip(np.floor(places.min(axis=0)).astype(int), 0, None)
    last = np.minimum(np.ceil(places.max(axis=0)).astype(int) + 1, (plane.rows, plane.columns))
    if (first >= last).any():
        return None
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1]))


def face_of(head: Head, *, ears: bool) -> Removal:
    """The face of a head, and its ears where asked."""
    grid = _refined_grid(head.grid)
    structures = [FACE, ORBITS, EARS] if ears else [FACE, ORBITS]
    found = _refined(head.fields.logits[structures].max(axis=0), grid)
    return Removal((Field(grid, np.maximum(found, beyond_plane(head, grid))),), (around_brain(head, MARGIN),))


def around_brain(head: Head, margin: float) -> Field:
    """The brain, one piece, and what lies within ``margin`` mm of it."""
    grid = _refined_grid(head.grid)
    brain = largest(_refined(head.fields.logits[BRAIN], grid) > 0)
    if not brain.any():
        return Field(grid, np.full(grid.shape, -_FAR, np.float32))
    return Field(grid, np.float32(margin) - _distance(brain, grid.step, margin))


def _distance(mask: NDArray[np.bool_], step: float, reach: float) -> NDArray[np.float32]:
    """Millimetres to the nearest voxel of a mask, 0 in all of it; far for what is well out of ``reach``."""
    spare = int(np.ceil(reach / step)) + 2
    found = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    box = tuple(slice(max(int(places[0]) - spare, 0), int(places[-1]) + spare + 1) for places in found)
    away = np.full(mask.shape, _FAR, np.float32)
    away[box] = np.minimum(ndimage.distance_transform_edt(~mask[box], sampling=step), _FAR)
    return away


def beyond_plane(head: Head, grid: Grid) -> NDArray[np.float32]:
    """How far each point of a grid lies beyond a plane of the face, in mm; negative behind both and below the chin."""
    depth = np.maximum.reduce([grid.along(plane.normal) - plane.offset for plane in face_planes(head)])
    low = grid.along(head.pose.matrix[2]) + (head.pose.offset[2] - _LOWEST)
    return np.asarray(np.clip(np.minimum(depth, low), -_FAR, _FAR), np.float32)


def _refined_grid(grid: Grid) -> Grid:
    x, y, z = ((count - 1) * _FINE + 1 for count in grid.shape)
    return Grid(grid.origin, grid.step / _FINE, (x, y, z))


def _refined(logits: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """Logits on a finer grid of the same extent, as a depth in mm."""
    factors = [fine / coarse for fine, coarse in zip(grid.shape, logits.shape, strict=True)]
    finer = ndimage.zoom(logits, factors, order=1, grid_mode=False)
    return np.asarray(np.clip(finer * np.float32(_MM_PER_LOGIT), -_FAR, _FAR), np.float32)
