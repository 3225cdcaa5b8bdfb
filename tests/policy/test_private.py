from __future__ import annotations

import re

import pytest

from deid_platform.errors import PolicyError
from deid_platform.policy import Action, Rule, load_policy
from deid_platform.policy.private import PrivateRules, load_private_rules, private_segment, public_segment
from deid_platform.policy.tables import rows

KB = "tcia/private_tag_kb_2024-02-01.csv"
SAFE = "ps315_2026c/table_E.3.10-1.csv"
KEEP, CLEAN, REMOVE, UID = (Rule(action, "test") for action in (Action.KEEP, Action.CLEAN, Action.REMOVE, Action.UID))
B_VALUE = "0019,SIEMENS MR HEADER,0c"


def test_segments_are_small_hexadecimal_and_keep_the_case_of_the_creator() -> None:
    assert private_segment(0x00E1, " ELSCINT1 ", 0x0C) == "00e1,ELSCINT1,0c"
    assert public_segment(0x0008114A) == "0008,114a"


def test_an_unknown_signature_has_no_rule_and_no_vr() -> None:
    rules = PrivateRules([("0019,A,01", "LO", CLEAN)])
    assert rules.rule("0019,A,02", "LO") is None
    assert rules.rule("0021,A,01", "LO") is None
    assert rules.rule("0008,1140/0019,A,01", "LO") is None
    assert rules.vr("0019,A,02") is None


def test_of_two_rules_for_one_signature_the_stricter_counts() -> None:
    for entries in ((CLEAN, REMOVE), (REMOVE, CLEAN)):
        assert PrivateRules([("0019,A,01", "LO", rule) for rule in entries]).rule("0019,A,01", "LO") == REMOVE
    assert PrivateRules([("0019,A,01", "UI", KEEP), ("0019,A,01", "UI", UID)]).rule("0019,A,01", "UI") == UID


def test_the_vr_of_the_file_chooses_among_rules_and_an_unknown_one_gets_the_strictest() -> None:
    rules = PrivateRules([("0019,A,01", "LO", REMOVE), ("0019,A,01", "DS", CLEAN)])
    assert rules.rule("0019,A,01", "DS") == CLEAN
    assert rules.rule("0019,A,01", "LO") == REMOVE
    assert rules.rule("0019,A,01", "ST") == REMOVE
    assert rules.vr("0019,A,01") is None


def test_the_vr_of_a_signature_is_known_when_the_tables_agree_on_one() -> None:
    rules = PrivateRules([("0019,A,01", "UN", CLEAN), ("0019,A,01", "DS", CLEAN)])
    assert rules.vr("0019,A,01") == "DS"


def test_a_creator_in_another_case_gets_the_strictest_rule_of_its_spellings() -> None:
    rules = PrivateRules([("0019,Acme,01", "LO", CLEAN), ("0019,ACME,01", "LO", REMOVE)])
    assert rules.rule("0019,Acme,01", "LO") == CLEAN
    assert rules.rule("0019,ACME,01", "LO") == REMOVE
    assert rules.rule("0019,aCME,01", "LO") == REMOVE


def safe_signature(row: dict[str, str]) -> str:
    group, element = row["Data Element"].strip("()").split(",")
    return private_segment(int(group, 16), row["Private Creator"], int(element[2:], 16))


def signature_of(pattern: str) -> str:
    """The signature of a row of the knowledge base, read step by step."""
    return "/".join(step_of(step.strip("()")) for step in re.split(r"\[<\d>\]", pattern))


def step_of(step: str) -> str:
    group, _, rest = step.partition(",")
    creator, _, low_byte = rest.rpartition(",")
    return ",".join((group, creator.strip('"').strip(), low_byte)) if creator else step


