"""Which words of an image are harmless marks, for the gate under a policy that keeps them.

Written apart from the code that keeps marks; only the list of marks and units is the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

from deid_platform.audit.ocr import Word

# Of the height of a word: how far its unit may stand from a number, and how far they may differ in their middle.
_GAP, _SHIFT = 1.5, 0.5


def without_marks(words: Sequence[Word]) -> list[Word]:
    """The words that are no side marks, projections or measures; a number and the unit behind it are one measure."""
    left = [word for word in words if not is_mark(word.text)]
    measures = [
        pair for number in left for pair in ((number, other) for other in words if _behind(number, other))
        if is_mark(f"{pair[0].text} {pair[1].text}")
    ]  # fmt: skip
    gone = {id(word) for pair in measures for word in pair}
    return [word for word in left if id(word) not in gone]


def is_mark(text: str) -> bool:
    """Whether a text is one of the closed list, or a number with a unit of it."""
    return _pattern().fullmatch(text.strip()) is not None


def _behind(word: Word, other: Word) -> bool:
    """Whether ``other`` stands right of ``word`` on its line, and near."""
    height = word.bottom - word.top
    level = abs((word.top + word.bottom) - (other.top + other.bottom)) / 2 <= _SHIFT * height
    return level and 0 <= other.left - word.right <= _GAP * height


@cache
def _pattern() -> re.Pattern[str]:
    text = resources.files("deid_platform").joinpath("data/harmless_marks.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    marks, units = (
        "|".join(re.escape(row["text"]) for row in rows if row["kind"] == kind) for kind in ("mark", "unit")
    )
    return re.compile(rf"(?:{marks})|[+-]?\d{{1,4}}(?:[.,]\d{{1,2}})? ?(?:{units})")
