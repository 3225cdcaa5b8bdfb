"""Which images of a slide are levels of its pyramid. The default is no: each has to show by its tags that it is one.

Sources: how OpenSlide reads Aperio, Hamamatsu and generic pyramids; TIFF 6.0 (NewSubfileType); OME-TIFF (Image,
Pixels).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.wsi.plan import DESCRIPTION
from deid_platform.formats.wsi.tiff import Directory, Tiff
from deid_platform.model import Reason

STRIPS, TILES = (273, 279), (324, 325)
_NAMES = (DESCRIPTION, 269, 285)
_KIND, _WIDTH, _LENGTH, _DEPTH, _SAMPLES, _LENS = 254, 256, 257, 258, 277, 65421
_TILE_WIDTH, _TILE_LENGTH, _MOST_POWER = 322, 323, 24
_REDUCED = 1
_MOST_TILES = 1 << 24
MOST_SIDE = 1 << 15
"""Pixels of a side of the smallest level where areas lie apart: room costs no byte, but whoever looks at it time."""
_ASSOCIATED = re.compile(r"label|macro|thumb|overview|barcode|slide[ _-]?image", re.IGNORECASE)
_APERIO_LEVEL = re.compile(r"Aperio [^\r\n|]{1,64}\r?\n\s*\d{1,7}x\d{1,7} ")
_OME_IMAGE = re.compile(r"<(?:\w{1,16}:)?Image\s([^>]{0,4096})>")
_OME_NAME = re.compile(r"""\bName\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_OME_COUNT = re.compile(r"""\bSize[ZCT]\s*=\s*["'](\d{1,6})["']""")
_OME_PIXELS = re.compile(r"<(?:\w{1,16}:)?Pixels\s([^>]{0,4096})>")


def kept_directories(tiff: Tiff) -> list[Directory]:
    """The levels of the slide, the largest first; labels, macros, thumbnails, maps and what may be one are left out.

    Raises
    ------
    UnsupportedFormat
        The first image is no level: it is a picture, not a slide.
    """
    base, *others = tiff.chain
    first = tiff.text(base, DESCRIPTION)
    if not _is_base(tiff, base, first):
        raise UnsupportedFormat("The first image of the TIFF file is no tiled one of a slide.")
    if tiff.ndpi:
        kept = [one for one in others if _lens(tiff, one) > 0 and fits(tiff, base, one)]
    elif first.startswith("Aperio"):
        kept = [one for one in others if _is_aperio_level(tiff, base, one)]
    elif "<OME" in first[:4096]:
        kept = [one for one in others[: _planes(tiff, base, first) - 1] if _is_plane(tiff, base, one)]
    else:
        kept = [one for one in others if _is_reduced(tiff, base, one, first)]
    return [base, *kept]


def kept_below(tiff: Tiff, directory: Directory) -> tuple[Directory, ...]:
    """The levels below one (SubIFDs); none where any of them may be something else."""
    below = tiff.below.get(directory.at, ())
    return below if all(_is_reduced(tiff, directory, one, "") for one in below) else ()


def _is_base(tiff: Tiff, base: Directory, text: str) -> bool:
    if tiff.ndpi:
        return _lens(tiff, base) > 0
    if text.startswith("Aperio"):
        return TILES[0] in base.tags and _names_level(text)
    return TILES[0] in base.tags and not names_associated_image(tiff, base)


def names_associated_image(tiff: Tiff, directory: Directory) -> bool:
    """Whether an image is called a label, a macro or the like."""
    text = tiff.text(directory, DESCRIPTION)
    named = "".join(tiff.text(directory, tag) for tag in _NAMES[1:])
    named += _ome_name(text) if text.lstrip().startswith("<") else text
    return bool(_ASSOCIATED.search(named))


def _names_level(text: str) -> bool:
    """Whether a description of Aperio is one of a level, as those of labels, macros and thumbnails are not."""
    return bool(_APERIO_LEVEL.match(text)) and not _ASSOCIATED.search(text.partition("|")[0])


def _is_aperio_level(tiff: Tiff, base: Directory, directory: Directory) -> bool:
    named = _names_level(tiff.text(directory, DESCRIPTION))
    return TILES[0] in directory.tags and named and fits(tiff, base, directory)


def _is_reduced(tiff: Tiff, base: Directory, directory: Directory, description: str) -> bool:
    """Whether an image is a smaller version of another: it says so, has its shape, and no name of its own."""
    said = tiff.number(directory, _KIND) == _REDUCED and TILES[0] in directory.tags
    named = tiff.text(directory, DESCRIPTION) not in ("", description) or any(
        tiff.text(directory, tag) not in ("", tiff.text(base, tag)) for tag in _NAMES[1:]
    )
    return said and not named and fits(tiff, base, directory)


