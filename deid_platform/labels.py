"""Names told by the words behind them: before 'Hospital' or 'MD', or a relation in brackets."""

from __future__ import annotations

import re
from functools import cache

from deid_platform.names import PLACEHOLDER, clinical, fold, folded_lists, harmless, made_of, name_lists

_WORD = re.compile(r"[^\W\d_]+")


@cache
def _labels() -> re.Pattern[str]:
    """Kinds of places, and academic degrees, that stand behind a name, in folded text."""
    places, credentials = folded_lists()["places"], folded_lists()["credentials"]
    doubtful, kin = folded_lists()["doubtful_credentials"], folded_lists()["relations"]
    behind = rf"\s+(?:{places})|,?\s+(?:{credentials})|,\s+(?:{doubtful})|,?\s+\((?:{kin})(?=\))"
    return re.compile(rf"(?<!\s)(?:{behind})(?![^\W_])")


def drop_before_labels(text: str) -> tuple[str, int]:
    """The proper name in front of 'Hospital', 'Clinic', 'MD' and the like; the label stays."""
    kept, done, total = [], 0, 0
    for label in _labels().finditer(fold(text)):
        begin = max(done, _begin_of_proper_name(text, label.start()))
        if begin < label.start():
            kept += [text[done:begin], PLACEHOLDER]
            done, total = label.start(), total + 1
    return "".join([*kept, text[done:]]), total


def _begin_of_proper_name(text: str, end: int) -> int:
    """Where the run of words that may be names begins that ends at ``end``; ``end`` when there is none."""
    begin, last = end, ""
    while word := _WORD_BEFORE.search(text[max(0, begin - 60) : begin]):
        shouted = len(word[1]) > 2 and word[1].isupper() and last != "" and not last.isupper()
        if not _part_of_proper_name(word[1]) or (shouted and made_of(word[1], harmless)):
            break
        begin, last = begin - len(word[0]), last or word[1].strip(".")
        begin -= _surname_and_comma(text, begin)
    return begin


_WORD_BEFORE = re.compile(r"(?<![^\s,;:<(\[\"=|@/])([^\s,;:<(\[\"=|@/]{1,40})\s*\Z")
_SURNAME_BEFORE = re.compile(r"(?<![^\s;:<(\[\"=|@/])(?P<surname>[^\W\d_][\w'’-]{1,30}),\s\Z")


def _surname_and_comma(text: str, end: int) -> int:
    """Length of a surname and its comma in front of a given name: 'Smith, Anna MD'."""
    found = _SURNAME_BEFORE.search(text[max(0, end - 40) : end])
    return len(found[0]) if found and found["surname"][0].isupper() and not made_of(found["surname"], harmless) else 0


def _part_of_proper_name(word: str) -> bool:
    if re.search(r"^[\W_]|\d", word):
        return False
    part_of_place = re.fullmatch(name_lists()["parts_of_places"], fold(word).strip("."))
    initial = re.fullmatch(r"[A-Z]\.", word)
    letters = sum(map(len, _WORD.findall(word)))
    named = word[0].isupper() and letters > 1 and not made_of(word, clinical)
    return bool(part_of_place or initial) or named
