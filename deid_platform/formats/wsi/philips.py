"""Philips TIFF: what stays of its description, and which images are levels.

Source: how OpenSlide reads these files. Label and macro stand as images of their own or in the description, as base64.
"""

from __future__ import annotations

import re

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.levels import TILES, is_padded_level
from deid_platform.formats.wsi.markup import Element, read_markup
from deid_platform.formats.wsi.plan import DESCRIPTION, SOFTWARE, Plan, filled
from deid_platform.formats.wsi.tiff import Directory, Tiff

_MARK = "DPUfsImport"
_READ = 4096
_SOFTWARE = "Philips"
_KIND, _REDUCED = 254, 1
_LEVEL = re.compile(r"(?:level=\d{1,2} mag=[\d.]{1,8} quality=\d{1,3})?\s*")
_IMAGES, _TYPE, _SPACING = "PIM_DP_SCANNED_IMAGES", "PIM_DP_IMAGE_TYPE", "DICOM_PIXEL_SPACING"
_LEVELS = "PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"


def is_made(tiff: Tiff) -> bool:
    """Whether the first image is described as Philips does it."""
    return _MARK in tiff.text(tiff.chain[0], DESCRIPTION)[:_READ]


def plan(tiff: Tiff) -> Plan:
    """The levels, and a description of them alone.

    Raises
    ------
    MalformedFile
        Description and images do not tell the same levels.
    """
    base, *others = tiff.chain
    described = read_markup(tiff.bytes_of(base.tags[DESCRIPTION]), "philips")
    slide = _only_slide(described)
    levels = (base, *(one for one in others if _is_level(tiff, base, one)))
    if TILES[0] not in base.tags or not tiff.text(base, SOFTWARE).startswith(_SOFTWARE):
        raise MalformedFile("The first image is not that of a Philips slide.")
    if _told_levels(slide) != len(levels):
        raise MalformedFile("The description of the slide tells another number of levels than it has.")
    texts = {**filled(base, DESCRIPTION, described.written()), **filled(base, SOFTWARE, _SOFTWARE)}
    return Plan(levels, texts)


def _only_slide(described: Element) -> Element:
    """Take all images out of a description but that of the slide, and give that."""
    found: list[Element] = []
    for array in (array for one in _attributes(described, _IMAGES) for array in one.named("Array")):
        array.children = [one for one in array.children if any(_attributes(one, _TYPE))]
        found += array.children
    if len(found) != 1:
        raise MalformedFile("The description tells of no slide, or of several.")
    return found[0]


def _told_levels(slide: Element) -> int:
    told = (one for sequence in _attributes(slide, _LEVELS) for one in sequence.named("Array", "DataObject"))
    return sum(len(_attributes(one, _SPACING)) for one in told)


def _attributes(element: Element, name: str) -> list[Element]:
    return [one for one in element.named("Attribute") if one.attributes["Name"] == name]


def _is_level(tiff: Tiff, base: Directory, directory: Directory) -> bool:
    said = tiff.number(directory, _KIND) == _REDUCED and _LEVEL.fullmatch(tiff.text(directory, DESCRIPTION))
    return bool(said) and is_padded_level(tiff, base, directory)
