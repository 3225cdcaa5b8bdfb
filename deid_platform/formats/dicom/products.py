"""Values that look like identifiers and are none: names of products, and numbers a private table keeps."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib import resources

from deid_platform.dates import shift_value

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
    """Whether a text is one number and no date: where a table vouches for it, it is treated like a DS or IS value."""
    number = value.strip(b" \0")
    return number.isdigit() and len(number) <= _LONGEST and shift_value(number.decode(), 0) is None
