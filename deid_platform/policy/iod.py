"""The Type of an attribute in the object it is met in, as far as a compound code of Table E.1-1 depends on it.

An object is known by its SOP class, an attribute by the path of the sequences around it and its tag (see
:func:`deid_platform.policy.private.public_segment`). Where several modules of an IOD give an attribute different
Types, the strictest counts; whether a module is mandatory does not matter, as a file that has the attribute has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from deid_platform.policy.tables import rows

Place = tuple[str, int]
"""Path of the sequences around an attribute, '' at the top, and its tag."""


@dataclass(frozen=True, slots=True)
class Iod:
    """Types ('1', '1C', '2', '2C', '3') of the attributes with a compound code in one IOD."""

    name: str
    types: Mapping[Place, str]


def iod_of(sop_class: str) -> Iod | None:
    """The IOD of a SOP class; None for one that the tables do not know (private, retired or newer)."""
    known = _modules().get(sop_class)
    return None if known is None else _iod(*known)


@cache
def _iod(name: str, modules: str) -> Iod:
    types: dict[Place, str] = {}
    for module in modules.split():
        for place, kind in _types()[module]:
            types[place] = min(types.get(place, kind), kind)
    return Iod(name, types)


@cache
def _modules() -> dict[str, tuple[str, str]]:
    """Name of the IOD and its modules by SOP class."""
    return {row["sop_class"]: (row["iod"], row["modules"]) for row in rows("dicom/iod_modules.csv")}


@cache
def _types() -> dict[str, list[tuple[Place, str]]]:
    """Places and Types by module."""
    found = defaultdict[str, list[tuple[Place, str]]](list)
    for row in rows("dicom/iod_types.csv"):
        found[row["module"]].append(((row["path"], int(row["tag"], 16)), row["type"]))
    return found
