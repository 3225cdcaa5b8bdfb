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
_UID = re.compile(r"(?<![\w.])\d+(?:\.\d+){5,}(?![\w.]*\d)")
_TITLE = re.compile(
    r"\b(?:drs?|dra|prof(?:essor)?|doctor|mrs?|ms|miss|mme|mlle|herr|frau|dott(?:\.?ssa)?|sig(?:ra)?|nurse)\b\.?[\s:]+", re.IGNORECASE
)
# In capitals these are modalities and a disease as well as titles.
_AMBIGUOUS_TITLES = frozenset({"DR", "MR", "MS"})
_CUE = re.compile(
    r"\b(?:(?:referred|seen|read|signed|reported|performed|ordered|requested|dictated|verified|approved|reviewed|discussed)"
    r"\s+(?:by|with|to)|patient|pt|name|physician|radiologist|technologist|tech|operator|attending|attn)\b[\s:]+",
    re.IGNORECASE,
)
_PERSON = re.compile(r"((?:[^\W\d_]|['’-])+)(?![\d_])([\s.,^]*)")
_PLACE = re.compile(
    r"\b(?:hospital|clinic|klinik(?:um)?|krankenhaus|infirmary|medical\s+cent(?:er|re)|health\s+cent(?:er|re)|h[oô]pital|"
    r"ospedale|sanatorium|hospice|university|universit[äà]t?|imaging\s+(?:cent(?:er|re)|pavilion))\b",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_WORTH_A_LOOK = re.compile(r"\d|@|www|://|[A-Za-z]{2}", re.IGNORECASE)


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
        folded, kept, count, start = fold(text), [], 0, 0
        for match in pattern.finditer(folded):
            if match[0] in spare:
                continue
            kept += [text[start : match.start()], PLACEHOLDER]
            start, count = match.end(), count + 1
        return "".join([*kept, text[start:]]), count


@cache
def word_list(name: str) -> frozenset[str]:
    """The words of ``data/<name>.txt``, folded."""
    text = resources.files("deid_platform").joinpath(f"data/{name}.txt").read_text("utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def clinical_words() -> frozenset[str]:
    """Words of the standard's dictionaries: never taken for a name on context alone."""
    return word_list("clinical_words")


def fold(text: str) -> str:
    """Lower case without accents, character by character, so that positions stay the same."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@lru_cache(maxsize=4096)
def _fold_character(character: str) -> str:
    base = [c for c in unicodedata.normalize("NFKD", character).lower() if not unicodedata.combining(c)]
    return base[0] if len(base) == 1 else character


@lru_cache(maxsize=256)
def _own_pattern(own: Identifiers) -> re.Pattern[str] | None:
    """One pattern for everything known of the subject; None when nothing is."""
    words = own.names | own.places
    strong = sorted((w for w in words if len(w) > 2 or not w.isascii()), key=len, reverse=True)
    weak = sorted(w for w in own.names if len(w) <= 2 and w.isascii())
    parts = []
    if spaced := [re.escape(w) for w in strong if w[0] < "\u2e80"]:
        name = "|".join(spaced)
        # Initials and two-letter names count beside another name only: alone they are too often something else.
        near = "|".join([name, *map(re.escape, weak)])
        parts.append(rf"(?<![^\W\d_])(?:(?:{near})[\s.,^_-]{{1,2}})*(?:{name})(?:[\s.,^_-]{{1,2}}(?:{near}))*(?![^\W\d_])")
    # Scripts written without spaces have no word boundaries to ask for.
    parts += [re.escape(w) for w in strong if w[0] >= "\u2e80" and len(w) > 1]
    parts += [_number_pattern(n) for n in sorted(own.numbers, key=len, reverse=True)]
    return re.compile("|".join(parts)) if parts else None


def _number_pattern(number: str) -> str:
    """A number however its parts are joined: 123-45 678 also as 12345678."""
    chunks = [re.escape(chunk) for chunk in re.findall(r"[^\W_]+", number)]
    return r"(?<![^\W_])" + r"[\W_]{0,2}".join(chunks) + r"(?![^\W_])"


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
    return "90+" + match["unit"]


def _drop_after_cues(text: str) -> tuple[str, int]:
    """Names after a title or after words such as 'referred by'."""
    total = 0
    for cue in (_TITLE, _CUE):
        start = 0
        while match := cue.search(text, start):
            end = _end_of_names(text, match)
            start = match.end()
            if end > match.end():
                text = text[: match.end()] + PLACEHOLDER + text[end:]
                start, total = match.end() + len(PLACEHOLDER), total + 1
    return text, total


def _end_of_names(text: str, cue: re.Match[str]) -> int:
    """Where a run of at most three words that may be names ends; the end of the cue when there is none."""
    end, at = cue.end(), cue.end()
    excuses = _excuses(cue)
    for position in range(3):
        match = _PERSON.match(text, at)
        if match is None or not _may_be_name(match[1], excuses if position == 0 else clinical_words()):
            break
        end, at = match.end(1), match.end()
        if match[2].startswith("."):
            break
    return end


def _excuses(cue: re.Match[str]) -> frozenset[str]:
    """Words that are no name right after this cue."""
    title = cue[0].strip(" .:\t\n")
    if cue.re is not _TITLE or title in _AMBIGUOUS_TITLES - {"DR"}:
        return clinical_words()
    return word_list("anatomy_words") if title == "DR" else frozenset()


def _may_be_name(word: str, excuses: frozenset[str]) -> bool:
    """Whether a word looks like a proper name: capital first, letters only, at least two, no known other word."""
    parts = [fold(part) for part in _WORD.findall(word)]
    return word[0].isupper() and sum(map(len, parts)) > 1 and not all(part in excuses for part in parts)


def _drop_before_places(text: str) -> tuple[str, int]:
    """The proper name in front of 'Hospital', 'Clinic' and the like; the kind of place stays."""
    total, start = 0, 0
    while match := _PLACE.search(text, start):
        begin = _begin_of_proper_name(text, match.start())
        start = match.end()
        if begin < match.start():
            text = text[:begin] + PLACEHOLDER + " " + text[match.start() :]
            start, total = begin + len(PLACEHOLDER) + 1 + len(match[0]), total + 1
    return text, total


_GENERIC_PLACE = frozenset("memorial regional general community university medical saint st children childrens".split())


def _begin_of_proper_name(text: str, end: int) -> int:
    begin = end
    for match in reversed(list(re.finditer(r"[^\s,;:]+[\s]+", text[:end]))):
        word = match[0].strip()
        if match.end() != begin or not (_proper(word) or fold(word) in _GENERIC_PLACE):
            break
        begin = match.start()
    return begin


def _proper(word: str) -> bool:
    return bool(word) and word[0].isalpha() and not _DIGIT.search(word) and _may_be_name(word, clinical_words())
