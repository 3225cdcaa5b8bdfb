from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import deid_platform
from deid_platform.labels import drop_before_labels
from deid_platform.names import clinical_words, drop_after_cues, fold, name_lists, word_list

DATA = Path(deid_platform.__file__).parent / "data"


def drop(text: str) -> str:
    return drop_before_labels(drop_after_cues(text)[0])[0]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Seen by Dr. Stephen Strange today", "Seen by Dr. ___ today"),
        ("Prof. Dr. med. Anna Grünwald", "Prof. Dr. ___"),
        ("Dr. J.H. Watson, surgeon", "Dr. ___, surgeon"),
        ("Mr de la Tour", "Mr ___"),
        ("Dr. van Dijk", "Dr. ___"),
        ("Dr_Watson", "Dr____"),
        ("Dr.Watson", "Dr.___"),
        ("dr. strange", "dr. ___"),
        ("DR STRANGE CT CHEST", "DR ___ CT CHEST"),
        ("Drs Smith & Jones agree", "Drs ___ agree"),
        ("Frau Dr. Schuster-Blum", "Frau Dr. ___"),
        ("Mme Lefèvre", "Mme ___"),
        ("Señora Ruiz", "Señora ___"),
        ("Sig.ra Bianchi", "Sig.ra ___"),
        ("Dhr. Jansen", "Dhr. ___"),
        ("Dr. Watson. Normal chest.", "Dr. ___. Normal chest."),
    ],
)
def test_the_name_after_a_title_goes_and_the_title_stays(text: str, cleaned: str) -> None:
    assert drop(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "DR CHEST PA", "DR HAND", "MR BRAIN W/WO", "MR Urography", "MR.BRC", "ms. image", "TE 90 ms Axial", "SR 89",
        "MS plaques", "24 HR DELAY", "Dr protocol", "T1 DR. 2", "GE SIGNA Architect", "doctor", "Mr", "MR B70F",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_title_takes_nothing_with_it(text: str) -> None:
    assert drop(text) == text


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("referred by Watson", "referred by ___"),
        ("Reported by: A. Becker", "Reported by: ___"),
        ("ref phys: WATSON^JOHN", "ref phys: ___"),
        ("Operator=KELLY", "Operator=___"),
        ("Name des Patienten: Weber", "Name des Patienten: ___"),
        ("Patient Roe prone", "Patient ___ prone"),
        ("Next of kin: Priya", "Next of kin: ___"),
        ("Krankenhaus Ansbach", "Krankenhaus ___"),
        ("Patient supine", "Patient supine"),
        ("PATIENT SUPINE", "PATIENT SUPINE"),
        ("PT WB", "PT WB"),
        ("Patient Arthrography", "Patient Arthrography"),
        ("Name: T1", "Name: T1"),
        ("Read with caution", "Read with caution"),
    ],
)
def test_the_name_after_a_cue_goes_and_clinical_words_stay(text: str, cleaned: str) -> None:
    assert drop(text) == cleaned


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Transfer from Mercy General Hospital today", "Transfer from ___ Hospital today"),
        ("Mount Sinai Hospital", "___ Hospital"),
        ("St. Mary's Hospital", "___ Hospital"),
        ("Sanjay R. Patel, M.D.", "___, M.D."),
        ("Patel MBBS", "___ MBBS"),
        ("Breast clinic", "Breast clinic"),
        ("FA MD maps", "FA MD maps"),
        ("Hospital day 3", "Hospital day 3"),
        ("chest, Clinic", "chest, Clinic"),
    ],
)
def test_the_name_before_a_kind_of_place_or_a_degree_goes(text: str, cleaned: str) -> None:
    assert drop(text) == cleaned


def test_what_goes_is_counted() -> None:
    assert drop_after_cues("Dr Watson, seen by Moriarty; Dr chest")[1] == 2
    assert drop_before_labels("Mercy Hospital and Hope Clinic, Breast Clinic")[1] == 2
    assert drop_after_cues("AX T1") == ("AX T1", 0)


LISTS = [
    "clinical_words", "more_clinical_words", "anatomy_words", "place_words", "eponyms", "given_names",
    "common_given_names", "common_surnames",
]  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_words_holds_folded_words_once_each_and_in_order(name: str) -> None:
    lines = [line for line in (DATA / f"{name}.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines == sorted(set(lines))
    assert word_list(name) == frozenset(lines)
    assert all(line == fold(line) and re.fullmatch(r"[^\W\d_]+", line) for line in lines)


@pytest.mark.parametrize("word", "flair dixon supine contrast mprage gadolinium aorta".split())
def test_names_of_sequences_positions_and_organs_are_clinical_words(word: str) -> None:
    assert word in clinical_words()


@pytest.mark.parametrize("kind", list(name_lists()))
def test_the_lists_of_words_beside_names_match_whole_words_in_any_case(kind: str) -> None:
    for entry in tomllib.loads((DATA / "name_words.toml").read_text("utf-8"))[kind]:
        assert re.compile(f"(?:{entry})", re.IGNORECASE).groups == 0, f"{entry} has a group"
    assert not re.fullmatch(name_lists()[kind], "xyz", re.IGNORECASE)
