"""The words of pages, as Tesseract reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from deid_platform.audit.pages import Page
from deid_platform.tesseract import word_rows

_SPARSE = 11
"""Page segmentation mode: sparse text in no order."""
# Sauvola's local thresholds, because text lies on tissue of every brightness.
_THRESHOLDS = "thresholding_method=2"


@dataclass(frozen=True, slots=True)
class Word:
    """Characters read in one place: confidence 0 to 100, box in pixels of the frame. The text is not represented."""

    text: str = field(repr=False)
    confidence: float
    left: float
    top: float
    right: float
    bottom: float


def read_words(pages: Sequence[Page]) -> list[list[Word]]:
    """Read pages, in one process; return the words of each.

    Raises
    ------
    DeidError
        Tesseract is not installed, fails, or leaves a page out.
    """
    rows = word_rows([page.image for page in pages], _SPARSE, _THRESHOLDS)
    return [[_word(cells, page) for cells in words] for words, page in zip(rows, pages, strict=True)]


def _word(cells: list[str], page: Page) -> Word:
    left, top, width, height = (int(cell) / page.scale for cell in cells[6:10])
    left, top = left + page.left, top + page.top
    return Word(cells[11], float(cells[10]), left, top, left + width, top + height)
