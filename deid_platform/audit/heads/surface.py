"""The surface of a head as who stands before it sees it: how deep it lies, from the front and from both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.audit.heads.average import Registered
from deid_platform.audit.heads.proof import tissue_level
from deid_platform.audit.heads.volumes import Volume

STEP = 2.0
"""Millimetres between the points of a view, in the head frame."""
ANGLES = (-40.0, 0.0, 40.0)
"""Degrees to the right of the front from which a head is seen."""
_ACROSS, _ALONG, _UP = (-96.0, 96.0), (-60.0, 152.0), (-138.0, 96.0)
DEEPEST = _ALONG[1] - _ALONG[0]
"""Depth of the box that is looked at, mm."""
_TURN = 20.0  # mm in front of the origin: about which a head is turned to be seen obliquely


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """How deep the surface lies before and after, from one angle.

    Millimetres of the head frame behind the front of the box that is looked at, shape (x, z), right and up; NaN where
    nothing is.
    """

    angle: float
    before: NDArray[np.float32]
    after: NDArray[np.float32]


def views(volume: Volume, found: Registered) -> list[View]:
    """See both sides of a volume from all of :data:`ANGLES`."""
    level = tissue_level(volume)
    return [_view(volume, found, angle, level) for angle in ANGLES]


def uncleaned(seen: Sequence[View]) -> list[View]:
    """The same views, as if nothing had been removed."""
    return [replace(view, after=view.before) for view in seen]


def _view(volume: Volume, found: Registered, angle: float, level: float) -> View:
    axes = [np.arange(low, high, STEP) + STEP / 2 for low, high in (_ACROSS, _ALONG, _UP)]
    x, y, z = np.meshgrid(axes[0], axes[1][::-1], axes[2], indexing="ij")
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    ahead = y - _TURN
    points = np.stack([cosine * x + sine * ahead, cosine * ahead - sine * x + _TURN, z])
    before, after, _, scanned = volume.at(found.to_patient(points))
    return View(angle, *(_depth(np.where(scanned, side, -np.inf), level) for side in (before, after)))


def _depth(values: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """Where the first tissue begins, shape (x, z), between the points by their values; specks of noise do not count."""
    solid = ndimage.binary_opening(values > level)
    first = np.maximum(solid.argmax(axis=1), 1)[:, None]
    inside, outside = (np.take_along_axis(values, first - back, axis=1)[:, 0] for back in (0, 1))
    outside = np.where(np.isfinite(outside), outside, level)  # the field of view ends here
    share = np.clip((inside - level) / np.maximum(inside - outside, 1e-6), 0, 1)
    return np.asarray(np.where(solid.any(axis=1), (first[:, 0] - share) * STEP, np.nan), np.float32)
