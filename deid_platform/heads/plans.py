"""Series as stacks of parallel slices, whichever way their objects hold them.

One stack is what a scanner took in one go: the frames of one series with the same size, direction and pixel spacing. Of
frames at the same place (time series, echoes, diffusion directions) the first stands for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.heads.stack import Plane

FEWEST = 8
"""Slices from which on a stack shows a volume."""
SHORTEST = 45.0
"""Millimetres from the first to the last slice from which on it does: less holds no face."""
_SAME_PLACE = 0.05  # mm
_DIGITS = 3


@dataclass(frozen=True, slots=True, eq=False)
class ItemPlanes:
    """The frames of one object in patient space.

    Attributes
    ----------
    series, frame_of_reference
        UIDs as they stand in the file; empty where they are missing.
    origins
        Shape (frames, 3), RAS mm of the first pixel; empty where the object has no place in the patient.
    row_step, column_step
        Shape (frames, 3), RAS mm to the pixel below and to the one at the right.
    slopes, intercepts
        Shape (frames,): stored values times slope plus intercept are the values of the modality.
    tiled
        Whether it is a mosaic of slices, which have places of their own.
    side
        Of a mosaic that could be unfolded, its tiles a side: ``rows``, ``columns`` and all that stands by frame are of
        its tiles then, row by row, while ``frames`` counts what the file holds. 0 for all others.
    rendered, projected
        Whether the header says that it shows a surface, or a projection of many slices.
    captured
        Whether it is a picture made from images of another series: what that shows only its pixels tell.
    loose
        Whether it is a capture of no certain origin: of a document as often as of a surface.
    elsewhere
        Whether the header names a part of the body from which no face can be seen, and no head.
    headed
        Whether a word of the header tells of a head or a neck.
    """

    series: str
    frame_of_reference: str
    modality: str
    rows: int
    columns: int
    frames: int
    thickness: float
    origins: NDArray[np.float64] = field(repr=False)
    row_steps: NDArray[np.float64] = field(repr=False)
    column_steps: NDArray[np.float64] = field(repr=False)
    slopes: NDArray[np.float64] = field(repr=False)
    intercepts: NDArray[np.float64] = field(repr=False)
    tiled: bool = False
    side: int = 0
    rendered: bool = False
    projected: bool = False
    captured: bool = False
    loose: bool = False
    elsewhere: bool = False
    headed: bool = False

    @property
    def pictured(self) -> bool:
        """Whether it may be a picture of a head from outside."""
        return self.rendered or self.projected or self.captured

    @property
    def hidden(self) -> bool:
        """Whether it is a mosaic that could not be unfolded."""
        return self.tiled and not self.side

    @property
    def placed(self) -> bool:
        """Whether the object has a place in the patient."""
        return len(self.origins) > 0

    def tile(self, number: int) -> tuple[slice, slice]:
        """Rows and columns of a mosaic that hold a slice."""
        down, across = divmod(number, self.side)
        return (
            slice(down * self.rows, (down + 1) * self.rows), slice(across * self.columns, (across + 1) * self.columns)
        )  # fmt: skip

    def plane(self, frame: int) -> Plane:
        """Where a frame lies."""
        return Plane(self.rows, self.columns, self.origins[frame], self.row_steps[frame], self.column_steps[frame])


@dataclass(frozen=True, slots=True)
class FrameOf:
    """One frame of one item."""

    item: str
    frame: int


@dataclass(frozen=True, slots=True, eq=False)
class StackPlan:
    """The frames of a stack in the order of their places, and the planes of their items."""

    frames: tuple[FrameOf, ...]
    planes: Mapping[str, ItemPlanes]

    @property
    def first(self) -> ItemPlanes:
        """The item of the first slice."""
        return self.planes[self.frames[0].item]

    def origins(self) -> NDArray[np.float64]:
        """Shape (slices, 3), RAS mm."""
        return np.array([self.planes[one.item].origins[one.frame] for one in self.frames])

    @property
    def shows_a_volume(self) -> bool:
        """Whether there are slices enough, over a length, to show the surface of a body."""
        origins = self.origins()
        return len(origins) >= FEWEST and float(np.linalg.norm(origins[-1] - origins[0])) >= SHORTEST

    @property
    def items(self) -> list[str]:
        """The items the frames come from, each once."""
        return list(dict.fromkeys(one.item for one in self.frames))


def stacks_of(planes: Mapping[str, ItemPlanes]) -> list[StackPlan]:
    """Sort the frames of items that share a Frame of Reference into stacks, the largest first."""
    groups: dict[tuple[Any, ...], list[FrameOf]] = defaultdict(list)
    for item in sorted(planes):
        own = planes[item]
        if own.placed and not (own.hidden or own.pictured):
            for frame in range(len(own.origins)):
                groups[_alike(own, frame)].append(FrameOf(item, frame))
    plans = [_sorted(group, planes) for _, group in sorted(groups.items(), key=lambda pair: str(pair[0]))]
    return sorted(plans, key=lambda plan: -len(plan.frames))


def _alike(own: ItemPlanes, frame: int) -> tuple[Any, ...]:
    """What frames of one stack have in common."""
    steps = np.concatenate([own.row_steps[frame], own.column_steps[frame]])
    return own.series, own.rows, own.columns, own.modality, tuple(np.round(steps, _DIGITS).tolist())


def _sorted(group: Sequence[FrameOf], planes: Mapping[str, ItemPlanes]) -> StackPlan:
    """By their place along the normal; of those at one place the first."""
    normal = planes[group[0].item].plane(group[0].frame).normal
    heights = np.array([planes[one.item].origins[one.frame] @ normal for one in group])
    kept: list[FrameOf] = []
    last = -np.inf
    for number in np.argsort(heights, kind="stable").tolist():
        if heights[number] - last > _SAME_PLACE:
            kept.append(group[number])
            last = float(heights[number])
    return StackPlan(tuple(kept), planes)
