"""Published tables, carried as data files whose bytes are checked before use.

``tables/sources.json`` names for every file where it comes from, its edition and its SHA-256; a file that differs, or
that is not named there, is refused, because a silently changed table would silently change what is removed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from deid_platform.errors import PolicyError


@dataclass(frozen=True, slots=True)
class Source:
    """Where a table comes from."""

    file: str
    title: str
    source: str
    edition: str
    sha256: str


@cache
def sources() -> dict[str, Source]:
    """All carried tables by file name."""
    rows = json.loads(_folder().joinpath("sources.json").read_text("utf-8"))
    return {row["file"]: Source(**row) for row in rows}


def rows(file: str) -> list[dict[str, str]]:
    """The rows of a CSV table.

    Raises
    ------
    PolicyError
        The table is unknown or was changed.
    """
    return list(csv.DictReader(io.StringIO(_verified(file).decode("utf-8-sig"))))


def document(file: str) -> Any:
    """A JSON table. Raises PolicyError when it is unknown or was changed."""
    return json.loads(_verified(file))


def tables_digest() -> str:
    """SHA-256 over the digests of all tables: part of every policy's digest."""
    listing = "".join(f"{name} {source.sha256}\n" for name, source in sorted(sources().items()))
    return hashlib.sha256(listing.encode()).hexdigest()


def _verified(file: str) -> bytes:
    source = sources().get(file)
    if source is None:
        raise PolicyError(f"Table {file} is not listed in tables/sources.json: list it with its source and SHA-256.")
    data: bytes = _folder().joinpath(*file.split("/")).read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise PolicyError(f"Table {file} was changed: its SHA-256 differs from tables/sources.json.")
    return data


def _folder() -> Any:
    return resources.files("deid_platform.policy").joinpath("tables")
