"""What takes the place of what is removed: the volume's own air, flat or with its own noise.

The values come from where no head is, and are dealt out by a generator that starts from the geometry alone, so nothing
of what was removed can be told from them, and the same input gives the same bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.heads.finding import Head
from deid_platform.heads.grid import Grid
from deid_platform.heads.net import WHOLE
from deid_platform.heads.stack import Stack

_SLICES, _VALUES = 9, 64
_CLEAR = 20.0  # mm from the head from which on there is air
_AIR_HU = -1000.0
_QUANTILES = (np.arange(_VALUES) + 0.5) / _VALUES


def air_of(stack: Stack, head: Head, *, noise: bool) -> NDArray[np.float32]:
    """Values to fill with: one, or the quantiles of the noise of air, in the units of the stack's samples."""
    found = _air_samples(stack, head)
    if not len(found):
        found = np.array([_AIR_HU if stack.modality == "CT" else _darkest(stack)], np.float32)
    if noise:
        return np.quantile(found, _QUANTILES).astype(np.float32)
    return np.array([np.median(found)], np.float32)


def dealt(values: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    """``count`` values; several are dealt by a generator started with ``seed``."""
    if len(values) == 1:
        return np.repeat(values, count)
    return values[np.random.default_rng(seed).integers(0, len(values), count)]


def _air_samples(stack: Stack, head: Head) -> NDArray[np.float32]:
    """Samples of the darker half of what lies well outside of the head, from some slices."""
    near = ndimage.binary_dilation(head.fields.logits[WHOLE] > 0, iterations=int(_CLEAR / head.grid.step))
    taken: list[NDArray[np.float32]] = []
    for number in sorted({round(n) for n in np.linspace(0, len(stack) - 1, _SLICES)}):
        samples = stack.read(number)[::3, ::3]
        outside = _outside(stack, number, head.grid, near)
        taken.append(samples[outside & np.isfinite(samples)])
    found = np.concatenate(taken) if taken else np.empty(0, np.float32)
    if stack.modality == "CT":  # neither what pads the circle of reconstruction nor the table
        found = found[abs(found - _AIR_HU) < 100]
    return np.asarray(found[found <= np.median(found)] if len(found) else found, np.float32)


def _outside(stack: Stack, number: int, grid: Grid, near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether every third pixel of every third row lies on the grid, away from the head."""
    plane = stack.plane_of(number)
    rows, columns = np.arange(0, plane.rows, 3), np.arange(0, plane.columns, 3)
    points = (
        plane.origin[:, None, None]
        + plane.row_step[:, None, None] * rows[None, :, None]
        + plane.column_step[:, None, None] * columns[None, None, :]
    )
    index = np.rint(grid.indices(points)).astype(int)
    on_grid = ((index >= 0) & (index < np.array(grid.shape).reshape(3, 1, 1))).all(axis=0)
    x, y, z = np.where(on_grid, index, 0)
    return np.asarray(on_grid & ~near[x, y, z])


def _darkest(stack: Stack) -> float:
    """The lowest sample of the middle slice."""
    samples = stack.read(len(stack) // 2)
    return float(samples[np.isfinite(samples)].min(initial=0))
