"""The judge's own bounds of numbers in tags of cleaned slides, narrow enough that they spell nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.audit.tiff_map import Image, Value

_TYPES = {3: "u2", 4: "u4", 5: "u4", 9: "i4", 11: "f4", 13: "u4", 16: "u8"}
_WIDE, _TERM = 4_000_000, 100_000_000
_LARGEST = {
    254: 7, 256: _WIDE, 257: _WIDE, 258: 64, 259: 50_000, 262: 10, 266: 2, 274: 8, 277: 64, 278: _WIDE, 284: 2,
    296: 3, 317: 3, 322: 1 << 14, 323: 1 << 14, 338: 2, 339: 6, 530: 4, 531: 2, 282: _TERM, 283: _TERM,
    529: 10_000, 532: 10_000, 320: 0xFFFF, 65420: 16, 65421: 200, 65422: 50_000_000, 65423: 50_000_000,
    65424: 1_000_000,
}  # fmt: skip
"""The largest value of each tag; offsets in nanometres are those of a slide, 76 mm long, from its middle."""
_PLACES, _BELOW = frozenset((273, 279, 324, 325)), 330
"""Numbers that the map has looked at: where tiles lie, and directories below."""
_STARTS, _HIGHS, _STRIP, _ROWS = 65426, 65432, 273, 278
_FEW = 64
_LENS_PARTS = 1024


def fits(data: Any, image: Image, number: int, value: Value) -> bool:
    """Whether numbers of a tag are such as cleaned slides have, and how many of them."""
    if number in _PLACES or number == _BELOW:
        return True
    if number in (_STARTS, _HIGHS):
        return _mark_intervals(data, image)
    if number not in _LARGEST or value.kind not in _TYPES or (number == _ROWS and _STRIP not in image.tags):
        return False
    numbers = _numbers(image, value)
    if number == 65421 and not all((float(one) * _LENS_PARTS).is_integer() for one in numbers):
        return False
    if number == 320:
        return bool((numbers // 256 == numbers % 256).all())
    return value.count <= _FEW and bool((np.abs(numbers) <= _LARGEST[number]).all())


def _numbers(image: Image, value: Value | None) -> NDArray[Any]:
    if value is None:
        return np.empty(0, np.int64)
    found = np.frombuffer(value.data, image.order + _TYPES[value.kind])
    return found.astype(np.float64 if value.kind == 11 else np.int64)


def _mark_intervals(data: Any, image: Image) -> bool:
    """Whether the starts of restart intervals lie in the only strip in their order, each behind a restart marker."""
    low, high = (_numbers(image, image.tags.get(tag)) for tag in (_STARTS, _HIGHS))
    if _STRIP not in image.tags or len(image.tiles) != 1 or len(high) not in (0, len(low)):
        return False
    begin, length = image.tiles[0].tolist()
    starts = low + high * (1 << 32) if len(high) else np.unwrap(low.astype(np.float64), period=float(1 << 32))
    places = np.asarray(starts, np.int64)
    if len(places) < 1 or (np.diff(places) < 1).any() or places[0] < 2 or places[-1] > length:
        return False
    marks = np.frombuffer(data, np.uint8)[np.concatenate([begin + places[1:] - 2, begin + places[1:] - 1])]
    scan, coded = bytes(data[begin : begin + int(places[0])])[-64:].rpartition(b"\xff\xda")[1:]
    first, second = np.split(marks, 2)
    whole = bool(scan) and int.from_bytes(coded[:2], "big") == len(coded)
    return whole and bool((first == 0xFF).all() and np.isin(second, range(0xD0, 0xD8)).all())
