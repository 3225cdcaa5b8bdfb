"""OME-TIFF: the planes of its first image, tiled or in strips, and a description of them alone.

Source: OME-TIFF specification, OME schema 2016-06 (Image, Pixels, Channel, TiffData).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.wsi.levels import TILES, fits, names_associated_image
from deid_platform.formats.wsi.markup import Element, numbers, only, read_markup
from deid_platform.formats.wsi.plan import DESCRIPTION, Plan, filled
from deid_platform.formats.wsi.tiff import Directory, Tiff

_MARKS = "<OME", "<Pixels"
_SIDES = 256, 257
_SAMPLES = 277
_SUFFIX = ".ome.tiff"


def is_made(tiff: Tiff) -> bool:
    """Whether the first image is described as OME-TIFF; where a companion file describes it, it is not."""
    text = tiff.text(tiff.chain[0], DESCRIPTION)
    return all(mark in text for mark in _MARKS)


def plan(tiff: Tiff) -> Plan:
    """The planes of the first image, in their order, and a description of them.

    Raises
    ------
    UnsupportedFormat
        The first image is a label or macro, or its planes lie in several files.
    MalformedFile
        The description tells of other planes than there are.
    """
    base = tiff.chain[0]
    if names_associated_image(tiff, base):
        raise UnsupportedFormat("The first image of the OME-TIFF file is named as no image of a specimen is.")
    described = read_markup(tiff.bytes_of(base.tags[DESCRIPTION]), "ome")
    described.children = [*described.named("Image")][:1]
    pixels = only(described, "Image", "Pixels")
    sizes = dict(zip("XYZCT", numbers(pixels, [f"Size{axis}" for axis in "XYZCT"]), strict=True))
    samples = max(1, tiff.number(base, _SAMPLES, 1))
    count = prod(sizes[axis] for axis in "ZCT") // samples
    planes = tiff.chain[: max(1, count)]
    if len(planes) < count:
        raise UnsupportedFormat("The planes of the OME-TIFF file lie in several files: write them into one.")
    if tuple(tiff.number(base, side) for side in _SIDES) != (sizes["X"], sizes["Y"]):
        raise MalformedFile("The description of the OME-TIFF file tells another size than its images have.")
    if not all(_is_plane(tiff, base, one) for one in planes):
        raise MalformedFile("The planes of the OME-TIFF file are not of one size.")
    _order(pixels, sizes, samples, count)
    return Plan(planes, filled(base, DESCRIPTION, described.written()), suffix=_SUFFIX)


def _is_plane(tiff: Tiff, base: Directory, directory: Directory) -> bool:
    same = all(tiff.number(base, side) == tiff.number(directory, side) for side in _SIDES)
    alike = (TILES[0] in base.tags) == (TILES[0] in directory.tags)
    return same and alike and fits(tiff, base, directory)


def _order(pixels: Element, sizes: dict[str, int], samples: int, count: int) -> None:
    """See that planes follow each other as the description says, and say it in one element.

    Raises MalformedFile for any other order: places of planes would need to be told one by one.
    """
    axes = pixels.attributes["DimensionOrder"][2:]
    steps = {axis: samples if axis == "C" else 1 for axis in axes}
    ranges = [range(0, sizes[axis], steps[axis]) for axis in reversed(axes)]
    expected = [dict(zip(reversed(axes), place, strict=True)) for place in product(*ranges)]
    told = [one for one in pixels.children if one.name == "TiffData"]
    if any(not _agrees(one, number, expected) for number, one in _numbered(told)):
        raise MalformedFile("The planes of the OME-TIFF file do not follow each other as its order of axes asks for.")
    pixels.children = [one for one in pixels.children if one.name != "TiffData"]
    pixels.children.append(Element("TiffData", {"IFD": "0", "PlaneCount": str(max(1, count))}))


def _numbered(told: list[Element]) -> Iterator[tuple[int, Element]]:
    """The elements with the number of the image each begins with. Source: OME schema, defaults of TiffData."""
    following = 0
    for one in told:
        number = int(one.attributes.get("IFD", following))
        yield number, one
        following = number + int(one.attributes.get("PlaneCount", 1))


def _agrees(one: Element, number: int, expected: list[dict[str, int]]) -> bool:
    """Whether an element tells of a plane what its place in the file does."""
    if number >= len(expected):
        return False
    return all(int(one.attributes.get(f"First{axis}", 0)) == place for axis, place in expected[number].items())
