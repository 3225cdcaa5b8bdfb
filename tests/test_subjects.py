from __future__ import annotations

import base64
import pickle
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_platform.subjects import Pseudonym, SubjectTable, issuer_name, patient_number
from tests.builders.properties import always

subjects = st.binary(min_size=10, max_size=10).map(lambda data: base64.b32encode(data).decode())
plain = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)
pseudonyms = st.builds(Pseudonym, plain, plain, st.none() | st.integers(1, 3650))


@given(st.dictionaries(subjects, pseudonyms, max_size=20), subjects)
@always
def test_a_table_gives_back_what_was_put_in_and_nothing_for_others(named: dict[str, Pseudonym], other: str) -> None:
    table = SubjectTable.of(named)
    assert len(table) == len(named)
    assert {subject: table.get(subject) for subject in named} == named
    assert table.get(other) == named.get(other)
    assert pickle.loads(pickle.dumps(table)) == table  # noqa: S301


def test_a_table_does_not_depend_on_the_order_of_its_rows() -> None:
    rows = {"A" * 16: Pseudonym("P1", "P1"), "B" * 16: Pseudonym("P2", "N^2", 7)}
    assert SubjectTable.of(rows) == SubjectTable.of(dict(reversed(rows.items())))
    assert SubjectTable.of(rows).text != SubjectTable.of({**rows, "B" * 16: Pseudonym("P2", "N^2", 8)}).text


def test_a_table_stays_small_and_is_not_shown() -> None:
    key = (number.to_bytes(10, "big") for number in range(1000))
    table = SubjectTable.of({base64.b32encode(k).decode(): Pseudonym(f"STUDY-{i:04d}", f"STUDY-{i:04d}")
                             for i, k in enumerate(key)})
    assert len(pickle.dumps(table)) < 50_000
    assert "STUDY" not in repr(table)


@pytest.mark.parametrize("written", ["4711", " 4711", "4711 ", "4711\0", "\0 4711 \0\0", "4711\\", "4711\\ ", "\t4711"])
def test_padding_and_empty_values_make_no_other_patient(written: str) -> None:
    assert patient_number(written) == "4711"


@pytest.mark.parametrize("other", ["04711", "47 11", "4711a", "4711A", "4711\\4712", "47\u200b11"])
def test_everything_else_makes_another_patient(other: str) -> None:
    assert patient_number(other) not in ("4711", "")
    assert patient_number("4711a") != patient_number("4711A")


@pytest.mark.parametrize("empty", ["", " ", "\0", "\\", " \\ \0"])
def test_what_is_only_padding_is_no_number(empty: str) -> None:
    assert patient_number(empty) == ""


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert patient_number(unicodedata.normalize("NFD", "Ä-17")) == patient_number("Ä-17") == "Ä-17"


def test_an_issuer_is_one_line_of_text() -> None:
    assert issuer_name(" HOSP\0") == "HOSP"
    assert issuer_name("A\0B") == "A B"
