"""Looking for planted tokens in everything a platform leaves behind, however it is written."""

from __future__ import annotations

import html
import json
import os
import re
import sqlite3
import zlib
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from tests.builders.people import ENCODINGS

_SQLITE = b"SQLite format 3\0"
_PARQUET = b"PAR1"


def contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and what stands in them compressed: values of a database, columns of a table."""
    data = path.read_bytes()
    yield data
    if data.startswith(_SQLITE):
        for value in _values(path):
            yield value
            yield from _inflated(value)
    if data.startswith(_PARQUET):
        yield repr(pq.read_table(pa.BufferReader(data)).to_pylist()).encode()
    yield from _inflated(data)


def hits(tokens: Collection[str], path: Path) -> list[str]:
    """Those of the tokens that stand in the file or in its name, in any usual spelling and in any case."""
    found = [data.lower() for data in (*contents(path), os.fsencode(path.name))]
    return [token for token in tokens if any(_stands_in(data, token) for data in found)]


def _stands_in(data: bytes, token: str) -> bool:
    """Digits count only where no digit stands beside them: numbers are everywhere."""
    present = [form for form in _forms(token) if form in data]
    if not re.fullmatch(r"[\d.]+", token):
        return bool(present)
    return any(re.search(rb"(?<!\d)%s(?!\d)" % re.escape(form), data) for form in present)


@cache
def _forms(token: str) -> frozenset[bytes]:
    """Every spelling of a token: escaped for JSON (also twice), addresses and HTML, as Python shows it, encoded."""
    spellings = {
        token,
        json.dumps(token)[1:-1],
        json.dumps(json.dumps(token))[3:-3],
        quote(token),
        quote(quote(token)),
        html.escape(token),
        repr(token)[1:-1],
        repr(token.encode())[2:-1],
    }
    forms = {spelling.encode() for spelling in spellings}
    for encoding in ENCODINGS:
        with suppress(UnicodeEncodeError):
            forms.add(token.encode(encoding))
    return frozenset(form.lower() for form in forms)


def _values(path: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        tables = [row[0].decode() for row in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in database.execute(f'select * from "{table}"'):  # noqa: S608 - a name from the database itself
                yield from (value for value in row if isinstance(value, bytes))


def _inflated(data: bytes) -> Iterator[bytes]:
    for kind in (zlib.MAX_WBITS, zlib.MAX_WBITS | 16):
        try:
            yield zlib.decompressobj(kind).decompress(data)
        except zlib.error:
            continue
