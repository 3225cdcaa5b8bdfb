"""Per-value treatment: what each action of PS3.15 Table E.1-1a does to a value of each VR."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache, partial

from deid_platform.dates import Move, shift_value, truncate_value
from deid_platform.formats.dicom.charset import Charset
from deid_platform.formats.dicom.codes import published_meanings
from deid_platform.formats.dicom.opaque import holds_words, is_container, is_document
from deid_platform.formats.dicom.seconds import moved_seconds
from deid_platform.formats.dicom.uids import is_uid, replacement
from deid_platform.freetext import PLACEHOLDER, Identifiers, TextCleaner, clinical_words, fold
from deid_platform.identity import Identity
from deid_platform.moments import shift_moment
from deid_platform.policy import Option, Policy

TEXT_VRS = frozenset("LO LT SH ST UC UT".split())
NUMBER_VRS = frozenset(("DS", "IS"))
NUMBER_BYTES = {
    "AT": 4, "FD": 8, "FL": 4, "OD": 8, "OF": 4, "OL": 4, "OV": 8, "OW": 2, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2,
    "UV": 8,
}  # fmt: skip
_LIMITS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "CS": 16}
_MULTIPLE = frozenset(("LO", "SH", "UC", "CS", "PN", "DS", "IS"))
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*")
_AGE = re.compile(r"(\d{1,3})([DWMYdwmy])")
_LONG_NUMBER = 8
"""Digits from which on a number in a measurement's place is more likely an identifier if it equals one."""
_DAY = re.compile(r"\d{8}")
_CLOCK = r"\d{1,2}(?::?\d{2}(?::?\d{2}(?:[.,]\d*)?)?)?"
_TIME = re.compile(rf"\s*(?:{_CLOCK})?\s*")
_AFTER_DATE = re.compile(rf"[ T]?(?:{_CLOCK})?\s?(?:[-+](?:0\d|1[0-4])\d\d)?")
_PARTIAL = re.compile(r"(?:18|19|20)\d\d(?:0[1-9]|1[0-2])?")
_TERM = re.compile(r"[A-Z0-9_ ]{0,16}")
_WORD = re.compile(r"[^\W\d_]+")
_SHORT_WORD = 3
_LONG_ENOUGH_FOR_TEXT = 12
"""Bytes from which on numbers that are all letters are no chance."""
_ESCAPE = b"\x1b"
_LINES = {ord(character): " " for character in "\t\n\f\r"}
MAX_AGE = 90
"""45 CFR 164.514(b)(2)(i)(C): ages above 89 become one category, written 090Y."""

DUMMIES = {
    "AE": "REMOVED", "AS": "000D", "CS": "REMOVED", "DA": "19000101", "DS": "0", "DT": "19000101000000", "IS": "0",
    "LO": "REMOVED", "LT": "REMOVED", "PN": "REMOVED", "SH": "REMOVED", "ST": "REMOVED", "TM": "000000",
    "UC": "REMOVED", "UR": "about:blank", "UT": "REMOVED",
}  # fmt: skip
"""Values that are valid for their VR and say nothing. Binary numbers become zero."""


