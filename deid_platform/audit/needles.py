"""What must not be found in a cleaned object: the identifiers of its original, read by pydicom.

This is on purpose not the code that collects identifiers for cleaning: what one overlooks the other may see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import permutations

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from deid_platform.dates import valid
from deid_platform.dictionary import public_vr
from deid_platform.formats.dicom.identifiers import identifying_attributes
from deid_platform.freetext import word_list
from deid_platform.policy import Action, Option, Policy

MIN_WORD, MIN_NUMBER = 4, 4
MIN_IDEOGRAPHS = 2
MIN_CODED = 6
"""Bytes from which on a part of a name is looked for as bytes: three characters of two bytes each."""
BIRTH_DATE = 0x00100030
_NOBODY = frozenset("anonymous anonymized anonymised unknown none null test patient phantom name removed".split())
_TITLES = frozenset("dr prof mr mrs ms md phd do rn jr sr ii iii mph msc bsc frcr frcp ra rt".split())
"""Parts of names that stand beside other names, too; alone they are too short to be looked for."""
_INNOCENT_DATES = frozenset({date(1900, 1, 1)})
_WELL_KNOWN_UID = re.compile(r"1\.2\.840\.10008\.\d{1,2}(\.\d{1,4})+")
_TELLING = frozenset("DA DT PN SQ UI UN".split())
"""VRs that tell something whatever attribute they are met in, or hide others."""
_STRINGS = frozenset("AE AS CS DA DS DT IS LO LT SH ST TM UC UI UR UT".split())
_SWALLOWED = re.compile(rb"PN(?:[^\0]\0|\0[^\0])([^\x00-\x1f\x7f]{2,64})")
"""A name with the end of its header in a value whose length takes in the elements behind it."""
_ONE_BYTE_CODECS = ("latin-1", "iso8859-2", "iso8859-5", "iso8859-7")


@dataclass(frozen=True, slots=True)
class Needles:
    """What to look for.

    ``words`` of names and places and ``pairs`` of name words are plain (see :func:`plain`), ``spellings`` are the same
    words as they were written; ``numbers`` are plain, too. ``written`` are parts of names as bytes.
    """

    words: frozenset[str]
    spellings: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    numbers: frozenset[str]
    dates: frozenset[date]
    uids: frozenset[str]
    written: frozenset[bytes] = frozenset()


@dataclass(slots=True)
class _Found:
    words: dict[str, set[str]] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    days: set[date] = field(default_factory=set)
    births: set[date] = field(default_factory=set)
    uids: set[str] = field(default_factory=set)
    written: set[bytes] = field(default_factory=set)
    kept: set[date] = field(default_factory=set)


def plain(text: str) -> str:
    """Lower case, accents taken off."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def collect_needles(original: Dataset, policy: Policy, shift: int) -> Needles:
    """Everything in ``original`` that the policy does not allow to appear in the output; ``shift`` in days."""
    found = _Found()
    for tag, vr, texts, raw in readable_values(original):
        kind = _kind(tag, vr)
        if _is_kept(kind, tag, vr, policy):
            found.kept.update(day for text in texts for day in dates_in(text) if kind in ("DA", "DT"))
            continue
        if kind == "name":
            found.written.update(_written(raw))
        for name in _SWALLOWED.findall(raw) if vr in _STRINGS else ():
            _note("name", name.decode("latin-1"), found, born=False)
        for text in texts:
            _note(kind, text, found, born=tag == BIRTH_DATE)
    common = word_list("clinical_words") | word_list("place_words")
    words = {word for word in found.words if _long_enough(word) and word not in common}
    return Needles(
        words=frozenset(words),
        spellings=frozenset(spelling for word in words for spelling in found.words[word]),
        pairs=frozenset(found.pairs),
        numbers=frozenset(found.numbers),
        dates=frozenset(_forbidden_dates(found.days, found.births, policy, shift) - found.kept),
        uids=frozenset(found.uids),
        written=frozenset(found.written),
    )


def _kind(tag: int, vr: str) -> str:
    """What an attribute holds: 'name', a kind of the list of identifying attributes, or its VR."""
    return "name" if "PN" in (vr, public_vr(tag)) else identifying_attributes().get(tag, vr)


def _is_kept(kind: str, tag: int, vr: str, policy: Policy) -> bool:
    """Whether the policy keeps an attribute as it is, so that what it says may be met."""
    if kind == "UI":
        return Option.RETAIN_UIDS in policy.options or policy.rule(tag, vr).action is Action.KEEP
    if kind in ("DA", "DT"):
        return policy.dates == "remove" and policy.rule(tag, vr).action is Action.KEEP
    if kind == "device":
        return policy.rule(tag, vr).action is Action.KEEP
    return kind in ("name", "place", "number") and policy.vouches_for(tag, vr)


