"""From the stacks of one Frame of Reference to what goes of the head in each of its images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import DeidError
from deid_platform.heads.filling import air_of
from deid_platform.heads.finding import Content, Head, find_head
from deid_platform.heads.grid import reduce_stack
from deid_platform.heads.net import Net
from deid_platform.heads.plans import ItemPlanes, StackPlan, stacks_of
from deid_platform.heads.removal import Removal, face_of
from deid_platform.heads.stack import Stack
from deid_platform.heads.strip import brain_only
from deid_platform.model import HeadRule, Reason
from deid_platform.pixels.cleaning import HeadWork
from deid_platform.pixels.masks import Removed
from deid_platform.policy.heads import HeadOptions

Opener = Callable[[StackPlan], AbstractContextManager[Stack]]

_MOST_STACKS = 6
"""Stacks of a Frame of Reference that are looked at where they show a face: the largest show the most."""


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """What is to be done with the items of a Frame of Reference: work on some, and the reason to refuse others."""

    work: Mapping[str, HeadWork]
    refused: Mapping[str, Reason]


def decide(planes: Mapping[str, ItemPlanes], open_stack: Opener, net: Net, options: HeadOptions) -> Decided:
    """Look for heads in the stacks that ``planes`` make up, and say what goes of them in every item.

    A stack that cannot be read, or that shows something of a head whose pose cannot be told, refuses its items unless
    another stack of the Frame of Reference shows a face, which then goes from all of them. Where the largest stacks
    show none, all others are looked at, too.
    """
    plans = stacks_of(planes)
    volumes = [plan for plan in plans if plan.shows_a_volume]
    if not volumes:
        return _untouched(planes, HeadRule.TOO_FEW_SLICES)
    found: list[_Found] = []
    for plan in volumes:
        if len(found) >= _MOST_STACKS and any(one.removal is not None for one in found):
            break
        found.append(_Found.of(plan, open_stack, net, options))
    heads = [one for one in found if one.head is not None]
    unclear = {item: Reason.FACE_NOT_JUDGED for one in found if one.unclear for item in one.plan.items}
    if not heads:
        return _untouched(planes, HeadRule.NO_HEAD, unclear)
    with_face = [one for one in heads if one.removal is not None]
    if not with_face:
        return _untouched(planes, HeadRule.NO_FACE, unclear)
    hidden = {item: _why_hidden(own) for item, own in planes.items() if own.hidden or own.pictured}
    if options.faces == "quarantine":
        return Decided({}, dict.fromkeys(planes, Reason.FACE_HELD_BACK) | hidden)
    removal = reduce(or_, (one.removal for one in with_face if one.removal is not None))
    airs = _airs(plans, heads[0].head, open_stack, options)
    rule = HeadRule.BRAIN_KEPT if options.strips else HeadRule.FACE_REMOVED
    work = {
        item: HeadWork(str(rule), tuple(_frames(own, removal, airs.get(own.series))))
        for item, own in planes.items() if item not in hidden
    }  # fmt: skip
    return Decided(work, hidden)


def _untouched(
    planes: Mapping[str, ItemPlanes], rule: HeadRule, unclear: Mapping[str, Reason] | None = None
) -> Decided:
    """Nothing goes; what is unclear is refused.

    So are mosaics: those that could not be unfolded hold a volume nobody has looked at, and where no face was found in
    the others, echo-planar images of little contrast and detail are not sure to have none. Too few slices never do.
    """
    unsure = {item for item, own in planes.items() if own.hidden or (own.tiled and rule != HeadRule.TOO_FEW_SLICES)}
    refused = dict.fromkeys(sorted(unsure), Reason.FACE_NOT_JUDGED) | dict(unclear or {})
    return Decided({item: HeadWork(str(rule)) for item in planes if item not in refused}, refused)


def _why_hidden(own: ItemPlanes) -> Reason:
    """Why an image of a head that no slice mask fits is refused."""
    return Reason.FACE_NOT_JUDGED if own.hidden else Reason.FACE_IN_RENDERING


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What one stack shows. ``removal`` is None where no face is left to remove."""

    plan: StackPlan
    head: Head | None = None
    removal: Removal | None = None
    unclear: bool = False

    @classmethod
    def of(cls, plan: StackPlan, open_stack: Opener, net: Net, options: HeadOptions) -> _Found:
        """Read a stack and look."""
        try:
            with open_stack(plan) as stack:
                reduced = reduce_stack(stack)
        except DeidError:
            return cls(plan, unclear=True)
        look = find_head(reduced, net)
        if look.head is None:
            return cls(plan, unclear=look.content is Content.UNCLEAR)
        face = face_of(look.head, ears=options.ears == "remove")
        if not options.strips:
            return cls(plan, look.head, face if look.head.has_face else None)
        return cls(plan, look.head, brain_only(reduced, look.head, net))


def _airs(
    plans: Sequence[StackPlan], head: Head | None, open_stack: Opener, options: HeadOptions
) -> dict[str, NDArray[np.float32]]:
    """What to fill with, by series, in the units of its modality."""
    airs: dict[str, NDArray[np.float32]] = {}
    for plan in plans:
        series = plan.first.series
        if series in airs or head is None:
            continue
        try:
            with open_stack(plan) as stack:
                airs[series] = air_of(stack, head, noise=options.fill == "noise")
        except DeidError:  # an item that cannot be decoded is refused when its pixels are cleaned
            continue
    return airs


def _frames(own: ItemPlanes, removal: Removal, air: NDArray[np.float32] | None) -> Iterator[Removed | None]:
    """What goes in each frame of an item. What has no place in the patient loses nothing."""
    if not own.placed:
        return
    masks = (removal.on(own.plane(frame), own.thickness) for frame in range(len(own.origins)))
    for frame, mask in enumerate([_folded(list(masks), own)] if own.side else masks):
        slope, intercept = own.slopes[frame] or 1.0, own.intercepts[frame]
        values = np.zeros(1) if air is None else (air - intercept) / slope
        yield None if mask is None else Removed.of(mask, tuple(values.tolist()))


def _folded(masks: Sequence[NDArray[np.bool_] | None], own: ItemPlanes) -> NDArray[np.bool_] | None:
    """The mask of a mosaic, from those of its tiles."""
    whole = np.zeros((own.side * own.rows, own.side * own.columns), np.bool_)
    for number, mask in enumerate(masks):
        if mask is not None:
            whole[own.tile(number)] = mask
    return whole if whole.any() else None
