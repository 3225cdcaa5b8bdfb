from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deid_platform.formats.dicom.identifiers import name_words, numbers
from deid_platform.names import fold, harmless
from deid_platform.own import MIN_MISSPELLED, Identifiers, near_spans, one_edit_apart
from tests.builders.properties import always

LETTERS = "abcdeghilmnorstuvz"
words = st.text(LETTERS, min_size=1, max_size=9)


def near(text: str, name: str = "", number: str = "") -> list[str]:
    """What is taken for a misspelled name or a part of a number."""
    own = Identifiers(frozenset(name_words(name)), frozenset(), frozenset(numbers(number)))
    return [text[start:end] for start, end in near_spans(own, fold(text))]


def distance(one: str, other: str) -> int:
    """Optimal string alignment distance, by the book."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b)))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                row[-1] = min(row[-1], rows[-2][j - 2] + 1)
        rows.append(row)
    return rows[-1][-1]


@given(words, words)
@always
def test_one_edit_is_one_by_the_textbook(one: str, other: str) -> None:
    assert one_edit_apart(one, other) is (distance(one, other) == 1)


@given(words, st.integers(0, 9), st.sampled_from(LETTERS), st.sampled_from("rdis"))
@always
def test_a_name_with_one_mistake_in_it_is_found(name: str, at: int, letter: str, kind: str) -> None:
    name = f"quint{name}"
    at = min(at, len(name) - 2)
    mistaken = {
        "r": name[:at] + letter + name[at + 1 :],
        "d": name[:at] + name[at + 1 :],
        "i": name[:at] + letter + name[at:],
        "s": name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    }[kind]
    assume(mistaken != name and len(name) >= MIN_MISSPELLED and not harmless(mistaken))
    assert near(f"AX T1 {mistaken.upper()}_2", name) == [mistaken.upper()]


@pytest.mark.parametrize("text", "AX T1 POST|baker cyst|MARTINI|hand|contrast|quintrellean|uintrele".split("|"))
def test_other_words_are_no_misspellings(text: str) -> None:
    assert near(text, "Quintrelle^Backer^Contrst^Haand") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("MRN ...66120", ["66120"]), ("ID ending 6120", ["6120"]), ("last 4: 6120", ["6120"]), ("xx6120", ["6120"]),
        ("*6120", ["6120"]), ("CT 88073", ["88073"]), ("p880736", ["880736"]), ("chest_66120_2", ["66120"]),
        ("6120", []), ("TE 8807", []), ("66120 ms", []), ("66120 mAs", []), ("0.66120", []), ("12.66120", []),
        ("1661203", []), ("80736", []), ("v8807", []),
    ],
)  # fmt: skip
def test_parts_of_a_number_tell_it_when_they_are_long_or_said_to_be_parts(text: str, found: list[str]) -> None:
    assert [part.lstrip("px") for part in near(text, number="88073-66120")] == found


def test_a_round_part_of_a_number_tells_nothing() -> None:
    assert near("matrix 512000", number="512000881") == []
    assert near("UHN161, K2159", number="UHN-1612295\\K21595B") == ["UHN161"]
