"""What a cleaned slide holds beside its levels, judged byte for byte on a map of its own."""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from deid_platform.audit.icc import profile_faults
from deid_platform.audit.j2k_headers import comments, says_more
from deid_platform.audit.jpeg_tables import Name, Place, definitions, given_way, outer_faults, says_nothing
from deid_platform.audit.new_label import DESCRIPTION as NEW_LABEL
from deid_platform.audit.packed_tiles import has_surplus, unpacked
from deid_platform.audit.slide_markup import is_clean
from deid_platform.audit.slide_numbers import fits
from deid_platform.audit.tiff_map import Image, TiffMap
from deid_platform.model import Reason

_PIECE = 1 << 22
_DESCRIPTION, _MAKE, _TABLES, _SOFTWARE, _XMP, _ICC = 270, 271, 347, 305, 700, 34675
_APERIO = re.compile(
    rb"Aperio (?:Image Library|Leica Biosystems (?:GT ?450|AT2|CS2)(?: DX)?)(?: v[\d.]{1,16})? "
    rb"(?:\r\n(?:[\d x,()\[\]/;:\->.=Q]|JPEG|RGB|YCC|J2K|YUV16|KDU|OFFSET){1,512})?"
    rb"(?:\|[A-Za-z]{1,20} = -?[\d.]{1,20}){0,32}\0*"
)
_LEVEL = re.compile(rb"level=\d{1,2} mag=\d{1,3}(?:\.\d{1,12})?(?: quality=\d{1,3})?\0*")
"""How Ventana describes a level."""
_BLACK = 32 * 32
# Comments and notes of applications but JFIF's and Adobe's: entropy-coded data never look so (T.81 B.1.1.5).
_NOTE = re.compile(rb"\xff[\xe1-\xed\xef\xf0-\xfe]", re.DOTALL)
_LONGEST = 1 << 17
_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_MOST_HEADS, _LONGEST_HEAD = 4096, 4096
_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_JPEG, _J2K = frozenset((6, 7)), frozenset((33003, 33004, 33005, 34712))
_J2K_DATA = b"\xff\x93"

Hit = tuple[str, str, str]


def bytes_left(output: Path) -> Iterator[Hit]:
    """Where, what and by which rule: tags with texts, bytes no level needs, notes inside of tiles.

    Raises
    ------
    ValueError, IndexError, KeyError, struct.error
        The file is no sound TIFF.
    """
    with output.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = TiffMap(data)
        yield from {hit for image in found.images for hit in _tags(data, image)}
        if any(_used(data, begin, end) for begin, end in found.free()):
            yield "object", "bytes_left", str(Reason.FORBIDDEN_CONTENT)
        if any(_noted(data, image) for image in found.images):
            yield "tile", "note_left", str(Reason.FORBIDDEN_CONTENT)


def shown_images(output: Path) -> int:
    """How many images a file holds beside small black ones.

    Raises
    ------
    ValueError, IndexError, KeyError, struct.error
        The file is no sound TIFF.
    """
    with output.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sum(not _is_black(data, image) for image in TiffMap(data).images)


def tiles_differ(source: Path, output: Path) -> bool:
    """Whether a byte of a kept tile differs from the original that is not zero, or belongs to what is shown.

    Raises
    ------
    ValueError, IndexError, KeyError, struct.error
        The output is no sound TIFF.
    """
    with source.open("rb") as one, output.open("rb") as other:
        before = mmap.mmap(one.fileno(), 0, access=mmap.ACCESS_READ)
        after = mmap.mmap(other.fileno(), 0, access=mmap.ACCESS_READ)
        with before, after:
            if len(before) != len(after):
                return True
            for image in TiffMap(after).images:
                if _is_black(after, image) or _is_label(image):
                    continue
                if any(_differs(before, after, at, at + length, image) for at, length in image.tiles.tolist()):
                    return True
    return False


def _differs(before: Any, after: Any, begin: int, end: int, image: Image) -> bool:
    """Whether a tile differs in what is shown, or in bytes that are not zero but for tables that say nothing."""
    shown: tuple[int, int] | None = None
    empty: list[Place] | None = []
    for place in range(begin, end, _PIECE):
        old, new = (data[place : min(place + _PIECE, end)] for data in (before, after))
        if old == new:
            continue
        if shown is None:
            shown = _shown(after, image, begin, end)
            empty = _empty(before, after, begin, end, image)
        if empty is None or _changed(old, new, place, shown, empty):
            return True
    return False


def _empty(before: Any, after: Any, begin: int, end: int, image: Image) -> list[Place] | None:
    """Where a tile may differ from its original; None where a table that is needed does."""
    if image.compression in _J2K:
        return comments(before, after, begin, end)
    return given_way(before, after, begin, end) if image.compression in _JPEG else []


def _is_black(data: Any, image: Image) -> bool:
    """Whether an image is a small black one that stands for one that went; no level is as small as that."""
    if image.compression != 1 or len(image.tiles) != 1:
        return False
    at, length = image.tiles[0].tolist()
    return length <= _BLACK and not data[at : at + length].strip(b"\0")


