"""Ventana BIF and Ventana TIFF: levels told by their descriptions, how their tiles overlap, and nothing else.

Source: how OpenSlide reads these files. The first directory holds the photograph of the slide with its label, and XML
of the scan (iScan); the first level of a BIF holds XML of its tiles (EncodeInfo). OpenSlide asks for both, each in its
own directory, so a black image without a description takes the place of the photograph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.wsi.levels import MOST_SIDE, TILES, is_padded_level, names_another
from deid_platform.formats.wsi.markup import Element, numbers, only, read_markup, rendered
from deid_platform.formats.wsi.plan import DESCRIPTION, XMP, Plan, filled
from deid_platform.formats.wsi.tiff import Directory, Tiff
from deid_platform.model import Reason

_MARK = b"iScan"
_LEVEL = re.compile(r"level=(\d{1,2}) mag=(\d{1,3}(?:\.\d{1,12})?)(?: quality=(\d{1,3}))?\s*")
_OF_LEVELS = "level="
_TILE = (322, 323)
_WIDTH, _LENGTH = 256, 257
_STITCHED = ("SlideStitchInfo", "ImageInfo")


@dataclass(frozen=True, slots=True)
class _Level:
    directory: Directory
    magnification: Decimal
    text: str


def is_made(tiff: Tiff) -> bool:
    """Whether the first image holds XML of a scanner of Ventana."""
    tag = tiff.chain[0].tags.get(XMP)
    return tag is not None and _MARK in tiff.bytes_of(tag).partition(b"\0")[0]


def plan(tiff: Tiff) -> Plan:
    """The levels, the black image in front of them, and XML of how their tiles lie.

    Raises
    ------
    UnsupportedFormat
        The slide was scanned in several layers.
    MalformedFile
        Levels are not what is told of them, or their tiles lie where there are none.
    """
    base = tiff.chain[0]
    levels = _levels(tiff)
    first = levels[0].directory
    texts = {**filled(base, XMP, _scan(tiff, base).written())}
    for level in levels:
        texts |= filled(level.directory, DESCRIPTION, level.text)
    if XMP in first.tags:
        texts |= filled(first, XMP, _tiles(tiff, levels).written())
    images = (base, *(level.directory for level in levels))
    return Plan(images, texts, ".bif" if XMP in first.tags else ".tiff", base)


def _levels(tiff: Tiff) -> list[_Level]:
    """The images described as levels, in their order."""
    found: list[_Level] = []
    for directory in tiff.chain:
        text = tiff.text(directory, DESCRIPTION)
        told = _LEVEL.fullmatch(text)
        if told is None and _OF_LEVELS in text:
            raise MalformedFile("A level of the slide is described in another way than its maker does it.")
        if told is not None:
            quality = f" quality={rendered(told[3])}" if told[3] else ""
            short = f"level={len(found)} mag={rendered(told[2])}{quality}"
            found.append(_Level(directory, Decimal(told[2]), short))
            if int(told[1]) != len(found) - 1:
                raise MalformedFile("The levels of the slide stand in another order than they are told.")
    if not found or found[0].directory is tiff.chain[0]:
        raise MalformedFile("The slide has no levels behind its first image.")
    for before, level in zip([None, *found], found, strict=False):
        _refuse_other(tiff, found[0], before, level)
    return found


def _refuse_other(tiff: Tiff, first: _Level, before: _Level | None, level: _Level) -> None:
    """Raise MalformedFile when an image is not the one before at a lower resolution."""
    one = level.directory
    sizes = [tuple(tiff.number(each.directory, tag) for tag in _TILE) for each in (first, level)]
    fits = before is None or (
        is_padded_level(tiff, first.directory, one) and 0 < level.magnification < before.magnification
    )
    if not fits or not level.magnification or TILES[0] not in one.tags or sizes[0] != sizes[1] or min(sizes[1]) < 1:
        raise MalformedFile("A level of the slide is not what is told of it.")
    if names_another(tiff, one):
        raise MalformedFile("A level of the slide says that it is something else.")


def _scan(tiff: Tiff, base: Directory) -> Element:
    """XML of the scan: magnification and size of a pixel."""
    told = read_markup(tiff.bytes_of(base.tags[XMP]), "ventana_scan")
    scan = only(told, "iScan") if told.name == "Metadata" else told
    if int(scan.attributes.get("Z-layers", "1")) != 1:
        raise UnsupportedFormat("Slides of Ventana with several layers cannot be cleaned.")
    return _anew(scan)


def _tiles(tiff: Tiff, levels: list[_Level]) -> Element:
    """XML of the areas of a slide, of where they lie, and of how far their tiles overlap."""
    told = read_markup(tiff.bytes_of(levels[0].directory.tags[XMP]), "ventana_tiles")
    origins = [one for one in only(told, "AoiOrigin").children if one.name != "AoiOrigin"]
    areas = list(told.named(*_STITCHED))
    if not areas or len(origins) != len(areas) or len(list(told.named("SlideStitchInfo"))) != 1:
        raise MalformedFile("The XML of the slide lacks what readers need, or tells it twice.")
    for area, origin in zip(areas, origins, strict=True):
        if area.attributes["AOIScanned"] == "1":
            _refuse_outside(tiff, levels, area, origin)
    return _anew(told)


def _refuse_outside(tiff: Tiff, levels: list[_Level], area: Element, origin: Element) -> None:
    """Raise MalformedFile when an area has other tiles than its image, or lies too far away."""
    first = levels[0].directory
    tile = tuple(tiff.number(first, tag) for tag in _TILE)
    count = numbers(area, ("NumCols", "NumRows"))
    begin = numbers(origin, ("OriginX", "OriginY"))
    whole = tuple(-(-tiff.number(first, tag) // side) for tag, side in zip((_WIDTH, _LENGTH), tile, strict=True))
    inside = all(
        at % side == 0 and some > 0 and at // side + some <= every
        for at, side, some, every in zip(begin, tile, count, whole, strict=True)
    )
    if not inside or numbers(area, ("Width", "Height")) != tile:
        raise MalformedFile("An area of the slide has other tiles than its image.")
    most = count[0] * count[1]
    for joint in area.named("TileJointInfo"):
        if not all(1 <= number <= most for number in numbers(joint, ("Tile1", "Tile2"))):
            raise MalformedFile("The XML of the slide joins tiles that are not there.")
    scale = levels[0].magnification / levels[-1].magnification
    for name, side in zip(("Pos-X", "Pos-Y"), whole, strict=True):
        place = area.attributes.get(name)
        if place is None or abs(Decimal(place)) + side * max(tile) > MOST_SIDE * scale:
            raise MalformedFile("An area of the slide lies nowhere, or too far away.", Reason.TOO_LARGE)


def _anew(element: Element) -> Element:
    """An element and all below it with numbers in the one way they are written."""
    told = {name: rendered(value) for name, value in element.attributes.items()}
    return Element(element.name, told, [_anew(one) for one in element.children])
