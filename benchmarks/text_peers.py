"""Other ways to find text, as their users run them: the area they would hide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytesseract
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_MARGIN = 25


def eight_bit(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Stored values from the least to the greatest spread over 0 to 255, as Presidio makes a picture of them."""
    low, high = float(samples.min()), float(samples.max())
    return np.asarray((samples - low) * (255 / max(high - low, 1)), np.uint8)


def tesseract(samples: NDArray[Any]) -> NDArray[np.bool_]:
    """Tesseract with its defaults on a picture padded by 25 pixels, as in Presidio's image redactor; every box counts,
    whether its text would be taken for an identifier or not.
    """
    picture = eight_bit(samples)
    padded = np.pad(picture, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))[: picture.ndim], mode="edge")
    table = pytesseract.image_to_data(Image.fromarray(padded), output_type=pytesseract.Output.DICT)
    hidden = np.zeros(padded.shape[:2], np.bool_)
    for left, top, width, height, text in zip(
        *(table[name] for name in ("left", "top", "width", "height", "text")), strict=True
    ):
        if text.strip():
            hidden[top : top + height, left : left + width] = True
    return hidden[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]


class RapidOcr:
    """The detector of PP-OCR through rapidocr, with its defaults."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR  # optional: pip install rapidocr

        self._engine = RapidOCR(params={"Global.log_level": "critical"})

    def __call__(self, samples: NDArray[Any]) -> NDArray[np.bool_]:
        """The polygons found, filled."""
        picture = eight_bit(samples)
        colour = picture if picture.ndim == 3 else np.stack([picture] * 3, axis=-1)
        found = self._engine(np.ascontiguousarray(colour[:, :, ::-1]), use_det=True, use_cls=False, use_rec=False)
        drawing = Image.new("1", (picture.shape[1], picture.shape[0]))
        for polygon in found.boxes if found.boxes is not None else ():
            ImageDraw.Draw(drawing).polygon([tuple(map(float, corner)) for corner in polygon], fill=1)
        return np.asarray(drawing)
