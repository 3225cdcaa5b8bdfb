from __future__ import annotations

import pytest

from deid_platform.policy.rule import MEANING, SAFEST, Action, parse_action

# PS3.15 2026c Table E.1-1a. The order of strictness among the actions a code leaves open is the test's own.
ALLOWED = {
    "D": "D", "Z": "Z", "X": "X", "K": "K", "C": "C", "U": "U", "Z/D": "ZD", "X/Z": "XZ", "X/D": "XD", "X/Z/D": "XZD",
    "X/Z/U*": "XZU",
}  # fmt: skip


@pytest.mark.parametrize("code", ALLOWED)
def test_a_code_becomes_one_of_the_actions_it_leaves_open(code: str) -> None:
    assert parse_action(code).value in ALLOWED[code]


@pytest.mark.parametrize("code", SAFEST)
def test_of_a_compound_code_the_action_that_every_type_of_attribute_allows_is_taken(code: str) -> None:
    assert parse_action(code).value == ALLOWED[code][-1]


@pytest.mark.parametrize("code", ["", "x", "X/K", "Q", "X / Z"])
def test_a_code_the_standard_does_not_define_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="is not a valid Action"):
        parse_action(code)


def test_every_action_has_a_meaning() -> None:
    assert set(MEANING) == set(Action)
