"""XML that makers keep in tags: read within bounds, and written anew from lists of what may stay.

No document type, no entity of its own and no reference to other files is read. What no list knows is left out with all
that is in it, and so is a value that is not of the form its list asks for.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from deid_platform.errors import MalformedFile
from deid_platform.model import Reason

_MOST_BYTES, _MOST_ELEMENTS, _MOST_DEPTH, _MOST_TEXT = 1 << 23, 1 << 18, 32, 4096
_TEXT = "#text"
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?")
_KEYS = {"Attribute": "Name", "DataObject": "ObjectType"}
"""Attributes that say what an element is; its place in a list then is ``element[value]``."""
_OF_MAKERS = "leica-microsystems.com/scn"
_COUNTED = re.compile(r"(AOI)\d{1,2}")
"""Elements that count themselves; their place in a list then is ``element#``."""


@dataclass(slots=True)
class Element:
    """One element, with what may stay of it."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def named(self, *path: str) -> Iterator[Element]:
        """Elements below it, by the names of those that lead there."""
        for child in self.children:
            if child.name == path[0]:
                yield from child.named(*path[1:]) if len(path) > 1 else (child,)

    def written(self) -> str:
        """The element as XML without any space between elements."""
        told = "".join(f" {name}={quoteattr(value)}" for name, value in self.attributes.items())
        inner = escape(self.text) + "".join(child.written() for child in self.children)
        return f"<{self.name}{told}>{inner}</{self.name}>" if inner else f"<{self.name}{told}/>"


def only(element: Element, *path: str) -> Element:
    """The one element below another that some names lead to. Raises MalformedFile where there is none, or another."""
    found = list(element.named(*path))
    if len(found) != 1:
        raise MalformedFile("The XML of the slide lacks what readers need, or tells it twice.")
    return found[0]


def numbers(element: Element, names: Iterable[str]) -> tuple[int, ...]:
    """Whole numbers of an element. Raises MalformedFile where one is missing."""
    try:
        return tuple(int(element.attributes[name]) for name in names)
    except KeyError:
        raise MalformedFile("The XML of the slide lacks a number that readers need.") from None


def rendered(value: str) -> str:
    """A number in the one way it is written here; any other value as it is."""
    if not _NUMBER.fullmatch(value):
        return value
    return format(Decimal(value).normalize(), "f")


def read_markup(data: bytes, maker: str) -> Element:
    """What may stay of an XML document, by the list of a maker; bytes from the first zero on are not read.

    Raises
    ------
    MalformedFile
        It is no XML, larger or deeper than any, has a document type, or lacks what readers need.
    """
    data = data.partition(b"\0")[0]
    if len(data) > _MOST_BYTES:
        raise MalformedFile("The XML of the slide is larger than any.", Reason.TOO_LARGE)
    reader = _Reader(kept_markup(maker))
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.told
    parser.StartDoctypeDeclHandler = _refuse_types
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError):
        raise MalformedFile("The XML of the slide cannot be read.") from None
    if reader.root is None:
        raise MalformedFile("The XML of the slide is not what its maker writes.")
    return reader.root


def _refuse_types(*_: object) -> NoReturn:
    raise MalformedFile("The XML of the slide has a document type, as that of no maker has.")


@dataclass(frozen=True, slots=True)
class Rule:
    """The form of a value, as a pattern, of which the first group is kept where there is one."""

    pattern: re.Pattern[str]
    required: bool


@cache
def kept_markup(maker: str) -> Mapping[str, Mapping[str, Rule]]:
    """What may stay of a maker's XML: by the path of an element its attributes (or ``#text``) and their forms."""
    text = resources.files("deid_platform.formats.wsi").joinpath(f"data/{maker}.csv").read_text("utf-8")
    found: dict[str, dict[str, Rule]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        rules = found.setdefault(row["path"], {})
        if row["value"]:
            rules[row["value"]] = Rule(re.compile(row["pattern"], re.DOTALL), row["required"] == "yes")
    return found


@dataclass(slots=True)
class _Reader:
    rules: Mapping[str, Mapping[str, Rule]]
    root: Element | None = None
    _open: list[tuple[str, Element]] = field(default_factory=list)
    _unknown: int = 0
    _count: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MOST_ELEMENTS or len(self._open) + self._unknown > _MOST_DEPTH:
            raise MalformedFile("The XML of the slide has more elements than any.", Reason.TOO_LARGE)
        _refuse_prefixes(attributes)
        key = _KEYS.get(name)
        said = attributes.get(key, "") if key else ""
        counted = _COUNTED.fullmatch(name)
        step = f"{counted[1]}#" if counted else f"{name}[{said if said.isidentifier() else ''}]" if key else name
        path = f"{self._open[-1][0]}/{step}" if self._open else step
        if self._unknown or path not in self.rules:
            self._unknown += 1
            return
        if self._open and "xmlns" in attributes:
            raise MalformedFile("The XML of the slide says by another name space that it means something else.")
        element = Element(name, {key: said} if key else {})
        for value, rule in self.rules[path].items():
            if value != _TEXT:
                kept = _kept(rule, attributes.get(value, ""))
                element.attributes |= {value: kept} if kept else {}
        self._open.append((path, element))

    def told(self, text: str) -> None:
        if self._open and not self._unknown and _TEXT in self.rules[self._open[-1][0]]:
            element = self._open[-1][1]
            element.text = (element.text + text)[: _MOST_TEXT + 1]

    def end(self, name: str) -> None:
        if self._unknown:
            self._unknown -= 1
            return
        path, element = self._open.pop()
        rule = self.rules[path].get(_TEXT)
        if rule is not None:
            element.text = _kept(rule, element.text.strip())
        if rule is not None and not element.text:
            return
        if self._open:
            self._open[-1][1].children.append(element)
        else:
            self.root = element


def _refuse_prefixes(attributes: Mapping[str, str]) -> None:
    """Raise MalformedFile where a prefix stands for the name space of a maker: readers see elements then, we none."""
    if any(name.startswith("xmlns:") and _OF_MAKERS in value for name, value in attributes.items()):
        raise MalformedFile("The XML of the slide has a prefix for what its maker writes without.")


def _kept(rule: Rule, value: str) -> str:
    match = rule.pattern.fullmatch(value) if len(value) <= _MOST_TEXT else None
    if match is None and rule.required:
        raise MalformedFile("The XML of the slide lacks a number that readers need.")
    return "" if match is None else match[match.re.groups and 1]
