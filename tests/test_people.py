from __future__ import annotations

import pytest

from deid_platform.names import word_list
from deid_platform.people import drop_people


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("CT CHEST Lindquist", "CT CHEST ___"),
        ("ABDOMEN KOWALCZYK B", "ABDOMEN ___"),
        ("John Smith, knee", "___, knee"),
        ("KNEE; SMITH, JOHN", "KNEE; ___"),
        ("Mary Baker called", "___ called"),
        ("SMITH J", "___"),
        ("chest, J. Smith", "chest, ___"),
        ("Patricia Zwxyvar of ward 3", "___ of ward 3"),
        ("AX T2 ZWAAN^PIETER^^DR", "AX T2 ___"),
        ("PELVIS Vrbtk Zwxyvar", "PELVIS ___"),
        ("PELVIS Zwxyvar M.", "PELVIS ___."),
        ("Yours, K.Zwxyvar", "Yours, ___"),
        ("Nowakowski-Lindquist", "___"),
        ("kowalczyk ct chest", "___ ct chest"),
        ("Lindquist and Kowalczyk", "___ and ___"),
    ],
)
def test_people_go_without_a_title_or_cue(text: str, cleaned: str) -> None:
    assert drop_people(text) == (cleaned, cleaned.count("___"))


@pytest.mark.parametrize(
    "text",
    [
        "Baker cyst", "HODGKIN STAGING", "Swyer-James", "Young-Laplace", "HILL L", "White matter", "Smith", "SMITH",
        "Gray scale", "T2^FLAIR", "10^6", "A. Carotis", "E. coli", "Stanford A", "Rose Bengal", "MRI Knie rechts",
        "Kopf nativ", "RM RODILLA", "Genou droit", "TK GLOWY", "syngo MR E11", "Premonitoring", "Will May",
        "Weber B", "AX T1 Mark",
        "Zwxyvar", "ZWXYVAR VRBTK", "Ann Arbor", "Hand, Brown", "Segment V. Zwxyvar",
    ],
)  # fmt: skip
def test_eponyms_everyday_words_and_unknown_words_on_their_own_are_nobody(text: str) -> None:
    assert drop_people(text) == (text, 0)


def test_no_name_is_in_two_lists_that_say_different_things() -> None:
    alone = word_list("surnames") | word_list("given_names")
    for name in ("clinical_words", "more_clinical_words", "anatomy_words", "eponyms"):
        assert not alone & word_list(name), name
    assert not word_list("more_clinical_words") & word_list("eponyms")
    assert len(word_list("surnames")) > 20000
