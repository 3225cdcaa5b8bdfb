"""Intervals between moments of one subject, whatever their precision and zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_platform.moments import shift_moment
from tests.builders.properties import always

shifts = st.integers(1, 3650)
zones = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
moments = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31, 23, 59, 59, 999999), timezones=zones)  # noqa: DTZ001
months = st.dates(date(1900, 1, 1), date(2099, 12, 31))


def written(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S.%f%z}"


def read(text: str | None) -> datetime:
    return datetime.strptime(text or "", "%Y%m%d%H%M%S.%f%z")


@given(moments, moments, shifts)
@always
def test_intervals_are_kept_to_the_microsecond_across_midnight_and_zones(
    first: datetime, second: datetime, by: int
) -> None:
    moved = [read(shift_moment(written(one), by)) for one in (first, second)]
    assert moved[1] - moved[0] == second - first
    assert first - moved[0] == timedelta(days=by)


@given(moments, shifts)
@always
def test_time_of_day_and_offset_stay_as_written(moment: datetime, by: int) -> None:
    text = written(moment)
    assert (shift_moment(text, by) or "")[8:] == text[8:]


@given(moments, zones, shifts)
@always
def test_one_moment_written_in_two_zones_stays_one_moment(moment: datetime, zone: timezone, by: int) -> None:
    moved = {read(shift_moment(written(moment.astimezone(each)), by)) for each in (UTC, zone)}
    assert len(moved) == 1


@given(months, shifts, shifts)
@always
def test_two_shifts_are_one(day: date, first: int, second: int) -> None:
    text = f"{day:%Y%m%d}"
    assert shift_moment(shift_moment(text, first) or "", second) == shift_moment(text, first + second)
    assert shift_moment(text, 0) == text


@given(months, months, shifts)
@always
def test_months_keep_their_distance_to_one_month_and_years_to_one_year(one: date, other: date, by: int) -> None:
    for write, unit in ((lambda d: f"{d:%Y%m}", 1), (lambda d: f"{d:%Y}", 12)):
        before = [count(write(day)) for day in (one, other)]
        after = [count(shift_moment(write(day), by) or "") for day in (one, other)]
        assert abs((after[1] - after[0]) - (before[1] - before[0])) <= unit
        assert 0 <= before[0] - after[0] <= by / 28 + unit


def count(text: str) -> int:
    """Months since the year 0."""
    return int(text[:4]) * 12 + (int(text[4:6]) if len(text) > 4 else 0)


@given(months, shifts)
@always
def test_a_month_moves_as_the_days_in_its_middle_do(day: date, by: int) -> None:
    middle = day.replace(day=15)
    assert shift_moment(f"{day:%Y%m}", by) == (shift_moment(f"{middle:%Y%m%d}", by) or "")[:6]


@pytest.mark.parametrize(
    ("before", "after"),
    [("201103", "201102"), ("201101", "201012"), ("2011", "2011"), ("19640229", "19640120"), (" 2011 ", "2011"),
     ("2012.03.01", "2012.01.21"), ("20110523235959.999999-1200", "20110413235959.999999-1200")],
)  # fmt: skip
def test_what_is_less_exact_stays_less_exact(before: str, after: str) -> None:
    assert shift_moment(before, 40) == after


def test_a_year_moves_once_its_middle_does() -> None:
    assert [shift_moment("2011", by) for by in (182, 183, 365, 548)] == ["2011", "2010", "2010", "2009"]


@pytest.mark.parametrize("value", ["", "20", "201113", "201100", "2011-05", "1849", "2101", "184912", "2011+0100",
                                   "2011-0530", "20110", "٢٠١١", "110523", "2011 05", "20110230"])  # fmt: skip
def test_what_is_no_moment_is_none(value: str) -> None:
    assert shift_moment(value, 40) is None
