"""What of a level's tags stays. The default is no.

Sources: TIFF 6.0, types and counts of its tags; how OpenSlide reads Hamamatsu files; the keys of Aperio descriptions in
real files.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile
from deid_platform.formats.icc import MAX_PROFILE_BYTES, cleaned_profile
from deid_platform.formats.wsi.levels import STRIPS, TILES, kept_below
from deid_platform.formats.wsi.numbers import stays
from deid_platform.formats.wsi.plan import DESCRIPTION, TEXTS, Texts
from deid_platform.formats.wsi.streams import clean_tables
from deid_platform.formats.wsi.tiff import ASCII, SUB_IFDS, UNDEFINED, Directory, Tag, Tiff
from deid_platform.model import Reason

_WIDTH, _LENGTH, _ROWS, _PLANAR, _TILE_WIDTH, _TILE_LENGTH, _SEPARATE = 256, 257, 278, 284, 322, 323, 2
_MAKE, _SAMPLES = 271, 277
JPEG_TABLES, _ICC_PROFILE = 347, 34675
_RESOLUTIONS, _RATIONAL = (282, 283), 5
_FIRST_LINE = re.compile(r"Aperio (?:Image Library|Leica Biosystems (?:GT ?450|AT2|CS2)(?: DX)?) v[\d.]{1,16}")
_GEOMETRY = re.compile(r"[\d x,()\[\]/;:\->.=]|JPEG/RGB|J2K/YUV16|J2K/KDU|JPEG/YCC|J2K|JPEG|OFFSET|Q|->")
_NUMERIC_KEYS = frozenset(
    "AppMag MPP Left Top LineCameraSkew LineAreaXOffset LineAreaYOffset StripeWidth OriginalWidth OriginalHeight "
    "Originalheight Filtered Gamma".split()
)
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")
_MOST_TABLES = 1 << 12
_MOST_TERM, _FINEST = 100_000_000, 10_000


def segments(tiff: Tiff, directory: Directory) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Offsets and lengths of the encoded tiles or strips; of NDPI with the high bytes of large files.

    Raises
    ------
    MalformedFile
        They contradict each other, or lie outside of the file.
    """
    pair = TILES if TILES[0] in directory.tags else STRIPS
    offsets, lengths = (tiff.numbers(directory.tags.get(tag)) for tag in pair)
    offsets = offsets + tiff.high(directory, pair[0])
    if not len(offsets) == len(lengths) == _pieces(tiff, directory):
        raise MalformedFile("An image of the slide has another number of tiles than its size asks for.")
    if ((offsets + lengths) > len(tiff.data)).any() or (offsets > len(tiff.data)).any():
        raise MalformedFile("A tile of the slide lies outside of the file.", Reason.TRUNCATED)
    used = lengths > 0
    return offsets[used], lengths[used]


