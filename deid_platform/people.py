"""People named in running text with no title or cue beside them, told by lists of names.

A name that is no other word goes wherever it stands. Names that are also words, unknown words and initials go only with
another name beside them: 'John Smith', 'Smith, J.', 'SMITH^JANE'. What is clinical, or an eponym, is no name here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from itertools import pairwise

from deid_platform.names import PLACEHOLDER, eponymic, fold, harmless, name_lists, noun_follows, word_list

_WORD = re.compile(r"[^\W\d_](?:['’]?[^\W\d_])*")
_JOINT = re.compile(r"\s|,\s?|\.\s?|\^{1,3}|-")
_CARETS = re.compile(
    r"[^\W\d_][^\W\d_.'’ -]*\^{1,4}[^\W\d_]{2,}(?:\^{1,4}[^\W\d_]+)*\^{0,4}|[^\W\d_]{2,}\^{1,4}[^\W\d_]\b\^{0,4}"
)
_BEHIND_PLACEHOLDER = re.compile(
    rf"(?<!_){PLACEHOLDER}(?:[ \x1f]|,\s(?=\w+\s*(?:[,;:.()\[\]\n|/*<]|\Z)))"
    r"(?P<name>[A-ZÀ-ÖØ-Þ][^\W\d_A-Z]{2,}|(?<=,\s)[A-ZÀ-ÖØ-Þ]{3,})(?![\w'’-])"
)
MIN_ALONE = 5
"""Letters from which on a listed name goes without another one beside it."""
_MOST = 5
"""Words a name may have."""
_LATIN = frozenset("AVMNRL")
"""Letters before a Latin word that mean arteria, vena, musculus, nervus, ramus, ligamentum."""
_NUMERALS = frozenset("IVXLR")
_SIDES = frozenset("LRAP")
"""Letters beside a word that are more often left, right, anterior, posterior than an initial."""
_GRADES = frozenset("ABCDEFIVXLR")
"""Letters beside an eponym that are more often a grade or a side than an initial."""


class Kind(Enum):
    """What a word may be."""

    NAME = "a listed name that is no other word"
    COMMON = "a listed name that is another word, too"
    EPONYM = "a word that comes from a name"
    INITIAL = "one capital letter"
    UNKNOWN = "a capitalised word in no list"
    OTHER = "anything else"


def drop_people(text: str) -> tuple[str, int]:
    """The text without the people in it, and how many there were."""
    kept, done, total = [], 0, 0
    for start, end in _merged([*_caret_spans(text), *_listed_spans(text), *_second_names(text)]):
        kept += [text[done:start], PLACEHOLDER]
        done, total = end, total + 1
    return "".join([*kept, text[done:]]), total


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that overlap made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _caret_spans(text: str) -> Iterator[tuple[int, int]]:
    """Names as PN writes them (PS3.5 6.2), which nothing else looks like."""
    if "^" in text:
        for match in _CARETS.finditer(text):
            if not all(harmless(fold(word)) for word in _WORD.findall(match[0])):
                yield match.span()


def _second_names(text: str) -> Iterator[tuple[int, int]]:
    """Capitalised words in no list right behind a name that has gone: the subject's given name, of somebody else."""
    for match in _BEHIND_PLACEHOLDER.finditer(text) if PLACEHOLDER in text else ():
        if _kind(match["name"]) in (Kind.UNKNOWN, Kind.COMMON, Kind.NAME):
            yield match.span("name")


def _listed_spans(text: str) -> Iterator[tuple[int, int]]:
    low, loud = text.islower(), _is_loud(text)
    run: list[tuple[re.Match[str], Kind]] = []
    for word in _WORD.finditer(text):
        kind = _kind(word[0]) if word[0][0].isupper() or low else Kind.OTHER
        if run and not _JOINT.fullmatch(text, run[-1][0].end(), word.start()):
            yield from _names_in(text, run, loud)
            run = []
        if kind is Kind.OTHER:
            yield from _names_in(text, run, loud)
            run = []
        else:
            run.append((word, kind))
    yield from _names_in(text, run, loud)


@lru_cache(maxsize=8192)
def _kind(word: str) -> Kind:
    folded = fold(word).replace("'", "").replace("’", "")
    if len(folded) == 1:
        return Kind.INITIAL if word.isupper() else Kind.OTHER
    if folded in word_list("surnames") or folded in word_list("given_names"):
        return Kind.NAME
    if eponymic(folded):
        return Kind.EPONYM
    if harmless(folded) or folded in _label_words():
        return Kind.OTHER
    if folded in word_list("common_surnames") or folded in word_list("common_given_names"):
        return Kind.COMMON
    return Kind.UNKNOWN if word[0].isupper() and len(folded) > 2 else Kind.OTHER


