from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import PolicyError
from deid_platform.policy import Action, Option
from deid_platform.policy.profile import load_profile, packaged

GOOD = """
name = "mine"
edition = "2026c"
options = ["retain_full_dates", "retain_uids"]
"""
RESOLVE = """
[[resolve]]
options = ["retain_full_dates", "retain_modified_dates"]
winner = "retain_full_dates"
why = "Agreed."
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_there_are_packaged_profiles_and_each_can_be_read() -> None:
    assert packaged() == ["basic", "research", "safe_harbor", "tcia", "trusted"]
    for name in packaged():
        profile = load_profile(name)
        assert profile.name == name
        assert profile.about.endswith(".")


def test_a_site_can_bring_its_own_profile(path: Path) -> None:
    path.write_text(GOOD + RESOLVE)
    profile = load_profile(str(path))
    assert profile.options == (Option.RETAIN_FULL_DATES, Option.RETAIN_UIDS)
    assert profile.resolutions[0].winner is Option.RETAIN_FULL_DATES
    assert profile.resolutions[0].why == "Agreed."
    assert (profile.about, profile.attribute_tables, profile.private_tables) == ("", (), ())


def test_a_profile_that_does_not_exist_is_refused_with_those_that_do(path: Path) -> None:
    with pytest.raises(PolicyError, match=r"no profile 'basics': choose one of basic, .+, or give a \.toml file"):
        load_profile("basics")
    with pytest.raises(PolicyError, match=r"no profile file mine\.toml"):
        load_profile(str(path))


ATTRIBUTE = """
[[attribute]]
tag = "StationName"
action = "X"
why = "It names the ward."
"""
PRIVATE = """
[[private]]
signature = "0019,SIEMENS MR HEADER,0c"
action = "C"
why = "It holds the b value."
"""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD.replace("options", "optoins"), "line 4, optoins: unknown key 'optoins': did you mean 'options'?"),
        (GOOD + 'extra = "x"', "line 5, extra: unknown key 'extra': known are about, attribute,"),
        (GOOD.replace('edition = "2026c"', ""), "the key 'edition' is missing"),
        (GOOD.replace('name = "mine"', ""), "the key 'name' is missing"),
        (GOOD.replace("mine", "Mein Profil"), "line 2, name: use lower-case letters, digits, '-' and '_', at most 20."),
        (GOOD.replace('"mine"', "7"), "line 2, name: must be a text."),
        (GOOD.replace('["retain_full_dates", "retain_uids"]', '"retain_uids"'), "line 4, options: must be a list."),
        (GOOD.replace("2026c", "2024a"), "line 3, edition: '2024a' is not the edition of the tables here, '2026c'."),
        (GOOD.replace("retain_uids", "retain_uid"), "line 4, options[2]: unknown option 'retain_uid': did you mean"),
        (GOOD + 'dates = "months"', "line 5, dates: unknown way 'months' with dates: known are shift, year."),
        (GOOD + 'dates = "year"', "line 5, dates: needs the option 'retain_modified_dates'."),
        (GOOD + 'base = "tci"', "line 5, base: there is no profile 'tci': did you mean 'tcia'?"),
        (GOOD + RESOLVE.replace("why", "reason"), "line 9, resolve[1].reason: unknown key 'reason'"),
        (GOOD + RESOLVE.replace('why = "Agreed."', ""), "line 6, resolve[1]: lacks the key 'why'"),
        (GOOD + RESOLVE.replace('winner = "retain_full_dates"', 'winner = "retain_uids"'), "line 8, resolve[1].winner"),
        (GOOD + RESOLVE.replace('"retain_modified_dates"', '"retain_full_dates"'), "two options are to be named"),
        (GOOD + RESOLVE.replace('"retain_modified_dates"', '"retain_dates"'), "line 7, resolve[1].options[2]: unknown"),
        (GOOD + "resolve = [1]", "line 5, resolve[1]: must be a table: write [[resolve]] and its keys below."),
        (GOOD + ATTRIBUTE.replace("tag", "tga"), "line 7, attribute[1].tga: unknown key 'tga': did you mean 'tag'?"),
        (GOOD + ATTRIBUTE.replace('why = "It names the ward."', ""), "line 6, attribute[1]: lacks the key 'why'."),
        (GOOD + ATTRIBUTE.replace("It names the ward.", " "), "line 9, attribute[1].why: say why."),
        (GOOD + ATTRIBUTE.replace("StationName", "StatoinName"), "line 7, attribute[1].tag: unknown attribute "
         "'StatoinName': did you mean 'StationName'?"),
        (GOOD + ATTRIBUTE.replace("StationName", "0019100c"), "attribute[1].tag: private elements are named by sig"),
        (GOOD + ATTRIBUTE.replace("StationName", "PatientID"), "(0010,0020) is written by this platform"),
        (GOOD + ATTRIBUTE.replace("StationName", "(0028,0010)"), "attribute[1].tag: (0028,0010) is written by"),
        (GOOD + ATTRIBUTE.replace('"X"', '"Q"'), "line 8, attribute[1].action: unknown action 'Q': known are D, Z, X,"),
        (GOOD + ATTRIBUTE.replace('"X"', '"U"'), "line 8, attribute[1].action: U is for UIDs"),
        (GOOD + ATTRIBUTE + 'accept_risk = "yes"', "line 10, attribute[1].accept_risk: must be true or false."),
        (GOOD + ATTRIBUTE + ATTRIBUTE.replace("action", "actoin"), "line 13, attribute[2].actoin: unknown key"),
        (GOOD + PRIVATE.replace("0019,S", "0018,S"), "line 7, private[1].signature: must lead to a private element"),
        (GOOD + PRIVATE.replace(",0c", ""), "line 7, private[1].signature: must lead to a private element"),
        (GOOD + PRIVATE.replace('"C"', '"D"'), "line 8, private[1].action: unknown action 'D': known are C, U, X."),
        (GOOD + PRIVATE + 'vr = "text"', "line 10, private[1].vr: must be a VR such as 'LO'."),
        (GOOD + "pixels = 1", "line 5, pixels: must be a table."),
        (GOOD + '[pixels]\ntxet = "mask_all"', "line 6, pixels.txet: unknown key 'txet': did you mean 'text'?"),
        (GOOD + '[pixels]\ntext = "none"', "line 6, pixels.text: 'none' is none of the choices: known are keep_marks,"),
        (GOOD + "[pixels]\nsample = -1", "line 6, pixels.sample: must be a whole number from 0 to 100000."),
        (GOOD + "[pixels]\nsample = true", "line 6, pixels.sample: must be a whole number"),
        ("name =", "not valid TOML, Invalid value (at end of document)"),
        (GOOD + "\n= 3", "not valid TOML, Invalid statement (at line 6, column 1)"),
    ],
)
def test_what_a_profile_says_and_the_engine_does_not_understand_is_refused_with_its_line(
    path: Path, text: str, complaint: str
) -> None:
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        load_profile(str(path))
    assert str(caught.value).startswith("mine.toml")
    assert complaint in str(caught.value)


def test_a_line_is_found_behind_texts_lists_and_comments_of_several_lines(path: Path) -> None:
    path.write_text('''name = "mine"
about = """
options = "no key, a text"
"""
# options = ["a comment"]
options = [
    "retain_uids",  # fine

    "retain_everything",
]
edition = "2026c"
''')
    with pytest.raises(PolicyError, match=r"mine\.toml, line 9, options\[2\]: unknown option 'retain_everything'"):
        load_profile(str(path))


def test_a_profile_may_be_written_as_what_differs_from_a_packaged_one(path: Path) -> None:
    path.write_text('name = "mine"\nbase = "tcia"\n' + ATTRIBUTE)
    mine, tcia = load_profile(str(path)), load_profile("tcia")
    assert mine.name == "mine"
    assert (mine.options, mine.private_tables, mine.resolutions) == (
        tcia.options, tcia.private_tables, tcia.resolutions
    )  # fmt: skip
    assert [rule.tag for rule in mine.attributes] == [0x00081010]


@pytest.mark.parametrize("written", ["StationName", "00081010", "(0008,1010)"])
def test_an_attribute_may_be_named_in_every_usual_way(path: Path, written: str) -> None:
    path.write_text(GOOD + ATTRIBUTE.replace("StationName", written))
    (rule,) = load_profile(str(path)).attributes
    assert (rule.tag, rule.action, rule.why) == (0x00081010, Action.REMOVE, "It names the ward.")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0019,SIEMENS MR HEADER,0C", "0019,SIEMENS MR HEADER,0c"),
        ("0008,114A/0019,HOLOGIC, Inc.,0c", "0008,114a/0019,HOLOGIC, Inc.,0c"),
        ("(0008,1084)[<0>](312f,'Ramsoft',10)", "0008,1084/312f,'Ramsoft',10"),
    ],
)
def test_a_signature_may_be_written_as_the_knowledge_base_does(path: Path, written: str, meant: str) -> None:
    path.write_text(GOOD + PRIVATE.replace("0019,SIEMENS MR HEADER,0c", written))
    (rule,) = load_profile(str(path)).privates
    assert (rule.signature, rule.action) == (meant, Action.CLEAN)
