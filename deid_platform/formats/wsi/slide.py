"""Which images of a slide stay, and what of their tags. The default is no.

Sources: how OpenSlide reads Aperio and Hamamatsu files; the keys of Aperio descriptions in real files.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.wsi.tiff import ASCII, Directory, Tag, Tiff
from deid_platform.model import Reason

DESCRIPTION, MAKE = 270, 271
STRIPS, TILES = (273, 279), (324, 325)
_LENS, _XMP = 65421, 700
# Formats that hide identifiers in more places than are known here, by what their first description or XMP holds.
_REFUSED = {"<scn": "Leica SCN", "iscan": "Ventana BIF", "dpufsimport": "Philips TIFF", "hamamatsu ndpis": "NDPIS"}
_ASSOCIATED = re.compile(r"\b(?:label|macro|thumbnail|overview|slide ?image)\b", re.IGNORECASE)
_FIRST_LINE = re.compile(r"Aperio (?:Image Library|Leica Biosystems (?:GT ?450|AT2|CS2)(?: DX)?) v[\d.]{1,16}")
_GEOMETRY = re.compile(r"[\d x,()\[\]/;:\->.=]|JPEG/RGB|J2K/YUV16|J2K/KDU|JPEG/YCC|J2K|JPEG|OFFSET|Q|->")
_NUMERIC_KEYS = frozenset(
    "AppMag MPP Left Top LineCameraSkew LineAreaXOffset LineAreaYOffset StripeWidth OriginalWidth OriginalHeight "
    "Originalheight Filtered Gamma".split()
)
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")
_NUMERIC_TYPES = frozenset((1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17, 18))
_JPEG_TABLES = 347
_UNDEFINED = 7


def refuse_unknown(tiff: Tiff) -> None:
    """Raise UnsupportedFormat for slides of makers whose files cannot be cleaned yet."""
    for directory in tiff.chain[:2]:
        told = (tiff.text(directory, DESCRIPTION) + tiff.text(directory, _XMP)).lower()[: 1 << 16]
        for mark, maker in _REFUSED.items():
            if mark in told:
                raise UnsupportedFormat(f"Slides of {maker} cannot be cleaned yet.")


def kept_directories(tiff: Tiff) -> list[Directory]:
    """The levels of the slide; labels, macros, thumbnails, maps and whatever else shows no tiles are left out.

    Raises
    ------
    UnsupportedFormat
        There is no level: it is a picture, not a slide.
    """
    kept = [one for one in tiff.chain if _is_level(tiff, one)]
    if not kept:
        raise UnsupportedFormat("The TIFF file holds no tiled image: it is no slide.")
    return kept


def _is_level(tiff: Tiff, directory: Directory) -> bool:
    if tiff.ndpi:
        tag = directory.tags.get(_LENS)
        if tag is None or tag.kind != 11:
            return False
        return float(np.frombuffer(tiff.data[tag.value_at : tag.value_at + 4], tiff.order + "f4")[0]) > 0
    text = tiff.text(directory, DESCRIPTION)
    named = _ASSOCIATED.search(text) and not text.startswith("Aperio") and not text.lstrip().startswith("<")
    return TILES[0] in directory.tags and not named


def segments(tiff: Tiff, directory: Directory) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Offsets and lengths of the encoded tiles or strips; of NDPI with the high bytes of large files.

    Raises
    ------
    MalformedFile
        They contradict each other, or lie outside of the file.
    """
    pair = TILES if TILES[0] in directory.tags else STRIPS
    offsets, lengths = (tiff.numbers(directory.tags.get(tag)) for tag in pair)
    if tiff.ndpi and directory.tags.get(pair[0]) is not None and directory.tags[pair[0]].inline:
        high = tiff.data[directory.link_at + 8 :]
        place = (directory.tags[pair[0]].at - directory.at - 2) // 12
        offsets = offsets + (int.from_bytes(high[4 * place : 4 * place + 4], "little") << 32)
    if len(offsets) != len(lengths) or not len(offsets):
        raise MalformedFile("An image of the slide has no list of its tiles.")
    if ((offsets + lengths) > len(tiff.data)).any() or (offsets > len(tiff.data)).any():
        raise MalformedFile("A tile of the slide lies outside of the file.", Reason.TRUNCATED)
    used = lengths > 0
    return offsets[used], lengths[used]


def kept_tags(tiff: Tiff, directory: Directory) -> Iterator[tuple[Tag, bytes | None]]:
    """The tags of a level that stay, with a new text where it is cleaned: numbers on a list, and few texts."""
    for tag in sorted(directory.tags.values(), key=lambda tag: tag.number):
        if tag.number == DESCRIPTION:
            text = aperio_description(tiff.text(directory, DESCRIPTION))
            if text and len(text) < tag.size and tag.kind == ASCII:
                yield tag, text + bytes(tag.size - len(text))
        elif tag.number == MAKE and tiff.ndpi:
            if tiff.text(directory, MAKE) == "Hamamatsu":
                yield tag, None
        elif tag.number in known_tags() and _is_numeric(tag):
            yield tag, None


def _is_numeric(tag: Tag) -> bool:
    """Whether a tag holds numbers; tables of JPEG are numbers under another name."""
    return tag.kind in _NUMERIC_TYPES or (tag.number, tag.kind) == (_JPEG_TABLES, _UNDEFINED)


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


@cache
def known_tags() -> frozenset[int]:
    """Numbers of the tags that may stay."""
    text = resources.files("deid_platform.formats.wsi").joinpath("data/kept_tags.csv").read_text("utf-8")
    return frozenset(int(row["tag"]) for row in csv.DictReader(io.StringIO(text)))