def fits(tiff: Tiff, base: Directory, directory: Directory) -> bool:
    """Whether an image may be another at a lower resolution: same samples, no larger, same shape but for rounding."""
    width, height = (tiff.number(base, tag) for tag in (_WIDTH, _LENGTH))
    own_width, own_height = (tiff.number(directory, tag) for tag in (_WIDTH, _LENGTH))
    if not (0 < own_width <= width and 0 < own_height <= height):
        return False
    same_shape = abs(own_width * height - own_height * width) <= width + height
    return same_shape and has_samples_of(tiff, base, directory)


def fits_as_told(tiff: Tiff, told: Sequence[tuple[Directory, tuple[int, int]]]) -> bool:
    """Whether images have the widths and heights told of them, and each is the first at a lower resolution."""
    for directory, size in told:
        if TILES[0] not in directory.tags or tuple(tiff.number(directory, tag) for tag in (_WIDTH, _LENGTH)) != size:
            return False
    widths = [width for _, (width, _) in told]
    return widths == sorted(set(widths), reverse=True) and all(fits(tiff, told[0][0], one) for one, _ in told)


def names_another(tiff: Tiff, directory: Directory) -> bool:
    """Whether an image says in words, not in XML of its maker, that it shows more than tissue."""
    texts = (tiff.text(directory, tag) for tag in _NAMES)
    return any(_ASSOCIATED.search(text) for text in texts if not text.lstrip().startswith("<"))


def has_samples_of(tiff: Tiff, base: Directory, directory: Directory) -> bool:
    """Whether pixels of two images are of one kind."""
    return all(
        np.array_equal(tiff.numbers(base.tags.get(tag)), tiff.numbers(directory.tags.get(tag)))
        for tag in (_DEPTH, _SAMPLES)
    )


def _lens(tiff: Tiff, directory: Directory) -> float:
    """Magnification of an image in NDPI; negative for macros and maps, 0 where nothing is said."""
    tag = directory.tags.get(_LENS)
    if tag is None or tag.kind != 11 or tag.count != 1:
        return 0.0
    value = float(np.frombuffer(tiff.data[tag.value_at : tag.value_at + 4], tiff.order + "f4")[0])
    return value if math.isfinite(value) else 0.0


def _ome_name(text: str) -> str:
    image = _OME_IMAGE.search(text)
    name = _OME_NAME.search(image[1]) if image else None
    return "".join(part or "" for part in name.groups()) if name else ""


def _planes(tiff: Tiff, base: Directory, text: str) -> int:
    """How many images of the chain belong to the first image of an OME-TIFF file: its planes."""
    pixels = _OME_PIXELS.search(text)
    samples = math.prod(int(size) for size in _OME_COUNT.findall(pixels[1])) if pixels else 1
    return max(1, samples // max(1, tiff.number(base, _SAMPLES, 1)))


def _is_plane(tiff: Tiff, base: Directory, directory: Directory) -> bool:
    same = all(tiff.number(base, tag) == tiff.number(directory, tag) for tag in (_WIDTH, _LENGTH))
    return same and TILES[0] in directory.tags and fits(tiff, base, directory)


def refuse_countless(tiff: Tiff, levels: Sequence[Directory]) -> None:
    """Raise MalformedFile when levels have more tiles than any slide."""
    every = [*levels, *(one for level in levels for one in tiff.below.get(level.at, ()))]
    counts = (one.tags[tag].count for one in every for tag in (TILES[0], STRIPS[0]) if tag in one.tags)
    if sum(counts) > _MOST_TILES:
        raise MalformedFile("The levels of the slide have more tiles than any slide.", Reason.TOO_LARGE)


def is_padded_level(tiff: Tiff, base: Directory, directory: Directory) -> bool:
    """Whether an image may be another reduced by a power of two, where sizes are filled up to whole tiles."""
    sides = ((_WIDTH, _TILE_WIDTH), (_LENGTH, _TILE_LENGTH))
    whole, own, tile = (
        [tiff.number(one, side[which]) for side in sides] for one, which in ((base, 0), (directory, 0), (base, 1))
    )
    if TILES[0] not in directory.tags or not has_samples_of(tiff, base, directory) or min(own) < 1:
        return False
    return any(
        all(abs((full >> power) - reduced) <= step for full, reduced, step in zip(whole, own, tile, strict=True))
        for power in range(1, _MOST_POWER)
    )
