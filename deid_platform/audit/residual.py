"""Search of a cleaned DICOM object for identifiers of its original: in every text, every byte, many spellings."""

from __future__ import annotations

import base64
import mmap
import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from pydicom.dataset import Dataset

from deid_platform.audit.needles import Needles, plain
from deid_platform.dictionary import tag_text

LONG_NUMBER = 8
"""Shorter strings of digits occur in measurements, so they are looked for in texts only."""
MIN_BYTES, MIN_BULK_BYTES = 5, 8
"""Shorter needles are met by chance in binary values, and in pixels."""
_TEXT_VRS = frozenset("AE LO LT PN SH ST UC UR UT".split())
_UID = re.compile(rb"[0-9]+(?:\.[0-9]+){3,}")
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()

Hit = tuple[str, str]
"""Where in the output, and what kind of identifier."""


def search(needles: Needles, output: Path, cleaned: Dataset, bulk_at: int) -> Iterator[Hit]:
    """Every hit; ``bulk_at`` is the offset in bytes at which the pixels begin, the file's size where there are none."""
    yield from _in_texts(needles, cleaned)
    with output.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield from _in_header(needles, bytes(data[:bulk_at]))
        yield from _in_bulk(needles, data, bulk_at)


def _in_texts(needles: Needles, cleaned: Dataset) -> Iterator[Hit]:
    pattern = _text_pattern(needles)
    if pattern is None:
        return
    for element in (*cleaned.file_meta, *cleaned.iterall()):
        if element.VR in _TEXT_VRS and element.value and pattern.search(plain(_joined(element.value))):
            yield tag_text(int(element.tag)), "text"


def _joined(value: object) -> str:
    return str(value) if isinstance(value, str) or not isinstance(value, Iterable) else "\n".join(map(str, value))


def _text_pattern(needles: Needles) -> re.Pattern[str] | None:
    """Words and numbers standing alone, and pairs of name words however they are joined."""
    parts = [rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" for word in sorted(needles.words) if word[0] < "\u2e80"]
    parts += [re.escape(word) for word in sorted(needles.words) if word[0] >= "\u2e80"]
    parts += [rf"(?<![^\W\d_]){re.escape(a)}[\W_]+{re.escape(b)}(?![^\W\d_])" for a, b in sorted(needles.pairs)]
    parts += [rf"(?<![^\W_]){_spaced(number)}(?![^\W_])" for number in sorted(needles.numbers)]
    return re.compile("|".join(parts)) if parts else None


def _spaced(number: str) -> str:
    return r"[\W_]{0,2}".join(map(re.escape, re.findall(r"[^\W_]+", number)))


def _in_header(needles: Needles, header: bytes) -> Iterator[Hit]:
    """Byte search of everything but the pixels: undeclared encodings, private values, meta group, odd corners."""
    lowered = header.lower()
    for kind, strings in (("word", needles.words), ("number", _long(needles.numbers))):
        for string in sorted(strings):
            if any(_stands_alone(lowered, spelled) for spelled in _spellings(string)):
                yield "header", kind
    if any(uid.decode() in needles.uids for uid in _UID.findall(header)):
        yield "header", "uid"
    pattern = _date_pattern(needles.dates)
    if pattern is not None and pattern.search(lowered):
        yield "header", "date"


def _in_bulk(needles: Needles, data: mmap.mmap, bulk_at: int) -> Iterator[Hit]:
    for string in sorted(needles.words | _long(needles.numbers)):
        for spelled in {form for case in (string, string.upper(), string.title()) for form in _encoded(case)}:
            if len(spelled) >= MIN_BULK_BYTES and data.find(spelled, bulk_at) >= 0:
                yield "pixels", "word"


def _long(numbers: frozenset[str]) -> frozenset[str]:
    return frozenset(n for n in numbers if len(n) >= LONG_NUMBER or (len(n) > MIN_NUMBER_MIXED and not n.isdigit()))


MIN_NUMBER_MIXED = 5


def _encoded(string: str) -> Iterator[bytes]:
    for codec in ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "shift_jis", "euc_kr", "gb18030"):
        try:
            yield string.encode(codec)
        except UnicodeEncodeError:
            continue


def _spellings(string: str) -> Iterator[bytes]:
    """A needle in the encodings bytes may hide it in. Base64 has three phases, whose inner characters are stable."""
    for encoded in {*_encoded(string)}:
        if len(encoded) >= MIN_BYTES:
            yield encoded.lower()
    raw = string.encode()
    for phase in range(3):
        coded = base64.b64encode(b"\0" * phase + raw)
        inner = coded[(phase * 8 + 5) // 6 : len(coded) - 4].lower()
        if len(inner) >= MIN_BULK_BYTES:
            yield inner


def _stands_alone(data: bytes, needle: bytes) -> bool:
    """Whether ``needle`` occurs and is not the middle of a longer word or number."""
    at = data.find(needle)
    while at >= 0:
        before, after = data[at - 1 : at], data[at + len(needle) : at + len(needle) + 1]
        if not (before.isalnum() and after.isalnum()) and not (needle.isdigit() and (before.isdigit() or after.isdigit())):
            return True
        at = data.find(needle, at + 1)
    return False


def _date_pattern(dates: frozenset[date]) -> re.Pattern[bytes] | None:
    """The dates as people and devices write them, in lower case."""
    forms = {form for day in dates for form in _date_forms(day)}
    if not forms:
        return None
    joined = "|".join(sorted(map(re.escape, forms)))
    return re.compile(rf"(?<![\d.])(?:{joined})(?!\d)".encode())


def _date_forms(day: date) -> Iterator[str]:
    y, m, d = f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"
    yield y + m + d
    for separator in "-./":
        yield from (separator.join(parts) for parts in ((y, m, d), (d, m, y), (m, d, y)))
    for separator in "- ":
        yield separator.join((d, _MONTHS[day.month - 1].lower(), y))