def _is_label(image: Image) -> bool:
    """Whether an image is described as a new label, whose pixels are compared with a drawing of their own."""
    return _DESCRIPTION in image.tags and NEW_LABEL.fullmatch(image.tags[_DESCRIPTION].data) is not None


def _shown(data: Any, image: Image, begin: int, end: int) -> tuple[int, int]:
    """Where a cleaned tile holds what is shown, begin and end: behind it and in front of it only zeros may be new."""
    if image.compression in _JPEG:
        first, last = data.find(_SCAN, begin, end), data.rfind(_END, begin, end)
    elif image.compression in _J2K:
        first, last = data.find(_J2K_DATA, begin, end), data.rfind(_END, begin, end)
    elif not image.unpacked:
        first, last = begin, end
    else:
        first, last = begin, begin + unpacked(data[begin:end], image)[1]
    return first if first >= 0 else begin, last if last >= 0 else end


def _changed(old: bytes, new: bytes, place: int, shown: tuple[int, int], empty: list[Place]) -> bool:
    differs = np.frombuffer(old, np.uint8) != np.frombuffer(new, np.uint8)
    for at, size in empty:
        differs[max(at - place, 0) : max(at + size - place, 0)] = False
    if (differs & (np.frombuffer(new, np.uint8) != 0)).any():
        return True
    for note in _NOTE.finditer(old):  # decoders pass over one, also where it follows a scan
        differs[note.end() + 2 : note.end() + int.from_bytes(old[note.end() : note.end() + 2], "big")] = False
    first, last = (max(at - place, 0) for at in shown)
    return bool(differs[first:last].any())


def _tags(data: Any, image: Image) -> Iterator[Hit]:
    """Tags of a kept image that may hold words."""
    for number, value in image.tags.items():
        good = _GRAMMARS[number](value.data) if number in _GRAMMARS else fits(data, image, number, value)
        if not good or any(value.slack):
            yield f"tag {number}", "not_removed", str(Reason.FORBIDDEN_CONTENT)


def _payload(data: bytes) -> bool:
    """Whether a segment of notes in a JPEG stream holds anything but zeros."""
    for note in _NOTE.finditer(data):
        size = int.from_bytes(data[note.end() : note.end() + 2], "big")
        if data[note.end() + 2 : note.end() + size].strip(b"\0"):
            return True
    return False


def _noted(data: Any, image: Image) -> bool:
    """Whether tiles hold notes, tables that none of them reads, or anything behind the end of their stream."""
    if image.compression in _J2K:
        return any(says_more(data, at, at + length) for at, length in image.tiles.tolist())
    if image.compression not in _JPEG:
        return has_surplus(data, image)
    read: set[Name] = set()
    heads: set[bytes] = set()
    for at, length in image.tiles.tolist():
        head = _head(data, at, at + length)
        if head and head in heads:
            continue
        found = definitions(data, at, at + length)
        said = (data[place : place + size] for place, size in found.unread)
        if _noted_jpeg(data, at, at + length) or not all(says_nothing(table) for table in said):
            return True
        read |= found.elsewhere
        heads |= {head} if len(heads) < _MOST_HEADS else set()
    return _TABLES in image.tags and outer_faults(image.tags[_TABLES].data, read)


def _noted_jpeg(data: Any, at: int, end: int) -> bool:
    pieces = ((place, min(place + _PIECE, end)) for place in range(at, end, _PIECE))
    if any(_payload(data[place : min(stop + _LONGEST, end)]) for place, stop in pieces):
        return True
    last = data[max(at, end - _PIECE) : end]
    return _behind(last, last.find(_SCAN) if end - at <= _PIECE else 0)


def _head(data: Any, at: int, end: int) -> bytes:
    """What stands in a tile in front of coded data behind which nothing is but the end; else nothing.

    Many tiles share one, and nothing else of them needs to be looked at.
    """
    tile = data[at:end] if end - at <= _PIECE else b""
    scan = tile.find(_SCAN)
    coded = scan + 2 + int.from_bytes(tile[scan + 2 : scan + 4], "big")
    if not 0 < coded <= _LONGEST_HEAD or _MARK.search(tile, coded, len(tile) - 2) or tile[-2:] != _END:
        return b""
    return tile[:coded]


def _behind(data: bytes, scan: int) -> bool:
    """Whether anything stands behind the end of a JPEG stream, of which a scan begins at ``scan``."""
    end = data.find(_END, max(scan, 0))
    return end >= 0 and bool(data[end + 2 :].strip(b"\0"))


def _used(data: Any, begin: int, end: int) -> bool:
    return any(data[at : min(at + _PIECE, end)].strip(b"\0") for at in range(begin, end, _PIECE))


_GRAMMARS: Mapping[int, Callable[[bytes], bool]] = {
    _DESCRIPTION: lambda data: any(form.fullmatch(data) for form in (_APERIO, _LEVEL, NEW_LABEL)) or is_clean(data),
    _XMP: is_clean,
    _SOFTWARE: lambda data: data.rstrip(b"\0") == b"Philips",
    _MAKE: lambda data: data.rstrip(b"\0") == b"Hamamatsu",
    _TABLES: lambda data: not _payload(data) and not _behind(data, 2),
    _ICC: lambda data: not any(profile_faults(data)),
}
"""What tags that may hold words may say."""
