"""The judge of cleaned slides: OpenSlide opens both sides; labels are gone, levels the same, no property is left."""

from __future__ import annotations

import math
import mmap
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.audit.bytesearch import Needlestack
from deid_platform.audit.legible import Picture, shows_text_in
from deid_platform.audit.levels import levels_disagree
from deid_platform.audit.new_label import shows_only
from deid_platform.audit.slide_markup import told
from deid_platform.audit.stacks import is_stack, planes_differ, stack_faults, text_in_stack
from deid_platform.audit.tiff_bytes import bytes_left, shown_images, tiles_differ
from deid_platform.audit.tiff_map import TiffMap
from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Finding, Reason

_OVERVIEW = 512
"""Longer side of the overview that is read for text: in finer ones a reader takes cells for letters."""
_SAMPLED, _TILE = 16, 256
_MOST_REGIONS, _COMPARED = 4096, 64
_WHOLE, _BLOCK = 1 << 24, 2048
"""Pixels of a level that are read at once; more are read by blocks of about so many pixels a side."""
_LEAST = 5
_PIECE, _OVERLAP = 1 << 22, 1024
_ALLOWED = re.compile(
    r"-?[\d., ]+|Hamamatsu|inch|centimeter|none|generic-tiff|aperio|hamamatsu|leica|brightfield|"
    r"(?i:philips)|WSI|RGB|YBR_FULL|YBR_FULL_422|MONOCHROME2|levels=\d{1,3}|(?:\"?-?[\d.]+(?:e-?\d+)?\"? ?){1,3}",
    re.DOTALL,
)
_WITH_MARKUP = frozenset(("philips", "leica", "ventana"))
_SMALL = 64
_DESCRIPTIONS = ("openslide.comment", "tiff.ImageDescription")
"""Judged by their grammar, see :mod:`deid_platform.audit.tiff_bytes`."""
_PARTS = re.compile(r"[/\\\s_.,;()\[\]-]+")
Region = tuple[int, int, int, int]
"""Left, top, width and height in pixels of the first level."""
_COMMON = frozenset(("slide", "image", "region", "small", "large", "tissue", "biopsy", "aperio", "hamamatsu", "label"))
_TELLING = re.compile(r"S/N|ID(?![a-z])|UnitNumber|(?i:date|time(?!r)|created|barcode|user|serial)")
_TECHNICAL = re.compile(r"^openslide\.(?!comment|barcode)|^tiff\.(?:X|Y|Res)|\.Filtered$|ScannerType$")


def _open(stack: ExitStack, path: Path) -> Any:
    from openslide import OpenSlide  # slow to load, and of use for slides only

    return stack.enter_context(closing(OpenSlide(str(path))))


def audit_file(item: str, source: Path, output: Path, name: str = "", label: str = "") -> Iterator[Finding]:
    """What of an original's labels, properties and ``name`` is left in the output.

    ``label`` is the pseudonym that a new label may show; without one no label may be there.
    """
    try:
        if is_stack(output):
            told_before = (*_markup(source), *_parts(name))
            hits = sorted({*stack_faults(source, output), *_left(output, told_before), *bytes_left(output)})
        else:
            with ExitStack() as stack:
                slides = _open(stack, source), _open(stack, output)
                hits = sorted({*_hits(source, *slides, output, name), *_levels(slides[1]), *bytes_left(output)}
                              | {*_images(slides[1], label)})
    except Exception:  # noqa: BLE001 - whatever OpenSlide trips over, the object is not fit for release
        hits = [("object", "unreadable", str(Reason.FORBIDDEN_CONTENT))]
    for where, kind, rule in hits:
        yield Finding(item, where, kind, rule)


def _hits(source: Path, original: Any, cleaned: Any, output: Path, name: str) -> Iterator[tuple[str, str, str]]:
    if cleaned.properties["openslide.vendor"] in _WITH_MARKUP and shown_images(output) != _told_images(cleaned):
        yield "image other", "not_removed", str(Reason.FORBIDDEN_CONTENT)
    for key, value in cleaned.properties.items():
        if value and key not in _DESCRIPTIONS and not _ALLOWED.fullmatch(value) and not _TECHNICAL.search(key):
            yield "property", "not_removed", str(Reason.FORBIDDEN_CONTENT)
    markup = _markup(source) if original.properties["openslide.vendor"] in _WITH_MARKUP else ()
    yield from _left(output, (*_values(original), *markup, *_parts(name)))


