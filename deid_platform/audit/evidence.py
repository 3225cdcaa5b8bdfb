"""What counts as text among the words a reader believes to have seen in one frame.

A reader sees letters in vessels, speckle and rows of slices too. Real text is told by the reader's confidence, or
by two readings of the same place, made of differently prepared images, that agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deid_platform.audit.ocr import Word
from deid_platform.audit.pages import Preparation

# Letters and digits a word needs at least, and the confidence from which it counts: measured on frames with and
# without text, see the tests for what is promised.
_SURE = ((3, 90.0), (4, 65.0), (6, 45.0))
# The same in one of many slices of a volume, of which a reader takes one in a hundred for letters.
_SURE_AMONG_MANY = ((4, 80.0), (6, 60.0))
# Rows of round or striped slices are read as 668868, 299999 or AAARAA; words and numbers are more varied than that,
# but for short names such as LEE or ANNA.
_DIFFERENT = 3
_SHORT_NAME, _DIFFERENT_IN_NAME = 4, 2
_ROUND = frozenset("0689")
_AGREED = 4
_SAME_PLACE = 0.5


Reading = tuple[Preparation, Sequence[Word]]
"""The words read on one page of a frame, and how that page had been prepared."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    letters: str
    word: Word
    preparation: Preparation


def shows_text(readings: Sequence[Reading], *, among_many: bool = False) -> bool:
    """Whether the readings of one frame amount to text; more readings never make text disappear.

    ``among_many``: it is one of the many slices of a volume, all of which are read.
    """
    candidates = _candidates(readings)
    return any(_sure(one, _SURE_AMONG_MANY if among_many else _SURE) for one in candidates) or _agreed(candidates)


def doubted(readings: Sequence[Reading]) -> list[Word]:
    """The words that make text of one frame and would make none of a slice among many; nothing where others do."""
    if shows_text(readings, among_many=True):
        return []
    return [one.word for one in _candidates(readings) if _sure(one, _SURE)]


def _candidates(readings: Sequence[Reading]) -> list[_Candidate]:
    seen = [
        _Candidate("".join(filter(str.isalnum, word.text.upper())), word, preparation)
        for preparation, words in readings
        for word in words
    ]
    return [one for one in seen if _varied(one.letters) or _short_name(one.letters)]


def _varied(letters: str) -> bool:
    return len(set(letters)) >= _DIFFERENT and not _ROUND.issuperset(letters)


def _short_name(letters: str) -> bool:
    return len(letters) <= _SHORT_NAME and letters.isalpha() and len(set(letters)) >= _DIFFERENT_IN_NAME


def _sure(one: _Candidate, least_of: tuple[tuple[int, float], ...]) -> bool:
    return any(len(one.letters) >= count and one.word.confidence >= least for count, least in least_of)


def _agreed(candidates: Sequence[_Candidate]) -> bool:
    """Whether two words share a run of letters and their place, and come from different preparations."""
    with_run: dict[str, list[_Candidate]] = {}
    for one in candidates:
        for start in range(len(one.letters) - _AGREED + 1):
            run = one.letters[start : start + _AGREED]
            others = with_run.setdefault(run, []) if _varied(run) else []
            if any(other.preparation is not one.preparation and _same_place(one.word, other.word) for other in others):
                return True
            others.append(one)
    return False


def _same_place(one: Word, other: Word) -> bool:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    areas = ((word.right - word.left) * (word.bottom - word.top) for word in (one, other))
    return width > 0 and height > 0 and width * height > _SAME_PLACE * min(areas)
