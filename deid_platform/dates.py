"""Shifting dates, in DICOM values and in running text, without changing how they are written.

Whole days move, times of day stay, so intervals between any two moments of one subject are kept to the second
(PS3.15 2026c E.3.6, Retain Longitudinal Temporal Information with Modified Dates).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from itertools import groupby

from deid_platform.calendars import (
    ROMAN,
    ROMAN_MONTHS,
    month_like,
    month_numbers,
    month_rows,
    ordinal,
    weekday_like,
    weekday_numbers,
    without_accents,
)

FIRST_YEAR, LAST_YEAR = 1850, 2150
"""Eight digits outside these years are taken for a number, not for a date."""

_DA = re.compile(
    r"(\d{4})([.\-/]?)(\d{2})\2(\d{2})"
    r"((?:[T ]?(?:[01]\d|2[0-3])(?::?[0-5]\d(?::?[0-6]\d(?:\.\d{1,6})?)?)?)?(?:Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?)"
)
_NOBODYS_DAY = date(1900, 1, 1)  # what de-identification writes where there must be a date
_PARTIAL = re.compile(r"((?:18|19|20)\d\d)(?:0[1-9]|1[0-2])?")
# A date that leaves out its year or its day is moved as if it were in a leap year, or in the middle of its month.
_NO_YEAR, _NO_DAY = 2000, 15
# Long names of months that are other words, too.
_OTHER_WORDS = frozenset(("mars", "mayo"))
# The year that precedes the first one of a Japanese era, and the distance of the Thai (Buddhist) calendar.
_ERAS = {"明治": 1867, "大正": 1911, "昭和": 1925, "平成": 1988, "令和": 2018}
_LETTERS = re.compile(r"[^\W\d_]+")
_ERA_DATE = re.compile(rf"({'|'.join(_ERAS)})\s?(\d{{1,2}}|元)\s?年\s?(\d{{1,2}})\s?月\s?(\d{{1,2}})\s?日")
_BUDDHIST, _BUDDHIST_YEARS = 543, range(2400, 2601)


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

    A DT that names only a year or a month cannot be shifted by days and gives None, and so does a range.
    """
    match = _DA.fullmatch(value.strip())
    if match is None:
        return None
    day = valid(int(match[1]), int(match[3]), int(match[4]))
    if day is None:
        return None
    moved = day - timedelta(days=days)
    return match[2].join((f"{moved.year:04d}", f"{moved.month:02d}", f"{moved.day:02d}")) + match[5]


def truncate_value(value: str, oldest: int) -> str | None:
    """A DA or DT value moved to the 1st of January of its year, time and zone kept; of a month its year.

    None when it is neither, or when its year lies before ``oldest``.
    """
    match = _DA.fullmatch(value.strip())
    day = match and valid(int(match[1]), int(match[3]), int(match[4]))
    if not match or not day:
        partial = _PARTIAL.fullmatch(value.strip())
        return partial[1] if partial and int(partial[1]) >= oldest else None
    if day.year < oldest and day != _NOBODYS_DAY:
        return None
    return match[2].join((match[1], "01", "01")) + match[5]


def _alternatives(names: set[str]) -> str:
    """Pattern for any of the names, longer ones first; by their first letters, or each would be tried at each place."""
    ordered = sorted(names, key=lambda name: (name[0], -len(name), name))
    groups = groupby(ordered, key=lambda name: name[0])
    rests = {first: "|".join(re.escape(name[1:]) for name in group) for first, group in groups}
    return "|".join(f"{re.escape(first)}(?:{rest})" for first, rest in rests.items())


def _names_month_or_day(text: str) -> bool:
    """Whether some word of a text may be a month or a day of the week: without one, a shorter pattern does."""
    return not _calendar_words().isdisjoint(_LETTERS.findall(text.casefold()))


@cache
def _calendar_words() -> frozenset[str]:
    names = (*month_numbers(), *weekday_numbers())
    return frozenset(word for name in names for word in _LETTERS.findall(name))


@cache
def _pattern(*, named: bool) -> re.Pattern[str]:
    """One alternative per order of year (y), month (m, by name n, Roman r), day (d) and its ending (o).

    a, b may be month or day; w is a day of the week in front. ``named``: also with names of months and days.
    """
    weekday = rf"(?<![^\W_])(?P<w>{_alternatives({*weekday_numbers()})})\.?,?\s(?:(?:the|den|[ld]e|el|il)\s)?"
    forms = _numeric_forms() + (_named_forms() if named else "")
    # A date may touch letters and underscores (scan_20200131) but never another digit or a decimal point, so that
    # UIDs, decimal numbers and serial numbers are left to other rules.
    return re.compile(
        rf"(?:{weekday if named else '(?P<w>(?!))'})?(?<!\d)(?<!\d\.)(?:{forms})(?!\d)(?!\.\d)",
        re.VERBOSE | re.IGNORECASE,
    )


