"""Shifting dates, in DICOM values and in running text, without changing how they are written.

Whole days move, times of day stay, so intervals between any two moments of one subject are kept to the second
(PS3.15 2026c E.3.6, Retain Longitudinal Temporal Information with Modified Dates).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from importlib import resources

FIRST_YEAR, LAST_YEAR = 1850, 2150
"""Eight digits outside these years are taken for a number, not for a date."""

_DA = re.compile(r"(\d{4})([.\-/]?)(\d{2})\2(\d{2})")


def valid(year: int, month: int, day: int) -> date | None:
    """The date, or None when there is no such day or nobody living could mean it."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def shift_value(value: str, days: int) -> str | None:
    """A DA or DT value (PS3.5 6.2) moved ``days`` into the past, time and zone kept; None when it is no full date.

    A DT that names only a year or a month cannot be shifted by days and gives None, too.
    """
    match = _DA.match(value.strip())
    if match is None:
        return None
    day = valid(int(match[1]), int(match[3]), int(match[4]))
    if day is None:
        return None
    moved = day - timedelta(days=days)
    separator = match[2]
    return f"{moved.year:04d}{separator}{moved.month:02d}{separator}{moved.day:02d}{value.strip()[match.end():]}"


@cache
def _month_rows() -> tuple[tuple[str, ...], ...]:
    """Twelve names per language and length, from ``data/months.csv``."""
    text = resources.files("deid_platform").joinpath("data/months.csv").read_text("utf-8")
    return tuple(tuple(line.split(",")[1:]) for line in text.splitlines() if line and not line.startswith("#"))


@cache
def _month_numbers() -> dict[str, int]:
    return {name.casefold(): number for row in _month_rows() for number, name in enumerate(row, start=1)}


@cache
def _pattern() -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, _month_numbers()), key=len, reverse=True))
    # A date may touch letters and underscores (scan_20200131) but never another digit or a decimal point, so that
    # UIDs, decimal numbers and serial numbers are left to other rules.
    return re.compile(
        rf"""(?<![\d])(?<!\d\.)(?:
            (?P<y1>\d{{4}})(?P<s1>[-./ ]?)(?P<m1>\d{{2}})(?P=s1)(?P<d1>\d{{2}})
          | (?P<a2>\d{{1,2}})(?P<s2>\s?[-./]\s?)(?P<b2>\d{{1,2}})(?P=s2)(?P<y2>\d{{4}}|\d{{2}})
          | (?P<d3>\d{{1,2}})(?P<s3>(?:st|nd|rd|th|er|\.)?[-./,\s]{{0,2}}(?:de\s|of\s)?)(?P<n3>{names})\b
              (?P<t3>[-./,\s]{{1,2}}(?:de\s|of\s)?)(?P<y3>\d{{4}}|\d{{2}})
          | \b(?P<n4>{names})(?P<s4>[-.\s]{{0,2}})(?P<d4>\d{{1,2}})(?P<t4>(?:st|nd|rd|th)?[-,.\s]{{1,2}})(?P<y4>\d{{4}})
        )(?!\d)(?!\.\d)""",
        re.VERBOSE | re.IGNORECASE,
    )


def replace_in_text(text: str, move: Callable[[date], date] | None, placeholder: str) -> tuple[str, int]:
    """Every date in running text moved by ``move``, or replaced where ``move`` is None; also how many there were.

    Day and month are taken as written in the United States unless that is impossible; moving keeps the order, so a
    wrong guess yields a wrong shifted date, never the original one.
    """
    count = 0

    def swap(match: re.Match[str]) -> str:
        nonlocal count
        rewritten = _rewrite(match, move, placeholder)
        count += rewritten != match[0]
        return rewritten

    return _pattern().sub(swap, text), count


def _rewrite(match: re.Match[str], move: Callable[[date], date] | None, placeholder: str) -> str:
    for read, write in ((_read_iso, _write_iso), (_read_numeric, _write_numeric), (_read_named, _write_named)):
        day = read(match)
        if day is not None:
            return placeholder if move is None else write(match, move(day))
    # Looks like a date, names no day: the separators tell whether it can be anything else (12.5.0 is a version).
    return match[0]


def _read_iso(match: re.Match[str]) -> date | None:
    return valid(int(match["y1"]), int(match["m1"]), int(match["d1"])) if match["y1"] else None


def _write_iso(match: re.Match[str], day: date) -> str:
    return match["s1"].join((f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}"))


def _century(year: str) -> int:
    return int(year) if len(year) == 4 else int(year) + (1900 if int(year) > 40 else 2000)


def _read_numeric(match: re.Match[str]) -> date | None:
    if not match["y2"]:
        return None
    first, second, year = int(match["a2"]), int(match["b2"]), _century(match["y2"])
    if len(match["y2"]) == 2 and match["s2"].strip() == ".":
        return valid(year, second, first)
    return valid(year, first, second) or valid(year, second, first)


def _write_numeric(match: re.Match[str], day: date) -> str:
    month_first = valid(_century(match["y2"]), int(match["a2"]), int(match["b2"])) is not None
    if len(match["y2"]) == 2 and match["s2"].strip() == ".":
        month_first = False
    pair = (day.month, day.day) if month_first else (day.day, day.month)
    width = 2 if len(match["a2"]) == 2 else 1
    year = f"{day.year:04d}"[-len(match["y2"]):]
    return match["s2"].join((f"{pair[0]:0{width}d}", f"{pair[1]:0{width}d}", year))


def _read_named(match: re.Match[str]) -> date | None:
    if match["y3"]:
        return valid(_century(match["y3"]), _month_numbers()[match["n3"].casefold()], int(match["d3"]))
    if match["y4"]:
        return valid(int(match["y4"]), _month_numbers()[match["n4"].casefold()], int(match["d4"]))
    return None


def _write_named(match: re.Match[str], day: date) -> str:
    number = "3" if match["y3"] else "4"
    name = _same_style(match["n" + number], day.month)
    year = f"{day.year:04d}"[-len(match["y" + number]):]
    dom = f"{day.day:0{len(match['d' + number])}d}" if len(match["d" + number]) == 2 else str(day.day)
    first, second = match["s" + number], match["t" + number]
    if match["y3"]:
        return f"{dom}{first}{name}{second}{year}"
    return f"{name}{first}{dom}{second}{year}"


def _same_style(written: str, month: int) -> str:
    """The month in the language, length and case of ``written``: JAN becomes FEB, janvier becomes mars."""
    folded = written.casefold()
    row = next(row for row in _month_rows() if folded in (name.casefold() for name in row))
    name = row[month - 1]
    if written.isupper():
        return name.upper()
    return name.capitalize() if written[:1].isupper() else name
