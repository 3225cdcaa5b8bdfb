"""Formats that are told by name although nothing here cleans them, so that a refusal says what was sent."""

from __future__ import annotations

import csv
import io
from functools import cache
from importlib import resources


def recognised(head: bytes) -> str:
    """The name of a format that is known and not cleaned, by the first bytes of a file; empty for any other."""
    return next((name for name, at, mark in _marks() if head[at : at + len(mark)] == mark), "")


@cache
def _marks() -> tuple[tuple[str, int, bytes], ...]:
    text = resources.files("deid_platform.formats").joinpath("data/recognised.csv").read_text("utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return tuple((row["format"], int(row["offset"]), bytes.fromhex(row["begins_with"])) for row in rows)
