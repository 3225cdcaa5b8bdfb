"""Formats that are told by name although nothing here cleans them, so that a refusal says what was sent."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

_BEFORE = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<\?xml\s[^>]{0,200}\?>\s{0,64}(?:<!--.{0,1024}?-->\s{0,64})?)?", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class _Mark:
    """What files of a format have at a place, and what follows there."""

    name: str
    at: int
    mark: bytes
    then: re.Pattern[bytes]

    def stands_in(self, head: bytes) -> bool:
        end = self.at + len(self.mark)
        return head[self.at : end] == self.mark and self.then.match(head, end) is not None


def recognised(head: bytes) -> str:
    """The name of a format that is known and not cleaned, by the first bytes of a file; empty for any other.

    An XML declaration in front and a comment behind it count for nothing.
    """
    before = _BEFORE.match(head)
    told = head[before.end() :] if before else head
    return next((mark.name for mark in _marks() if mark.stands_in(told)), "")


@cache
def _marks() -> tuple[_Mark, ...]:
    text = resources.files("deid_platform.formats").joinpath("data/recognised.csv").read_text("utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return tuple(
        _Mark(row["format"], int(row["offset"]), bytes.fromhex(row["begins_with"]), re.compile(row["then"].encode()))
        for row in rows
    )
