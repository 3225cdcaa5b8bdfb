"""What the sender says of its private elements: Private Data Element Characteristics Sequence (0008,0300).

It is advice, and only makes stricter: what it calls safe must still be known to the tables of a policy, what it calls
identifying goes (PS3.3 C.12.1.1.7, PS3.15 2026c E.3.10). Every action it may ask for (0008,0307) is met by removal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from deid_platform.formats.dicom.elements import DataSet

CHARACTERISTICS = 0x00080300
_GROUP, _CREATOR, _STATUS, _HARMLESS, _ACTIONS, _IDENTIFYING = range(0x00080301, 0x00080307)


@dataclass(frozen=True, slots=True)
class _Block:
    """One item: which block it is about (None: it does not say, so any) and which low bytes of tags may not stay."""

    group: int | None
    creator: str | None
    refused: frozenset[int]

    def covers(self, group: int, creator: str) -> bool:
        return self.group in (None, group) and self.creator in (None, creator)


@dataclass(frozen=True, slots=True)
class Advice:
    """The sender's word on private elements; empty where it gives none."""

    blocks: tuple[_Block, ...] = ()

    def refuses(self, group: int, creator: str, low_byte: int) -> bool:
        """Whether the sender says, or may mean, that an element identifies somebody."""
        creator = creator.strip(" \0").casefold()
        return any(block.covers(group, creator) and low_byte in block.refused for block in self.blocks)


def advice_of(data: DataSet, *, little: bool = True) -> Advice:
    """The advice in the top level of a data set; ``little`` tells its byte order."""
    element = data.get(CHARACTERISTICS)
    if element is None or not isinstance(element.value, list):
        return Advice()
    return Advice(tuple(_block(item, little=little) for item in element.value))


def _block(item: DataSet, *, little: bool) -> _Block:
    """A block that is neither SAFE nor MIXED is not safe, whatever its status says or leaves out."""
    status, creator = _text(item, _STATUS), _text(item, _CREATOR).casefold()
    refused = set() if status == "SAFE" else set(range(0x100))
    if status == "MIXED":
        refused -= set(_numbers(item, _HARMLESS, little=little))
    actions = item.get(_ACTIONS)
    for action in actions.value if actions is not None and isinstance(actions.value, list) else []:
        refused |= set(_numbers(action, _IDENTIFYING, little=little))
    group = next((number for number in _words(item, _GROUP, little=little)), None)
    return _Block(group, creator or None, frozenset(refused))


def _text(item: DataSet, tag: int) -> str:
    element = item.get(tag)
    return element.value.decode("latin-1").strip(" \0") if element and isinstance(element.value, bytes) else ""


def _numbers(item: DataSet, tag: int, *, little: bool) -> Iterator[int]:
    """Low bytes of element numbers; some senders write the whole number."""
    return (number & 0xFF for number in _words(item, tag, little=little))


def _words(item: DataSet, tag: int, *, little: bool) -> Iterator[int]:
    element = item.get(tag)
    value = element.value if element is not None and isinstance(element.value, bytes) else b""
    order = "<" if little else ">"
    return (number for (number,) in struct.iter_unpack(order + "H", value[: len(value) // 2 * 2]))
