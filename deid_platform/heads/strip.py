"""Skull-stripping: a second, finer look at the brain alone, and everything else goes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.heads.finding import Head, largest
from deid_platform.heads.grid import Grid, Reduced, normalised
from deid_platform.heads.net import BRAIN, Net
from deid_platform.heads.removal import Field, Removal, around_brain

STEP = 2.0
"""Millimetres between points of the second look."""
RIM = 1.5
"""Millimetres around the brain that stay: the edge of the cortex is never cut."""
_MULTIPLE = 16  # of the net's sizes
_AROUND = 8.0  # mm around the brain that are looked at
_MOST = 144  # points along an axis: a brain is 190 mm long


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
    count = np.minimum(np.ceil((high - low) / STEP / _MULTIPLE).astype(int) * _MULTIPLE, _MOST)
    grid = Grid.around((low + high) / 2, STEP, (int(count[0]), int(count[1]), int(count[2])))
    volume, inside = reduced.on(grid)
    logits = net.fields(normalised(volume, inside)).logits[BRAIN]
    return Field(grid, _depth(largest(logits > 0)))


def _depth(brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Positive in the brain and its rim, in mm; the boundary lies midway between points inside and outside."""
    away = ndimage.distance_transform_edt(~brain, sampling=STEP)
    within = ndimage.distance_transform_edt(brain, sampling=STEP)
    return np.asarray(RIM + np.where(brain, within - STEP / 2, STEP / 2 - away), np.float32)
