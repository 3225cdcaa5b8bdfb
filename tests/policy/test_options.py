from __future__ import annotations

from pydicom.sr.codedict import codes

from deid_platform.policy import Option
from deid_platform.policy.options import BASIC_PROFILE_CODE, BY_LABEL
from deid_platform.policy.tables import rows


def test_options_are_the_columns_of_the_table() -> None:
    columns = list(rows("ps315_2026c/table_E.1-1.csv")[0])
    assert {option.column for option in Option} == {*columns[columns.index("Basic Prof.") + 1 :]}


def test_names_codes_and_columns_are_each_given_once() -> None:
    for values in zip(*(option.value for option in Option), strict=True):
        assert len(set(values)) == len(Option)
    assert all(BY_LABEL[option.label] is option for option in Option)


def test_codes_and_meanings_are_those_of_the_standard() -> None:
    published = {code.value: code.meaning for code in codes.CID7050.concepts.values()}
    for code, meaning in [BASIC_PROFILE_CODE, *((option.code, option.meaning) for option in Option)]:
        assert published[code] == meaning
