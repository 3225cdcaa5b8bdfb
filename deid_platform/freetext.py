"""Cleaning of free text: what identifies goes, the clinical rest stays word for word.

Three layers, first to last: the subject's own identifiers as read from the header, in any order and spelling of case
and accents; dates, which move like all dates of the subject; forms that identify whoever they belong to (telephone
numbers, addresses, record numbers, names after a title). PS3.15 2026c E.3.5 asks for no more than the result.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources

from deid_platform.dates import replace_in_text

PLACEHOLDER = "___"

_WORD = re.compile(r"[^\W\d_]+")
_UID = re.compile(r"(?<![\d.])(?:\d+(?:\.\d+){5,}|2\.25\.\d{10,})(?!\.?\d)")
_WORTH_A_LOOK = re.compile(r"\d|@|www|://|[A-Za-z]{2}", re.IGNORECASE)
_JOINER = r"[\s.,^_-]{1,2}"


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What is known of one subject, in folded form (see :func:`fold`): words of names and places, numbers as written."""

    names: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TextCleaner:
    """Cleans the texts of one item.

    Parameters
    ----------
    own : Identifiers
        The subject's own identifiers.
    move : callable or None
        Moves a date; None takes dates out.
    uid : callable
        Gives the replacement of a UID met in text.
    """

    own: Identifiers
    move: Callable[[date], date] | None
    uid: Callable[[str], str]

    def clean(self, text: str) -> tuple[str, int]:
        """The text without identifiers, and how many were taken out or moved."""
        if not _WORTH_A_LOOK.search(text) and text.isascii():
            return text, 0
        text, own = self.redact_own(text)
        text, uids = _UID.subn(lambda match: self.uid(match[0]), text)
        text, dates = replace_in_text(text, self.move, PLACEHOLDER)
        text, forms = _replace_forms(text)
        text, people = _drop_after_cues(text)
        text, places = _drop_before_places(text)
        return text, own + uids + dates + forms + people + places

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


@cache
def word_list(name: str) -> frozenset[str]:
    """The words of ``data/<name>.txt``, folded."""
    text = resources.files("deid_platform").joinpath(f"data/{name}.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def clinical_words() -> frozenset[str]:
    """Words of the standard's dictionaries: never taken for a name on context alone."""
    return word_list("clinical_words")


# Letters that Unicode does not take apart into a plain one and a mark.
_PLAIN = str.maketrans("łøđðħı", "loddhi".replace(" ", ""))


def fold(text: str) -> str:
    """Lower case without accents, character by character, so that positions stay the same."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", character).lower().translate(_PLAIN)
    base = [c for c in decomposed if not unicodedata.combining(c)]
    return base[0] if len(base) == 1 else character


@lru_cache(maxsize=256)
def _own_pattern(own: Identifiers) -> re.Pattern[str] | None:
    """One pattern for everything known of the subject; None when nothing is."""
    words = sorted(own.names | own.places, key=lambda word: (-len(word), word))
    strong = [word for word in words if _is_strong(word)]
    weak = [word for word in words if not _is_strong(word) and word in own.names]
    parts = []
    if spaced := [_spelled(word) for word in strong if word[0] < "\u2e80"]:
        spaced.append(rf"(?:{'|'.join(spaced)}){{2,3}}")  # written as one: janeroe
    if spaced or weak:
        one = rf"(?:{'|'.join([*spaced, *weak])})(?![^\W\d_])"
        parts.append(rf"(?P<words>(?<![^\W\d_]){one}(?:{_JOINER}{one})*)")
    # Scripts written without spaces have no word boundaries to ask for.
    parts += [re.escape(word) for word in strong if word[0] >= "\u2e80" and len(word) > 1]
    parts += [_number_pattern(number) for number in sorted(own.numbers, key=lambda number: (-len(number), number))]
    return re.compile("|".join(parts)) if parts else None


def _is_strong(word: str) -> bool:
    """Whether a word tells a person on its own. Initials and two-letter names are too often something else."""
    return len(word) > 2 or not word.isascii()


def _tells(match: re.Match[str]) -> bool:
    """Whether what was found tells the person: weak words count beside another one, initials beside a strong one."""
    words = _WORD.findall(match["words"] or "") if "words" in match.re.groupindex else []
    return not words or any(map(_is_strong, words)) or (len(words) > 1 and any(len(word) > 1 for word in words))


def _spelled(word: str) -> str:
    """Pattern for a folded word, however its umlauts and the like are written: muller, mueller; strasse, straße."""
    if len(word) < 5:
        return re.escape(word)
    return re.sub("ss|ß|a[ae]?|[ou]e?", lambda match: _VARIANTS[match[0][0]], re.escape(word))


_VARIANTS = {"s": "(?:ss|ß)", "ß": "(?:ss|ß)", "a": "a[ae]?", "o": "oe?", "u": "ue?"}


def _number_pattern(number: str) -> str:
    """A number however its parts are joined, with or without zeros in front: 123-45 678 also as 12345678."""
    chunks = re.findall(r"[^\W\d_]+|\d+", number)
    if chunks[0].lstrip("0").isdigit() and len("".join(chunks).lstrip("0")) > 3:
        chunks[0] = "0*" + chunks[0].lstrip("0")
    # Long ones may touch letters: id12345.
    edge = r"[^\W_]" if len("".join(chunks)) < 5 else r"\d"
    return rf"(?<!{edge})" + r"[\W_]{0,2}".join(chunks) + rf"(?!{edge})"


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
