"""Cleaning of free text: what identifies goes, the clinical rest stays word for word.

Three layers, first to last: the subject's own identifiers as read from the header, in any order and spelling of case
and accents; dates, which move like all dates of the subject; forms that identify whoever they belong to (telephone
numbers, addresses, record numbers, names after a title). PS3.15 2026c E.3.5 asks for no more than the result.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from deid_platform.dates import Move, replace_in_text
from deid_platform.names import PLACEHOLDER, clinical_words, drop_after_cues, drop_before_labels, fold, word_list

__all__ = ["PLACEHOLDER", "Identifiers", "TextCleaner", "clinical_words", "fold", "text_patterns", "word_list"]

_WORD = re.compile(r"[^\W\d_]+")
_UID = re.compile(r"(?<![\d.])(?:\d+(?:\.\d+){5,}|2\.25\.\d{10,})(?!\.?\d)")
_MAY_HOLD_FORMS = re.compile(r"\d|@|www|://", re.IGNORECASE)
_JOINER = r"[\s.,^_'’`´-]{1,2}"


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What is known of one subject, folded (see :func:`fold`): words of names and places, numbers as written.

    ``forms`` are bytes of names that no declared character set explains.
    """

    names: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    forms: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class TextCleaner:
    """Cleans the texts of one item.

    Parameters
    ----------
    own : Identifiers
        The subject's own identifiers.
    move : callable or None
        Moves a date, or tells what to write in its place; None takes dates out.
    uid : callable
        Gives the replacement of a UID met in text.
    """

    own: Identifiers
    move: Move | None
    uid: Callable[[str], str]

    def clean(self, text: str) -> tuple[str, int]:
        """The text without identifiers, and how many were taken out or moved."""
        text, count = self.redact_own(text)
        if _MAY_HOLD_FORMS.search(text):
            text, uids = _UID.subn(lambda match: self.uid(match[0]), text)
            text, dates = replace_in_text(text, self.move, PLACEHOLDER)
            text, forms = _replace_forms(text)
            count += uids + dates + forms
        text, people = drop_after_cues(text)
        text, others = drop_before_labels(text)
        return text, count + people + others

    def redact_known(self, text: str) -> tuple[str, int]:
        """The text without the subject's own identifiers and with other UIDs."""
        text, count = self.redact_own(text)
        if "." not in text:
            return text, count
        text, uids = _UID.subn(lambda match: self.uid(match[0]), text)
        return text, count + uids

    def redact_own(self, text: str, *, spare: frozenset[str] = frozenset()) -> tuple[str, int]:
        """The text without the subject's own identifiers; words in ``spare`` (folded) stay all the same."""
        pattern = _own_pattern(self.own)
        if pattern is None:
            return text, 0
        composed = unicodedata.normalize("NFC", text)
        kept, count, start = [], 0, 0
        for match in pattern.finditer(fold(composed)):
            if match[0] in spare or not _tells(match):
                continue
            kept += [composed[start : match.start()], PLACEHOLDER]
            start, count = match.end(), count + 1
        return ("".join([*kept, composed[start:]]), count) if count else (text, 0)


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
    """Patterns for names without a space between them: janesmith, jsmith, smithj."""
    if names:
        yield rf"(?:{'|'.join(names.values())}){{2,}}"
    if long := "|".join(pattern for name, pattern in names.items() if len(name) > 4):
        short = "|".join(sorted({*weak, *(name[0] for name in names)}))
        yield rf"(?:{short}){{1,2}}(?:{long})|(?:{long})(?:{short}){{1,2}}"


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
    """A number however its parts are joined, with or without zeros in front: 123-45 678 also as 12345678."""
    chunks = re.findall(r"[^\W\d_]+|\d+", number)
    for position, chunk in enumerate(chunks[:2]):
        if chunk.isdecimal() and len(chunk.lstrip("0")) > 3:
            chunks[position] = "0*" + chunk.lstrip("0")
    pattern = r"[\W_]{0,2}".join(chunks)
    if len("".join(chunks)) < 5 or not any(map(str.isdecimal, chunks)):
        return rf"(?<![^\W_]){pattern}(?![^\W_])"
    return rf"(?<!\d)[^\W\d_]{{0,9}}{pattern}(?!\d)"  # long ones may touch letters: id12345


@cache
def text_patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Name and pattern of every form in ``data/text_patterns.toml``."""
    data = resources.files("deid_platform").joinpath("data/text_patterns.toml").read_text("utf-8")
    return tuple((p["name"], re.compile(p["pattern"], re.IGNORECASE)) for p in tomllib.loads(data)["pattern"])


def _replace_forms(text: str) -> tuple[str, int]:
    total = 0
    for name, pattern in text_patterns():
        text, count = pattern.subn(_capped_age if name == "age over 89" else _keep_label, text)
        total += count
    return text, total


def _keep_label(match: re.Match[str]) -> str:
    return (match.groupdict().get("keep") or "") + PLACEHOLDER


def _capped_age(match: re.Match[str]) -> str:
    """45 CFR 164.514(b)(2)(i)(C): ages over 89 become one category."""
    return (match["keep"] or "") + "90+" + (match["unit"] or "")
