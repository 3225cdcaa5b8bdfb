"""Per-value treatment: what each action of PS3.15 Table E.1-1a does to a value of each VR."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from deid_platform.dates import shift_value
from deid_platform.formats.dicom.charset import Charset
from deid_platform.freetext import PLACEHOLDER, TextCleaner, clinical_words
from deid_platform.identity import Identity
from deid_platform.policy import Option, Policy

TEXT_VRS = frozenset("LO LT SH ST UC UT".split())
NUMBER_VRS = frozenset(("DS", "IS"))
NUMBER_BYTES = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
_LIMITS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "CS": 16}
_MULTIPLE = frozenset(("LO", "SH", "UC", "CS", "PN", "DS", "IS"))
_NUMBER = re.compile(r"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*")
_AGE = re.compile(r"(\d{3})Y")
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

    def uid(self, value: bytes) -> bytes:
        """Every UID of a value replaced, well-known ones kept; all kept under Retain UIDs."""
        if Option.RETAIN_UIDS in self.policy.options:
            return value
        parts = value.decode("latin-1").strip(" \0").split("\\")
        replaced = [self.identity.uid(part) for part in parts]
        return value if replaced == parts else "\\".join(replaced).encode("latin-1")

    def dummy(self, vr: str, value: bytes) -> bytes:
        """A value that says nothing, as long as the old one where the VR is binary."""
        if vr == "UI":
            return self.uid(value)
        return DUMMIES[vr].encode() if vr in DUMMIES else bytes(min(len(value), 64))

    def date(self, vr: str, value: bytes) -> bytes:
        """Dates moved by the subject's days; whole-day shifts leave times of day alone. What is no date goes."""
        if vr == "TM":
            return value if _plain(value) else b""
        parts = [shift_value(part, self.days) if part.strip() else "" for part in _text(value).split("\\")]
        return b"" if None in parts else "\\".join(part or "" for part in parts).encode()

    def text(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """Free text cleaned value by value."""
        return self._each(vr, value, charset, self.cleaner.clean)

    def own_only(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """Text that is kept, less what is known of the subject."""
        return self._each(vr, value, charset, self.cleaner.redact_own)

    def term(self, vr: str, value: bytes, charset: Charset) -> bytes:
        """A defined or coded term: kept unless it holds an identifier that is no clinical word."""
        return self._each(vr, value, charset, lambda text: self.cleaner.redact_own(text, spare=clinical_words()))

    def number(self, value: bytes) -> bytes:
        """A numeric string kept if it is one."""
        parts = _text(value).split("\\")
        return value if all(not part.strip() or _NUMBER.fullmatch(part) for part in parts) else b""

    def age(self, value: bytes) -> bytes:
        """An age kept, above 89 years as 090Y; what is no age goes."""
        text = _text(value).strip()
        if not re.fullmatch(r"\d{3}[DWMY]", text):
            return b""
        match = _AGE.fullmatch(text)
        return b"090Y" if match and int(match[1]) >= MAX_AGE else value

    def opaque(self, value: bytes) -> bytes | None:
        """Bytes a table vouches for: text among them is cleaned, anything else that names the subject goes (None)."""
        text = value.decode("latin-1")
        if text.rstrip(" \0").isprintable():
            return self.text("UT", value, Charset())
        return None if self.cleaner.redact_own(text)[1] else value

    def _each(self, vr: str, value: bytes, charset: Charset, treat) -> bytes:  # type: ignore[no-untyped-def]
        text = charset.decode(value)
        parts = text.split("\\") if vr in _MULTIPLE else [text]
        treated = [treat(part) for part in parts]
        if not any(count for _, count in treated):
            return value
        if vr == "CS":
            return "\\".join("" if count else part for part, count in treated).encode("ascii", "replace")
        return charset.encode("\\".join(_fit(vr, part) for part, _ in treated))


def mover(policy: Policy, days: int):  # type: ignore[no-untyped-def]
    """How dates in text move under a policy: by ``days``, not at all, or out (None)."""
    if policy.dates == "remove":
        return None
    return (lambda day: day) if policy.dates == "keep" else (lambda day: _back(day, days))


def _back(day: date, days: int) -> date:
    return day - timedelta(days=days)


def _fit(vr: str, text: str) -> str:
    """Placeholders may make a text longer than its VR allows; then they are left out."""
    limit = _LIMITS.get(vr)
    if limit is None or len(text) <= limit:
        return text
    return re.sub(r"\s{2,}", " ", text.replace(PLACEHOLDER, "")).strip()[:limit]


def _text(value: bytes) -> str:
    return value.decode("latin-1").rstrip(" \0")


def _plain(value: bytes) -> bool:
    """Whether a TM value is made of what times are made of (PS3.5 6.2, ranges and old colons included)."""
    return all(byte in b"0123456789.:-\\ \0" for byte in value)
