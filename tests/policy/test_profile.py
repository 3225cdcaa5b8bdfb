from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import PolicyError
from deid_platform.policy import Option
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
    assert packaged() == ["basic", "tcia"]
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
    with pytest.raises(PolicyError, match=r"no profile 'basics': choose one of basic, tcia, or give a \.toml file"):
        load_profile("basics")
    with pytest.raises(PolicyError, match=r"no profile file mine\.toml"):
        load_profile(str(path))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD.replace("options", "optoins"), "unknown key 'optoins' in the profile"),
        (GOOD + 'extra = "x"', "unknown key 'extra' in the profile"),
        (GOOD.replace('edition = "2026c"', ""), "the key 'edition' is missing"),
        (GOOD.replace('name = "mine"', ""), "the key 'name' is missing"),
        (GOOD.replace("2026c", "2024a"), "edition '2024a' is not the one of the tables here, '2026c'"),
        (GOOD.replace("retain_uids", "retain_uid"), "unknown option 'retain_uid': known are clean_descriptors,"),
        (GOOD.replace("retain_uids", "clean_graphics"), "option 'clean_graphics' is not available"),
        (GOOD.replace("retain_uids", "clean_structured_content"), "'clean_structured_content' is not available"),
        (GOOD + RESOLVE.replace("why", "reason"), r"unknown key 'reason' in the \[\[resolve\]\]"),
        (GOOD + RESOLVE.replace('why = "Agreed."', ""), r"\[\[resolve\]\] lacks the key 'why'"),
        (GOOD + RESOLVE.replace('winner = "retain_full_dates"', 'winner = "retain_uids"'), "one of them the winner"),
        (GOOD + RESOLVE.replace('"retain_modified_dates"', '"retain_full_dates"'), "names two options"),
        (GOOD + RESOLVE.replace('"retain_modified_dates"', '"retain_dates"'), "unknown option 'retain_dates'"),
        ("name =", "not valid TOML"),
    ],
)
def test_what_a_profile_says_and_the_engine_does_not_understand_is_refused_by_name(
    path: Path, text: str, complaint: str
) -> None:
    path.write_text(text)
    with pytest.raises(PolicyError, match=complaint) as caught:
        load_profile(str(path))
    assert str(caught.value).startswith("Profile ")
