from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deid_platform.dates import FIRST_YEAR, LAST_YEAR, replace_in_text, shift_value, valid
from tests.builders.properties import always

DAYS = 40
days = st.dates(date(1900, 1, 1), date(2099, 12, 31))
shifts = st.integers(1, 365)
FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split()
GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split()
SPANISH = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()
POLISH = (
    "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia".split()
)
ENGLISH = list(calendar.month_name)[1:]
SHORT = [name[:3].upper() for name in ENGLISH]


def moved(text: str, by: int = DAYS) -> str:
    return replace_in_text(text, lambda day: day - timedelta(days=by), "___")[0]


def removed(text: str) -> str:
    return replace_in_text(text, None, "___")[0]


@given(days, shifts, st.sampled_from(["", ".", "-", "/"]), st.sampled_from(["", "1015", "101500.123+0100", " 10:15"]))
@always
def test_a_dicom_date_moves_and_its_time_and_separators_stay(day: date, by: int, separator: str, time: str) -> None:
    written = f"%Y{separator}%m{separator}%d"
    assert shift_value(f"{day:{written}}{time}", by) == f"{day - timedelta(days=by):{written}}{time}"


@pytest.mark.parametrize(
    "value",
    [
        "", "2021", "202103", "2021-03", "20210229", "20211301", "18490101", "21510101", "2021-0312", "00000000",
        "20210312-20210401", "2021031220210401", "20210312 SMITH", "20210312x", "20210312 10155x", "2021031299",
        "12.03.2021", "today", "20210312\\20210313",
    ],
)  # fmt: skip
def test_a_value_that_is_no_single_full_date_is_not_shifted(value: str) -> None:
    assert shift_value(value, DAYS) is None


def test_padding_of_a_value_does_not_matter() -> None:
    assert shift_value(" 20210312 ", DAYS) == "20210131"


@given(st.integers(1, 9999), st.integers(0, 13), st.integers(0, 32))
@always
def test_only_days_of_the_calendar_within_living_memory_are_dates(year: int, month: int, day: int) -> None:
    found = valid(year, month, day)
    real = 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1] if 1 <= month <= 12 else False
    assert (found is not None) is (FIRST_YEAR <= year <= LAST_YEAR and real)


