"""A small picture with writing on it, and whether two models see the same in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_ROWS, _COLUMNS = 96, 256
_WORDS = ((12, 8, "DEID 0123", 255), (100, 52, "12.03.1956", 40))
_ENLARGED = 2
_COMMON = 0.8  # of the cells of each model the other must see so many, give or take a cell at the rim


def example() -> NDArray[np.float32]:
    """Shape (1, 2, 96, 256): bright and dark writing in a fixed bitmap font on a gradient, the same in both views."""
    picture = Image.fromarray(np.linspace(60, 180, _COLUMNS).astype(np.uint8)[np.newaxis].repeat(_ROWS, axis=0))
    font = ImageFont.load_default_imagefont()
    for left, top, text, value in _WORDS:
        width, height = font.getbbox(text)[2:]
        ink = Image.new("L", (int(width), int(height)))
        ImageDraw.Draw(ink).text((0, 0), text, 255, font)
        ink = ink.resize((ink.width * _ENLARGED, ink.height * _ENLARGED), Image.Resampling.NEAREST)
        picture.paste(value, (left, top), ink)
    plane = np.asarray(picture, np.float32) / np.float32(255)
    return np.stack([plane, plane])[np.newaxis]


def agree(one: tuple[NDArray[np.bool_], NDArray[np.bool_]], other: tuple[NDArray[np.bool_], NDArray[np.bool_]]) -> bool:
    """Whether two models, each with its sure and its likely cells of one picture, find the same text, and some.

    What one is sure of the other must at least find likely, but for a fifth: thresholds cut through slopes.
    """
    return _seen(one[0], other[1]) and _seen(other[0], one[1])


def _seen(sure: NDArray[np.bool_], likely: NDArray[np.bool_]) -> bool:
    return bool(sure.any()) and int(np.count_nonzero(sure & likely)) >= _COMMON * int(np.count_nonzero(sure))
