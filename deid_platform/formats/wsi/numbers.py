"""Which numbers of a level's tags stay: those on a list, within bounds in which hardly a letter has room.

Sources: TIFF 6.0, values of its tags; how OpenSlide reads Hamamatsu files (MCU starts, offsets in nanometres).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.formats.wsi.levels import STRIPS, TILES
from deid_platform.formats.wsi.tiff import Directory, Tag, Tiff

_SAMPLES, _DEPTH, _COLOR_MAP, _OF_NDPI = 277, 258, 320, 65420
_LENS, _MCU_STARTS, _MCU_HIGHS = 65421, 65426, 65432
_MOST_SAMPLES = 64
_OF_STRIPS = (*STRIPS, 278)
"""Tags that say nothing of tiles."""
_COLOUR_NUMBERS = (529, 532)
_COLOUR_TERMS = frozenset((0, 1, 15, 16, 128, 235, 240, 255, 114, 299, 587, 1000, 722, 2126, 7152, 10_000))
"""Numbers of luma and of reference black and white (ITU-R BT.601, BT.709; TIFF 6.0 sections 20 and 21)."""
_FINEST_LENS, _STRONGEST_LENS = 1024, 200
_LONGEST_HEAD = 1 << 16
_SIGNED, _FLOAT = 9, 11


@dataclass(frozen=True, slots=True)
class Known:
    """A tag that may stay: types of its values, how many of them there may be, and the largest; None if told apart."""

    types: frozenset[int]
    count: str
    most: int | None


@cache
def known_tags() -> Mapping[int, Known]:
    """Tags that may stay, by number."""
    text = resources.files("deid_platform.formats.wsi").joinpath("data/kept_tags.csv").read_text("utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {
        int(row["tag"]): Known(
            frozenset(map(int, row["types"].split())), row["count"], int(row["most"]) if row["most"] else None
        )
        for row in rows
    }


def stays(tiff: Tiff, directory: Directory, tag: Tag) -> bool:
    """Whether a tag is known, has a type and a number of values that fit it, and values that can be such."""
    known = known_tags().get(tag.number)
    if known is None or tag.kind not in known.types or (tag.number >= _OF_NDPI and not tiff.ndpi):
        return False
    if tag.number in _OF_STRIPS and TILES[0] in directory.tags:
        return False
    if tag.count > _most_values(tiff, directory, tag, known.count):
        return False
    if known.most is not None and (np.abs(_values(tiff, tag)) > known.most).any():
        return False
    return tag.number not in _RULES or _RULES[tag.number](tiff, directory, tag)


def _most_values(tiff: Tiff, directory: Directory, tag: Tag, count: str) -> int:
    if count.isdigit():
        return int(count)
    samples = max(1, tiff.number(directory, _SAMPLES, 1))
    pieces = (directory.tags[one].count for one in (TILES[0], STRIPS[0]) if one in directory.tags)
    most = {"samples": samples if samples <= _MOST_SAMPLES else 0, "pieces": max(pieces, default=0), "any": tag.count}
    return most.get(count, 3 << min(16, tiff.number(directory, _DEPTH)))


def _values(tiff: Tiff, tag: Tag) -> NDArray[Any]:
    """Numbers of a tag, also signed ones."""
    if tag.kind == _SIGNED:
        return np.frombuffer(tiff.bytes_of(tag), tiff.order + "i4").astype(np.int64)
    return tiff.numbers(tag)


def _colours(tiff: Tiff, _directory: Directory, tag: Tag) -> bool:
    """Colours of eight bits, each byte twice: no room for letters of two bytes."""
    return bool(np.all(tiff.numbers(tag) % 257 == 0))


def _terms(tiff: Tiff, _directory: Directory, tag: Tag) -> bool:
    return set(np.frombuffer(tiff.bytes_of(tag), tiff.order + "u4").tolist()) <= _COLOUR_TERMS


def _lens(tiff: Tiff, _directory: Directory, tag: Tag) -> bool:
    """A magnification of few digits: what letters would be has many."""
    value = float(np.frombuffer(tiff.bytes_of(tag), tiff.order + "f4")[0])
    return 0 < value <= _STRONGEST_LENS and (value * _FINEST_LENS).is_integer()


def _mcu_starts(tiff: Tiff, directory: Directory, _tag: Tag) -> bool:
    """Whether the starts of restart intervals are those of the only stream: the first lies behind the header of its
    scan, each other one behind a restart marker. Their high halves, if any, stand in a tag of their own.
    """
    if not set(STRIPS) <= set(directory.tags) or directory.tags[STRIPS[0]].count != 1:
        return False
    starts = _joined(tiff, directory)
    at = tiff.number(directory, STRIPS[0]) + tiff.high(directory, STRIPS[0])
    length = tiff.number(directory, STRIPS[1])
    good = len(starts) > 0 and at + length <= len(tiff.data) and (np.diff(starts) > 0).all()
    if not good or not 4 <= starts[0] <= _LONGEST_HEAD or starts[-1] > length:
        return False
    head = tiff.data[at : at + int(starts[0])]
    scan = head.rfind(b"\xff\xda")
    if scan < 0 or scan + 2 + int.from_bytes(head[scan + 2 : scan + 4], "big") != len(head):
        return False
    octets = np.frombuffer(tiff.data, np.uint8)
    places = at + starts[1:]
    return bool((octets[places - 2] == 0xFF).all() and (octets[places - 1] & 0xF8 == 0xD0).all())


def _joined(tiff: Tiff, directory: Directory) -> NDArray[np.int64]:
    """Starts with their high halves; none where these are not as many."""
    low, high = (tiff.numbers(directory.tags.get(tag)).astype(np.int64) for tag in (_MCU_STARTS, _MCU_HIGHS))
    if not len(high):
        return low + (np.cumsum(np.diff(low, prepend=0) < 0) << 32)
    return low + (high << 32) if len(low) == len(high) else np.empty(0, np.int64)


_RULES: Mapping[int, Callable[[Tiff, Directory, Tag], bool]] = {
    _COLOR_MAP: _colours, **dict.fromkeys(_COLOUR_NUMBERS, _terms), _LENS: _lens,
    _MCU_STARTS: _mcu_starts, _MCU_HIGHS: _mcu_starts,
}  # fmt: skip
