"""A short look at what comes of input at random, the same on every run; `make fuzz` looks longer."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.properties import always
from tests.fuzz.archives import ArchiveExamination, archives
from tests.fuzz.files import DATA, Broken, Examination, broken_files, real_files
from tests.fuzz.others import Other, OtherExamination, other_files
from tests.fuzz.texts import (
    check_date,
    check_planted,
    check_time,
    dates_among_others,
    nasty_texts,
    planted_texts,
)

briefly = settings(always, max_examples=40, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def examination(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    return Examination(tmp_path_factory.mktemp("fuzz"))


@given(broken_files())
@briefly
def test_a_broken_file_is_refused_held_back_or_clean(examination: Examination, broken: Broken) -> None:
    examination(broken)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real DICOM files are not here")
@given(st.deferred(real_files))
@settings(briefly, max_examples=15)
def test_a_broken_real_file_is_refused_held_back_or_clean(examination: Examination, broken: Broken) -> None:
    examination(broken)


@given(st.deferred(other_files))
@settings(briefly, max_examples=100)
def test_a_broken_file_of_another_format_is_refused_held_back_or_clean(
    tmp_path_factory: pytest.TempPathFactory, other: Other
) -> None:
    OtherExamination(tmp_path_factory.getbasetemp())(other)


@given(st.deferred(archives))
@settings(briefly, max_examples=150)
def test_a_broken_archive_is_refused_or_found_whole(
    tmp_path_factory: pytest.TempPathFactory, archive: Other
) -> None:
    ArchiveExamination(tmp_path_factory.mktemp("archive"))(archive)


@given(planted_texts())
@settings(briefly, max_examples=150)
def test_an_identifier_goes_whatever_stands_around_it(planted: tuple[str, str]) -> None:
    check_planted(planted)


@given(nasty_texts(200))
@briefly
def test_cleaning_takes_a_time_that_the_length_of_the_text_bounds(text: str) -> None:
    check_time(text)


@given(dates_among_others())
@settings(briefly, max_examples=150)
def test_a_date_goes_whatever_stands_around_it(dated: tuple[str, date]) -> None:
    check_date(dated)