def test_every_row_of_the_safe_private_table_is_cleaned_and_said_to_be_of_it() -> None:
    rules = load_private_rules((SAFE,))
    for row in rows(SAFE):
        assert rules.rule(safe_signature(row), row["VR"]) == Rule(Action.CLEAN, "PS3.15 2026c Table E.3.10-1")


def test_every_row_of_the_knowledge_base_is_found_under_as_many_steps_as_it_has() -> None:
    rules = load_private_rules((KB,))
    assert sum("[<0>]" in row["element_sig_pattern"] for row in rows(KB)) > 2000
    for row in rows(KB):
        assert rules.rule(signature_of(row["element_sig_pattern"]), row["vr"]), row["element_sig_pattern"]


def test_no_row_that_the_knowledge_base_deletes_or_leaves_open_is_kept() -> None:
    rules = load_private_rules((KB,))
    refused = [row for row in rows(KB) if row["private_disposition"].strip().lower() not in ("k", "h", "o", "oi", "na")]
    assert len(refused) > 4000
    for row in refused:
        rule = rules.rule(signature_of(row["element_sig_pattern"]), row["vr"])
        assert rule is not None
        assert rule.action is Action.REMOVE, row["element_sig_pattern"]


def test_a_signature_the_first_table_knows_is_not_asked_of_the_second() -> None:
    both, first, second = (load_private_rules(files) for files in ((KB, SAFE), (KB,), (SAFE,)))
    known = {signature_of(row["element_sig_pattern"]) for row in rows(KB)}
    wanted = [(safe_signature(row), row["VR"]) for row in rows(SAFE)]
    assert {signature in known for signature, _ in wanted} == {True, False}
    for signature, vr in wanted:
        assert both.rule(signature, vr) == (first if signature in known else second).rule(signature, vr)


@pytest.mark.parametrize("file", ["ps315_2026c/table_E.1-1.csv", "tcia/midi_b_attribute_actions.json"])
def test_a_table_of_something_else_is_refused(file: str) -> None:
    with pytest.raises(PolicyError, match="no table of private elements"):
        load_private_rules((file,))


def test_a_policy_without_the_option_removes_every_private_element() -> None:
    rule = load_policy("basic").private_rule(B_VALUE, "IS")
    assert rule.action is Action.REMOVE
    assert "Private Attributes" in rule.source
    assert load_policy("basic").private_vr(B_VALUE) is None


@pytest.mark.parametrize(
    ("signature", "vr", "action"),
    [
        (B_VALUE, "IS", Action.CLEAN),
        (B_VALUE, "UN", Action.CLEAN),
        (B_VALUE.lower(), "IS", Action.CLEAN),
        ("0019,SIEMENS MR HEADER,ff", "IS", Action.REMOVE),
        ("0019,NOBODY,0c", "IS", Action.REMOVE),
        ("0021,SIEMENS MR HEADER,0c", "IS", Action.REMOVE),
        ("0008,1140/" + B_VALUE, "IS", Action.REMOVE),
        ("", "LO", Action.REMOVE),
        ("0008,1110/2001,Philips Imaging DD 001,c1", "LO", Action.CLEAN),
        ("0008,1115/2001,Philips Imaging DD 001,c1", "LO", Action.REMOVE),
        ("0008,1115/0008,1140/2001,Philips Imaging DD 001,c1", "LO", Action.REMOVE),
        ("2001,Philips Imaging DD 001,c1", "LO", Action.CLEAN),
    ],
)
def test_with_the_option_known_elements_stay_where_they_are_known_and_all_others_go(
    signature: str, vr: str, action: Action
) -> None:
    assert load_policy("tcia").private_rule(signature, vr).action is action


def test_a_file_that_does_not_tell_the_vr_is_read_as_the_tables_say() -> None:
    assert load_policy("tcia").private_vr("0019,HOLOGIC, Inc.,42") == "IS"
    assert load_policy("tcia").private_vr(B_VALUE) is None  # they know several
    assert load_policy("tcia").private_vr("0019,NOBODY,0c") is None