@lru_cache(maxsize=1)
def _label_words() -> frozenset[str]:
    """Single words that stand beside names and are none."""
    lists = "|".join(name_lists()[kind] for kind in ("titles", "places", "credentials", "particles"))
    return frozenset(re.findall(r"[a-z]{2,}", lists)) | word_list("place_words")


def _is_loud(text: str) -> bool:
    """Whether a text is in capitals but for words that begin with one."""
    words = [word[0] for word in _WORD.finditer(text) if len(word[0]) > 2]
    return any(map(str.isupper, words)) and not any(len(word) > 3 and word[0].islower() for word in words)


def _names_in(text: str, run: list[tuple[re.Match[str], Kind]], loud: bool) -> Iterator[tuple[int, int]]:
    """The names in words that follow one another, none of which is an ordinary one."""
    at = 0
    while at < len(run):
        first, last = _around(text, run, at) if _is_anchor(text, run, at, loud) else (at, at - 1)
        if first <= last:
            yield run[first][0].start(), run[last][0].end()
        at = max(at, last) + 1


def _is_anchor(text: str, run: list[tuple[re.Match[str], Kind]], at: int, loud: bool) -> bool:
    """Whether a person is named here; ``loud``: the text around is in capitals."""
    word, kind = run[at]
    if kind is Kind.NAME:
        if _is_part_of_eponym(text, run, at):
            return False
        return len(word[0]) >= MIN_ALONE or _beside(run, at, (Kind.NAME, Kind.COMMON, Kind.UNKNOWN, Kind.INITIAL))
    if kind is Kind.COMMON:
        return (not _is_part_of_eponym(text, run, at) and _given_beside(run, at)) or _initial_beside(text, run, at)
    if kind is Kind.EPONYM:
        return not noun_follows(text, word.end()) and _initial_beside(text, run, at)
    if kind is Kind.UNKNOWN and word[0][1:].islower() and not _is_part_of_eponym(text, run, at):
        initial = _has_initial(text, run, at) or _initial_behind(text, run, at)
        return initial or (loud and _quiet_beside(run, at)) or _common_given_in_front(run, at)
    return False


def _is_part_of_eponym(text: str, run: list[tuple[re.Match[str], Kind]], at: int) -> bool:
    """Whether a hyphen joins a name to an eponym: 'Swyer-James'."""
    return any(
        0 <= near < len(run) and run[near][1] is Kind.EPONYM and text[min(run[at][0].end(), run[near][0].end())] == "-"
        for near in (at - 1, at + 1)
    ) and not _given_behind_comma(text, run)


def _given_behind_comma(text: str, run: list[tuple[re.Match[str], Kind]]) -> bool:
    """Whether a surname and a given name are written in turn: 'Roe-Smith, Mary'."""
    return any(
        text[before.end() : word.start()].strip() == "," and _is_given(fold(word[0]))
        for (before, _), (word, _) in pairwise(run)
    )


def _has_initial(text: str, run: list[tuple[re.Match[str], Kind]], at: int) -> bool:
    """Whether an unknown word has an initial with its dot: 'K. Zwaan' or 'Zwaan K.', not 'A. Carotis'."""
    word = run[at][0]
    if at > 0 and run[at - 1][1] is Kind.INITIAL:
        initial = run[at - 1][0]
        between = text[initial.end() : word.start()]
        return between == "." or (between == ". " and initial[0] not in _LATIN)
    if at + 1 < len(run) and run[at + 1][1] is Kind.INITIAL:
        initial = run[at + 1][0]
        ends = re.match(r"\.\s*(?:[,;)\]|\n]|$)", text[initial.end() :][:8])
        return ends is not None and initial[0] not in _NUMERALS and text[word.end() : initial.start()] == " "
    return False


def _initial_behind(text: str, run: list[tuple[re.Match[str], Kind]], at: int) -> bool:
    """Whether a word has a comma and an initial with its dot behind it: 'Guidone, K.', but not 'Guidone, k.A.'."""
    if at + 1 >= len(run) or run[at + 1][1] is not Kind.INITIAL:
        return False
    word, initial = run[at][0], run[at + 1][0]
    dot = re.match(r"\.(?![^\W_])", text[initial.end() :][:2])
    return text[word.end() : initial.start()].strip() == "," and dot is not None


