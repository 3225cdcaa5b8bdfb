"""Lists of the instances an object refers to, once it refers to none of them any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from deid_platform.formats.dicom.elements import DataSet, Element
from deid_platform.policy import Action, Rule

_REFERENCED_INSTANCE = 0x00081155
_LISTS = (0x00081115, 0x00081200)
"""Common Instance Reference: Referenced Series Sequence, Studies Containing Other Referenced Instances Sequence."""
_STALE = Rule(Action.REMOVE, "PS3.3 C.12.2: these lists may only name instances that the object refers to")

Note = Callable[[Element, Rule], None]
"""Told of every element that was removed, and by which rule."""


def drop_stale_lists(data: DataSet, note: Note) -> None:
    """Remove the lists of the Common Instance Reference module when nothing else in a data set names an instance.

    Table E.1-1 removes references of Type 3 and says nothing of these lists.
    """
    if any(tag in data for tag in _LISTS) and not any(_named(data)):
        for tag in _LISTS:
            if tag in data:
                note(data.pop(tag), _STALE)


def _named(data: DataSet, lists: tuple[int, ...] = _LISTS) -> Iterator[bool]:
    for tag, element in data.items():
        if tag == _REFERENCED_INSTANCE:
            yield True
        elif tag not in lists and isinstance(element.value, list):
            for item in element.value:
                yield from _named(item, ())
