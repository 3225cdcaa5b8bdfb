from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.formats.dicom.answers import ANSWERS, LONGEST, Answers, answers_of
from deid_platform.formats.dicom.charset import Charset
from deid_platform.freetext import Identifiers
from deid_platform.identity import Identity
from deid_platform.policy import Action, load_policy
from tests.builders.dicom import image, leaks, person, write
from tests.formats.dicom.cleaning import FORMAT, IDENTITY, PROFILES, RETAINED

OWN = Identifiers(names=frozenset({"roe"}))


def question(value: bytes = b"text", tag: int = 0x00081030) -> tuple[int, str, Action, bytes, Charset, bool]:
    return tag, "LO", Action.CLEAN, value, Charset(), False


@pytest.mark.parametrize("profile", PROFILES)
def test_what_was_cleaned_before_changes_nothing(tmp_path: Path, profile: str) -> None:
    policy, output = load_policy(profile), tmp_path / "out.dcm"
    sources = [write(image(person(number % 3), instance=number, rows=8, columns=8), tmp_path / f"{number}.dcm")
               for number in range(1, 7)]  # fmt: skip

    def cleaned(source: Path) -> bytes:
        FORMAT.scrub(source, output, policy, IDENTITY)
        return output.read_bytes()

    cold = []
    for source in sources:
        answers_of.cache_clear()
        cold.append(cleaned(source))
    assert [cleaned(source) for source in [*sources, *sources]] == [*cold, *cold]
    kept = RETAINED[profile]
    assert not any(leaks(person(number % 3), data, without=kept) for number, data in enumerate(cold, start=1))


def test_answers_belong_to_one_policy_key_subject_and_set_of_identifiers() -> None:
    tcia, basic = load_policy("tcia"), load_policy("basic")
    other_key = Identity(bytes(range(1, 33)), "site")
    circumstances = [
        (tcia, IDENTITY, OWN, "A"),
        (basic, IDENTITY, OWN, "A"),
        (tcia, other_key, OWN, "A"),
        (tcia, IDENTITY, Identifiers(), "A"),
        (tcia, IDENTITY, OWN, "B"),
    ]
    found = [answers_of(*these) for these in circumstances]
    assert len({id(answers) for answers in found}) == len(found)
    assert answers_of(*circumstances[0]) is found[0]


def test_an_answer_may_be_to_remove() -> None:
    answers = Answers()
    answers.keep(question(), None)
    assert answers == {question(): None}


def test_memory_is_bounded() -> None:
    answers = Answers()
    for number in range(3 * ANSWERS):
        answers.keep(question(tag=number), b"")
        assert len(answers) <= ANSWERS
    answers.keep(question(bytes(LONGEST + 1)), b"")
    assert question(bytes(LONGEST + 1)) not in answers
