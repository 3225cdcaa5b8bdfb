"""Keeping harmless marks: side marks, projections and measures that are read with certainty and stand alone.

Reading is too weak to prove that something is no name, so the list is closed and everything has to agree: three sizes
read the same, with confidence; the ink is no wider than the text; and beside it nothing is masked. In doubt it
goes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from statistics import median

import numpy as np

from deid_platform.pixels.components import Component, labelled
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.reading import LINE, Grey, Reader, Reading, ink_of, page_of

MOST_PIECES = 64
"""Pieces of one item that are read; what comes later is masked."""
CERTAIN = 90.0
"""Confidence, 0 to 100, that most readings must exceed. Tesseract gives single letters 93 at best."""
_INK = 128
_TALLEST = 160
_HEIGHTS = (32, 40, 64)
"""Pixels to which ink is enlarged for the readings."""
_WIDEST = 1.15
"""Of its height: width of a glyph with the gap behind it."""
_GAP = 1.5
"""Glyph heights within which nothing may stand on the same line."""
_NUMBER = re.compile(r"([+-]?\d{1,4}(?:[.,]\d{1,2})?) ?(.+)")


@dataclass(frozen=True, slots=True)
class _Piece:
    """A component that may be a mark: its ink cut to size, and where that stands in the frame."""

    component: Component
    ink: Grey
    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def pages(self) -> list[Grey]:
        return [page_of(self.ink, height / self.height) for height in _HEIGHTS]

    def fits(self, text: str) -> bool:
        """Whether the ink is no wider than the text can be."""
        return self.right - self.left <= _WIDEST * self.height * len(text)


def without_marks(mask: Mask, picture: Grey, reader: Reader, most: int = MOST_PIECES) -> tuple[Mask | None, int, int]:
    """Take the marks out of the mask of a frame.

    Parameters
    ----------
    mask
        What is masked of the frame.
    picture
        The frame as people see it, 8 bits, shape (rows, columns).
    reader
        What reads.
    most
        How many pieces may be read.

    Returns
    -------
    The mask of what goes, None where that is nothing; the number of marks that stay; the number of pieces read.
    """
    labels, components = labelled(mask)
    pieces = [piece for piece in (_piece(component, picture) for component in components) if piece is not None][:most]
    kept = _alone([piece for piece, text in zip(pieces, _texts(pieces, reader), strict=True) if text], components)
    if not kept:
        return mask, 0, len(pieces)
    left = (labels > 0) & ~np.isin(labels, [piece.component.number for piece in kept])
    return (Mask.of(left, mask.rows, mask.columns) if left.any() else None), len(kept), len(pieces)


def is_mark(text: str) -> bool:
    """Whether a text is in the closed list of marks, or a number with a unit of it."""
    marks, units = _listed()
    number = _NUMBER.fullmatch(text)
    return text in marks or bool(number and number[2] in units)


def _piece(component: Component, picture: Grey) -> _Piece | None:
    """The ink of a component; None where there is none, or too much of it to be a mark."""
    ink = ink_of(component.of(picture))
    if ink is None or component.bottom - component.top > _TALLEST:
        return None
    rows, columns = np.flatnonzero((ink >= _INK).any(axis=1)), np.flatnonzero((ink >= _INK).any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return _Piece(
        component, ink[top:bottom, left:right],
        component.top + top, component.top + bottom, component.left + left, component.left + right,
    )  # fmt: skip


def _texts(pieces: Sequence[_Piece], reader: Reader) -> list[str]:
    """What each piece says if that is certain and a mark, else nothing."""
    readings = reader.read([page for piece in pieces for page in piece.pages()], LINE)
    count = len(_HEIGHTS)
    return [_certain(piece, readings[n * count : (n + 1) * count]) for n, piece in enumerate(pieces)]


def _certain(piece: _Piece, readings: Sequence[Reading]) -> str:
    text = readings[0].text
    agreed = len({reading.text.replace(" ", "") for reading in readings}) == 1
    certain = median(reading.confidence for reading in readings) > CERTAIN
    listed = all(is_mark(reading.text) for reading in readings)
    return text if agreed and certain and listed and piece.fits(text) else ""


def _alone(marks: list[_Piece], components: Sequence[Component]) -> list[_Piece]:
    """The marks beside which nothing is masked; one that goes takes those beside it along."""
    while True:
        numbers = {mark.component.number for mark in marks}
        others = [component for component in components if component.number not in numbers]
        alone = [mark for mark in marks if not any(_beside(mark, other) for other in others)]
        if len(alone) == len(marks):
            return alone
        marks = alone


def _beside(mark: _Piece, other: Component) -> bool:
    reach = _GAP * mark.height
    on_line = other.top < mark.bottom and other.bottom > mark.top
    return on_line and other.left < mark.right + reach and other.right > mark.left - reach


@cache
def _listed() -> tuple[frozenset[str], frozenset[str]]:
    text = resources.files("deid_platform").joinpath("data/harmless_marks.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    marks, units = (frozenset(row["text"] for row in rows if row["kind"] == kind) for kind in ("mark", "unit"))
    return marks, units


