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
from functools import cache
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
        _add(kind, charset.decode(value), found)
        if kind == "name" or not value.isascii() or b"\x1b" in value:
            found.forms.update(byte_forms(value))
    if element.vr in STRING_VRS:
        for name in swallowed_names(value):
            _add("name", charset.decode(name), found)


def is_kept(policy: Policy | None, kind: str, tag: int, vr: str) -> bool:
    """Whether a policy keeps an identifying attribute as it is, so that its words may stay elsewhere, too.

    Where devices are, is among what Retain Device Identity keeps, and still is a place.
    """
    if policy is None:
        return False
    return policy.rule(tag, vr).action is Action.KEEP if kind == "device" else policy.vouches_for(tag, vr)


def _add(kind: str, text: str, found: _Found) -> None:
    if kind == "name":
        found.names.update(name_words(text))
    elif kind == "place":
        found.places.update(place_words(text))
    else:
        found.numbers.update(numbers(text))


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
