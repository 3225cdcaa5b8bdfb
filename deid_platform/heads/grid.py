"""Regular grids in patient space, and the slices of a stack brought onto them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.heads.stack import Plane, Stack, Vector

READ_STEP = 1.8
"""Millimetres to which slices are averaged while they are read: finer detail is not needed to tell tissues apart."""
# Hounsfield units. Below air lies padding, above bone metal.
_CT_RANGE = (-1000.0, 2000.0)
_LOW, _HIGH, _MOST = 1.0, 99.5, 1.5  # percentiles that become 0 and 1, and the largest value

Volume = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A grid along the patient's axes: ``origin`` is its first point in RAS mm, ``step`` the distance of neighbours."""

    origin: Vector
    step: float
    shape: tuple[int, int, int]

    @classmethod
    def around(cls, centre: Vector, step: float, shape: tuple[int, int, int]) -> Grid:
        """The grid whose middle is ``centre``."""
        return cls(np.asarray(centre - step * (np.array(shape) - 1) / 2), step, shape)

    def points(self) -> NDArray[np.float64]:
        """Shape (3, x, y, z), RAS mm."""
        axes = [self.origin[axis] + self.step * np.arange(count) for axis, count in enumerate(self.shape)]
        return np.stack(np.meshgrid(*axes, indexing="ij"))

    def along(self, direction: NDArray[np.float64]) -> NDArray[np.float64]:
        """``direction`` . p for every point p, shape (x, y, z), without making the points."""
        x, y, z = (
            direction[axis] * (self.origin[axis] + self.step * np.arange(count))
            for axis, count in enumerate(self.shape)
        )
        return np.asarray(x[:, None, None] + y[:, None] + z)

    def halved(self) -> Grid:
        """The grid of the means of eight points each."""
        x, y, z = self.shape
        return Grid(self.origin + self.step / 2, 2 * self.step, (x // 2, y // 2, z // 2))

    def indices(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points of shape (3, ...) lie, in steps from the first one."""
        return np.asarray((points - self.origin.reshape(3, *[1] * (points.ndim - 1))) / self.step)


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """A stack averaged to about :data:`READ_STEP`: small enough to be held, fine enough for all that is decided.

    ``values`` has shape (slices, rows, columns); ``plane`` is the reduced pixel grid of the first slice, ``origins``
    holds the centres of first pixels, shape (slices, 3); ``span`` is the distance covered by one slice in mm.
    """

    values: Volume
    plane: Plane
    origins: NDArray[np.float64]
    span: float
    ct: bool

    def corners(self) -> NDArray[np.float64]:
        """The outermost pixel centres, shape (8, 3)."""
        plane = self.plane
        down, across = plane.row_step * (plane.rows - 1), plane.column_step * (plane.columns - 1)
        ends = (self.origins[0], self.origins[-1])
        return np.array([end + a * down + b * across for end in ends for a in (0, 1) for b in (0, 1)])

    def on(self, grid: Grid) -> tuple[Volume, NDArray[np.bool_]]:
        """Values on a grid, 0 where nothing was scanned; and where something was."""
        normal = self.plane.normal
        heights = (self.origins - self.origins[0]) @ normal
        values = np.zeros(grid.shape, np.float32)
        inside = np.zeros(grid.shape, np.bool_)
        points = grid.points()
        for layer in range(grid.shape[0]):  # a layer at a time: coordinates take more memory than values
            index = self._indices(points[:, layer], normal, heights)
            last = np.array(self.values.shape).reshape(3, 1, 1) - 1
            near = self.span / max(np.median(np.diff(heights)) if len(heights) > 1 else self.span, 1e-6)
            margin = np.array([0.5 * max(near, 1.0), 0.5, 0.5]).reshape(3, 1, 1)
            within = ((index > -margin) & (index < last + margin)).all(axis=0)
            sampled = ndimage.map_coordinates(self.values, index, order=1, mode="nearest")
            values[layer], inside[layer] = np.where(within, sampled, 0), within
        return values, inside

    def _indices(
        self, points: NDArray[np.float64], normal: Vector, heights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Slice, row and column of points of shape (3, ...), as fractions."""
        relative = points - self.origins[0].reshape(3, 1, 1)
        height = np.tensordot(normal, relative, 1)
        numbers = np.arange(len(heights), dtype=np.float64)
        slices = np.interp(height, heights, numbers) if len(heights) > 1 else np.zeros_like(height)
        step = float(np.median(np.diff(heights))) if len(heights) > 1 else self.span
        slices = np.where(height < heights[0], (height - heights[0]) / step, slices)
        slices = np.where(height > heights[-1], numbers[-1] + (height - heights[-1]) / step, slices)
        shifts = np.stack([np.interp(slices, numbers, (self.origins - self.origins[0])[:, axis]) for axis in range(3)])
        # Row and column steps need not be at right angles to each other for this to hold.
        steps = np.stack([self.plane.row_step, self.plane.column_step])
        rows_columns = np.linalg.pinv(steps.T) @ (relative - shifts).reshape(3, -1)
        return np.stack([slices, *rows_columns.reshape(2, *height.shape)])


def reduce_stack(stack: Stack, step: float = READ_STEP) -> Reduced:
    """Read all slices of a stack once, averaging blocks of pixels, and neighbouring slices where they lie close."""
    plane = stack.plane
    down = max(int(step / np.linalg.norm(plane.row_step) + 0.25), 1)
    across = max(int(step / np.linalg.norm(plane.column_step) + 0.25), 1)
    heights = (stack.origins - stack.origins[0]) @ plane.normal
    spacing = float(np.median(np.diff(heights))) if len(stack) > 1 else stack.thickness or 1.0
    together = max(int(step / max(spacing, 1e-3) + 0.25), 1)
    rows, columns = plane.rows // down, plane.columns // across
    shift = (down - 1) / 2 * plane.row_step + (across - 1) / 2 * plane.column_step
    groups = [range(first, min(first + together, len(stack))) for first in range(0, len(stack), together)]
    values = np.zeros((len(groups), rows, columns), np.float32)
    for number, group in enumerate(groups):
        for index in group:
            values[number] += _blocks(_finite(stack.read(index)), down, across) / len(group)
    ct = stack.modality == "CT"
    if ct:
        np.clip(values, *_CT_RANGE, out=values)
    origins = np.array([stack.origins[list(group)].mean(axis=0) + shift for group in groups])
    reduced = Plane(rows, columns, origins[0], plane.row_step * down, plane.column_step * across)
    return Reduced(values, reduced, origins, max(spacing * together, stack.thickness), ct)


def _finite(samples: Volume) -> Volume:
    return samples if np.isfinite(samples).all() else np.nan_to_num(samples, nan=0, posinf=0, neginf=0)


def _blocks(samples: Volume, down: int, across: int) -> Volume:
    rows, columns = samples.shape[0] // down * down, samples.shape[1] // across * across
    shape = (rows // down, down, columns // across, across)
    return np.asarray(samples[:rows, :columns].reshape(shape).mean(axis=(1, 3), dtype=np.float32))


def normalised(volume: Volume, inside: NDArray[np.bool_]) -> Volume:
    """What the net takes: percentiles become 0 and 1, what was not scanned is as dark as air."""
    if not inside.any():
        return np.zeros(volume.shape, np.float32)
    filled = np.where(inside, volume, np.percentile(volume[inside], _LOW))
    low, high = np.percentile(filled[::2, ::2, ::2], [_LOW, _HIGH])
    return np.asarray(np.clip((filled - low) / max(high - low, 1e-6), 0, _MOST), np.float32)
