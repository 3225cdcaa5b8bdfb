"""The plane of a face: what separates it from the rest of its head, however that is tilted.

The net was taught that a face is all that lies in front of a plane from brow to jaw angle. The plane that best
separates what it calls face from what it calls the rest of the head therefore is that plane. Thousands of voxels fix
it, so it holds where single ones are wrong. It is then moved to where this head's own brain begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deid_platform.heads.finding import Head
from deid_platform.heads.net import FACE, WHOLE

_PITCH = np.deg2rad(38.0)
_USUAL = np.array([0.0, np.cos(_PITCH), -np.sin(_PITCH)])
"""Normal of the plane in the head frame."""
_USUAL_OFFSET = 61.0  # mm of the head frame
_FEWEST = 400  # voxels of face, about 20 ml
_MOST_TURNED = np.deg2rad(60.0)
# Millimetres: how far beyond the brain the plane lies, and how far it may be moved from where the net saw it.
_BEYOND_BRAIN, _BACK, _FORTH = 4.0, 7.0, 2.0
_QUANTILE = 0.995
_ROUNDS, _RIDGE, _SCALE = 12, 1e-3, 50.0
_VOXELS = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class FacePlane:
    """All points p with ``normal`` . p > ``offset`` lie in front of it; RAS mm, the normal has length 1."""

    normal: NDArray[np.float64]
    offset: float


def face_planes(head: Head) -> list[FacePlane]:
    """The plane of a head's face as the net sees it, and as its pose has it: what lies before either goes."""
    seen = head.fields.logits[WHOLE] > 0
    seen &= head.inside
    points = head.grid.points()[:, seen].T
    face = head.fields.logits[FACE][seen] > 0
    usual = _usual(head)
    planes = [usual]
    if _FEWEST <= face.sum() <= len(face) - _FEWEST:
        own = _separating(points, face)
        planes += [own] if own.normal @ usual.normal >= np.cos(_MOST_TURNED) else []
    brain = head.brain()
    return [_before(plane, head.grid.points()[:, brain]) for plane in planes] if brain.any() else planes


def _before(plane: FacePlane, brain: NDArray[np.float64]) -> FacePlane:
    """A plane moved to just before the brain, but not far from where it was."""
    edge = float(np.quantile(plane.normal @ brain, _QUANTILE)) + _BEYOND_BRAIN
    return FacePlane(plane.normal, float(np.clip(edge, plane.offset - _BACK, plane.offset + _FORTH)))


def _usual(head: Head) -> FacePlane:
    """Where the plane of an average head lies, by the pose of this one."""
    normal = head.pose.matrix.T @ _USUAL
    length = float(np.linalg.norm(normal))
    return FacePlane(normal / length, (_USUAL_OFFSET - float(_USUAL @ head.pose.offset)) / length)


def _separating(points: NDArray[np.float64], face: NDArray[np.bool_]) -> FacePlane:
    """Logistic regression by Newton's method, with a trace of ridge so that it ends where the classes do not mix."""
    every = max(len(points) // _VOXELS, 1)
    middle = points.mean(axis=0)
    known = np.column_stack([(points[::every] - middle) / _SCALE, np.ones(len(points[::every]))])
    truth = face[::every].astype(np.float64)
    weights = np.zeros(4)
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(known @ weights, -30, 30)))
        slope = known.T @ (chance - truth) / len(known) + _RIDGE * weights
        curve = (known * (chance * (1 - chance))[:, None]).T @ known / len(known) + _RIDGE * np.eye(4)
        weights -= np.linalg.solve(curve, slope)
    normal, length = weights[:3] / np.linalg.norm(weights[:3]), float(np.linalg.norm(weights[:3]))
    return FacePlane(normal, float(normal @ middle) - weights[3] / length * _SCALE)
