"""What one DICOM item says about its subject: the words and numbers that must not survive in its texts.

Every PN value counts, whoever it names, at every depth; other attributes are listed in
``data/identifying_attributes.csv``.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources

from deid_platform.formats.dicom.charset import Charset, byte_forms, charset_of
from deid_platform.formats.dicom.elements import CHARACTER_SET, DataSet, Element
from deid_platform.formats.dicom.swallowed import swallowed_names
from deid_platform.formats.dicom.vr import STRING_VRS
from deid_platform.freetext import Identifiers, clinical_words, fold, word_list
from deid_platform.policy import Action, Policy

_WORD = re.compile(r"[^\W\d_]+")
_PREFIXES = frozenset(
    "von van de der den del della di da dos la le el al bin ibn und and the mac st dr prof mr mrs ms".split()
)
_NOBODY = frozenset("anonymous anonymized anonymised unknown none null test patient phantom name removed".split())
LONGEST = 256
"""Bytes of a value from which on it is unlikely to be met again."""
MIN_NUMBER = 4
"""Shorter numbers are too common in texts to be taken for an identifier."""


@cache
def identifying_attributes() -> dict[int, str]:
    """Kind ('number', 'device' for its serial number, 'place' or 'name') by tag."""
    text = resources.files("deid_platform").joinpath("data/identifying_attributes.csv").read_text("utf-8")
    return {int(row["tag"], 16): row["kind"] for row in csv.DictReader(io.StringIO(text))}


def collect(data: DataSet, policy: Policy | None = None) -> Identifiers:
    """The subject's identifiers as the header gives them, folded, less those that ``policy`` keeps on purpose."""
    found = _Found(policy)
    _visit(data, Charset(), found)
    return Identifiers(
        frozenset(found.names), frozenset(found.places), frozenset(found.numbers), frozenset(found.forms)
    )


@dataclass(slots=True)
class _Found:
    policy: Policy | None
    names: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    forms: set[bytes] = field(default_factory=set)


def _visit(data: DataSet, charset: Charset, found: _Found) -> None:
    declared = data.get(CHARACTER_SET)
    if declared is not None and isinstance(declared.value, bytes):
        charset = charset_of(declared.value)
    for element in (*data.overwritten, *data.values()):
        if isinstance(element.value, list):
            for item in element.value:
                _visit(item, charset, found)
        elif isinstance(element.value, bytes) and element.value:
            _note(element, element.value, charset, found)


def _note(element: Element, value: bytes, charset: Charset, found: _Found) -> None:
    kind = "name" if element.vr == "PN" else identifying_attributes().get(element.tag)
    if kind is not None and not is_kept(found.policy, kind, element.tag, element.vr):
        _add(kind, value, charset, found)
        if kind == "name" or not value.isascii() or b"\x1b" in value:
            found.forms.update(_repeated_forms(value) if len(value) <= LONGEST else byte_forms(value))
    if 0 in value and element.vr in STRING_VRS:
        for name in swallowed_names(value):
            _add("name", name, charset, found)


def is_kept(policy: Policy | None, kind: str, tag: int, vr: str) -> bool:
    """Whether a policy keeps an identifying attribute as it is, so that its words may stay elsewhere, too.

    Where devices are, is among what Retain Device Identity keeps, and still is a place.
    """
    if policy is None:
        return False
    return policy.rule(tag, vr).action is Action.KEEP if kind == "device" else policy.vouches_for(tag, vr)


def _add(kind: str, value: bytes, charset: Charset, found: _Found) -> None:
    words = (_repeated_words if len(value) <= LONGEST else _words)(kind, value, charset)
    {"name": found.names, "place": found.places}.get(kind, found.numbers).update(words)


def _words(kind: str, value: bytes, charset: Charset) -> frozenset[str]:
    """What a value tells: the words of a name or a place, or numbers."""
    read = {"name": name_words, "place": place_words}.get(kind, numbers)
    return frozenset(read(charset.decode(value)))


@lru_cache(maxsize=2048)
def _repeated_words(kind: str, value: bytes, charset: Charset) -> frozenset[str]:
    """The same for short values, which the objects of a series repeat."""
    return _words(kind, value, charset)


@lru_cache(maxsize=512)
def _repeated_forms(value: bytes) -> frozenset[bytes]:
    return frozenset(byte_forms(value))


def name_words(text: str) -> Iterator[str]:
    """Folded words of a person's name, also as written in one (OBrien, MaryAnn), and of some scripts the whole name."""
    text = unicodedata.normalize("NFC", text)
    parts = [part for component in re.split(r"[=\\^]", text) for part in (component, *re.split(r"[\s-]", component))]
    for word in map(fold, _WORD.findall(text) + ["".join(_WORD.findall(part)) for part in parts if len(part) > 3]):
        if word and word not in _PREFIXES and word not in _NOBODY:
            yield word
    for group in re.split(r"[=\\]", text):
        joined = "".join(_WORD.findall(group))
        if joined and joined[0] >= "\u2e80":
            yield joined


def place_words(text: str) -> Iterator[str]:
    """Folded words that are peculiar to a place: no kinds of places, no clinical words, no short ones."""
    common, kinds = clinical_words(), word_list("place_words")
    for word in map(fold, _WORD.findall(text)):
        if len(word) > 3 and word not in common and word not in kinds:
            yield word
    yield from (number for number in re.findall(r"(?<!\w)\d{5,}(?!\w)", text))


def numbers(text: str) -> Iterator[str]:
    """Folded record and telephone numbers long enough to be told from other numbers."""
    for value in text.split("\\"):
        folded = fold(value.strip(" \0"))
        compact = re.sub(r"[\W_]", "", folded)
        if len(compact) >= MIN_NUMBER and (any(map(str.isdigit, compact)) or compact not in clinical_words()):
            yield folded
