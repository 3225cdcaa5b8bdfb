"""Vendor headers: private elements that hold a whole header of their own, known well enough to be taken apart.

No list of safe private elements vouches for them, so they go, unless a profile asks for what is left after cleaning.
What may be left is listed by name: an element or key that no table knows is dropped, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from deid_platform.policy.private import private_segment
from deid_platform.policy.tables import rows

HEADERS = "vendor/headers.csv"
NUMBER, PROTOCOL = "number", "ascconv"
"""Kinds of values besides patterns: a number, and a protocol of its own."""


def known_headers() -> frozenset[str]:
    """The headers a profile may ask for."""
    return frozenset(row["header"] for row in rows(HEADERS))


def header_forms(wanted: Iterable[str]) -> dict[str, str]:
    """How the elements of the wanted headers are encoded, by the last step of their signature."""
    asked = frozenset(wanted)
    return {
        private_segment(int(row["group"], 16), row["creator"], int(row["element"], 16)): row["form"]
        for row in rows(HEADERS)
        if row["header"] in asked
    }


@cache
def kept_values(table: str) -> Mapping[str, str | re.Pattern[str]]:
    """What a header's elements or keys may hold, by name: :data:`NUMBER`, :data:`PROTOCOL` or a pattern.

    Those that may hold nothing are not listed. ``table`` is one of ``vendor/*.csv``.
    """
    found: dict[str, str | re.Pattern[str]] = {}
    for row in rows(table):
        kept = row["kept"]
        if kept:
            found[row.get("name") or row["key"]] = kept if kept in (NUMBER, PROTOCOL) else re.compile(kept)
    return found


@cache
def known_names(table: str) -> frozenset[str]:
    """All names a table knows, also of elements that are kept empty."""
    return frozenset(row.get("name") or row["key"] for row in rows(table))
