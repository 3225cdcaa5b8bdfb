"""The label a profile may have drawn on a slide: exactly the letters of one pseudonym, and nothing else."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (256, 64)
DESCRIPTION = re.compile(rb"Aperio Image Library\nlabel 256x64\0*")
_CORNER, _BELOW, _LETTERS, _SIZE = 6, 26, 20, 18


def shows_only(image: Any, pseudonym: str) -> bool:
    """Whether an image is the label with ``pseudonym``, pixel by pixel."""
    if not pseudonym or image.size != SIZE:
        return False
    expected = Image.new("RGB", SIZE, "white")
    for number, line in enumerate(re.findall(f".{{1,{_LETTERS}}}", pseudonym)):
        place = (_CORNER, _CORNER + number * _BELOW)
        ImageDraw.Draw(expected).text(place, line, fill="black", font=ImageFont.load_default(_SIZE))
    return np.array_equal(np.asarray(image.convert("RGB")), np.asarray(expected))
