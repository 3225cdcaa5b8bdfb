"""Values that look like identifiers and are none: what names a product, and numbers a table of private elements keeps."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib import resources

_LONGEST = 20


@cache
def _products() -> frozenset[int]:
    text = resources.files("deid_platform").joinpath("data/product_attributes.csv").read_text("utf-8")
    lines = io.StringIO("".join(line for line in text.splitlines(keepends=True) if not line.startswith("#")))
    return frozenset(int(row["tag"], 16) for row in csv.DictReader(lines))


def names_product(tag: int) -> bool:
    """Whether an attribute names a product, its maker or its version, in ``data/product_attributes.csv``.

    PS3.15 2026c Table E.1-1 lists none of them: they are kept. Open source software writes its home page or repository
    there, which any rule for addresses would take out; only what is known of the subject goes.
    """
    return tag in _products()


def is_plain_number(value: bytes) -> bool:
    """Whether a text is one number: in an element a table vouches for no other rule than for DS and IS applies."""
    number = value.strip(b" \0")
    return number.isdigit() and len(number) <= _LONGEST
