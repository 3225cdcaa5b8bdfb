"""From grey images to the pages an optical reader does best with: enlarged, framed, strokes set apart from tissue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deid_platform.audit.display import Grey

# Nothing smaller holds three letters.
_LEAST_ROWS, _LEAST_COLUMNS = 8, 16
# Longer side of a frame in pixels, and how much it is enlarged: small frames carry small letters.
_ENLARGE = ((160, 3.0), (768, 2.0), (2200, 1.5))
# A second size for the same or another image: letters badly read at one size are often well read at the other.
_SECOND = 0.75
# Widths in pixels under which a stroke is taken out of its surroundings.
_BRIGHT_STROKE, _DARK_STROKE = 9, 15
_BRIGHTEST = 99.8
_FAINTEST = 40
_NOISE = 2.5
_TILE, _OVERLAP = 2048, 512
_MARGIN = 10


class Preparation(StrEnum):
    """What was done to an image before reading it."""

    PLAIN = "plain"
    BRIGHT_STROKES = "bright_strokes"
    DARK_STROKES = "dark_strokes"
    SECOND_SIZE = "second_size"


@dataclass(frozen=True, slots=True)
class Page:
    """An image for the reader: dark letters on light where letters are bright in the frame.

    A place on the page, divided by ``scale`` and moved by ``left`` and ``top``, is a place in the frame. Readings
    of two pages are independent evidence only where ``preparation`` differs.
    """

    image: Grey
    preparation: Preparation
    scale: float
    left: float
    top: float


def pages(images: list[Grey]) -> Iterator[Page]:
    """Yield the pages of one frame, given the ways to show it; none for a frame too small to hold a word.

    The first image is read as it is and with bright and with dark strokes set apart; each other image, or the first
    again where there is no other, is read at a second size. Large images are cut into tiles that overlap.
    """
    if not images or images[0].shape[0] < _LEAST_ROWS or images[0].shape[1] < _LEAST_COLUMNS:
        return
    scale = next((factor for side, factor in _ENLARGE if max(images[0].shape) <= side), 1.0)
    smooth = images[1] if len(images) > 1 else images[0]
    yield from _tiles(images[0], Preparation.PLAIN, scale)
    yield from _tiles(_bright_strokes(smooth), Preparation.BRIGHT_STROKES, scale)
    yield from _tiles(_dark_strokes(smooth), Preparation.DARK_STROKES, scale)
    for other in images[1:] or images:
        yield from _tiles(other, Preparation.SECOND_SIZE, scale * _SECOND)


def _tiles(image: Grey, preparation: Preparation, scale: float) -> Iterator[Page]:
    rows, columns = image.shape
    for top in _starts(rows):
        for left in _starts(columns):
            tile = _enlarged(image[top : top + _TILE, left : left + _TILE], scale)
            yield Page(tile, preparation, scale, left - _MARGIN / scale, top - _MARGIN / scale)


def _starts(length: int) -> range:
    return range(0, max(length - _OVERLAP, 1), _TILE - _OVERLAP)


def _enlarged(image: Grey, scale: float) -> Grey:
    """The image enlarged, inverted and with a margin, because letters that touch the edge are not read."""
    rows, columns = image.shape
    size = (max(round(columns * scale), 1), max(round(rows * scale), 1))
    enlarged = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    edge = np.concatenate([enlarged[0], enlarged[-1], enlarged[:, 0], enlarged[:, -1]])
    return np.asarray(255 - np.pad(enlarged, _MARGIN, constant_values=np.uint8(np.median(edge))), np.uint8)


def _bright_strokes(image: Grey) -> Grey:
    """White top-hat: what is brighter than its surroundings and thin."""
    opened = _extreme(_extreme(image, _BRIGHT_STROKE, np.minimum), _BRIGHT_STROKE, np.maximum)
    return _spread(image - np.minimum(opened, image))


def _dark_strokes(image: Grey) -> Grey:
    """Black top-hat: what is darker than its surroundings and thin."""
    closed = _extreme(_extreme(image, _DARK_STROKE, np.maximum), _DARK_STROKE, np.minimum)
    return _spread(np.maximum(closed, image) - image)


def _extreme(image: Grey, size: int, extreme: Callable[..., NDArray[Any]]) -> Grey:
    """Least or greatest value of the ``size`` x ``size`` square around each pixel."""
    for axis in (0, 1):
        before = [(0, 0), (0, 0)]
        before[axis] = (size // 2, size // 2)
        image = np.pad(image, before, mode="edge")
        width = 1
        while width < size:
            step = min(width, size - width)
            length = image.shape[axis] - step
            image = np.asarray(extreme(_part(image, axis, 0, length), _part(image, axis, step, length)), np.uint8)
            width += step
    return image


def _part(image: Grey, axis: int, start: int, length: int) -> Grey:
    return image[start : start + length] if axis == 0 else image[:, start : start + length]


def _spread(strokes: Grey) -> Grey:
    """Make the strokes span black to white, without blowing up noise, which is everywhere and is read at length."""
    middle, brightest = np.percentile(strokes, (50, _BRIGHTEST))
    noise = _NOISE * middle
    return np.asarray(np.clip((strokes - noise) * (255 / max(brightest - noise, _FAINTEST)), 0, 255), np.uint8)
