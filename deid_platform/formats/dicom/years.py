"""Dates of one object that must not stay although its profile keeps dates, or the years of dates."""

from __future__ import annotations

import re
from datetime import date

from deid_platform.dates import LAST_YEAR, valid
from deid_platform.formats.dicom.elements import DataSet

MAX_AGE = 89
"""45 CFR 164.514(b)(2)(i)(C): years that tell of an age over 89 go with the ages."""
_WHEN_SEEN = (0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x0008002A)  # Study, Series, Acquisition, Content
_YEAR = re.compile(rb"\s*(19\d\d|20\d\d)")
_DUMMY = 1900
_BIRTH_DATE = 0x00100030
_DATE = re.compile(rb"\s*(\d{4})([-./]?)(\d\d)\2(\d\d)")


def birth_dates(data: DataSet) -> frozenset[date]:
    """The date of birth, which no option on dates keeps (PS3.15 2026c Table E.1-1), day and month in either order.

    Empty where it is not told.
    """
    element = data.get(_BIRTH_DATE)
    match = _DATE.match(element.value) if element and isinstance(element.value, bytes) else None
    if match is None:
        return frozenset()
    year, month, day = int(match[1]), int(match[3]), int(match[4])
    return frozenset(filter(None, (valid(year, month, day), valid(year, day, month))))


def oldest_year(data: DataSet) -> int:
    """The first year that may stay: 89 before the latest date of this object; none may where it has no date."""
    values = (data[tag].value for tag in _WHEN_SEEN if tag in data)
    found = [_YEAR.match(value) for value in values if isinstance(value, bytes)]
    years = [int(match[1]) for match in found if match and int(match[1]) > _DUMMY]
    return max(years) - MAX_AGE if years else LAST_YEAR + 1
