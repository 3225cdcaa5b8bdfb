"""Leica SCN: which images its XML tells to be areas of tissue, and XML of these alone.

Source: how OpenSlide reads these files. A slide is a collection of images: a macro of the whole slide with its label,
and areas at some place of it, each in several sizes (dimensions) that stand in directories known by their numbers. The
XML stands in the first directory, which mostly is that of the macro: a black image then takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.wsi.black import SIDE
from deid_platform.formats.wsi.levels import MOST_SIDE, fits_as_told, names_another
from deid_platform.formats.wsi.markup import Element, numbers, only, read_markup, rendered
from deid_platform.formats.wsi.plan import DESCRIPTION, Plan, filled
from deid_platform.formats.wsi.tiff import Directory, Tiff
from deid_platform.model import Reason

_MARK, _READ = "leica-microsystems.com/scn", 4096
_BRIGHT = "brightfield"
_SIZE, _PLACE = ("sizeX", "sizeY"), ("offsetX", "offsetY")
_LIGHT = ("scanSettings", "illuminationSettings", "illuminationSource")
_OBJECTIVE = ("scanSettings", "objectiveSettings", "objective")
_APERTURE = ("scanSettings", "illuminationSettings", "numericalAperture")
_COARSEST = 4000
"""Nanometres of a pixel of tissue at most: scanners' objectives of 5x have 2000, overviews of a slide some 16,000."""
_LONGEST = 200_000_000
"""Nanometres of a side of a slide at most: slides have 76 x 26 or 76 x 52 mm."""
_SQUARE = 0.02

_Dimension = tuple[Directory, tuple[int, int]]
"""A directory, with the width and height that the XML tells of it, in pixels."""


@dataclass(frozen=True, slots=True)
class _Image:
    """One image: its place in the collection and its size, in nanometres, and its dimensions, the largest first."""

    place: tuple[int, ...]
    size: tuple[int, ...]
    dimensions: tuple[_Dimension, ...]
    told: Element


def is_made(tiff: Tiff) -> bool:
    """Whether the first image is described as Leica does it."""
    return _MARK in tiff.text(tiff.chain[0], DESCRIPTION)[:_READ]


def plan(tiff: Tiff) -> Plan:
    """The areas, and a description of them alone.

    Raises
    ------
    UnsupportedFormat
        An area was not scanned in bright light.
    MalformedFile
        Description and images do not tell the same, or an area is too coarse for one of tissue.
    """
    base = tiff.chain[0]
    told = read_markup(tiff.bytes_of(base.tags[DESCRIPTION]), "leica")
    collection = only(told, "collection")
    whole = numbers(collection, _SIZE)
    claimed: set[int] = set()
    images = [_read(tiff, one, claimed) for one in collection.named("image")]
    macros = [one for one in images if (one.place, one.size) == ((0, 0), whole)]
    areas = [one for one in images if one not in macros]
    _refuse_unfit(tiff, areas, macros, whole)
    kept = {directory.at for one in areas for directory, _ in one.dimensions}
    black = base if base.at not in kept else macros[0].dimensions[0][0] if macros else None
    directories = tuple(one for one in tiff.chain if one.at in kept or one is black)
    texts = filled(base, DESCRIPTION, _written(told, whole, areas, black if macros else None, directories))
    return Plan(directories, texts, ".scn", black)


def _read(tiff: Tiff, told: Element, claimed: set[int]) -> _Image:
    """An image of the collection; planes beside the first are left out, as OpenSlide shows none."""
    view, pixels = only(told, "view"), only(told, "pixels")
    found: list[_Dimension] = []
    for one in pixels.named("dimension"):
        (number,) = numbers(one, ("ifd",))
        if number >= len(tiff.chain) or number in claimed:
            raise MalformedFile("The description tells of an image that is not there, or that it told before.")
        claimed.add(number)
        if int(one.attributes.get("c", "0")):
            raise UnsupportedFormat("Slides of Leica with several channels cannot be cleaned.")
        if not int(one.attributes.get("z", "0")):
            width, height = numbers(one, _SIZE)
            found.append((tiff.chain[number], (width, height)))
    if not found:
        raise MalformedFile("The description tells of an image without a directory.")
    found.sort(key=lambda dimension: -dimension[1][0])
    return _Image(numbers(view, _PLACE), numbers(view, _SIZE), tuple(found), told)