SPELLINGS = {
    "iso": lambda day: f"{day:%Y-%m-%d}",
    "iso without separators": lambda day: f"{day:%Y%m%d}",
    "iso with slashes, no zeros": lambda day: f"{day.year}/{day.month}/{day.day}",
    "iso with dots": lambda day: f"{day:%Y.%m.%d}",
    "united states": lambda day: f"{day:%m/%d/%Y}",
    "united states, no zeros": lambda day: f"{day.month}/{day.day}/{day.year}",
    "united states, dashes": lambda day: f"{day:%m-%d-%Y}",
    "europe": lambda day: f"{day:%d.%m.%Y}",
    "europe, no zeros": lambda day: f"{day.day}.{day.month}.{day.year}",
    "devices": lambda day: f"{day.day:02d}-{SHORT[day.month - 1]}-{day.year}",
    "devices, compact": lambda day: f"{day.day:02d}{SHORT[day.month - 1]}{day.year}",
    "devices, year first": lambda day: f"{day.year}-{SHORT[day.month - 1].title()}-{day.day:02d}",
    "english": lambda day: f"{day.day} {ENGLISH[day.month - 1]} {day.year}",
    "american": lambda day: f"{ENGLISH[day.month - 1]} {day.day}, {day.year}",
    "german": lambda day: f"{day.day}. {GERMAN[day.month - 1]} {day.year}",
    "french": lambda day: f"{day.day} {FRENCH[day.month - 1]} {day.year}",
    "spanish": lambda day: f"{day.day} de {SPANISH[day.month - 1]} de {day.year}",
    "polish": lambda day: f"{day.day} {POLISH[day.month - 1]} {day.year}",
    "japanese": lambda day: f"{day.year}年{day.month}月{day.day}日",
    "korean": lambda day: f"{day.year}년 {day.month}월 {day.day}일",
    "within a name of a file": lambda day: f"scan_{day:%Y%m%d}_2",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(day=days, by=shifts)
@always
def test_a_date_in_text_moves_and_its_spelling_and_language_stay(spelling: str, day: date, by: int) -> None:
    write = SPELLINGS[spelling]
    assume("no zeros" not in spelling or min(day.day, day.month) < 10)  # 10/10 does not tell how 9 would be written
    before, after = (f"Fièvre: {write(one)}, 2 lésions." for one in (day, day - timedelta(days=by)))
    assert moved(before, by) == after
    assert write(day) not in removed(before)


def test_text_in_ascii_stays_ascii_when_the_new_month_has_an_accent() -> None:
    assert moved("3 mars 2021") == "22 janvier 2021"
    assert moved("3 mars 2021", by=10) == "21 fevrier 2021"


@given(days, shifts)
@always
def test_an_english_ordinal_follows_its_day(day: date, by: int) -> None:
    after = moved(f"{ENGLISH[day.month - 1]} {day.day}{ending(day.day)}, {day.year}", by)
    new = day - timedelta(days=by)
    assert after == f"{ENGLISH[new.month - 1]} {new.day}{ending(new.day)}, {new.year}"


def ending(day: int) -> str:
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("12/3/21", "10/24/21"),
        ("23/3/2021", "11/2/2021"),
        ("12.03.21", "31.01.21"),
        ("03.25.21", "02.13.21"),
        ("45-03-12", "45-01-31"),
        ("12 - 03 - 2021", "10 - 24 - 2021"),
        ("04 03 1945", "02 22 1945"),
        ("1er janvier 2020", "22 novembre 2019"),
        ("12 fevrier 2021", "3 janvier 2021"),
        ("1. Mrz 2021", "20. Jan 2021"),
        ("Sept. 12, 2021", "Aug. 3, 2021"),
        ("12 марта 2021", "31 января 2021"),
        ("12. desember 2021", "2. november 2021"),
        ("12 mrt 2021", "31 jan 2021"),
        ("12 Oct'20", "2 Sep'20"),
        ("MARCH 1ST 2020", "JANUARY 21ST 2020"),
        ("Sat Mar 4 14:22:01 2021", "Sat Jan 23 14:22:01 2021"),
        ("2021-03-12T14:35:00", "2021-01-31T14:35:00"),
        ("12.03.2021 14:35", "31.01.2021 14:35"),
        ("May 2020", "April 2020"),
        ("03/2021", "02/2021"),
        ("12 March", "1 February"),
        ("12.III.2021", "31.I.2021"),
        ("12/III/2021", "31/I/2021"),
        ("12 III 2021", "31 I 2021"),
        ("12.XII.61", "02.XI.61"),
        ("12.03.'21", "31.01.'21"),
        ("Mar 12 '21", "Jan 31 '21"),
        ("12 March '21", "31 January '21"),
        ("Jan '61", "Dec '60"),
        ("12º de março de 2021", "31º de janeiro de 2021"),
        ("3 de mayo del 2021", "24 de marzo del 2021"),
        ("2021. Mar. 12", "2021. Jan. 31"),
        ("Friday, March 12, 2021", "Sunday, January 31, 2021"),
        ("FRI 12-MAR-2021", "SUN 31-JAN-2021"),
        ("Freitag, den 12. März 2021", "Sonntag, den 31. Januar 2021"),
        ("vendredi 12 mars 2021", "dimanche 31 janvier 2021"),
        ("piatek 12 marca 2021", "niedziela 31 stycznia 2021"),
        ("令和3年3月12日", "2021年1月31日"),
        ("昭和60年1月5日", "1984年11月26日"),
        ("令和元年6月1日", "2019年4月22日"),
        ("12/03/2564", "10/24/2564"),
        ("12.03.2564", "31.01.2564"),
        ("١٢.٠٣.٢٠٢١", "31.01.2021"),
        ("12_03_2021".replace("_", "\x1f"), "10\x1f24\x1f2021"),
        ("2021_03_12".replace("_", "\x1f"), "2021\x1f01\x1f31"),
        ("NIHSS 14, April 04, 2021", "NIHSS 14, February 23, 2021"),
        ("March 12 and 14:35", "February 1 and 14:35"),
    ],
)
def test_less_usual_spellings_move_too(before: str, after: str) -> None:
    assert moved(before) == after


CLINICAL = [
    "1/2", "5/6", "10/20", "L4/5", "12-15 mm", "10-12-14 mm", "1/2/3", "1.2.3", "12.5.0", "10.15.7", "v5.2.1",
    "2020", "since 2015", "1990s", "256 256 128", "0.5x0.5x0.5", "20.5", "120/80", "may 12", "2 may represent",
    "march fracture", "3 mars", "SET 2000", "MAG 2000", "T1 3/12", "12th", "TR 2000 TE 12", "00000000", "99999999",
    "19991332", "13/13/2020", "14:35", "1.2.840.10008.5.1.4", "1.2.2020.5", "b1000", "500-15", "2021-13-45", "Mar",
    "12.IV.", "IV 12", "C5.VI", "T2.II.8 mm", "Sun exposed", "令和3年13月12日", "12/03/2764", "grade II 2", "1 V 2 X",
]  # fmt: skip


@pytest.mark.parametrize("text", CLINICAL)
def test_numbers_that_are_no_dates_stay(text: str) -> None:
    assert moved(text) == text
    assert removed(text) == text


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Nd",)), max_size=60))
@always
def test_text_without_digits_stays(text: str) -> None:
    assert replace_in_text(text, None, "___") == (text, 0)


@given(st.lists(st.one_of(st.sampled_from(CLINICAL), days.map(str)), max_size=6).map("; ".join), shifts)
@always
def test_nothing_but_dates_changes_and_all_of_them_are_counted(text: str, by: int) -> None:
    after, count = replace_in_text(text, lambda day: day - timedelta(days=by), "___")
    iso = re.compile(r"(?<=; )\d{4}-(?:0\d|1[0-2])-[0-3]\d(?=;)")
    assert count == len(iso.findall(f"; {text};"))
    assert iso.sub("X", f"; {after};") == iso.sub("X", f"; {text};")


@given(st.sampled_from(list(SPELLINGS)), days)
@always
def test_a_date_that_is_kept_is_not_counted(spelling: str, day: date) -> None:
    text = SPELLINGS[spelling](day)
    assert replace_in_text(text, lambda kept: kept, "___") == (text, 0)