def _numeric_forms() -> str:
    return rf"""
            (?P<y1>\d{{4}})(?P<s1>[-./ \x1f]?)(?P<m1>\d{{2}})(?P=s1)(?P<d1>\d{{2}})
          | (?P<y2>\d{{4}})(?P<s2>[-/]|\s?[年년]\s?)(?P<m2>\d{{1,2}})(?:(?P=s2)|\s?[月월]\s?)
              (?P<d2>\d{{1,2}})(?:\s?[日일])?
          | (?P<a3>\d{{1,2}})(?P<s3>\s?[-./]\s?|(?<=\d\d)\s(?=\d\d\s(?:19|20)\d\d))
              (?P<b3>\d{{1,2}})(?P=s3)['’]?(?P<y3>\d{{4}}|\d{{2}})(?!\s?(?:[cm]m|m[gls]|kv|hu)\b)
          | (?P<m4>0[1-9]|1[0-2])/(?P<y4>(?:19|20)\d{{2}})
          | (?P<d11>\d{{1,2}})(?P<s4>[-./])(?P<r11>{ROMAN})(?P=s4)['’]?(?P<y11>\d{{4}}|\d{{2}})
          | (?P<d12>\d{{1,2}})\s(?P<r12>{ROMAN})\s(?P<y12>(?:19|20)\d{{2}})
        """


def _named_forms() -> str:
    names = _alternatives({*month_numbers()})
    # Short names are too often something else (SET 2000, MAG 12) to stand for a date with only one number beside them.
    rows = [row for key, row in month_rows().items() if "-" not in key or key.startswith("en-")]
    plain = {name.casefold() for row in rows for name in row}
    plain |= set(map(without_accents, plain))
    long = _alternatives({name for name in plain if len(name) > 3} - _OTHER_WORDS)
    return rf"""
          | (?P<y5>\d{{4}})(?P<s5>[-./\s_]{{0,2}})(?P<n5>{names})(?:(?P=s5)|\s)(?P<d5>\d{{1,2}})
          | (?P<d6>\d{{1,2}})(?P<o6>st|nd|rd|th|er|[º°ª])?[-./,\s_]{{0,2}}(?:de\s|of\s)?(?P<n6>{names})
              [-./,\s_'’]{{0,2}}(?:del?\s|of\s)?(?P<y6>\d{{4}}|\d{{2}}(?!:\d)(?!,?\s?(?:19|20)\d\d))
          | (?<![^\W_])(?P<n7>{names})[-.\s]{{0,2}}(?P<d7>\d{{1,2}})(?P<o7>st|nd|rd|th)?
              (?:[-,.\s]{{1,2}}['’]?|\s\d\d:\d\d(?::\d\d)?\s(?:[A-Z]{{3,4}}\s)?)(?P<y7>\d{{4}}|(?<=['’])\d{{2}})
          | (?<![^\W_])(?P<n8>{_alternatives(plain)})[-./,\s_]{{1,2}}['’]?(?:del?\s|of\s)?
              (?P<y8>(?:19|20)\d{{2}}|(?<=['’])\d{{2}})
          | (?P<d9>\d{{1,2}})(?P<o9>st|nd|rd|th|er)?\.?\s(?:de\s|of\s)?(?P<n9>{long})(?![^\W_])
          | (?<![^\W_])(?P<n0>{long})\s(?P<d0>\d{{1,2}})(?P<o0>st|nd|rd|th)?(?![^\W_])
        """


Move = Callable[[date], "date | str"]
"""What becomes of a date in text: another date, written in the same way, or a text in its place."""
_ASIDE = 0xF0000
ASIDE = re.compile("[\U000f0000-\U000ffffd]")
"""Characters of private use, no words, numbers or spaces: one for each date that is set aside."""


def _era_moved(match: re.Match[str], move: Move | None, placeholder: str) -> str:
    """A date of a Japanese era, written in the western calendar when it is another one."""
    year = _ERAS[match[1]] + (1 if match[2] == "元" else int(match[2]))
    day = valid(year, int(match[3]), int(match[4]))
    if day is None or (move is not None and move(day) == day):
        return match[0]
    moved = move(day) if move is not None else placeholder
    return moved if isinstance(moved, str) else f"{moved.year}年{moved.month}月{moved.day}日"


