"""What the keys of a header may hold once cleaned: a list knows them, and anything else goes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from deid_platform.dates import LAST_YEAR, shift_value, truncate_value
from deid_platform.formats.dicom.years import MAX_AGE
from deid_platform.formats.rda.header import BEGIN, END, Header
from deid_platform.identity import Identity
from deid_platform.model import Change
from deid_platform.policy import Option, Policy

_INDEX = re.compile(r"\[\w+\]")
_FORMS = {
    "integer": re.compile(r"-?\d{1,6}"),
    "number": re.compile(r"[-+]?\d{1,6}(?:[.,]\d{1,12})?(?:[eE][-+]?\d{1,2})?"),
    "time": re.compile(r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d(?:\.\d{1,6})?"),
}
_AGE = re.compile(r"(\d{1,3})([YMWD]?)")
_DATES = ("StudyDate", "SeriesDate", "InstanceDate")


@dataclass(frozen=True, slots=True)
class Known:
    """What a list says of a key: the kind of its values, and their pattern where the kind has none of its own."""

    kind: str
    pattern: re.Pattern[str] | None


@cache
def known_keys() -> dict[str, Known]:
    """All keys of real files; the index of a key is left out."""
    text = resources.files("deid_platform.formats.rda").joinpath("data/kept_keys.csv").read_text("utf-8")
    rows = csv.DictReader(io.StringIO(text))
    return {row["key"]: Known(row["kind"], re.compile(row["pattern"]) if row["pattern"] else None) for row in rows}


def cleaned(header: Header, policy: Policy, identity: Identity, subject: str) -> tuple[bytes, list[Change]]:
    """The header written anew, and what was changed.

    Raises
    ------
    UnsafeToRelease
        The site names its patients, and not this one.
    """
    rules = _rules(header, policy, identity, subject)
    lines, changes = [], list[Change]()
    strange = header.strange
    for key, value in header.values.items():
        name = _INDEX.sub("[]", key)
        known = known_keys().get(name)
        if known is None:
            strange += 1
            continue
        new = rules[known.kind](value, known.pattern) if value else ""
        lines.append(f"{key}: {new}")
        if new != value:
            changes.append(Change(name, "C" if new else "Z", known.kind.replace("_", " ")))
    if strange:
        changes.append(Change("header", "X", "lines that no list knows are removed", strange))
    written = header.newline.join([BEGIN, *(line.encode("ascii") for line in lines), END, b""])
    return written, sorted(set(changes))


_Rule = Callable[[str, re.Pattern[str] | None], str]


def _rules(header: Header, policy: Policy, identity: Identity, subject: str) -> dict[str, _Rule]:
    """What becomes of a value, by the kind of its key."""
    pseudonym = identity.pseudonym(subject)
    characteristics = Option.RETAIN_PATIENT_CHARACTERISTICS in policy.options

    def listed(value: str, pattern: re.Pattern[str] | None) -> str:
        return value if pattern and pattern.fullmatch(value) else ""

    def formed(kind: str) -> _Rule:
        return lambda value, _: listed(value, _FORMS[kind])

    def nothing(value: str, pattern: re.Pattern[str] | None) -> str:
        return ""

    return {
        "patient_name": lambda *_: pseudonym.patient_name,
        "patient_id": lambda *_: pseudonym.patient_id,
        "characteristic": listed if characteristics else nothing,
        "age": (lambda value, _: _age(value)) if characteristics else nothing,
        "date": lambda value, _: _date(value, policy, identity.shift_days(subject), _oldest(header)),
        "time": nothing if policy.dates == "remove" else formed("time"),
        "term": listed,
        "integer": formed("integer"),
        "number": formed("number"),
        "emptied": nothing,
    }


def _age(value: str) -> str:
    """At most 89 years, those above as DICOM has them in such profiles: 090Y."""
    match = _AGE.fullmatch(value)
    if match is None:
        return ""
    years = match[2] in ("", "Y")
    return f"{MAX_AGE + 1:03d}Y" if years and int(match[1]) > MAX_AGE else value


def _date(value: str, policy: Policy, days: int, oldest: int) -> str:
    moved = {
        "keep": lambda: shift_value(value, 0),
        "shift": lambda: shift_value(value, days),
        "year": lambda: truncate_value(value, oldest),
    }
    return (moved[policy.dates]() if policy.dates in moved else None) or ""


def _oldest(header: Header) -> int:
    """The first year that may stay where years do: 89 before the latest date."""
    years = [int(value[:4]) for key in _DATES if re.match(r"(?:19|20)\d\d", value := header.values.get(key, ""))]
    return max(years) - MAX_AGE if years else LAST_YEAR + 1