def _images(cleaned: Any, label: str) -> Iterator[tuple[str, str, str]]:
    """Pictures of the slide that are left, but for small black ones that readers ask for, and a new label."""
    for image in cleaned.associated_images:
        drawn = image == "label" and label and shows_only(cleaned.associated_images[image], label)
        if drawn or _is_black(cleaned, image):
            continue
        known = image if image in ("label", "macro", "thumbnail") else "other"
        yield f"image {known}", "not_removed", str(Reason.FORBIDDEN_CONTENT)


def _parts(name: str) -> list[str]:
    """What of a name may tell somebody."""
    return [part for part in _PARTS.split(name) if len(part) > _LEAST and part.lower() not in _COMMON]


def _left(output: Path, values: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Whether any of some values is found anywhere in the output."""
    with output.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        stack = Needlestack({form for value in values for form in _forms(value)})
        for at in range(0, len(data), _PIECE):
            if any(stack.found_in(data[at : at + _PIECE + _OVERLAP])):
                yield "object", "property_left", str(Reason.RESIDUAL_IDENTIFIER)
                return


def _levels(slide: Any) -> Iterator[tuple[str, str, str]]:
    whole, *scanned = _regions(slide)
    if levels_disagree(slide, scanned or [whole]):
        yield "level", "other_picture", str(Reason.FORBIDDEN_CONTENT)


def _told_images(slide: Any) -> int:
    """How many images OpenSlide shows as levels: in slides of Leica as many times as they have areas."""
    areas = len(_regions(slide)) - 1 if slide.properties["openslide.vendor"] == "leica" else 1
    return int(slide.level_count) * areas


def _is_black(slide: Any, image: str) -> bool:
    """Whether a picture is the small black one that readers want: OpenSlide opens no slide of Leica with several areas
    without a macro, and others take the second image of any slide of Aperio for its thumbnail.
    """
    vendor = slide.properties["openslide.vendor"]
    sides = [int(slide.properties[f"openslide.associated.{image}.{side}"]) for side in ("width", "height")]
    if (vendor, image) not in (("leica", "macro"), ("aperio", "thumbnail")) or max(sides) > _SMALL:
        return False
    return not np.asarray(slide.associated_images[image].convert("RGB")).any()


def _values(slide: Any) -> Iterator[str]:
    """Values of the original that are no plain numbers: names, dates, serial numbers, identifiers."""
    for key, value in slide.properties.items():
        if _TECHNICAL.search(key) or "description" in key.lower() or key == "openslide.comment":
            continue
        telling = _TELLING.search(key)
        if len(value) >= _LEAST and (telling or not _ALLOWED.fullmatch(value)):
            yield value[:200]


def _markup(source: Path) -> list[str]:
    """Values in the XML of the original's tags, which OpenSlide shows in part."""
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return [value[:200] for value in told(TiffMap(data).images)]


def _forms(value: str) -> Iterator[bytes]:
    for codec in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
        try:
            encoded = value.encode(codec)
        except UnicodeEncodeError:
            continue
        yield encoded
        # What base64 makes of it, wherever in a group of three bytes it begins, less letters its neighbours decide.
        for before in range(3):
            letters = b64encode(bytes(before) + encoded)
            yield letters[(before * 8 + 5) // 6 : len(letters) - 4 if (before + len(encoded)) % 3 else None]


def altered_levels(source: Path, output: Path) -> Iterator[tuple[str, str]]:
    """Whether the sizes of levels differ, or a sample of what they show."""
    try:
        compared = planes_differ if is_stack(output) else regions_differ
        differ = tiles_differ(source, output) or compared(source, output)
        found = [("pixels", "altered")] if differ else []
    except Exception:  # noqa: BLE001 - whatever OpenSlide trips over, nobody can say that the levels are the same
        found = [("pixels", "not_compared")]
    yield from found


def regions_differ(source: Path, output: Path) -> bool:
    """Whether two slides differ in a sample of regions of all levels. Raises whatever OpenSlide raises."""
    with ExitStack() as stack:
        return not _same(_open(stack, source), _open(stack, output))


def _same(original: Any, cleaned: Any) -> bool:
    if original.level_dimensions != cleaned.level_dimensions:
        return False
    return all(
        _same_in(original, cleaned, level, region)
        for level in range(original.level_count)
        for region in _regions(original)[: _COMPARED + 1]
    )


def _regions(slide: Any) -> list[Region]:
    """The whole slide, and the parts of it that were scanned."""
    names = ("x", "y", "width", "height")
    found = [(0, 0, *slide.dimensions)]
    for number in range(_MOST_REGIONS):
        told = [slide.properties.get(f"openslide.region[{number}].{name}") for name in names]
        if None in told:
            break
        left, top, width, height = map(int, told)
        found.append((left, top, width, height))
    return found


def _same_in(original: Any, cleaned: Any, level: int, region: Region) -> bool:
    """Whether a sample of places in a region looks the same."""
    scale = original.level_downsamples[level]
    left, top, width, height = region
    size = tuple(max(1, min(_TILE, int(side / scale))) for side in (width, height))
    for number in range(_SAMPLED):
        x = left + int((number * 0.618034 % 1) * max(width - size[0] * scale, 0))
        y = top + int(number / _SAMPLED * max(height - size[1] * scale, 0))
        one, other = (slide.read_region((x, y), level, size) for slide in (original, cleaned))
        if one.tobytes() != other.tobytes():
            return False
    return True


def overview(slide: Any, region: Region | None = None) -> NDArray[np.uint8]:
    """The whole slide or a region in little, shape (rows, columns, 3), in memory that no size of a level exceeds."""
    left, top, *sides = region or (0, 0, *slide.dimensions)
    level = slide.get_best_level_for_downsample(max(max(sides) / _OVERVIEW, 1))
    width, height = slide.level_dimensions[level]
    if region is not None:
        width, height = (math.ceil(side / slide.level_downsamples[level]) for side in sides)
    elif width * height <= _WHOLE:
        return np.asarray(slide.get_thumbnail((_OVERVIEW, _OVERVIEW)).convert("RGB"))
    factor = -(-max(width, height) // _OVERVIEW)
    side = max(_BLOCK // factor, 1) * factor
    whole = np.full((-(-height // factor), -(-width // factor), 3), 255, np.uint8)
    for y in range(0, height, side):
        for x in range(0, width, side):
            size = (min(side, width - x), min(side, height - y))
            place = tuple(int(at * slide.level_downsamples[level]) + begin for at, begin in ((x, left), (y, top)))
            block = np.asarray(slide.read_region(place, level, size).reduce(factor)).astype(np.uint16)
            alpha = block[..., 3:]
            shown = (block[..., :3] * alpha + 255 * (255 - alpha)) // 255
            rows, columns = shown.shape[:2]
            whole[y // factor :, x // factor :][:rows, :columns] = shown
    return whole


def text_left(output: Path) -> bool:
    """Whether a reader finds text in an overview of the slide.

    Raises
    ------
    UnsafeToRelease
        Nobody can say.
    """
    try:
        if is_stack(output):
            return text_in_stack(output)
        with ExitStack() as stack:
            slide = _open(stack, output)
            pictures = [overview(slide, region) for region in _looked_at(slide)]
    except Exception:  # noqa: BLE001 - whatever OpenSlide trips over
        raise UnsafeToRelease("The slide cannot be shown.", Reason.PIXELS_UNDECODABLE) from None
    return any(shows_text_in(Picture(picture), among_many=True) for picture in pictures)


def _looked_at(slide: Any) -> list[Region | None]:
    """What is read for text: of slides of Leica, which are mostly void, each area; of all others the whole.

    Raises ValueError for more areas than are looked at.
    """
    areas = _regions(slide)[1:] if slide.properties["openslide.vendor"] == "leica" else []
    if len(areas) > _COMPARED:
        raise ValueError("The slide has more areas than are looked at.")
    return [*areas] or [None]
