"""Names of months and weekdays by language, and how to write one like another."""

from __future__ import annotations

import unicodedata
from datetime import date
from functools import cache
from importlib import resources

# Languages that write a dot after the day.
_DOTTED = frozenset(("de", "de-short", "da", "nb", "cs"))
ROMAN = "(?-i:XII|XI|IX|X|VIII|VII|VI|IV|V|III|II|I)"
ROMAN_MONTHS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
"""Months as Roman numerals, longer ones first; and in order."""


@cache
def month_rows() -> dict[str, tuple[str, ...]]:
    """Twelve names by language and length, from ``data/months.csv``."""
    text = resources.files("deid_platform").joinpath("data/months.csv").read_text("utf-8")
    rows = (line.split(",") for line in text.splitlines() if line and not line.startswith("#"))
    return {row[0]: tuple(row[1:]) for row in rows}


@cache
def weekday_rows() -> dict[str, tuple[str, ...]]:
    """Seven names, Monday first, by language and length, from ``data/weekdays.csv``."""
    text = resources.files("deid_platform").joinpath("data/weekdays.csv").read_text("utf-8")
    rows = (line.split(",") for line in text.splitlines() if line and not line.startswith("#"))
    return {row[0]: tuple(row[1:]) for row in rows}


@cache
def weekday_numbers() -> dict[str, tuple[str, int]]:
    """Language and number of a weekday by its name, in lower case, with and without accents."""
    found: dict[str, tuple[str, int]] = {}
    for language, row in weekday_rows().items():
        for number, name in enumerate(row):
            for spelled in (name.casefold(), without_accents(name.casefold())):
                found.setdefault(spelled, (language, number))
    return found


@cache
def month_numbers() -> dict[str, int]:
    """Number of a month by its name, in lower case, with and without accents."""
    found: dict[str, int] = {}
    for row in month_rows().values():
        for number, name in enumerate(row, start=1):
            found = {name.casefold(): number, without_accents(name.casefold()): number} | found
    return found


def without_accents(text: str) -> str:
    """The text in plain letters."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def ordinal(written: str, day: int) -> str:
    """The ending of a day: st, nd, rd, th, or er, which the French write after the first only."""
    if not written.isalpha() or written in "ºª":
        return written
    if written.casefold() == "er":
        return written if day == 1 else ""
    ending = "th" if 10 < day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return ending.upper() if written.isupper() else ending


def weekday_like(written: str, day: date) -> str:
    """The name of a day in the language, length and case of another one."""
    name = weekday_rows()[weekday_numbers()[written.casefold()][0]][day.weekday()]
    return _in_case_of(written, without_accents(name) if written.isascii() else name)


def month_like(written: str, month: int, *, dotted: bool, compact: bool) -> str:
    """A month in the language, length and case another one is written in: JAN becomes FEB, janvier becomes mars.

    ``dotted``: the day stands in front with a dot; ``compact``: nothing in the date is set apart by spaces.
    """
    number = month_numbers()[written.casefold()]

    def strangeness(language: str) -> tuple[bool, ...]:
        name = month_rows()[language][number - 1]
        spelled = written.casefold() not in (name.casefold(), without_accents(name.casefold()))
        case = name[0].isupper() != written[0].isupper()
        return spelled, dotted != (language in _DOTTED), case, compact != ("-" in language)

    return _in_case_of(written, month_rows()[min(month_rows(), key=strangeness)][month - 1])


def _in_case_of(written: str, name: str) -> str:
    if written.isupper():
        return name.upper()
    return name.capitalize() if written[:1].isupper() else name.lower()
