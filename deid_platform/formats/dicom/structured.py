"""Content items: trees of reports, acquisition context, specimen preparation, annotations of waveforms.

Under the Clean Structured Content Option listed concepts are removed with all below them, or replaced
(:mod:`deid_platform.policy.content`); what stays, and concepts no table lists, is cleaned element by element as
anywhere else: texts as free text, names replaced, UIDs and references replaced by keyed ones, dates by the way of the
policy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from deid_platform.formats.dicom.elements import DataSet, Element
from deid_platform.formats.dicom.protect import DUMMIES, MAX_AGE
from deid_platform.policy import Action, Policy, Rule

CONTENT = 0x0040A730
CONTENT_SEQUENCES = frozenset({CONTENT, 0x00400555, 0x00400612, 0x0040B020})
"""Content Sequence, Acquisition Context, Specimen Preparation Step Content Item, Waveform Annotation."""
_NAME, _TYPE, _TEXT, _NOTE = 0x0040A043, 0x0040A040, 0x0040A160, 0x00700006
_NAMES_OF_CODES = (0x00080100, 0x00080119, 0x00080120)
_SCHEME = 0x00080102
_REFERENCE = 0x0040DB73
_MEASURED, _NUMBER, _UNIT = 0x0040A300, 0x0040A30A, 0x004008EA
_VALUES = {
    "TEXT": (_TEXT, _NOTE), "PNAME": (0x0040A123,), "DATE": (0x0040A121,), "TIME": (0x0040A122,),
    "DATETIME": (0x0040A120,),
}  # fmt: skip
"""Where the value of a content item stands that a dummy takes the place of."""
_REFERENCES = frozenset(("UIDREF", "IMAGE", "COMPOSITE", "WAVEFORM"))
"""Value types whose UIDs are replaced anyhow, which is what D asks for."""
_AGES = frozenset({("DCM", "121033"), ("SCT", "397669002"), ("SCT", "424144002"), ("LN", "30525-0"), ("LN", "29553-5")})

Place = tuple[int, ...]
"""Numbers of an item and those above it, the root left out."""
Note = Callable[[Element, Rule], None]
"""Told of every element that was removed or replaced, and by which rule."""


@dataclass(frozen=True, slots=True)
class ContentCleaner:
    """Applies the rules for content items; ``little`` tells the byte order of references between items."""

    policy: Policy
    note: Note
    little: bool = True

    def clean(self, items: list[DataSet]) -> None:
        """Clean content items in place, all levels below them too; references between them go on pointing right."""
        before = {id(item): place for place, item in _places(items, ())}
        self._items(items)
        places = _moves(items, before)
        if len(places) == len(before):
            return
        while self._drop_dangling(items, places):
            places = _moves(items, before)
        self._repoint(items, places)

    def _items(self, items: list[DataSet]) -> None:
        kept = [item for item in items if self._stays(item)]
        items[:] = kept
        for item in kept:
            _cap_age(item)
            self._items(_below(item))

    def _stays(self, item: DataSet) -> bool:
        rule = self._rule(item)
        if rule is None or rule.action in (Action.KEEP, Action.CLEAN):
            return True
        kind = value_type(item)
        if rule.action is Action.DUMMY and kind in _REFERENCES:
            return True
        if rule.action is Action.DUMMY and kind in _VALUES:
            return self._replaced(item, kind, rule)
        self.note(item.get(_NAME) or Element(_NAME, "SQ", []), rule)
        return False

    def _rule(self, item: DataSet) -> Rule | None:
        kind = value_type(item)
        rules = (self.policy.content_rule(scheme, code, kind) for scheme, code in concepts(item, _NAME))
        return next((rule for rule in rules if rule is not None), None)

    def _replaced(self, item: DataSet, kind: str, rule: Rule) -> bool:
        """Put a dummy in the place of a value; False where there is none to be put, so that the item has to go."""
        if kind in ("DATE", "TIME", "DATETIME") and self.policy.dates != "remove":
            return True  # moved with all others: a dummy among them would tell by how much
        for tag in _VALUES[kind]:
            element = item.get(tag)
            if element is not None:
                element.value = DUMMIES[element.vr].encode() if element.vr in DUMMIES else b""
                self.note(element, rule)
        return True

    def _drop_dangling(self, items: list[DataSet], places: Mapping[Place, Place]) -> bool:
        """Remove items that point at one that is gone; whether there were any."""
        kept = [item for item in items if self._target(item) is None or self._target(item) in places]
        dropped = len(kept) < len(items)
        items[:] = kept
        return any([dropped, *(self._drop_dangling(below, places) for below in map(_below, kept))])

    def _repoint(self, items: list[DataSet], places: Mapping[Place, Place]) -> None:
        for item in items:
            target = self._target(item)
            if target is not None:
                item[_REFERENCE].value = struct.pack(f"{self._order}{len(target) + 1}I", 1, *places[target])
            self._repoint(_below(item), places)

    def _target(self, item: DataSet) -> Place | None:
        """The place an item points at (PS3.3 C.17.3.2.5), without the root; None where it points at none."""
        element = item.get(_REFERENCE)
        if element is None or not isinstance(element.value, bytes):
            return None
        count = len(element.value) // 4
        return struct.unpack(f"{self._order}{count}I", element.value[: count * 4])[1:] or None

    @property
    def _order(self) -> str:
        return "<" if self.little else ">"


def value_type(item: DataSet) -> str:
    """The value type of a content item; annotations of waveforms have none and are texts."""
    element = item.get(_TYPE)
    if element is not None and isinstance(element.value, bytes):
        return element.value.decode("latin-1").strip(" \0").upper()
    return "TEXT" if _NOTE in item else ""


def concepts(item: DataSet, sequence: int) -> Iterator[tuple[str, str]]:
    """Scheme and code of the concepts in a code sequence of an item."""
    element = item.get(sequence)
    for code in element.value if element is not None and isinstance(element.value, list) else []:
        scheme = _string(code, _SCHEME).partition(" ")[0]
        for tag in _NAMES_OF_CODES:
            value = _string(code, tag)
            if value:
                yield scheme, value


def _string(item: DataSet, tag: int) -> str:
    element = item.get(tag)
    return element.value.decode("latin-1").strip(" \0") if element and isinstance(element.value, bytes) else ""


def _below(item: DataSet) -> list[DataSet]:
    element = item.get(CONTENT)
    return element.value if element is not None and isinstance(element.value, list) else []


def _places(items: list[DataSet], above: Place) -> Iterator[tuple[Place, DataSet]]:
    """Every item with its place in the tree, from 1 at each level."""
    for number, item in enumerate(items, start=1):
        place = (*above, number)
        yield place, item
        yield from _places(_below(item), place)


def _moves(items: list[DataSet], before: Mapping[int, Place]) -> dict[Place, Place]:
    """Where the items that are left were, and where they are now."""
    return {before[id(item)]: place for place, item in _places(items, ())}


def _cap_age(item: DataSet) -> None:
    """45 CFR 164.514(b)(2)(i)(C): an age above 89 years becomes 90, also where a report measures it."""
    measured = item.get(_MEASURED)
    if measured is None or not isinstance(measured.value, list) or not _AGES & set(concepts(item, _NAME)):
        return
    for value in measured.value:
        number = value.get(_NUMBER)
        if number is None or not isinstance(number.value, bytes) or ("UCUM", "a") not in set(concepts(value, _UNIT)):
            continue
        try:
            above = float(number.value) > MAX_AGE - 1
        except ValueError:
            continue
        if above:
            number.value = str(MAX_AGE).encode()
