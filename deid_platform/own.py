"""What is known of one subject, and where texts speak of it: names and numbers, misspelled ones, parts of numbers.

PS3.15 2026c E.3.5 wants identifiers out of descriptors and does not say how people write them; each way is stated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

from deid_platform.names import harmless

_WORD = re.compile(r"[^\W\d_]+")
_JOINER = r"[\s.,^_'’`´-]{1,2}"
MIN_MISSPELLED = 6
"""Letters a name needs before words at distance one count as misspellings of it: shorter ones have true neighbours."""
MIN_FRAGMENT, MIN_LABELLED = 5, 4
"""Digits that tell a number by its beginning or end, alone or behind a word such as 'ending'."""
_DIGITS = re.compile(r"(?<!\d)(?<!\d[.,])\d{4,}(?!\d)(?![.,]\d)")
_MIXED = re.compile(r"(?<![^\W_])[a-z]{1,5}\d{3,}(?![^\W_])")
_ENDING = re.compile(
    r"(?:\blast(?:\s(?:four|\d|digits?))?|\bend(?:s|ing)?(?:\s(?:in|with|on))?|\b(?:mrn|id|nr|no|acc\w{0,2}|pat\w{0,4})\b"
    r"|\.{2,}|…|[*#]|(?<![^\W_])x{1,6})[\s:=.#*-]{0,3}$",
    re.IGNORECASE,
)  # fmt: skip
MIN_REGROUPED = 7
"""Digits from which on a number is known however they are grouped."""
_GLUED_LABELS = "mrn|pid|pat|id|nr|no|acc"
_GLUED_TITLES = "dr|prof|mrs?|ms"
_BEHIND = 24
"""Characters in front of a number that are looked at for such a word."""


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What is known of one subject, folded (:func:`deid_platform.names.fold`): words of names and places, numbers."""

    names: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    forms: frozenset[bytes] = frozenset()


Span = tuple[int, int]


def own_spans(own: Identifiers, folded: str, spare: frozenset[str] = frozenset()) -> list[Span]:
    """Where a folded text holds the subject's identifiers, in order; words in ``spare`` are passed over."""
    pattern = _own_pattern(own)
    if pattern is None:
        return []
    return [match.span() for match in pattern.finditer(folded) if match[0] not in spare and _tells(match)]


def near_spans(own: Identifiers, folded: str) -> list[Span]:
    """Where a folded text holds a name with one mistake in it, or a telling part of a number, in order."""
    misspellings, fragments = _misspellings(own.names), _fragments(own.numbers)
    found: list[Span] = []
    if misspellings:
        found += (word.span() for word in _WORD.finditer(folded) if _is_misspelled(word[0], misspellings))
    if fragments:
        found += (run.span() for run in _DIGITS.finditer(folded) if _is_fragment(run, fragments))
        found += (run.span() for run in _MIXED.finditer(folded) if run[0] in fragments)
    return sorted(found)


@lru_cache(maxsize=256)
def _own_pattern(own: Identifiers) -> re.Pattern[str] | None:
    """One pattern for everything known of the subject; None when nothing is."""
    words = sorted(own.names | own.places, key=lambda word: (-len(word), word))
    strong = [word for word in words if _is_strong(word)]
    weak = [word for word in words if not _is_strong(word) and word in own.names]
    # Numbers first: a word that is passed over as too weak must not hide the number it begins.
    parts = [_number_pattern(number) for number in sorted(own.numbers, key=lambda number: (-len(number), number))]
    spaced = {word: _spelled(word) for word in strong if word[0] < "\u2e80"}
    if spaced or weak:
        one = rf"(?:{'|'.join([*spaced.values(), *weak, *_written_as_one(spaced, weak)])})(?![^\W\d_])"
        parts.append(rf"(?P<words>(?<![^\W\d_]){one}(?:{_JOINER}{one})*)")
    # Scripts written without spaces have no word boundaries to ask for.
    parts += [re.escape(word) for word in strong if word[0] >= "\u2e80" and len(word) > 1]
    return re.compile("|".join(parts)) if parts else None


def _written_as_one(names: dict[str, str], weak: list[str]) -> Iterator[str]:
    """Patterns for names without a space between them: janesmith, jsmith, smithj, drsmith, liwu."""
    if names:
        yield rf"(?:{'|'.join(names.values())}){{2,}}+"
    if long := "|".join(pattern for name, pattern in names.items() if len(name) > 4):
        short = "|".join(sorted({*weak, *(name[0] for name in names)}))
        yield rf"(?:{short}){{1,2}}(?:{long})|(?:{long})(?:{short}){{1,2}}|(?:{_GLUED_TITLES})(?:{long})"
    yield from sorted({one + other for one, other in permutations([word for word in weak if len(word) > 1], 2)})


def _is_strong(word: str) -> bool:
    """Whether a word tells a person on its own. Initials and two-letter names are too often something else."""
    return len(word) > 2 or not word.isascii()


def _tells(match: re.Match[str]) -> bool:
    """Whether what was found tells the person: weak words count beside another one, initials beside a strong one."""
    words = _WORD.findall(match["words"] or "") if "words" in match.re.groupindex else []
    return not words or any(map(_is_strong, words)) or (len(words) > 1 and any(len(word) > 1 for word in words))


