"""The judge's own reading of XML in tags of slides: every name on a list, every value a number or a term.

Cleaned XML is plain: no space between elements, no entity, comment or declaration; zeros fill it up.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources

from deid_platform.audit.tiff_map import Image

_ELEMENT = re.compile(r'<(/?)([A-Za-z][A-Za-z0-9]{0,39})((?: [A-Za-z0-9-]{1,40}="[^"<>&]{0,80}")*)(/?)>([^<>&]{0,80})')
_VALUE = re.compile(r' ([A-Za-z0-9-]+)="([^"]*)"')
_COUNTED = re.compile(r"(?<=^AOI)\d{1,2}$")
_NAMES = ("Name", "ObjectType")
_TOLD = re.compile(rb"=\s*\"([^\"<]{8,4096})\"|=\s*'([^'<]{8,4096})'|>([^<>]{8,4096})<")
_NUMBERS = re.compile(r"[-+\d.,\s\"eE]*")
_TELLING = re.compile(
    rb"(?i:barcode|serial|unitnumber|uniqueid|operator|user)[A-Za-z0-9_]{0,16}(?:\s*=\s*[\"']|>)([\d.,\s-]{6,64})[\"'<]"
)
"""Numbers that tell who or what: no others are looked for."""
_TAGS, _MOST, _FEW = (270, 700), 20_000, 2


def is_clean(data: bytes) -> bool:
    """Whether the bytes of a tag are XML of a known maker and nothing in it is unknown."""
    text, _, rest = data.partition(b"\0")
    if rest.strip(b"\0") or not text.isascii():
        return False
    told, at = text.decode("ascii"), 0
    while at < len(told):
        found = _ELEMENT.match(told, at)
        if found is None or not _is_known(*found.groups()):
            return False
        at = found.end()
    return at > 0


def _is_known(closes: str, name: str, attributes: str, closed: str, text: str) -> bool:
    values = dict(_VALUE.findall(attributes))
    said = next((values.pop(key) for key in _NAMES if key in values), None)
    name = _COUNTED.sub("#", name)
    forms = _forms().get(name if said is None else f"{name}[{said}]")
    if closes:
        return not attributes and not text and any(one.partition("[")[0] == name for one in _forms())
    if forms is None or (closed and text):
        return False
    values |= {"#text": text} if text else {}
    return all(key in forms and forms[key].fullmatch(value) for key, value in values.items())


@cache
def _forms() -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    """By element (or ``element[name]``) the values it may have, and their forms."""
    text = resources.files("deid_platform.audit").joinpath("data/slide_markup.csv").read_text("utf-8")
    found: dict[str, dict[str, re.Pattern[str]]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        forms = found.setdefault(row["element"], {})
        if row["value"]:
            forms[row["value"]] = re.compile(row["pattern"])
    return found


def told(images: Iterable[Image]) -> Iterator[str]:
    """Values in the XML of an original that are neither numbers nor known, by which leftovers are found."""
    known = {one.partition("[")[2].rstrip("]") for one in _forms()}
    count = 0
    for data in (image.tags[tag].data for image in images for tag in _TAGS if tag in image.tags):
        numbers = {match[1].decode("ascii").strip() for match in _TELLING.finditer(data)}
        yield from (number for number in numbers if len(re.findall("[1-9]", number)) > _FEW)
        for match in _TOLD.finditer(data):
            value = next(group for group in match.groups() if group is not None).decode("utf-8", "replace").strip()
            clean = value in known or _NUMBERS.fullmatch(value) or any(
                form.fullmatch(value) for forms in _forms().values() for form in forms.values()
            )
            if not clean and count < _MOST:
                count += 1
                yield value
