"""Whether a piece of burned-in text says who the subject is: what was read against what the header says.

Reading errs, so words may differ a little and characters that look alike are one. A match is certain PHI and only ever
counted: it proves what would have leaked, and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from deid_platform.names import fold

# What a reader takes for each other, as letters.
_ALIKE = str.maketrans("015826|!$", "oisbzglis")
_LEAST_NAME, _LEAST_NUMBER = 3, 5
# Letters of a word per letter that may be read wrong.
_PER_MISTAKE = 5
_DATES = ("%Y%m%d", "%d%m%Y", "%m%d%Y")


@dataclass(frozen=True, slots=True)
class Known:
    """What identifies a subject: folded words of names and places, numbers, dates of birth."""

    words: frozenset[str] = field(repr=False, default=frozenset())
    numbers: frozenset[str] = field(repr=False, default=frozenset())
    births: frozenset[date] = field(repr=False, default=frozenset())

    def said_in(self, text: str) -> bool:
        """Whether a text that was read says any of it."""
        read = fold(text)
        return self._named(re.findall(r"[^\W_]{3,}", read)) or self._numbered(read)

    def _named(self, words: Iterable[str]) -> bool:
        known = {_letters(word) for word in self.words if len(word) >= _LEAST_NAME}
        return any(_near(_letters(word), name) for word in words for name in known)

    def _numbered(self, read: str) -> bool:
        compact = _letters(re.sub(r"[\W_]", "", read))
        told = {re.sub(r"[\W_]", "", number) for number in self.numbers}
        told |= {birth.strftime(form) for birth in self.births for form in _DATES}
        return any(_letters(number) in compact for number in told if len(number) >= _LEAST_NUMBER)


def _letters(word: str) -> str:
    return word.translate(_ALIKE).replace("rn", "m").replace("vv", "w")


def _near(one: str, other: str) -> bool:
    """Whether two words are the same but for one mistake in five letters."""
    allowed = min(len(one), len(other)) // _PER_MISTAKE
    return abs(len(one) - len(other)) <= allowed and (one == other or _distance(one, other) <= allowed)


def _distance(one: str, other: str) -> int:
    """Letters to be put in, left out or exchanged (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        before, row[0] = row[0], number
        for at, against in enumerate(other, start=1):
            before, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, before + (letter != against))
    return row[-1]