def _refuse_unfit(tiff: Tiff, areas: Sequence[_Image], macros: Sequence[_Image], whole: tuple[int, ...]) -> None:
    if not areas or (len(areas) > 1 and not macros) or max(whole) > _LONGEST:
        raise MalformedFile("The description tells of no area of the slide, or not of the slide as a whole.")
    for area in areas:
        _refuse_other_than_tissue(area, whole)
        if not fits_as_told(tiff, area.dimensions) or any(names_another(tiff, one) for one, _ in area.dimensions):
            raise MalformedFile("The description and the images of the slide do not tell the same.")


def _refuse_other_than_tissue(area: _Image, whole: tuple[int, ...]) -> None:
    if [one.text for one in area.told.named(*_LIGHT)] != [_BRIGHT]:
        raise UnsupportedFormat("Slides of Leica that were not scanned in bright light cannot be cleaned.")
    only(area.told, *_OBJECTIVE)  # OpenSlide ends the process that opens a slide without one
    if any(at >= most or size > most for at, size, most in zip(area.place, area.size, whole, strict=True)):
        raise MalformedFile("An area lies outside of the slide.")
    across, down = (size / pixels for size, pixels in zip(area.size, area.dimensions[0][1], strict=True))
    if across > _COARSEST or abs(across - down) > _SQUARE * across:
        raise MalformedFile("An area of the slide is too coarse for one of tissue.")
    if max(whole) * area.dimensions[-1][1][0] > MOST_SIDE * area.size[0]:
        raise MalformedFile("The slide is too large for its smallest level.", Reason.TOO_LARGE)


def _written(
    told: Element, whole: Iterable[int], areas: Sequence[_Image], black: Directory | None,
    directories: Sequence[Directory],
) -> str:  # fmt: skip
    """XML of the areas and, where readers ask for a macro, of the black image in its place."""
    numbered = {one.at: number for number, one in enumerate(directories)}
    images = [_element(one.place, one.size, one.dimensions, _settings(one.told), numbered) for one in areas]
    if black is not None:
        light = Element("illuminationSettings", children=[Element("illuminationSource", text=_BRIGHT)])
        images.insert(0, _element((0, 0), whole, [(black, (SIDE, SIDE))], [light], numbered))
    collection = Element("collection", _attributes(_SIZE, whole), images)
    return Element("scn", dict(told.attributes), [collection]).written()


def _element(
    place: Iterable[int], size: Iterable[int], dimensions: Sequence[_Dimension], settings: list[Element],
    numbered: Mapping[int, int],
) -> Element:  # fmt: skip
    names = ("ifd", "r", *_SIZE)
    sizes = [
        Element("dimension", _attributes(names, (numbered[one.at], number, *pixels)))
        for number, (one, pixels) in enumerate(dimensions)
    ]
    view = Element("view", _attributes((*_SIZE, *_PLACE), (*size, *place)))
    pixels = Element("pixels", _attributes(_SIZE, dimensions[0][1]), sizes)
    asked = [Element("creationDate"), Element("device", {"model": "", "version": ""})]  # by TiffSlide
    return Element("image", {}, [*asked, pixels, view, Element("scanSettings", children=settings)])


def _settings(told: Element) -> list[Element]:
    """Magnification, aperture and light."""
    light = [Element(path[-1], text=rendered(one.text)) for path in (_APERTURE, _LIGHT) for one in told.named(*path)]
    objective = Element("objective", text=rendered(only(told, *_OBJECTIVE).text))
    return [Element("objectiveSettings", children=[objective]), Element("illuminationSettings", children=light)]


def _attributes(names: Iterable[str], values: Iterable[int]) -> dict[str, str]:
    return {name: str(value) for name, value in zip(names, values, strict=True)}
