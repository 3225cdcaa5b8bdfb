"""Whether a stack holds a head, and where: decided by what it shows, not by what its header says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.heads.bodies import BELOW_VERTEX, coarse, cores
from deid_platform.heads.frame import Pose, pose_of
from deid_platform.heads.grid import Grid, Reduced, normalised
from deid_platform.heads.net import BRAIN, EARS, FACE, ORBITS, WHOLE, Fields, Net

STEP, SHAPE = 3.6, (64, 80, 80)
"""The grid of the first look: 230 x 288 x 288 mm."""
ANCHOR = np.array([0.0, 0.0, -20.0])
"""The point of the head frame that is best in the middle of the grid."""
_STRIDE = 120.0  # mm between looks at what is longer than a head
_MOST_LOOKS = 14
_MOST_BESIDE = 8  # looks at bodies beside those the looks from the top down met
_APART, _LEVEL = 80.0, 150.0  # mm from which on heads lie beside each other, and up to which on one level
_BESIDE = 30.0  # mm from places looked at already, from which on another look may show more
_AGAIN = 12.0  # mm from the middle of the grid from which on a head is looked at again
# What makes a head. A millilitre is a cubic centimetre.
_LEAST_HEAD, _LEAST_BRAIN, _LEAST_FACE = 250.0, 120.0, 25.0
_WORST_RESIDUAL = 16.0
_SCALES = (0.55, 1.9)
_ML = 1000.0


class Content(StrEnum):
    """What a stack shows."""

    NO_HEAD = "no_head"
    HEAD = "head"
    UNCLEAR = "unclear"
    """Something of a head, but its pose cannot be told; or several heads."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head in patient space: what the net sees on ``grid``, the pose, and volumes in ml."""

    grid: Grid
    fields: Fields
    pose: Pose
    inside: NDArray[np.bool_]
    brain_ml: float
    face_ml: float
    has_face: bool

    def brain(self) -> NDArray[np.bool_]:
        """The brain on the grid: one piece."""
        return largest(self.fields.logits[BRAIN] > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What was found, and the best head if there is one."""

    content: Content
    head: Head | None = None


def find_head(reduced: Reduced, net: Net) -> Look:
    """Look for a head from the top down, at most :data:`_MOST_LOOKS` times, and then at bodies beside these places.

    Two heads in one volume are unclear: what is removed follows one of them.
    """
    grid, solid = coarse(reduced)
    best: Head | None = None
    unclear = False
    tried: list[NDArray[np.float64]] = []
    for centre in _centres(reduced, solid, grid):
        tried.append(centre)
        head, doubtful = _look(reduced, net, centre)
        unclear |= doubtful
        if head is not None and (best is None or _evidence(head) > _evidence(best)):
            best = head
        if best is not None and best.brain_ml > 600:
            break
    if _has_several(reduced, net, best, list(cores(grid, solid, tried, _BESIDE))[:_MOST_BESIDE]):
        return Look(Content.UNCLEAR)
    if best is None:
        return Look(Content.UNCLEAR if unclear else Content.NO_HEAD)
    return Look(Content.HEAD, _centred(reduced, net, best))


def _has_several(reduced: Reduced, net: Net, best: Head | None, bodies: Sequence[NDArray[np.float64]]) -> bool:
    """Whether there are heads beside each other; each body is looked at as if the others were not there.

    One body that passes for a head, where the looks from the top down saw none, is none: so may a belly or a thigh.
    """
    heads = [best] if best is not None else []
    for centre in bodies:
        if best is not None and not _beside(centre, best.pose.to_patient(ANCHOR)):
            continue
        others = [one for one in bodies if one is not centre]
        others += [best.pose.to_patient(ANCHOR)] if best is not None else []
        head, _ = _look(reduced, net, centre, others)
        if head is None:
            continue
        place = head.pose.to_patient(ANCHOR)
        if any(_beside(place, one.pose.to_patient(ANCHOR)) for one in heads):
            return True
        heads.append(head)
    return False


def _evidence(head: Head) -> float:
    return head.brain_ml + 4 * head.face_ml


def _beside(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether two places are those of heads beside each other; below a head hang its neck and a trunk."""
    x, y, z = one - other
    return bool(np.hypot(x, y) > _APART and abs(z) < _LEVEL)


def _centres(reduced: Reduced, solid: NDArray[np.bool_], grid: Grid) -> Iterator[NDArray[np.float64]]:
    """Middles of grids to look at: below what may be a vertex, then lower and lower."""
    low, high = reduced.corners().min(axis=0), reduced.corners().max(axis=0)
    tops = np.argwhere(solid.sum(axis=(0, 1)) > 12)
    top = low[2] + grid.step * float(tops.max()) if len(tops) else high[2]
    tried = 0
    height = min(top - BELOW_VERTEX, high[2])
    while tried < _MOST_LOOKS:
        yield np.array([*_middle(solid, grid, height), height])
        tried += 1
        if tried == 1 and high[2] - low[2] < _STRIDE:
            # Too short for a head: it may be cut off above as well as below.
            yield np.array([*_middle(solid, grid, (low[2] + high[2]) / 2), (low[2] + high[2]) / 2])
            tried += 1
        height -= _STRIDE
        if height < low[2] - _STRIDE / 2:
            return


def _middle(solid: NDArray[np.bool_], grid: Grid, height: float) -> tuple[float, float]:
    """The middle of what is solid within 10 cm of a height."""
    heights = grid.origin[2] + grid.step * np.arange(grid.shape[2])
    flat = solid[:, :, abs(heights - height) < 100].any(axis=2)
    places = np.argwhere(flat if flat.any() else solid.any(axis=2))
    middle = np.median(places, axis=0) * grid.step + grid.origin[:2]
    return float(middle[0]), float(middle[1])


def _look(
    reduced: Reduced, net: Net, centre: NDArray[np.float64], others: Sequence[NDArray[np.float64]] = ()
) -> tuple[Head | None, bool]:
    """The head on a grid, and whether there is something of one that cannot be placed.

    Of bodies with middles at ``others`` nothing is seen: the net knows one head at a time.
    """
    grid = Grid.around(centre, STEP, SHAPE)
    volume, inside = reduced.on(grid)
    volume = normalised(volume, inside)
    for other in others:
        way = other - centre
        volume[grid.along(way) > way @ (centre + other) / 2] = 0
    present = net.presence(volume)
    if not present.head:
        return None, False
    fields = net.fields(volume)
    seen = fields.logits > 0
    seen &= inside
    ml = seen.reshape(len(seen), -1).sum(axis=1) * STEP**3 / _ML
    some = ml[WHOLE] >= _LEAST_HEAD and (ml[BRAIN] >= _LEAST_BRAIN or ml[FACE] + ml[ORBITS] + ml[EARS] >= _LEAST_FACE)
    if not some:
        return None, False
    pose = pose_of(fields, grid)
    if pose is None or pose.residual > _WORST_RESIDUAL or not _is_head(pose):
        return None, True
    return Head(grid, fields, pose, inside, float(ml[BRAIN]), float(ml[FACE]), present.face), False


def _is_head(pose: Pose) -> bool:
    scales = pose.scales
    return bool(np.linalg.det(pose.matrix) > 0 and scales[-1] > _SCALES[0] and scales[0] < _SCALES[1])


def _centred(reduced: Reduced, net: Net, head: Head) -> Head:
    """The same head, looked at again where its anchor is not near the middle of the grid."""
    middle = head.grid.origin + head.grid.step * (np.array(head.grid.shape) - 1) / 2
    anchor = head.pose.to_patient(ANCHOR)
    if np.linalg.norm(anchor - middle) < _AGAIN:
        return head
    again, _ = _look(reduced, net, anchor)
    return again if again is not None and _evidence(again) > 0.7 * _evidence(head) else head


def largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected piece, with its holes filled."""
    pieces, count = ndimage.label(mask)
    if count < 1:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return np.asarray(ndimage.binary_fill_holes(pieces == sizes.argmax()))
