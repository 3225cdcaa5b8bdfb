"""What counts as text among the words a reader believes to have seen in one frame.

A reader sees letters in vessels, speckle and rows of slices too. Real text is told by the reader's confidence, or
by two readings of the same place, made of differently prepared images, that agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from deid_platform.pixels.ocr import Word
from deid_platform.pixels.pages import Page, Preparation

# Letters and digits a word needs at least, and the confidence from which it counts: measured on frames with and
# without text, see the tests for what is promised.
_SURE = ((3, 90.0), (4, 65.0), (6, 45.0))
_SHORTEST = 3
# Rows of round or striped slices are read as 668868 or 299999; real words and numbers are more varied than that.
_DIFFERENT = 3
_ROUND = frozenset("0689")
_AGREED = 4
_SAME_PLACE = 0.5


@dataclass(frozen=True, slots=True)
class _Reading:
    letters: str
    word: Word
    preparation: Preparation


def shows_text(pages: Sequence[Page], words: Sequence[Sequence[Word]]) -> bool:
    """Whether the words read on the pages of one frame, one sequence for each page, amount to text."""
    readings = [
        _Reading("".join(filter(str.isalnum, word.text.upper())), word, page.preparation)
        for page, found in zip(pages, words, strict=True)
        for word in found
    ]
    candidates = [reading for reading in readings if len(reading.letters) >= _SHORTEST and _varied(reading.letters)]
    return any(map(_sure, candidates)) or any(_agree(one, other) for one, other in combinations(candidates, 2))


def _varied(letters: str) -> bool:
    return len(set(letters)) >= _DIFFERENT and not _ROUND.issuperset(letters)


def _sure(reading: _Reading) -> bool:
    return any(len(reading.letters) >= count and reading.word.confidence >= least for count, least in _SURE)


def _agree(one: _Reading, other: _Reading) -> bool:
    """Whether two readings share a run of letters and their place and are independent."""
    if one.preparation is other.preparation or not _same_place(one.word, other.word):
        return False
    runs = (one.letters[start : start + _AGREED] for start in range(len(one.letters) - _AGREED + 1))
    return any(run in other.letters and _varied(run) for run in runs)


def _same_place(one: Word, other: Word) -> bool:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    areas = ((word.right - word.left) * (word.bottom - word.top) for word in (one, other))
    return width > 0 and height > 0 and width * height > _SAME_PLACE * min(areas)
