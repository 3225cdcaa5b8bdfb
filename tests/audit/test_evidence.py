"""What counts as text."""

from __future__ import annotations

import pytest

from deid_platform.audit.evidence import shows_text
from deid_platform.audit.ocr import Word
from deid_platform.audit.pages import Preparation

PLAIN, BRIGHT = Preparation.PLAIN, Preparation.BRIGHT_STROKES


def word(text: str, confidence: float = 0.0, left: float = 0.0) -> Word:
    return Word(text, confidence, left, 0, left + 50, 10)


@pytest.mark.parametrize(
    "text", ["SMITH", "Lee", "03.09.2012", "MRN8690333", "O'Brien,", "ANN", "OTTO", "Müller", "Ирина"]
)
def test_a_word_read_with_confidence_is_text(text: str) -> None:
    assert shows_text([(PLAIN, [word(text, 90)])])


@pytest.mark.parametrize(
    "text", ["L", "R", "AP", "=", "~~~~~", "— — —", "668868", "299999", "AAARAA", "6886", "000", "|||", "eee"]
)
def test_marks_and_rows_of_the_same_shape_are_not_text(text: str) -> None:
    assert not shows_text([(PLAIN, [word(text, 96)]), (BRIGHT, [word(text, 96)])])


@pytest.mark.parametrize("text", ["Nye", "ones", "Selif", "patent"])
def test_a_word_read_without_confidence_is_not_text_alone(text: str) -> None:
    assert not shows_text([(PLAIN, [word(text, 30)]), (BRIGHT, [])])


def test_two_preparations_that_agree_on_a_place_are_text() -> None:
    assert shows_text([(PLAIN, [word("x5MITH", 5)]), (BRIGHT, [word("MITHa", 9, left=4)])])


def test_readings_agree_only_on_one_place_and_from_different_preparations() -> None:
    assert not shows_text([(PLAIN, [word("SMITH")]), (BRIGHT, [word("SMITH", left=40)])])
    assert not shows_text([(PLAIN, [word("SMITH")]), (PLAIN, [word("SMITH")])])
    assert not shows_text([(PLAIN, [word("SMITH")]), (BRIGHT, [word("SMIlH")])])
    assert not shows_text([(PLAIN, [word("AAARAA")]), (BRIGHT, [word("AAAR")])])


def test_nothing_read_is_no_text() -> None:
    assert not shows_text([])
    assert not shows_text([(PLAIN, [])])
