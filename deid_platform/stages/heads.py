"""The pass of pixel_cleaned that looks for heads: what goes of them in each item, decided by study and place.

Images that share a Frame of Reference show the same head, so the same is removed from all of them, whichever shows it
best. What this pass cannot decide is refused, not released as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from deid_platform.errors import DeidError, StoreError
from deid_platform.formats.registry import format_named
from deid_platform.heads.deciding import Decided, decide
from deid_platform.heads.net import HeadSpec, choose_head_net, open_head_net
from deid_platform.heads.plans import ItemPlanes
from deid_platform.model import Entry, HeadRule, Reason
from deid_platform.pixels.cleaning import HeadWork
from deid_platform.policy import HeadOptions
from deid_platform.stages.pipeline import Pipeline
from deid_platform.stages.task import Broken, StoreBroken, landed_object, own_object
from deid_platform.store.protocol import Store
from deid_platform.workers import Compute, Lost

_FROM_INSIDE = frozenset(("US", "IVUS"))
"""Modalities that see no skin: what they render is looked at as far as its study shows a head."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What the pass decided: work by item, and the reason why others are refused."""

    work: dict[str, HeadWork] = field(default_factory=dict)
    refused: dict[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Originals:
    """Where originals lie: a store, and keys by item. Only those of mosaics are read."""

    store: Store
    keys: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Placed:
    """An item, and the key of its original; empty where that is not read."""

    entry: Entry
    original: str = ""


@dataclass(frozen=True, slots=True)
class Locate:
    """The task that reads where the frames of one item lie."""

    trusted: Store
    landing: Store | None = None

    def __call__(self, placed: Placed) -> ItemPlanes | Broken | Reason | None:
        """None for what has no pixels, a reason to refuse what cannot be read."""
        try:
            item_format = format_named(placed.entry.format)
            with own_object(self.trusted, placed.entry.object) as path:
                planes = item_format.planes(path)
                if planes is None or not planes.hidden or self.landing is None or not placed.original:
                    return planes
                with landed_object(self.landing, placed.original) as original:
                    return item_format.planes(path, original)
        except StoreBroken as error:
            return Broken(str(error))
        except DeidError as error:
            return Reason(error.reason)


@dataclass(frozen=True, slots=True)
class Group:
    """The items of a study that share a Frame of Reference, or a series that has none."""

    entries: tuple[Entry, ...]
    planes: Mapping[str, ItemPlanes]


@dataclass(frozen=True, slots=True)
class Decide:
    """The task that looks for heads in a group."""

    trusted: Store
    spec: HeadSpec
    options: HeadOptions

    def __call__(self, group: Group) -> Decided | Broken:
        """What is to be done with each item of the group."""
        try:
            with ExitStack() as stack:
                paths = {one.item: stack.enter_context(own_object(self.trusted, one.object)) for one in group.entries}
                item_format = format_named(group.entries[0].format)
                net = open_head_net(self.spec)
                return decide(group.planes, lambda plan: item_format.open_stack(plan, paths), net, self.options)
        except StoreBroken as error:
            return Broken(str(error))
        except Exception:  # noqa: BLE001 - a bug must not stop the batch; what was not looked at is refused
            return Decided({}, dict.fromkeys(group.planes, Reason.INTERNAL_ERROR))


def heads_of(pipeline: Pipeline, entries: Sequence[Entry], keys: Mapping[str, str] | None = None) -> Heads:
    """Look for heads in the items of a batch; nothing where the policy lets faces be.

    ``keys`` are the landing keys of originals, by item: where mosaics are not unfolded by their copies, they are read.

    Raises
    ------
    StoreError
        A worker could not use the platform's own stores.
    DeidError
        The model of heads is missing or changed.
    """
    options = pipeline.policy.heads.at(pipeline.identity.site)
    if not options.looks:
        return Heads()
    originals = Originals(pipeline.zones.landing, keys or {})
    return find_heads(pipeline.zones.trusted, pipeline.compute, options, entries, originals)


def find_heads(
    store: Store, compute: Compute, options: HeadOptions, entries: Sequence[Entry], originals: Originals | None = None
) -> Heads:
    """Look for heads in items whose objects lie in ``store``. Raises as :func:`heads_of` does."""
    found = Heads()
    keys = originals.keys if originals else {}
    pieces = [Placed(entry, keys.get(entry.item, "")) for entry in entries]
    located = _located(Locate(store, originals.store if originals else None), compute, pieces, found)
    task = Decide(store, choose_head_net(), options)
    with closing(compute.run(task, _groups(located, found))) as results:
        for group, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            if isinstance(result, Lost):
                found.refused.update({entry.item: Reason(result.reason) for entry in group.entries})
            else:
                found.work.update(result.work)
                found.refused.update(result.refused)
    _refuse_renderings(entries, located, found)
    return found


def _shows_head(found: Heads, entry: Entry) -> bool:
    work = found.work.get(entry.item)
    return work is not None and (work.removes or work.rule == HeadRule.NO_FACE)


def _shows_another(found: Heads, entry: Entry) -> bool:
    work = found.work.get(entry.item)
    return work is not None and work.rule == HeadRule.NO_HEAD


def _may_show_head(planes: ItemPlanes, another: bool) -> bool:
    """Whether a picture may be one of a head, as its header tells and whether its study shows ``another`` part."""
    if planes.modality in _FROM_INSIDE:
        return False
    return planes.headed or (planes.pictured and not (another or planes.elsewhere))


def _located(
    task: Locate, compute: Compute, pieces: Iterable[Placed], found: Heads
) -> list[tuple[Entry, ItemPlanes]]:
    """Items with pixels, and where these lie; what cannot be told is refused."""
    located = []
    with closing(compute.run(task, pieces)) as results:
        for piece, result in results:
            entry = piece.entry
            if isinstance(result, Broken):
                raise StoreError(result.message)
            if isinstance(result, Lost | Reason):
                found.refused[entry.item] = Reason(result.reason) if isinstance(result, Lost) else result
            elif result is not None:
                located.append((entry, result))
    return located


def _groups(located: Iterable[tuple[Entry, ItemPlanes]], found: Heads) -> list[Group]:
    """What can be looked at together; the rest gets its rule at once."""
    members: dict[tuple[str, str], list[tuple[Entry, ItemPlanes]]] = defaultdict(list)
    for entry, planes in located:
        if planes.placed:
            members[entry.study, planes.frame_of_reference or planes.series].append((entry, planes))
        elif planes.hidden:
            found.refused[entry.item] = Reason.FACE_NOT_JUDGED
        else:
            found.work[entry.item] = HeadWork(str(HeadRule.NO_IMAGE_IN_SPACE))
    return [
        Group(tuple(entry for entry, _ in group), {entry.item: planes for entry, planes in group})
        for _, group in sorted(members.items())
    ]


def _refuse_renderings(
    entries: Iterable[Entry], located: Iterable[tuple[Entry, ItemPlanes]], found: Heads
) -> None:
    """Refuse pictures of a surface that may be one of a head: they may have no place in the patient that tells.

    Their study tells. It shows a head when one was found in it, also one without a face: the picture may be older. So
    does a study of which anything was refused here, for whatever reason: nobody knows what that shows. It shows none
    where volumes were looked at and none was a head's, unless the header of the picture speaks of one; where there are
    no such volumes, the header has to say which other part of the body is seen. Captures of no certain origin are
    documents unless their header speaks of a head, or their study shows one.
    """
    entries = list(entries)
    heads = {entry.study for entry in entries if entry.item in found.refused or _shows_head(found, entry)}
    others = {entry.study for entry in entries if _shows_another(found, entry)}
    for entry, planes in located:
        suspect = entry.study in heads or _may_show_head(planes, entry.study in others)
        if suspect and (planes.pictured or planes.loose):
            found.work.pop(entry.item, None)
            found.refused[entry.item] = Reason.FACE_IN_RENDERING
