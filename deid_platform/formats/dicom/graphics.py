"""Overlays under the Clean Graphics Option (PS3.15 2026c E.3.2).

Text objects, layers and labels of presentation states are elements like any other. A bitmap may show a name, though,
and nothing here can read one: an overlay stays if it claims to be a region of interest and is exactly as large as it
says, so that the pixel stage can look at all of it; graphics overlays and comments go, and curves always do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from deid_platform.formats.dicom.elements import DataSet, Element, Extent
from deid_platform.policy import Action, Rule

OVERLAYS = range(0x6000, 0x6020, 2)
"""Groups (PS3.5 7.6); what lies behind them is no overlay, and has no place in a data set."""
_ROWS, _COLUMNS, _FRAMES, _TYPE, _BITS, _DATA, _COMMENTS = 0x10, 0x11, 0x15, 0x40, 0x100, 0x3000, 0x4000
_REGION = "R"
_UNREAD = Rule(Action.REMOVE, "PS3.15 2026c Table E.1-1, Clean Graph. Opt.: nothing proves that no text is drawn")

Note = Callable[[Element, Rule], None]


def take_regions(data: DataSet, note: Note, *, little: bool) -> dict[int, Element]:
    """Take bitmaps of regions out of ``data``, to be put back when all else was cleaned; remove what may show text."""
    regions: dict[int, Element] = {}
    for tag in [tag for tag in data if tag >> 24 == 0x60 and not tag >> 16 & 1]:
        group = tag >> 16
        if group not in OVERLAYS or not _is_region(data, group << 16, little=little) or tag & 0xFFFF == _COMMENTS:
            note(data.pop(tag), _UNREAD)
    for group in OVERLAYS:
        bitmap = data.pop(group << 16 | _DATA, None)
        if bitmap is not None:
            regions[bitmap.tag] = bitmap
    return regions


def _is_region(data: DataSet, group: int, *, little: bool) -> bool:
    kind, bitmap = data.get(group | _TYPE), data.get(group | _DATA)
    if kind is None or bitmap is None or not isinstance(kind.value, bytes):
        return False
    if kind.value.decode("latin-1").strip(" \0") != _REGION or _number(data, group | _BITS, little=little) != 1:
        return False
    rows, columns = (_number(data, group | tag, little=little) for tag in (_ROWS, _COLUMNS))
    size = (rows * columns * _frames(data, group) + 7) // 8
    length = bitmap.value.length if isinstance(bitmap.value, Extent) else len(bitmap.value)
    return size > 0 and length == size + size % 2 and bitmap.vr in ("OB", "OW")


def _frames(data: DataSet, group: int) -> int:
    element = data.get(group | _FRAMES)
    if element is None:
        return 1
    text = element.value.decode("latin-1").strip(" \0") if isinstance(element.value, bytes) else ""
    return int(text) if text.isdecimal() and len(text) < 6 else 0


def _number(data: DataSet, tag: int, *, little: bool) -> int:
    element = data.get(tag)
    if element is None or not isinstance(element.value, bytes) or len(element.value) != 2:
        return 0
    (number,) = struct.unpack("<H" if little else ">H", element.value)
    return int(number)