def readable_values(data: Dataset) -> Iterator[tuple[int, str, list[str], bytes]]:
    """Tag, VR, texts and bytes (as far as told) of every element at every depth.

    One that pydicom cannot decode is read as Latin-1. One that tells nothing of a person by its attribute or VR is
    not decoded, as that is most of the work: it has no texts here.
    """
    for tag in list(data.keys()):
        raw, vr = _raw(data, tag)
        if vr and vr not in _TELLING and _kind(int(tag), vr) == vr:
            yield int(tag), vr, [], raw
            continue
        try:
            element = data[tag]
            items = list(element.value) if element.VR == "SQ" else []
            texts = [] if items else [reading for value in _texts(element.value) for reading in _readings(value)]
        except Exception:  # noqa: BLE001 - pydicom raises all kinds of errors on broken values
            yield int(tag), public_vr(int(tag)) or "UN", [raw.decode("latin-1")] if raw else [], raw
            continue
        yield int(tag), str(element.VR), texts, raw
        for item in items:
            yield from readable_values(item)


def _raw(data: Dataset, tag: BaseTag) -> tuple[bytes, str]:
    """The bytes of an element nothing has read yet, as far as pydicom gives them, and the VR written in the file."""
    try:
        element = data.get_item(tag)
    except Exception:  # noqa: BLE001 - pydicom raises all kinds of errors on broken values
        return b"", ""
    value = getattr(element, "value", None)
    return (value, str(getattr(element, "VR", None) or "")) if isinstance(value, bytes) else (b"", "")


def _written(raw: bytes) -> Iterator[bytes]:
    """Parts of a name that are mostly no ASCII: the character set may be declared falsely, or not at all."""
    for part in re.split(rb"[\\^=\s]+", raw.rstrip(b" \0")):
        if len(part) >= MIN_CODED and sum(byte > 0x7F for byte in part) * 2 > len(part):
            yield part


def _texts(value: object) -> Iterator[str]:
    if value is None or isinstance(value, bytes):
        return
    yield from map(str, value) if isinstance(value, MultiValue) else (str(value),)


def _readings(text: str) -> Iterator[str]:
    """A text, and what else it may be under another character set than the declared one."""
    yield text
    if text.isascii() and "\x1b" not in text:
        return
    for codec in _ONE_BYTE_CODECS:
        for meant in ("utf-8", "iso2022_jp_2"):
            try:
                yield text.encode(codec).decode(meant)
            except UnicodeError:
                continue


def _note(kind: str, text: str, found: _Found, *, born: bool) -> None:
    if kind == "name":
        words = [word for word in _words(text, 2) if plain(word) not in _NOBODY]
        telling = dict.fromkeys(word for word in map(plain, words) if word not in _TITLES)
        found.pairs.update(permutations(telling, 2))
    else:
        words = list(_words(text, MIN_WORD)) if kind == "place" else []
    for word in words:
        found.words.setdefault(plain(word), {plain(word)}).add(word)
    if kind in ("number", "device"):
        found.numbers.update(_numbers(text))
    elif kind in ("DA", "DT"):
        (found.births if born else found.days).update(dates_in(text))
    elif kind == "UI" and text.strip() and not _WELL_KNOWN_UID.fullmatch(text.strip()):
        found.uids.add(text.strip())


def _words(text: str, least: int) -> Iterator[str]:
    yield from (w for w in re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text)) if len(w) >= least)
    for group in text.split("="):
        # Names in scripts without spaces are also written as one word, others so as far as a component goes.
        joined = "".join(re.findall(r"[^\W\d_]+", group))
        if joined and _unspaced(joined):
            yield joined
        parts = ("".join(re.findall(r"[^\W\d_]+", part)) for part in group.split("^"))
        yield from (part for part in parts if len(part) >= least)


def _unspaced(word: str) -> bool:
    return word[0] >= "\u2e80"


def _long_enough(word: str) -> bool:
    return len(word) >= (MIN_IDEOGRAPHS if _unspaced(word) else MIN_WORD)


def _numbers(text: str) -> Iterator[str]:
    compact = re.sub(r"[\W_]+", "", plain(text))
    if len(compact) >= MIN_NUMBER and any(character.isdigit() for character in compact):
        yield plain(text).strip()


def dates_in(text: str) -> Iterator[date]:
    """The date a DA or DT value begins with."""
    match = re.match(r"\s*(\d{4})[-./]?(\d{2})[-./]?(\d{2})", text)
    day = match and valid(int(match[1]), int(match[2]), int(match[3]))
    if day:
        yield day


def _forbidden_dates(days: set[date], births: set[date], policy: Policy, shift: int) -> set[date]:
    """Dates of the original that may not be met; one that a shifted date may have become proves nothing."""
    if policy.dates == "keep":
        return births - days
    moved = set()
    if policy.dates == "shift":
        moved = {day - timedelta(days=shift) for day in days | births}
    elif policy.dates == "year":
        moved = {date(day.year, 1, 1) for day in days}
    return (days | births) - moved - _INNOCENT_DATES
