from __future__ import annotations

import pytest

from deid_platform.errors import PolicyError
from deid_platform.policy import Action
from tests.policy.conftest import Make


def rule_of(tag: str, action: str, more: str = "") -> str:
    return f'[[attribute]]\ntag = "{tag}"\naction = "{action}"\nwhy = "Agreed."\n{more}\n'


def test_a_rule_of_a_site_is_asked_first(make: Make) -> None:
    policy = make("retain_device_identity", more=rule_of("StationName", "X"))
    assert policy.rule(0x00081010, "SH").action is Action.REMOVE
    assert policy.rule(0x00081010, "SH").source == "[[attribute]] of mine: Agreed."
    assert policy.of("1.2.840.10008.5.1.4.1.1.2").rule(0x00081010, "SH", "0018,a001/").action is Action.REMOVE
    assert len(policy.claims) == 2


@pytest.mark.parametrize(
    ("tag", "action", "advice"),
    [
        ("ReferringPhysicianName", "K", "may identify: set accept_risk = true"),
        ("ReferringPhysicianName", "C", "may identify: set accept_risk = true"),
        ("InstitutionName", "K", "choose the option retain_institution_identity, or set accept_risk = true"),
        ("InstitutionName", "C", "choose the option retain_institution_identity, or"),
        ("StudyDate", "K", "choose the option retain_full_dates or retain_modified_dates, or"),
        ("FrameOfReferenceUID", "K", "choose the option retain_uids, or"),
        ("OtherPatientIDsSequence", "D", "may identify: set accept_risk = true"),
        ("ReferencedPatientSequence", "U", "choose the option retain_uids, or"),
        ("ImageComments", "K", "choose the option clean_descriptors, or"),
        ("Manufacturer", "K", "may identify: set accept_risk = true"),
    ],
)
def test_a_rule_that_keeps_more_than_the_standard_is_refused_with_its_line_unless_the_risk_is_accepted(
    make: Make, tag: str, action: str, advice: str
) -> None:
    with pytest.raises(PolicyError, match=r"mine\.toml, line 7, attribute\[1\]\.action: . keeps") as caught:
        make(more=rule_of(tag, action))
    assert advice in str(caught.value)
    accepted = make(more=rule_of(tag, action, "accept_risk = true"))
    assert accepted.claims == ()


@pytest.mark.parametrize(
    ("options", "tag", "action"),
    [
        (["retain_institution_identity"], "InstitutionName", "K"), (["clean_descriptors"], "ImageComments", "C"),
        (["retain_modified_dates"], "StudyDate", "C"), ([], "PatientAge", "Z"), ([], "StationName", "D"),
        ([], "Manufacturer", "X"), ([], "Manufacturer", "C"), ([], "KVP", "K"), ([], "FrameOfReferenceUID", "U"),
        ([], "RequestAttributesSequence", "X"),
    ],
)  # fmt: skip
def test_a_rule_within_the_standard_needs_no_risk_and_costs_no_claim(
    make: Make, options: list[str], tag: str, action: str
) -> None:
    assert len(make(*options, more=rule_of(tag, action)).claims) == 1 + len(options)


def test_a_rule_of_a_site_for_a_private_element_goes_before_the_tables(make: Make) -> None:
    def private(signature: str, action: str) -> str:
        return f'[[private]]\nsignature = "{signature}"\naction = "{action}"\nwhy = "Known."\n'

    policy = make("retain_safe_private", more=private("00e1,ELSCINT1,21", "X") + private("0019,OURS,01", "C"))
    assert policy.private_rule("00e1,ELSCINT1,21", "DS").action is Action.REMOVE
    assert policy.private_rule("0019,OURS,01", "LO").action is Action.CLEAN
    assert policy.private_rule("00e1,ELSCINT1,50", "DS").action is Action.CLEAN


def test_everything_a_profile_says_is_in_the_digest(make: Make) -> None:
    modified = "retain_modified_dates"
    private = '[[private]]\nsignature = "0019,OURS,01"\naction = "C"\nwhy = "Known."\n'
    digests = [
        make(modified), make(modified, more='dates = "year"'), make(modified, more=rule_of("StationName", "X")),
        make(modified, more=rule_of("StationName", "Z")), make(modified, "retain_safe_private"),
        make(modified, "retain_safe_private", more=private),
        make(modified, "retain_safe_private", more=private.replace('"C"', '"X"')),
    ]  # fmt: skip
    assert len({policy.digest for policy in digests}) == len(digests)
