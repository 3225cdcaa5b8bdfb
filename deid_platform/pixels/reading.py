"""Reading what is masked: pieces cut out of frames, one line or a few, by Tesseract.

For deciding what may stay and for counting what identified the subject; never for finding text. A piece that was read
before in this process is not read again: slices of a series mostly repeat what they say.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deid_platform.tesseract import word_rows

Grey = NDArray[np.uint8]
BLOCK, LINE = 6, 7
"""Page segmentation modes: some lines, or one, also of a single letter."""
MOST_READINGS = 4096
"""Readings a process remembers."""
_FAINTEST = 24
"""Grey levels by which ink must differ from its ground."""
_MARGIN = 24
_MOST_PIXELS = 2**19


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read on one piece, its parts joined by blanks, and the least confidence (0 to 100) of any part."""

    text: str = field(repr=False, default="")
    confidence: float = 0.0


class Reader:
    """Tesseract with a memory of what it read."""

    def __init__(self, most: int = MOST_READINGS) -> None:
        self._most = most
        self._known: OrderedDict[bytes, Reading] = OrderedDict()

    def read(self, pages: Sequence[Grey], psm: int) -> list[Reading]:
        """Read pages made by :func:`page_of`; those not met before in one run of the program.

        Raises
        ------
        DeidError
            Tesseract is missing or fails.
        """
        digests = [_digest(page, psm) for page in pages]
        new = {digest: page for digest, page in zip(digests, pages, strict=True) if digest not in self._known}
        found = dict(zip(new, map(_joined, word_rows(list(new.values()), psm)), strict=True))
        readings = [found[digest] if digest in found else self._known[digest] for digest in digests]
        self._remember(dict(zip(digests, readings, strict=True)))
        return readings

    def _remember(self, readings: dict[bytes, Reading]) -> None:
        for digest, reading in readings.items():
            self._known[digest] = reading
            self._known.move_to_end(digest)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


@cache
def reader() -> Reader:
    """The reader of this process."""
    return Reader()


def ink_of(piece: Grey) -> NDArray[np.uint8] | None:
    """How far each pixel is from the ground, 0 to 255, whatever is brighter; None where nothing stands out."""
    edge = np.concatenate([piece[0], piece[-1], piece[:, 0], piece[:, -1]])
    distance = np.abs(piece.astype(np.int32) - int(np.median(edge)))
    most = int(distance.max(initial=0))
    return None if most < _FAINTEST else np.asarray(distance * 255 // most, np.uint8)


def page_of(ink: Grey, factor: float) -> Grey:
    """Ink as dark letters on white, enlarged, with a margin; smaller where it would be unreasonably large."""
    rows, columns = ink.shape
    factor = min(factor, (_MOST_PIXELS / max(rows * columns, 1)) ** 0.5)
    size = (max(round(columns * factor), 1), max(round(rows * factor), 1))
    enlarged = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC))
    return np.asarray(255 - np.pad(enlarged, _MARGIN), np.uint8)


def _digest(page: Grey, psm: int) -> bytes:
    shape = f"{psm} {page.shape}".encode()
    return hashlib.blake2b(shape + np.ascontiguousarray(page).tobytes(), digest_size=16).digest()


def _joined(words: list[list[str]]) -> Reading:
    kept = [cells for cells in words if cells[11].strip()]
    if not kept:
        return Reading()
    return Reading(" ".join(cells[11].strip() for cells in kept), min(float(cells[10]) for cells in kept))
