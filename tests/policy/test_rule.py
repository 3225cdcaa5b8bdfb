from __future__ import annotations

import pytest

from deid_platform.policy.rule import MEANING, SAFEST, Action, parse_action, settle

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


# PS3.15 2026c Table E.1-1a, and this project's word on references (X/Z/U*) of Type 2.
BY_TYPE = {
    "X/Z": {"3": "X", "2": "Z", "1": "Z"}, "X/D": {"3": "X", "2": "D", "1": "D"}, "Z/D": {"3": "Z", "2": "Z", "1": "D"},
    "X/Z/D": {"3": "X", "2": "Z", "1": "D"}, "X/Z/U*": {"3": "X", "2": "U", "1": "U"},
}  # fmt: skip


@pytest.mark.parametrize("code", SAFEST)
def test_the_type_of_an_attribute_settles_a_compound_code(code: str) -> None:
    assert {kind: settle(code, kind).value for kind in BY_TYPE[code]} == BY_TYPE[code]


@pytest.mark.parametrize("code", SAFEST)
def test_a_condition_counts_as_met_as_the_attribute_is_there(code: str) -> None:
    assert settle(code, "1C") is settle(code, "1")
    assert settle(code, "2C") is settle(code, "2")
