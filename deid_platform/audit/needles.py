"""What must not be found in a cleaned object: the identifiers of its original, read by pydicom.

This is on purpose not the code that collects identifiers for cleaning: what one overlooks the other may see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue

from deid_platform.dates import valid
from deid_platform.formats.dicom.identifiers import identifying_attributes
from deid_platform.freetext import word_list
from deid_platform.identity import Identity
from deid_platform.policy import Policy

MIN_WORD, MIN_NUMBER = 4, 4
BIRTH_DATE = 0x00100030
_NOBODY = frozenset("anonymous anonymized anonymised unknown none null test patient phantom name removed".split())
_INNOCENT_DATES = frozenset({date(1900, 1, 1)})


@dataclass(frozen=True, slots=True)
class Needles:
    """Plain folded words of names and places, pairs of name words, numbers, dates, and UIDs of one original."""

    words: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    numbers: frozenset[str]
    dates: frozenset[date]
    uids: frozenset[str]


def plain(text: str) -> str:
    """Lower case, accents taken off."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def collect_needles(original: Dataset, policy: Policy, identity: Identity, subject: str) -> Needles:
    """Everything in ``original`` that the policy does not allow to appear in the output."""
    names: set[str] = set()
    pairs: set[tuple[str, str]] = set()
    places: set[str] = set()
    numbers: set[str] = set()
    days: set[date] = set()
    births: set[date] = set()
    uids: set[str] = set()
    for element in readable_elements(original):
        kind = "name" if element.VR == "PN" else identifying_attributes().get(int(element.tag), element.VR)
        for text in _values(element):
            if kind == "name":
                found = _name_words(text)
                names.update(found)
                pairs.update(permutations(found, 2))
            elif kind == "place":
                places.update(_place_words(text))
            elif kind == "number":
                numbers.update(_numbers(text))
            elif kind in ("DA", "DT"):
                (births if int(element.tag) == BIRTH_DATE else days).update(_dates(text))
            elif kind == "UI" and identity.uid(text) != text:
                uids.add(text.strip())
    common = word_list("clinical_words") | word_list("place_words")
    return Needles(
        words=frozenset(word for word in names | places if len(word) >= MIN_WORD and word not in common),
        pairs=frozenset(pairs),
        numbers=frozenset(numbers),
        dates=frozenset(_forbidden_dates(days, births, policy, identity.shift_days(subject))),
        uids=frozenset(uids),
    )


def readable_elements(data: Dataset) -> Iterator[DataElement]:
    """Every element at every depth that pydicom can decode; a number that cannot be decoded names nobody."""
    for tag in data.keys():
        try:
            element = data[tag]
        except (ValueError, BytesLengthException, NotImplementedError):
            continue
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from readable_elements(item)


def _values(element: DataElement) -> Iterator[str]:
    if element.VR == "SQ" or element.value is None or isinstance(element.value, bytes):
        return
    for value in element.value if isinstance(element.value, MultiValue) else (element.value,):
        yield str(value)


def _name_words(text: str) -> list[str]:
    words = dict.fromkeys(re.findall(r"[^\W\d_]{2,}", plain(text)))
    return [word for word in words if word not in _NOBODY]


def _place_words(text: str) -> Iterator[str]:
    return (word for word in re.findall(r"[^\W\d_]{4,}", plain(text)))


def _numbers(text: str) -> Iterator[str]:
    compact = re.sub(r"[\W_]+", "", plain(text))
    if len(compact) >= MIN_NUMBER and any(character.isdigit() for character in compact):
        yield plain(text).strip()


def _dates(text: str) -> Iterator[date]:
    match = re.match(r"(\d{4})[-./]?(\d{2})[-./]?(\d{2})", text)
    day = match and valid(int(match[1]), int(match[2]), int(match[3]))
    if day:
        yield day


def _forbidden_dates(days: set[date], births: set[date], policy: Policy, shift: int) -> set[date]:
    """Dates of the original that may not be met; one that a shifted date may have become proves nothing."""
    if policy.dates == "keep":
        return births - days
    moved = {day - timedelta(days=shift) for day in days | births} if policy.dates == "shift" else set()
    return (days | births) - moved - _INNOCENT_DATES
