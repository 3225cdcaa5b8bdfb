"""Whether the levels of a slide show one picture: a coarser one has to be the next finer one, reduced.

Means of squares of 16 x 16 pixels of the coarser level are compared, so that scanners may place, sharpen and encode
their levels as they like, but none shows a label where others show tissue.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_BLOCK = 16
_FINE_SIDE = 1024
"""Pixels of a side of what is read of the finer level at once."""
_MOST_PLACES, _MOST_REGIONS = 64, 64
_GOLDEN = 0.618034
_FAR = 40.0
"""Grey levels by which a square differs for good, or scatters more: letters do, what is reduced does not."""
_SHARE = 0.03
_OPAQUE, _ROUGH = 250.0, 20.0
"""Opacity of what was scanned, and how much grey levels scatter where something is to be seen."""

Region = tuple[int, int, int, int]
Squares = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def levels_disagree(slide: Any, regions: Sequence[Region]) -> bool:
    """Whether a level shows another picture than the next finer one; ``regions`` are left, top, width, height of what
    was scanned, in pixels of the first level. Raises whatever OpenSlide raises.
    """
    return any(_other_picture(slide, level, regions) for level in range(1, slide.level_count))


def _other_picture(slide: Any, level: int, regions: Sequence[Region]) -> bool:
    far = count = 0
    shown = regions[:_MOST_REGIONS]
    for region in shown:
        for place in _places(slide, level, region, max(_MOST_PLACES // len(shown), 1)):
            differs = _differing(slide, level, *place)
            far, count = far + int(differs.sum()), count + differs.size
    return far > _SHARE * count


def _places(slide: Any, level: int, region: Region, most: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Places of a region, each its corner in pixels of the first level and its size in pixels of the coarser one.

    They tile the region; where they are more than ``most``, that many spread over it are taken by a fixed rule.
    """
    left, top, width, height = region
    scale = slide.level_downsamples[level]
    ratio = scale / slide.level_downsamples[level - 1]
    side = max(int(_FINE_SIDE / ratio) // _BLOCK, 1) * _BLOCK
    size = [max(int(length / scale), 1) for length in (width, height)]
    across, down = (math.ceil(length / side) for length in size)
    every = across * down
    chosen = range(every) if every <= most else sorted({int(number * _GOLDEN % 1 * every) for number in range(most)})
    for number in chosen:
        x, y = number % across * side, number // across * side
        corner = (left + round(x * scale), top + round(y * scale))
        yield corner, (min(side, size[0] - x), min(side, size[1] - y))


def _differing(slide: Any, level: int, corner: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which squares of a place differ between a level and the next finer one."""
    ratio = slide.level_downsamples[level] / slide.level_downsamples[level - 1]
    grid = (max(size[0] // _BLOCK, 1), max(size[1] // _BLOCK, 1))
    finer_size = (math.ceil(size[0] * ratio), math.ceil(size[1] * ratio))
    coarse, opaque, rough = _squares(slide.read_region(corner, level, size), grid, 1.0)
    finer, told, smooth = _squares(slide.read_region(corner, level - 1, finer_size), grid, ratio)
    # Where the finer level was not scanned, a coarser one may be filled as its maker likes, but shows nothing.
    apart = (np.abs(coarse - finer) > _FAR) | (rough - smooth > _FAR)
    unlike = np.where(told >= _OPAQUE, apart, rough > _ROUGH)
    return np.asarray(unlike & (opaque >= _OPAQUE))


def _squares(image: Any, grid: tuple[int, int], ratio: float) -> Squares:
    """Mean grey level, opacity and scatter of the squares of a grid, whose side is 16 pixels times ``ratio``."""
    grey = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("F")
    edges = [min(count * _BLOCK * ratio, whole) for count, whole in zip(grid, image.size, strict=True)]
    box = (0.0, 0.0, edges[0], edges[1])
    squared = Image.fromarray(np.square(np.asarray(grey, np.float32)))
    mean, square, opacity = (
        np.asarray(one.resize(grid, Image.Resampling.BOX, box), np.float64)
        for one in (grey, squared, image.getchannel("A").convert("F"))
    )
    return mean, opacity, np.sqrt(np.maximum(square - mean**2, 0))
