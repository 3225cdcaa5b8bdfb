from __future__ import annotations

from pathlib import Path

import pytest

from deid_platform.errors import PolicyError
from deid_platform.policy import load_policy
from resources.policies import PolicyResource


def test_the_profile_is_tcia_unless_told_otherwise() -> None:
    assert PolicyResource().policy() == load_policy("tcia")
    assert PolicyResource(profile="basic").policy() == load_policy("basic")


def test_a_site_may_bring_its_own_profile(tmp_path: Path) -> None:
    profile = tmp_path / "ours.toml"
    profile.write_text(
        'name = "ours"\nedition = "2026c"\nabout = "Ours."\noptions = ["retain_modified_dates"]\n', "utf-8"
    )
    policy = PolicyResource(profile=str(profile)).policy()
    assert policy.name == "ours"
    assert policy.digest not in (load_policy("tcia").digest, load_policy("basic").digest)


def test_a_profile_that_is_not_there_is_refused() -> None:
    with pytest.raises(PolicyError):
        PolicyResource(profile="no-such-profile").policy()
