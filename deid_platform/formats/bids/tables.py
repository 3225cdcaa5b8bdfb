"""What may stay in the files beside BIDS images: by key of a sidecar, by column of a table.

Source of keys and columns: BIDS 1.10 (glossary of metadata; participants, scans, sessions and events files) and what
dcm2niix writes. What is on no list goes.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from deid_platform.dates import shift_value
from deid_platform.errors import MalformedFile
from deid_platform.formats.bids.keys import described_by_name
from deid_platform.formats.bids.naming import kept_label, label_of
from deid_platform.freetext import TextCleaner
from deid_platform.identity import Identity
from deid_platform.model import Change

_TERM = re.compile(r"[A-Za-z][A-Za-z0-9 ._+*\\/-]{0,31}[+-]?")
_VERSION = re.compile(r"v?\d{1,3}(?:\.\d{1,3}){0,3}")
_SOMEBODYS = re.compile(r"\d{6,}")
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(T.*)?")
_MISSING, _DUMMY = "n/a", "De-identified"
_OLDEST = 89
"""Ages above become one category. Source: 45 CFR 164.514(b)(2)(i)(C); BIDS writes it 89+."""
_TERM_COLUMNS = frozenset("sex gender handedness trial_type group species strain volume_type response_hand".split())
_NUMBER_COLUMNS = frozenset(
    "onset duration response_time sample height weight value time whole_blood_radioactivity "
    "plasma_radioactivity".split()
)


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Cleans the files beside images. ``days`` is by how much dates of a subject move, None to take them out."""

    identity: Identity
    text: TextCleaner
    days: Callable[[str], int | None]
    name: str
    changes: list[Change]

    def sidecar(self, data: bytes) -> bytes:
        """A JSON object less the keys nobody knows to be harmless. Raises MalformedFile when it is none."""
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise MalformedFile("A sidecar is no JSON.") from None
        if not isinstance(value, dict):
            raise MalformedFile("A sidecar holds no JSON object.")
        kept = {key: self._value(key, one) for key, one in value.items()}
        kept = {key: one for key, one in kept.items() if one is not None}
        return (json.dumps(kept, indent=2, ensure_ascii=True) + "\n").encode()

    def _value(self, key: str, value: Any) -> Any:
        kind = sidecar_keys().get(key, "remove")
        if kind == "number" and _is_number(value):
            return value
        if kind == "term" and self._is_term(value):
            return value
        if kind == "version" and isinstance(value, str) and _VERSION.fullmatch(value):
            return value
        if kind == "dummy":  # BIDS asks for the name of a dataset
            return _DUMMY
        if kind == "text" and isinstance(value, str):
            cleaned, count = self.text.clean_descriptor(value)
            if count:
                self.changes.append(Change(_target(key), "C", "a text of a sidecar is cleaned"))
            return cleaned
        self.changes.append(Change(_target(key), "X", "keys of sidecars that may identify are removed"))
        return None

    def table(self, data: bytes) -> bytes:
        """A table less the columns nobody knows to be harmless. Raises MalformedFile when it is none."""
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise MalformedFile("A table is not in UTF-8.") from None
        rows = [line.split("\t") for line in text.splitlines() if line]
        if not rows or any(len(row) != len(rows[0]) for row in rows):
            raise MalformedFile("The rows of a table have different numbers of columns.")
        cleaned = [self._column(name, [row[place] for row in rows[1:]]) for place, name in enumerate(rows[0])]
        kept = [column for column in cleaned if column is not None]
        if not kept:
            raise MalformedFile("A table holds no column that may stay.")
        return ("\n".join("\t".join(row) for row in zip(*kept, strict=True)) + "\n").encode()

    def _column(self, name: str, values: list[str]) -> list[str] | None:
        """Name and values of a column as they may stay."""
        known: dict[str, Callable[[str], str]] = {
            "participant_id": self._participant, "filename": self._file, "session_id": self._session,
            "acq_time": self._moment, "age": _age,
        }  # fmt: skip
        if name in known:
            return [name, *map(known[name], values)]
        if name in _NUMBER_COLUMNS and all(map(_is_plain_number, values)):
            return [name, *values]
        if name in _TERM_COLUMNS and all(value == _MISSING or self._is_term(value) for value in values):
            return [name, *values]
        self.changes.append(Change("column", "X", "columns of tables that may identify are removed"))
        return None

    def _is_term(self, value: Any) -> bool:
        """Whether a value is a short technical term that names nobody, without a number long enough to be one's."""
        if isinstance(value, list):
            return all(map(self._is_term, value))
        if not isinstance(value, str) or not _TERM.fullmatch(value) or _SOMEBODYS.search(value):
            return False
        return self.text.clean(value)[1] == 0

    def _subject(self, name: str) -> str:
        return described_by_name(name, self.identity).subject

    def _file(self, value: str) -> str:
        """The path of an image as it is released, from the folder of its subject."""
        folder = self.name.rpartition("/")[0]
        path = described_by_name(f"{folder}/{value}", self.identity).path
        kept = path.split("/")[-1 - value.count("/") :]
        return "/".join(kept) if path else _MISSING

    def _session(self, value: str) -> str:
        return "ses-" + kept_label(self.identity, "ses", value.removeprefix("ses-"))

    def _participant(self, value: str) -> str:
        return "sub-" + label_of(self.identity, self._subject(value + "/"))

    def _moment(self, value: str) -> str:
        match, days = _MOMENT.fullmatch(value), self.days(self._subject(self.name))
        if match is None or days is None:
            return _MISSING
        moved = shift_value(match[1] + match[2] + match[3], days)
        return f"{moved[:4]}-{moved[4:6]}-{moved[6:8]}{match[4] or ''}" if moved else _MISSING


def numbers(data: bytes) -> bytes:
    """A file of numbers in rows, as of b-values. Raises MalformedFile when it holds anything else."""
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        text = "?"
    if not all(map(_is_plain_number, text.split())):
        raise MalformedFile("A file of b-values or directions holds more than numbers.")
    return data


@cache
def sidecar_keys() -> dict[str, str]:
    """What each known key of a sidecar holds: number, term, version, text, or a dummy in its place."""
    text = resources.files("deid_platform.formats.bids").joinpath("data/sidecar_keys.csv").read_text("utf-8")
    return {row["key"]: row["kind"] for row in csv.DictReader(io.StringIO(text))}


def _target(key: str) -> str:
    """A key that may be named: one that BIDS knows."""
    return key if key in sidecar_keys() else "key"


def _is_number(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_number, value))
    return isinstance(value, bool) or (isinstance(value, int | float) and abs(value) < 10**9)


def _is_plain_number(value: str) -> bool:
    if value == _MISSING:
        return True
    try:
        number = float(value)
    except ValueError:
        return False
    return not math.isfinite(number) or abs(number) < 10**7


def _age(value: str) -> str:
    if value in (_MISSING, "89+"):
        return value
    try:
        age = float(value)
    except ValueError:
        return _MISSING
    return value if 0 <= age <= _OLDEST else "89+" if age > _OLDEST else _MISSING

