"""Search of a cleaned DICOM object for identifiers of its original: in every text, every byte, many spellings."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from mmap import mmap

from pydicom.dataset import Dataset

from deid_platform.audit.bytesearch import Needlestack
from deid_platform.audit.needles import Needles, dates_in, plain
from deid_platform.dictionary import tag_text
from deid_platform.freetext import PLACEHOLDER

LONG_NUMBER, LONG_MIXED = 8, 6
"""Shorter strings of digits, or of digits and letters, occur in measurements, so they are looked for in texts only."""
MIN_BYTES, MIN_BULK_BYTES = 5, 8
"""Shorter needles are met by chance in binary values, and in pixels."""
SUBJECTS = 8
"""Sets of needles that are kept ready."""
PIECE, OVERLAP = 1 << 22, 1 << 10
"""Bytes are searched in pieces of 4 MiB that overlap by more than any needle is long."""
_TEXT_VRS = frozenset("AE CS LO LT PN SH ST UC UR UT".split())
_CODECS = (
    "utf-8", "latin-1", "utf-16-le", "utf-16-be", "iso8859-2", "iso8859-5", "iso8859-7", "shift_jis", "iso2022_jp",
    "euc_jp", "euc_kr", "gb18030",
)  # fmt: skip
_UID = re.compile(rb"[0-9]+(?:\.[0-9]+){3,}")
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()

Hit = tuple[str, str]
"""Where in the output, and what kind of identifier."""


def search(needles: Needles, data: mmap, cleaned: Dataset, bulk_at: int) -> Iterator[Hit]:
    """Every hit in an object's bytes; ``bulk_at`` is the offset at which the pixels begin, or the bytes end."""
    yield from _in_texts(needles, cleaned)
    yield from sorted(set(_in_header(needles, data, bulk_at)))
    yield from sorted(set(_in_bulk(needles, data, bulk_at)))


def _in_texts(needles: Needles, cleaned: Dataset) -> Iterator[Hit]:
    pattern = _text_pattern(needles.words, needles.pairs, needles.numbers)
    for element in (*cleaned.file_meta, *cleaned.iterall()):
        if not element.value:
            continue
        if element.VR in ("DA", "DT") and any(day in needles.dates for day in dates_in(_joined(element.value))):
            yield tag_text(int(element.tag)), "date"
        if element.VR in _TEXT_VRS and pattern is not None and pattern.search(plain(_joined(element.value))):
            yield tag_text(int(element.tag)), "text"


def _joined(value: object) -> str:
    return str(value) if isinstance(value, str) or not isinstance(value, Iterable) else "\n".join(map(str, value))