def _pieces(tiff: Tiff, directory: Directory) -> int:
    """How many tiles or strips an image of its size has: one more could show anything."""
    width, height = (max(1, tiff.number(directory, tag)) for tag in (_WIDTH, _LENGTH))
    across, down = tiff.number(directory, _TILE_WIDTH), tiff.number(directory, _TILE_LENGTH)
    if TILES[0] not in directory.tags:
        across, down = width, min(height, tiff.number(directory, _ROWS, height))
    if across < 1 or down < 1:
        return 0
    planes = tiff.number(directory, _SAMPLES, 1) if tiff.number(directory, _PLANAR, 1) == _SEPARATE else 1
    return -(-width // across) * -(-height // down) * planes


def kept_tags(tiff: Tiff, directory: Directory, texts: Texts | None) -> Iterator[tuple[Tag, bytes | None]]:
    """The tags of a level that stay, with a new value where it is cleaned: numbers on a list, and few texts.

    ``texts`` are those written anew for a maker; without any, descriptions are told by one rule for all.

    Raises
    ------
    MalformedFile
        Tables of JPEG hold something else.
    """
    special = {DESCRIPTION: _description, _MAKE: _make, JPEG_TABLES: _tables, SUB_IFDS: _below,
               _ICC_PROFILE: _profile, **dict.fromkeys(_RESOLUTIONS, _resolution)}  # fmt: skip
    for tag in sorted(directory.tags.values(), key=lambda tag: tag.number):
        if texts is not None and tag.number in TEXTS:
            if (directory.at, tag.number) in texts:
                yield tag, texts[directory.at, tag.number]
        elif tag.number in special:
            new = special[tag.number](tiff, directory, tag)
            if new is not None:
                yield tag, new
        elif stays(tiff, directory, tag):
            yield tag, _used_places(tiff, directory, tag) if tag.number in (TILES[0], STRIPS[0]) else None


def _used_places(tiff: Tiff, directory: Directory, tag: Tag) -> bytes:
    """The list of tiles with zeros for those without a byte, whose places nobody reads."""
    lengths = tiff.numbers(directory.tags.get(TILES[1] if tag.number == TILES[0] else STRIPS[1]))
    width = tag.size // max(1, tag.count)
    places = np.frombuffer(tiff.bytes_of(tag), np.uint8).reshape(-1, width).copy()
    if len(lengths) == len(places):
        places[lengths == 0] = 0
    return places.tobytes()


def _description(tiff: Tiff, directory: Directory, tag: Tag) -> bytes | None:
    text = aperio_description(tiff.text(directory, DESCRIPTION))
    return text.ljust(tag.size, b"\0") if text and len(text) < tag.size and tag.kind == ASCII else None


def _make(tiff: Tiff, directory: Directory, tag: Tag) -> bytes | None:
    """The maker by which OpenSlide tells NDPI."""
    stated = tiff.ndpi and tag.kind == ASCII and tiff.bytes_of(tag).rstrip(b"\0") == b"Hamamatsu"
    return tiff.bytes_of(tag) if stated else None


def _tables(tiff: Tiff, directory: Directory, tag: Tag) -> bytes:
    """JPEG tables less all of them: which of them stay is known once the tiles are read."""
    if tag.count > _MOST_TABLES or tag.kind not in (1, 7):
        raise MalformedFile("The JPEG tables of a slide are none.")
    return clean_tables(tiff.bytes_of(tag), ())


def _profile(tiff: Tiff, _directory: Directory, tag: Tag) -> bytes | None:
    """An ICC profile with its colours, which a pathologist needs; none where it cannot be read."""
    fits = tag.kind == UNDEFINED and tag.count <= MAX_PROFILE_BYTES
    return cleaned_profile(tiff.bytes_of(tag)) if fits else None


def _resolution(tiff: Tiff, _directory: Directory, tag: Tag) -> bytes | None:
    """A resolution in small numbers: eight letters would be two large ones."""
    if tag.kind != _RATIONAL or tag.count != 1:
        return None
    above, below = struct.unpack(tiff.order + "II", tiff.bytes_of(tag))
    if not below:
        return None
    if max(above, below) > _MOST_TERM:
        near = Fraction(above, below).limit_denominator(_FINEST)
        above, below = min(near.numerator, _MOST_TERM), near.denominator
    return struct.pack(tiff.order + "II", above, below)


def _below(tiff: Tiff, directory: Directory, tag: Tag) -> bytes | None:
    return tiff.bytes_of(tag) if kept_below(tiff, directory) else None


def aperio_description(text: str) -> bytes:
    """An Aperio description less every key nobody knows to be harmless; nothing of any other description."""
    first, *rest = text.split("|")
    lines = first.split("\n")
    if not text.startswith("Aperio"):
        return b""
    known = _FIRST_LINE.match(lines[0])
    geometry = lines[1].strip() if len(lines) > 1 else ""
    kept = [(known[0] if known else "Aperio Image Library") + " "]
    if geometry and not _GEOMETRY.sub("", geometry):
        kept[0] += f"\r\n{geometry}"
    for pair in rest:
        key, _, value = (part.strip() for part in pair.partition("="))
        if key in _NUMERIC_KEYS and _NUMBER.fullmatch(value):
            kept.append(f"{key} = {value}")
    return "|".join(kept).encode("ascii", "replace")