def replace_in_text(
    text: str, move: Move | None, placeholder: str, aside: dict[str, str] | None = None
) -> tuple[str, int]:
    """Every date in running text moved by ``move``, or replaced where ``move`` is None; also how many there were.

    Dates with dots are taken to begin with the day, others with the month as in the United States, unless that is
    impossible; moving keeps the order, so a wrong guess yields a wrong shifted date, never the original one.

    With ``aside`` dates that stand alone go there and leave :data:`ASIDE` in the text, where no other rule can take
    their figures for a number; :func:`put_back` ends that.
    """
    count = 0

    def swap(match: re.Match[str]) -> str:
        nonlocal count
        rewrite = _era_moved if match.re is _ERA_DATE else _rewrite
        rewritten = rewrite(match, move, placeholder)
        count += rewritten not in (None, match[0])
        if rewritten is not None and aside is not None and _stands_alone(match):
            mark = chr(_ASIDE + len(aside))
            aside[mark] = rewritten
            return mark
        return match[0] if rewritten is None else rewritten

    text = _pattern(named=_names_month_or_day(text)).sub(swap, text)
    return (_ERA_DATE.sub(swap, text) if "年" in text else text), count


def put_back(text: str, aside: dict[str, str]) -> str:
    """The text with the dates in it that were set aside."""
    return ASIDE.sub(lambda mark: aside.get(mark[0], ""), text) if aside else text


def _stands_alone(match: re.Match[str]) -> bool:
    """Whether a date is no part of a longer number: 19620413-5180 is one of a person."""
    return not match.string[max(0, match.start() - 1) : match.start()].isalnum() and not re.match(
        r"(?!T\d{4})[^\W_]|[-+/]\d", match.string[match.end() : match.end() + 5]
    )


def _rewrite(match: re.Match[str], move: Move | None, placeholder: str) -> str | None:
    """The date moved, None when it is none."""
    for parts in _readings(match):
        day = _day_meant(match, parts)
        if day is not None:
            moved = placeholder if move is None else move(day)
            if isinstance(moved, date):
                return _write(match, parts, moved)
            return moved if "y" in parts else placeholder  # a year nobody wrote is no text to put there
    # Looks like a date, names no day: the separators tell whether it can be anything else (12.5.0 is a version).
    return None


def _readings(match: re.Match[str]) -> Iterator[dict[str, str]]:
    """What the groups of a match may mean: group by y, m, n, d, o."""
    if match["a3"] is None:
        yield {group[0]: group for group, text in match.groupdict().items() if text is not None}
        return
    orders = ["dmy", "mdy"] if "." in match["s3"] else ["mdy", "dmy"]
    if "." in match["s3"] and len(match["a3"] + match["b3"]) < 4:
        orders.pop()
    if match["s3"] == "-":
        orders.append("ymd")
    weekday = {"w": "w"} if match["w"] is not None else {}
    for order in orders:
        yield weekday | dict(zip(order, ("a3", "b3", "y3"), strict=True))


def _day_meant(match: re.Match[str], parts: dict[str, str]) -> date | None:
    year = match[parts["y"]] if "y" in parts else str(_NO_YEAR)
    number = int(year) if len(year) > 2 else int(year) + (1900 if int(year) > 40 else 2000)
    if number in _BUDDHIST_YEARS:
        number -= _BUDDHIST
    return valid(number, _month_meant(match, parts), int(match[parts["d"]]) if "d" in parts else _NO_DAY)


def _month_meant(match: re.Match[str], parts: dict[str, str]) -> int:
    if "m" in parts:
        return int(match[parts["m"]])
    if "r" in parts:
        return ROMAN_MONTHS.index(match[parts["r"]]) + 1
    return month_numbers()[match[parts["n"]].casefold()]


def _write(match: re.Match[str], parts: dict[str, str], day: date) -> str:
    """The text of the match with another date in its place."""
    numbers = [match[parts[part]] for part in "dm" if part in parts]
    # Two digits tell of zeros where people would write one: neither in '12 March' nor in '3月12日'.
    padded = all(len(number) == 2 for number in numbers) and not ("n" in parts and re.search(r"\s", match[0]))
    width = 2 if (padded and match["y2"] is None) or any(number.startswith("0") for number in numbers) else 1
    new = {"m": f"{day.month:0{width}d}", "d": f"{day.day:0{width}d}"}
    if "y" in parts:
        written = match[parts["y"]]
        year = day.year + (_BUDDHIST if int(written) in _BUDDHIST_YEARS else 0)
        new["y"] = f"{year:04d}"[-len(written) :]
    if "r" in parts:
        new["r"] = ROMAN_MONTHS[day.month - 1]
    if "w" in parts:
        new["w"] = weekday_like(match["w"], day)
    if "n" in parts:
        new["n"] = _month(match, parts["n"], day.month)
    if "o" in parts:
        new["o"] = ordinal(match[parts["o"]], day.day)
    text, end = "", match.start()
    for part, group in sorted(parts.items(), key=lambda item: match.start(item[1])):
        if part in new:
            text, end = text + match.string[end : match.start(group)] + new[part], match.end(group)
    return text + match.string[end : match.end()]


def _month(match: re.Match[str], group: str, month: int) -> str:
    dotted = match.string[: match.start(group)].rstrip().endswith(".")
    compact = not re.search(r"\s", match[0])
    name = month_like(match[group], month, dotted=dotted, compact=compact)
    return without_accents(name) if match.string.isascii() else name