@lru_cache(maxsize=SUBJECTS)
def _text_pattern(
    words: frozenset[str], pairs: frozenset[tuple[str, str]], numbers: frozenset[str]
) -> re.Pattern[str] | None:
    """Words and numbers standing alone, and pairs of name words however they are joined."""
    parts = [rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" for word in sorted(words) if word[0] < "\u2e80"]
    parts += [re.escape(word) for word in sorted(words) if word[0] >= "\u2e80"]
    # A placeholder between two words means that something was taken out there.
    between = rf"(?:(?!{PLACEHOLDER})[\W_])+"
    parts += [rf"(?<![^\W\d_]){re.escape(a)}{between}{re.escape(b)}(?![^\W\d_])" for a, b in sorted(pairs)]
    parts += [rf"(?<![^\W_]){_spaced(number)}(?![^\W_])" for number in sorted(numbers)]
    return re.compile("|".join(parts)) if parts else None


def _spaced(number: str) -> str:
    return r"[\W_]{0,2}".join(map(re.escape, re.findall(r"[^\W_]+", number)))


def _in_header(needles: Needles, data: mmap, end: int) -> Iterator[Hit]:
    """Byte search of everything but the pixels: undeclared encodings, private values, meta group, odd corners."""
    forms = _header_forms(needles.spellings, needles.numbers, needles.written)
    dates = _date_pattern(needles.dates)
    for piece in _pieces(data, 0, end):
        lowered = piece.lower()
        for form, at in forms.stack.found_in(lowered):
            if form not in forms.plain or _stands_alone(lowered, form, at):
                yield "header", forms.kinds[form]
        if any(uid.decode() in needles.uids for uid in _UID.findall(piece)):
            yield "header", "uid"
        if dates is not None and dates.search(lowered):
            yield "header", "date"


@dataclass(frozen=True, slots=True)
class _Forms:
    """Needles as bytes: what kind each is of, and which of them are not in base64."""

    kinds: dict[bytes, str]
    plain: frozenset[bytes]
    stack: Needlestack


@lru_cache(maxsize=SUBJECTS)
def _header_forms(spellings: frozenset[str], numbers: frozenset[str], written: frozenset[bytes]) -> _Forms:
    """What to look for in headers; the objects of one series all ask for the same."""
    strings = {"word": spellings, "number": _long(numbers)}
    plain = {form.lower(): kind for kind in strings for string in strings[kind] for form in _encoded(string)}
    coded = {form.lower(): kind for kind in strings for string in strings[kind] for form in _in_base64(string)}
    kinds = coded | plain | {form.lower(): "word" for form in written}
    kinds = {form: kind for form, kind in kinds.items() if len(form) >= MIN_BYTES}
    return _Forms(kinds, frozenset(plain), Needlestack(kinds))


def _in_bulk(needles: Needles, data: mmap, start: int) -> Iterator[Hit]:
    stack = _bulk_forms(needles.spellings, needles.numbers)
    for piece in _pieces(data, start, len(data)):
        yield from (("pixels", "word") for _ in stack.found_in(piece))


@lru_cache(maxsize=SUBJECTS)
def _bulk_forms(spellings: frozenset[str], numbers: frozenset[str]) -> Needlestack:
    strings = spellings | _long(numbers)
    forms = (form for string in strings for form in _encoded(string))
    # The zeros of UTF-16 count for nothing: dark pixels of sixteen bits are full of them.
    return Needlestack(form for form in forms if len(form) - form.count(0) >= MIN_BULK_BYTES)


def _pieces(data: mmap, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, PIECE):
        yield data[at : min(end, at + PIECE + OVERLAP)]


def _long(numbers: frozenset[str]) -> frozenset[str]:
    """Numbers that are unlikely to be met by chance, as they were written and without what joins their parts."""
    forms = {form for number in numbers for form in (number, re.sub(r"[\W_]", "", number))}
    return frozenset(form for form in forms if len(form) >= (LONG_NUMBER if form.isdigit() else LONG_MIXED))


def _encoded(string: str) -> Iterator[bytes]:
    """A needle in every case and encoding bytes may hold it in."""
    for spelling in {string, string.lower(), string.upper(), string.title()}:
        for codec in _CODECS:
            try:
                yield spelling.encode(codec)
            except UnicodeEncodeError:
                continue


def _in_base64(string: str) -> Iterator[bytes]:
    """A needle in base64, which has three phases whose inner characters are stable, whatever stands around it."""
    for spelling in {string, string.lower(), string.upper(), string.title()}:
        raw = spelling.encode()
        for phase in range(3):
            coded = base64.b64encode(b"\0" * phase + raw)
            inner = coded[(phase * 8 + 5) // 6 : (phase + len(raw)) * 8 // 6]
            if len(inner) >= MIN_BULK_BYTES:
                yield inner


def _stands_alone(data: bytes, needle: bytes, at: int) -> bool:
    """Whether ``needle``, found at ``at``, is not the middle of a longer word or number."""
    before, after = data[max(0, at - 1) : at], data[at + len(needle) : at + len(needle) + 1]
    digits = needle.isdigit() and (before.isdigit() or after.isdigit())
    return not (before.isalnum() and after.isalnum()) and not digits


def _date_pattern(dates: frozenset[date]) -> re.Pattern[bytes] | None:
    """The dates as people and devices write them, in lower case, a time of day behind them or not."""
    forms = {form for day in dates for form in _date_forms(day)}
    if not forms:
        return None
    joined = "|".join(sorted(map(re.escape, forms)))
    return re.compile(rf"(?<![\d.])(?:{joined})(?:(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?(?!\d)".encode())


def _date_forms(day: date) -> Iterator[str]:
    y, m, d = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    yield y + m + d
    for separator in "-./":
        yield from (separator.join(parts) for parts in ((y, m, d), (d, m, y), (m, d, y)))
    for separator in "- ":
        yield separator.join((d, _MONTHS[day.month - 1].lower(), y))
