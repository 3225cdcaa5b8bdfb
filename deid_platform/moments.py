"""Shifting what DA and DT values say, also where they say no more than a year or a month.

A whole number of days moves, so a time of day, its fraction and its offset from UTC stay as they are, and two moments
lie as far apart as before whatever their zones (PS3.15 2026c E.3.6).
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from deid_platform.dates import shift_value, valid

# PS3.5 6.2, DT: components may be left out from the right. An offset from UTC behind a year would read like a date.
_PARTIAL = re.compile(r"((?:18|19|20)\d\d)(0[1-9]|1[0-2])?", re.ASCII)
_MID_YEAR, _MID_MONTH = (7, 2), 15


def shift_moment(value: str, days: int) -> str | None:
    """A DA or DT value moved ``days`` into the past, as exact as it was; None when it is no moment.

    A year or a month moves as its middle does. So distances between them are kept to one year or month, and exactly
    where only whole years or months were moved.
    """
    moved = shift_value(value, days)
    if moved is not None:
        return moved
    match = _PARTIAL.fullmatch(value.strip())
    if match is None:
        return None
    month = match[2]
    middle = valid(int(match[1]), *((int(month), _MID_MONTH) if month else _MID_YEAR))
    return None if middle is None else _written(middle - timedelta(days=days), month=month is not None)


def _written(day: date, *, month: bool) -> str:
    return f"{day.year:04d}{day.month:02d}" if month else f"{day.year:04d}"
