"""The pose of a head: the affine way from the patient's millimetres into the head frame.

The net tells for each voxel of a head where it would lie in an average one. Thousands of such answers fix twelve
numbers so well that much of a head may be missing, tilted or bent by the scanner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deid_platform.heads.grid import Grid
from deid_platform.heads.net import WHOLE, Fields

_ROUNDS, _DOUBT = 6, 8.0  # reweightings, and mm from which on an answer counts half or less
_FEWEST = 200


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """``matrix`` (3, 3) and ``offset`` (3,) lead from RAS mm to the head frame; ``residual`` is a median in mm."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    residual: float

    @property
    def scales(self) -> NDArray[np.float64]:
        """How much the average head is larger than this one, along three directions; the largest first."""
        return np.asarray(np.linalg.svd(self.matrix, compute_uv=False))

    def to_head(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Head-frame coordinates of points of shape (3, ...)."""
        offset = self.offset.reshape(3, *[1] * (points.ndim - 1))
        return np.asarray(np.tensordot(self.matrix, points, 1) + offset)

    def to_patient(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """RAS mm of one point of the head frame."""
        return np.asarray(np.linalg.solve(self.matrix, point - self.offset))


def pose_of(fields: Fields, grid: Grid) -> Pose | None:
    """The pose of the head that ``fields`` show on ``grid``; None where there is too little of one."""
    chance = 1 / (1 + np.exp(-fields.logits[WHOLE]))
    x, y, z = (count // 2 * 2 for count in chance.shape)
    weights = chance[:x, :y, :z].reshape(x // 2, 2, y // 2, 2, z // 2, 2).mean(axis=(1, 3, 5))
    chosen = weights > 0.5
    if chosen.sum() < _FEWEST:
        return None
    points = grid.halved().points()[:, chosen].T
    targets = fields.where[:, chosen].T.astype(np.float64)
    return _fitted(points, targets, weights[chosen].astype(np.float64))


def _fitted(points: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]) -> Pose:
    """Least squares, reweighted so that outliers do not count (Geman and McClure)."""
    known = np.column_stack([points, np.ones(len(points))])
    trust = weights.copy()
    solution, apart = np.zeros((4, 3)), np.zeros(len(points))
    for _ in range(_ROUNDS):
        root = np.sqrt(trust)[:, None]
        solution = np.linalg.lstsq(known * root, targets * root, rcond=None)[0]
        apart = np.linalg.norm(known @ solution - targets, axis=1)
        trust = weights / (1 + (apart / _DOUBT) ** 2) ** 2
    return Pose(solution[:3].T, solution[3], float(np.median(apart)))