@dataclass(frozen=True, slots=True)
class Protector:
    """Treats values of one item. All methods take and give encoded values and tell whether anything changed."""

    identity: Identity
    policy: Policy
    cleaner: TextCleaner
    days: int
    oldest: int = 0
    """Years before this one do not stay where only years do: they tell of an age over 89."""

    def uid(self, value: bytes, *, keep: bool = False) -> bytes:
        """Every UID of a value replaced but registered ones; none under Retain UIDs or with ``keep``, if it is one."""
        keep = keep or Option.RETAIN_UIDS in self.policy.options
        parts = value.decode("latin-1").strip(" \0").split("\\")
        replaced = [part if keep and is_uid(part) else replacement(self.identity, part) for part in parts]
        return value if replaced == parts else "\\".join(replaced).encode("latin-1")

    def uids_only(self, value: bytes) -> bytes | None:
        """UIDs under another VR replaced; None where the value is anything else."""
        parts = value.decode("latin-1").strip(" \0").split("\\")
        if not all(not part or (is_uid(part) and part.count(".") > 2) for part in parts):
            return None
        return self.uid(value)

    def seconds(self, value: bytes, *, little: bool) -> bytes | None:
        """A moment counted in seconds since 1970, as an integer, a float or digits, moved; None if it is none.

        Zero means that nothing was noted, and stays.
        """
        if self.policy.dates in ("remove", "year"):
            return None
        return moved_seconds(value, self.days if self.policy.dates == "shift" else 0, little=little)

    def dummy(self, vr: str, value: bytes) -> bytes:
        """A value that says nothing, as long as the old one where the VR is binary."""
        if vr == "UI":
            return self.uid(value)
        return DUMMIES[vr].encode() if vr in DUMMIES else bytes(min(len(value), 64))

    def date(self, vr: str, value: bytes, *, keep: bool = False) -> bytes:
        """Dates moved by the subject's days or to the first of their year, or kept; times of day stay.

        What is no date goes.
        """
        parts = _text(value).split("\\")
        if vr == "TM":
            return value if all(map(_TIME.fullmatch, parts)) else b""
        if keep:
            move: Callable[[str], str | None] = _kept
        elif self.policy.dates == "year":
            move = partial(truncate_value, oldest=self.oldest)
        else:
            move = partial(shift_moment, days=self.days)
        moved = [_clean(part.strip(), move, short=vr == "DT") for part in parts]
        return b"" if None in moved else "\\".join(part or "" for part in moved).encode()

    def text(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """Free text cleaned value by value."""
        return self._each(vr, value, charset, self.cleaner.clean)

    def own_only(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """Text that is kept, less what is known of the subject; its UIDs are replaced like all others."""
        return self._each(vr, value, charset, self.cleaner.redact_known)

    def descriptor(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """A description that is kept: cleaned if it is a phrase, else less what is known of the subject; dates move."""
        clean = self.cleaner.redact_known if vr == "SH" else self.cleaner.clean_descriptor
        return self._each(vr, value, charset, clean)

    def product(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """The name of a product or maker, less what is known of the subject and is no word of the trade."""
        return self._each(vr, value, charset, lambda text: self.cleaner.redact_known(text, spare=clinical_words()))

    def title(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """An application entity title, emptied unless each of its words is known to name no place and no person."""
        words = _WORD.findall(charset.decode(value))
        known = all(len(word) < _SHORT_WORD or fold(word) in clinical_words() for word in words)
        return self.own_only(vr, value, charset) if known else b""

    def code(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """A code, or what else names one: kept unless it holds an identifier that is no clinical word."""
        return self._each(vr, value, charset, self._own_but_clinical)

    def meaning(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """The meaning of a published code: kept as the standard writes it, otherwise cleaned as free text."""
        return self._each(vr, value, charset, self._clean_meaning)

    def term(self, value: bytes, charset: Charset) -> bytes:
        """A CS value, whose terms go if they identify, or are no terms: in small letters, with words nobody knows."""
        return self._each("CS", value, charset, self._clean_term)

    def number(self, value: bytes) -> bytes:
        """A numeric string kept if it is one, and neither a date nor a number of the subject."""
        parts = [part.strip() for part in _text(value).split("\\")]
        return value if all(not part or self._is_measurement(part) for part in parts) else b""

    def harmless_number(self, text: str) -> bool:
        """Whether what stands before the point of a number is neither a date nor a number of the subject."""
        whole = text.partition(".")[0].lstrip("+-")
        return len(whole) < _LONG_NUMBER or (not whole.isdecimal() or self._is_measurement(whole))

    def harmless(self, text: str) -> bool:
        """Whether cleaning a text as free text would leave it as it is."""
        return self.cleaner.clean(text)[1] == 0

    def _is_measurement(self, part: str) -> bool:
        own = len(part) >= _LONG_NUMBER and fold(part) in self.cleaner.own.numbers
        date = _DAY.fullmatch(part) and shift_value(part, 0)
        return _NUMBER.fullmatch(part) is not None and not own and not date

    def _own_but_clinical(self, text: str) -> tuple[str, int]:
        return self.cleaner.redact_own(text, spare=clinical_words())

    def _clean_meaning(self, text: str) -> tuple[str, int]:
        treated, count = replace(self.cleaner, own=Identifiers()).clean(text)
        if count and text.strip() in published_meanings():
            treated, count = text, 0
        again, own = self._own_but_clinical(treated)
        return again, count + own

    def _clean_term(self, text: str) -> tuple[str, int]:
        return ("", 1) if not _may_be_term(text) else self._own_but_clinical(text)

    def age(self, value: bytes) -> bytes:
        """An age kept, with three digits as PS3.5 6.2 asks, above 89 years as 090Y; what is no age goes."""
        match = _AGE.fullmatch(_text(value).strip())
        if match is None:
            return b""
        if match[2] in "Yy" and int(match[1]) >= MAX_AGE:
            return b"090Y"
        return f"{int(match[1]):03d}{match[2].upper()}".encode()

    def opaque(self, value: bytes) -> bytes | None:
        """Bytes a table vouches for: a text is cleaned, what holds others or names the subject goes (None)."""
        if is_container(value):
            return None
        text = value.decode("latin-1").rstrip(" \0").translate(_LINES)
        if text.isprintable():
            return None if is_document(text) else self.text("UT", value, Charset())
        if holds_words(value):
            return None
        return None if any(self.cleaner.redact_own(text)[1] for text in _readings(value)) else value

    def spells_identifiers(self, value: bytes) -> bool:
        """Whether bytes that should be numbers are a text from which something would have to go."""
        if len(value) < _LONG_ENOUGH_FOR_TEXT or not value.isascii():
            return False
        text = value.decode("ascii").rstrip(" \0").translate(_LINES)
        return text.isprintable() and self.cleaner.clean(text)[1] > 0

    def _each(self, vr: str, value: bytes, charset: Charset, treat: Callable[[str], tuple[str, int]]) -> bytes:
        cut = self._without_forms(_before_nul(value), charset)
        charset = charset.used_in(cut)
        text = charset.decode(cut)
        parts = text.split("\\") if vr in _MULTIPLE else [text]
        treated = [treat(part) for part in parts]
        if not any(count for _, count in treated):
            return cut
        if vr == "CS":
            return "\\".join("" if count else part for part, count in treated).encode("ascii", "replace")
        return charset.encode("\\".join(_fit(vr, part) for part, _ in treated))

    def _without_forms(self, value: bytes, charset: Charset) -> bytes:
        """A value without the names that stand in it in bytes which no character set may explain."""
        pattern = _forms_pattern(self.cleaner.own.forms) if self.cleaner.own.forms else None
        if pattern is None or not pattern.search(value):
            return value
        if _ESCAPE not in value:
            return pattern.sub(PLACEHOLDER.encode(), value)
        # What follows an escape sequence cannot be taken out without those around it.
        return value if charset.explains(value) else b""


def mover(policy: Policy, days: int, oldest: int = 0, births: frozenset[date] = frozenset()) -> Move | None:
    """How dates in text move under a policy: by ``days``, to their year, not at all, or out (None).

    Years before ``oldest`` go where years stay, ``births`` where dates stay.
    """
    moves: dict[str, Move] = {
        "keep": lambda day: PLACEHOLDER if day in births else day,
        "shift": lambda day: day - timedelta(days=days),
        "year": lambda day: str(day.year) if day.year >= oldest else PLACEHOLDER,
    }
    return moves.get(policy.dates)


@lru_cache(maxsize=64)
def _forms_pattern(forms: frozenset[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(map(re.escape, sorted(forms, key=lambda form: (-len(form), form)))))


def _fit(vr: str, text: str) -> str:
    """Placeholders may make a text longer than its VR allows; then they are left out."""
    limit = _LIMITS.get(vr)
    if limit is None or len(text) <= limit:
        return text
    return re.sub(r"\s{2,}", " ", text.replace(PLACEHOLDER, "")).strip()[:limit]


def _text(value: bytes) -> str:
    return value.decode("latin-1").rstrip(" \0")


@lru_cache(maxsize=4096)
def _may_be_term(text: str) -> bool:
    """Whether a text may be a defined term: no form of an identifier, and if in small letters, of known words."""
    if text.strip().isdecimal() and len(text.strip()) < _LONG_NUMBER:
        return True
    if not _TERM.fullmatch(text):
        unknown = (word for word in _WORD.findall(text) if len(word) > 1 and fold(word) not in clinical_words())
        if next(unknown, None) is not None:
            return False
    return TextCleaner(Identifiers(), None, str).clean(text)[1] == 0


def _kept(value: str) -> str | None:
    """A date as it is; DT may end after its year or its month (PS3.5 6.2)."""
    return value if _PARTIAL.fullmatch(value) else shift_value(value, 0)


def _clean(value: str, move: Callable[[str], str | None], *, short: bool) -> str | None:
    """A DA or DT value moved, None if it is something else or has more behind it; ``short``: a year will do."""
    moved = move(value) if value else ""
    if moved and _PARTIAL.fullmatch(moved):
        return moved if short else None
    behind = re.sub(r"^\d{4}([-./]?)\d{2}\1\d{2}", "", moved or "", count=1)
    return moved if _AFTER_DATE.fullmatch(behind) else None


def _before_nul(value: bytes) -> bytes:
    """A text as far as its writer meant it: what stands behind a NUL is stale memory, or the text is UTF-16."""
    return value[: value.index(0)] if 0 in value.rstrip(b" \0") else value


def _readings(value: bytes) -> Iterator[str]:
    """Binary data as the texts that may be in it."""
    yield value.decode("latin-1")
    yield value.decode("utf-8", "replace")
    for start in (0, 1):
        yield value[start:].decode("utf-16-le", "replace")