def _quiet_beside(run: list[tuple[re.Match[str], Kind]], at: int) -> bool:
    """Whether two unknown words, or one and an initial, are written like names where all else is in capitals."""
    near = [run[position] for position in (at - 1, at + 1) if 0 <= position < len(run)]
    return any(
        (kind in (Kind.UNKNOWN, Kind.COMMON, Kind.EPONYM) and not word[0].isupper())
        or (kind is Kind.INITIAL and word[0] not in _NUMERALS)
        for word, kind in near
    )


def _common_given_in_front(run: list[tuple[re.Match[str], Kind]], at: int) -> bool:
    if at == 0 or run[at - 1][1] not in (Kind.COMMON, Kind.EPONYM):
        return False
    word = run[at - 1][0]
    return not word[0].isupper() and _is_given(fold(word[0]))


def _beside(run: list[tuple[re.Match[str], Kind]], at: int, kinds: tuple[Kind, ...]) -> bool:
    return any(0 <= near < len(run) and run[near][1] in kinds for near in (at - 1, at + 1))


def _given_beside(run: list[tuple[re.Match[str], Kind]], at: int) -> bool:
    """Whether a given name and a surname stand together."""
    here = fold(run[at][0][0])
    for near in (at - 1, at + 1):
        if 0 <= near < len(run) and run[near][1] in (Kind.COMMON, Kind.EPONYM, Kind.NAME):
            there = fold(run[near][0][0])
            if (_is_given(here) and _is_surname(there)) or (_is_given(there) and _is_surname(here)):
                return True
    return False


def _is_given(folded: str) -> bool:
    return folded in word_list("common_given_names") or folded in word_list("given_names")


def _is_surname(folded: str) -> bool:
    return folded in word_list("common_surnames") or folded in word_list("surnames")


def _initial_beside(text: str, run: list[tuple[re.Match[str], Kind]], at: int) -> bool:
    """Whether a surname has an initial: 'Smith, J', 'J. Smith', but not 'HILL L', the left one, or 'Weber B'."""
    if not _is_surname(fold(run[at][0][0])):
        return False
    letters = _SIDES if run[at][1] is Kind.COMMON else _GRADES
    for near in (at - 1, at + 1):
        if 0 <= near < len(run) and run[near][1] is Kind.INITIAL:
            initial = run[near][0]
            dotted = text[initial.end() : initial.end() + 1] == "." and (near < at or letters is _SIDES)
            comma = near > at and text[run[at][0].end()] == ","
            if dotted or comma or initial[0] not in letters:
                return True
    return False


def _around(text: str, run: list[tuple[re.Match[str], Kind]], at: int) -> tuple[int, int]:
    """First and last word of the name one of whose words stands at ``at``."""
    first = last = at
    while first > 0 and last - first < _MOST and _belongs(text, run, first - 1, first):
        first -= 1
    while last + 1 < len(run) and last - first < _MOST and _belongs(text, run, last + 1, last):
        last += 1
    return first, last


def _belongs(text: str, run: list[tuple[re.Match[str], Kind]], new: int, known: int) -> bool:
    """Whether a word is part of the name beside it."""
    (word, kind), (other, _) = run[new], run[known]
    between = text[min(word.end(), other.end()) : max(word.start(), other.start())]
    if kind in (Kind.NAME, Kind.COMMON):
        return between.strip() in ("", ",", "-") or between == "." or (len(other[0]) == 1 and between.strip() == ".")
    if kind is Kind.INITIAL:
        return word[0] not in _SIDES or text[word.end() : word.end() + 1] == "." or "," in between
    if kind is Kind.EPONYM:
        given = _is_given(fold(other[0]))
        last_first = new < known and between.strip() == "," and _is_surname(fold(word[0]))
        return between == "-" or (given and (last_first or (new > known and not between.strip())))
    # An unknown word is taken for a name beside one, written alike, unless a sentence or a list begins with it.
    alike = word[0].isupper() == other[0].isupper() and not word[0].islower()
    title = not word[0].isupper()
    if between.strip() == ",":
        return alike and _ends(text, word, other)
    if not title and new > known and len(word[0]) > 3 and not between.strip():
        return alike and re.match(r"\s*(?:[,;:.()\[\]\n|]|$)", text[word.end() :][:8]) is not None
    return alike and (between in ("-", ".") or (title and between.strip() in ("", ".")))


def _ends(text: str, word: re.Match[str], other: re.Match[str]) -> bool:
    """Whether a word before or behind a comma stands alone there, as in a list of names."""
    return word.start() < other.start() or re.match(r"\s*(?:[,;.:/*<()\]\n|]|$)", text[word.end() :][:8]) is not None
