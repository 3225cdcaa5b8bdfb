"""Skull-stripping: a second, finer look at the brain alone, by a net that knows nothing else, and the rest goes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.heads.finding import Head, largest
from deid_platform.heads.grid import Grid, Reduced, normalised
from deid_platform.heads.net import Net
from deid_platform.heads.removal import Field, Removal, around_brain

STEP = 2.2
"""Millimetres between points of the second look: what the net was trained on."""
RIM = 1.5
"""Millimetres around the brain that stay, so that its edge is not cut where the net is nearly right."""
_SIZE = np.array([96, 112, 96])  # points that hold a brain and what tells it from the rest
_MULTIPLE, _MOST = 16, 128  # of points along an axis
_UNSURE = -1.0  # logit from which on a place counts as brain: what is cut off is lost, what stays too much is not
_AROUND = 8.0  # mm around the brain that are looked at
_WINDOW = -50.0, 150.0  # Hounsfield units: brain is grey, bone is white, fat and air are black


def brain_only(reduced: Reduced, head: Head, net: Net) -> Removal:
    """Everything but the brain goes. ``reduced`` is what ``head`` was found in."""
    brain = fine_brain(reduced, head, net)
    kept = around_brain(head, RIM) if brain is None else brain
    return Removal((), (kept,), everything=True)


def fine_brain(reduced: Reduced, head: Head, net: Net) -> Field | None:
    """The brain as the second look sees it, with its rim; None where the first saw none."""
    places = np.argwhere(head.brain())
    if not len(places):
        return None
    low = head.grid.origin + head.grid.step * places.min(axis=0) - _AROUND
    high = head.grid.origin + head.grid.step * places.max(axis=0) + _AROUND
    wanted = np.ceil((high - low) / STEP / _MULTIPLE).astype(int) * _MULTIPLE
    count = np.clip(wanted, _SIZE, _MOST)
    grid = Grid.around((low + high) / 2, STEP, (int(count[0]), int(count[1]), int(count[2])))
    volume, inside = reduced.on(grid)
    shown = np.clip(volume, *_WINDOW) if reduced.ct else volume
    return Field(grid, _depth(largest(net.brain(normalised(shown, inside)) > _UNSURE)))


def _depth(brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Positive in the brain and its rim, in mm; the boundary lies midway between points inside and outside."""
    away = ndimage.distance_transform_edt(~brain, sampling=STEP)
    within = ndimage.distance_transform_edt(brain, sampling=STEP)
    return np.asarray(RIM + np.where(brain, within - STEP / 2, STEP / 2 - away), np.float32)
