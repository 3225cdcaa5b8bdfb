"""Siemens measurement protocols: the ASCCONV text inside Phoenix protocols and series headers.

A protocol is lines of ``key = value`` between two marks. Only keys of ``vendor/siemens_protocol_keys.csv`` stay, with
numbers, or with words of the scanner's own that fit a pattern; names, dates, serial numbers, reference images, comments
and whatever no table knows are left out, and so is everything around the marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Protocol

from deid_platform.policy.headers import NUMBER, kept_values

KEYS = "vendor/siemens_protocol_keys.csv"
_BLOCK = re.compile(r"### ASCCONV BEGIN[^\n]{0,400}\n(.*?)### ASCCONV END ###", re.DOTALL)
_LINE = re.compile(r"([A-Za-z][\w.\[\]]{0,200})[ \t]*=[ \t]*([^\r\n]{0,1000})")
_INDEX = re.compile(r"\[\d{1,6}\]")
_NUMBER = re.compile(r"[-+]?(?:0x[0-9a-fA-F]{1,16}|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)")
_COMMENT = re.compile(r"[ \t]*#.*|[ \t]+")
_BEGIN, _END = "### ASCCONV BEGIN ###\n", "### ASCCONV END ###\n"


class Plausible(Protocol):
    """Tells whether a value says nothing of a subject."""

    def harmless_number(self, text: str) -> bool:
        """Whether a number is neither a date nor one of the subject's own."""
        ...

    def harmless(self, text: str) -> bool:
        """Whether nothing would be taken out of a text."""
        ...


def clean_protocol(text: str, plausible: Plausible) -> str | None:
    """The protocols in a text, cleaned, without what stands around them; None where there is none."""
    blocks = [match[1] for match in _BLOCK.finditer(text)]
    if not blocks:
        return None
    return "".join(_BEGIN + "".join(_lines(block, plausible)) + _END for block in blocks)


def _lines(block: str, plausible: Plausible) -> Iterator[str]:
    for match in _LINE.finditer(block):
        kept = _kept_as(match[1])
        if kept is None:
            continue
        value = _value(match[2])
        if kept == NUMBER:
            if _NUMBER.fullmatch(value) and plausible.harmless_number(value):
                yield f"{match[1]}\t = \t{value}\n"
        elif not isinstance(kept, str):
            word = value.strip('"')
            if kept.fullmatch(word) and plausible.harmless(word):
                quotes = '""' if value.startswith('""') else '"'
                yield f"{match[1]}\t = \t{quotes}{word}{quotes}\n"


@lru_cache(maxsize=8192)
def _kept_as(key: str) -> str | re.Pattern[str] | None:
    """What the value of a key may be, whatever its indices are."""
    return kept_values(KEYS).get(_INDEX.sub("[]", key))


def _value(text: str) -> str:
    """A value without the comment behind it."""
    if text.startswith('"'):
        return text.rstrip()
    cut = _COMMENT.search(text)
    return text[: cut.start()] if cut else text
