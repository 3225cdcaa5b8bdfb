from pathlib import Path

import pytest

from deid_platform.errors import PolicyError
from deid_platform.policy import load_policy

PROFILE = 'name = "ours"\nbase = "tcia"\n'


def own(tmp_path: Path, text: str, name: str = "ours.toml") -> str:
    path = tmp_path / name
    path.write_text(PROFILE + text, "utf-8")
    return str(path)


def test_a_silent_profile_lets_faces_be() -> None:
    heads = load_policy("basic").heads
    assert not heads.looks
    assert heads.at("anywhere").faces == "keep"


@pytest.mark.parametrize("profile", ["research", "safe_harbor"])
def test_profiles_that_follow_hipaa_remove_faces(profile: str) -> None:
    assert load_policy(profile).heads.general.faces == "remove"


@pytest.mark.parametrize(("profile", "codes"), [("research", ["113102"]), ("tcia", []), ("basic", [])])
def test_the_code_of_faces_follows_whether_they_go(profile: str, codes: list[str]) -> None:
    assert [code for code, _ in load_policy(profile).claims_of_faces] == codes


def test_a_site_may_differ(tmp_path: Path) -> None:
    north = '[heads.sites.north]\nskull = "strip"\nfill = "noise"\n'
    policy = load_policy(own(tmp_path, '[heads]\nfaces = "remove"\n' + north))
    assert not policy.heads.at("south").strips
    there = policy.heads.at("north")
    assert (there.faces, there.skull, there.fill) == ("remove", "strip", "noise")
    assert policy.digest != load_policy(own(tmp_path, '[heads]\nfaces = "remove"\n', "other.toml")).digest


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[heads]\nface = "remove"\n', "did you mean 'faces'"),
        ('[heads]\nfaces = "blur"\n', "none of the choices"),
        ('[heads]\nskull = "strip"\n', "takes the face out"),
        ('[heads.sites]\nnorth = "strip"\n', "must be a table"),
        ('[heads]\nsites = 3\n', "must be a table"),
    ],
)
def test_what_is_not_understood_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said) as error:
        load_policy(own(tmp_path, text))
    assert "ours.toml" in str(error.value)