def _spelled(word: str) -> str:
    """Pattern for a folded word, however its umlauts and the like are written: muller, mueller; strasse, straße."""
    if word.isdecimal():
        return rf"(?<!\d){word}(?!\d)"
    if len(word) < 4:
        return re.escape(word)
    # A short word may grow but never shrink: Haas is not 'has'.
    letters = "ss|ß|a[ae]?|[ou]e?" if len(word) > 4 else "ss|ß|[aou]"
    varied = re.sub(letters, lambda match: _VARIANTS[match[0][0]], re.escape(word))
    return re.sub(r"^(m(?:a\[ae\]\?)?c)", r"\1[\\s_-]?", varied)  # Mac Donald


_VARIANTS = {"s": "(?:ss|ß)", "ß": "(?:ss|ß)", "a": "a[ae]?", "o": "oe?", "u": "ue?"}


def _number_pattern(number: str) -> str:
    """A number however its parts are joined, with or without zeros in front: 123-45 678 also as 12 345-678."""
    chunks = re.findall(r"[^\W\d_]+|\d+", number)
    short = len("".join(chunks)) < 5 or not any(map(str.isdecimal, chunks))
    joint = r"[\s._/-]?" if sum(map(str.isdecimal, number)) >= MIN_REGROUPED else ""
    for position, chunk in enumerate(chunks):
        if chunk.isdecimal():
            zeros = position < 2 and len(chunk.lstrip("0")) > 3
            chunks[position] = ("0*" if zeros else "") + joint.join(chunk.lstrip("0") if zeros else chunk)
    pattern = r"[\W_]{0,2}".join(chunks)
    if short:
        return rf"(?<![^\W_])(?:{_GLUED_LABELS})?{pattern}(?![^\W_])"
    return rf"(?<!\d)[^\W\d_]{{0,9}}{pattern}(?!\d)"  # long ones may touch letters: id12345


_HUMP = re.compile(r"[a-z][A-Z]")
_HUMPED = re.compile(r"[^\W\d_]*[a-z][A-Z][^\W\d_]*")
_HUMPS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MIN_HUMP = 4


def humped_spans(own: Identifiers, text: str) -> Iterator[Span]:
    """Where a text holds a name as one of several words written as one: RoeLiver, ctRoe."""
    for humped in _HUMPED.finditer(text) if _HUMP.search(text) else ():
        for part in _HUMPS.finditer(text, *humped.span()):
            if len(part[0]) >= _MIN_HUMP and part[0].lower() in own.names and not harmless(part[0].lower()):
                yield part.span()


# Misspellings


@lru_cache(maxsize=256)
def _misspellings(names: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """The long names by every form with one letter left out, and by themselves: any two words at distance one meet."""
    found: dict[str, set[str]] = {}
    for name in names:
        if len(name) >= MIN_MISSPELLED and name[0] < "\u2e80" and not harmless(name):
            for form in _shortened(name):
                found.setdefault(form, set()).add(name)
    return {form: tuple(sorted(known)) for form, known in found.items()}


def _shortened(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def _is_misspelled(word: str, known: dict[str, tuple[str, ...]]) -> bool:
    if not MIN_MISSPELLED - 1 <= len(word) <= 64 or harmless(word):
        return False
    candidates = {name for form in _shortened(word) for name in known.get(form, ())}
    return any(one_edit_apart(word, name) for name in candidates)


def one_edit_apart(one: str, other: str) -> bool:
    """Whether a letter replaced, left out, put in, or two neighbours swapped make one word the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, behind = one[start:], other[start:]
    if len(one) != len(other):
        longer, shorter = (rest, behind) if len(one) > len(other) else (behind, rest)
        return longer[1:] == shorter
    return rest[1:] == behind[1:] or (rest[:2] == behind[1::-1] and rest[2:] == behind[2:])


# Parts of numbers


@lru_cache(maxsize=256)
def _fragments(numbers: frozenset[str]) -> frozenset[str]:
    """Beginnings and ends of the digits of long numbers, four digits and more."""
    found: set[str] = set()
    for number in numbers:
        compact = re.sub(r"[\W_]", "", number)
        digits = re.sub(r"\D", "", compact)
        for length in range(MIN_LABELLED, min(len(digits), 20) + 1):
            found |= {digits[:length], digits[-length:]}
        if len(digits) > MIN_LABELLED and not compact[0].isdecimal():
            found |= {compact[:length] for length in range(MIN_FRAGMENT + 1, min(len(compact), 20))}
    return frozenset(found)


def _is_fragment(run: re.Match[str], fragments: frozenset[str]) -> bool:
    if run[0] not in fragments or _may_be_value(run):
        return False
    if len(run[0]) >= MIN_FRAGMENT:
        return True
    return _ENDING.search(run.string, max(0, run.start() - _BEHIND), run.start()) is not None


def _may_be_value(run: re.Match[str]) -> bool:
    """Whether a number is a round one, or one with a unit behind it."""
    return run[0].endswith("000") or _UNIT.match(run.string, run.end()) is not None


_UNIT = re.compile(
    r"\s?(?:[mkµu]?[gls]|[mckµ]?m|m?sv|m?gy|[mkg]?bq|[mk]?hz|kv|ma|mas|hu|ms|iu|cts?|counts?|min|sec|%)\b",
    re.IGNORECASE,
)
