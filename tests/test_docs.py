"""What the documents say about the code is what the code says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.converters import document
from deid_platform.model import REMEDIES, Reason
from deid_platform.policy import packaged
from deid_platform.policy.describe import options_table, profiles_table

ROOT = Path(__file__).parents[1]


def test_every_reason_has_a_remedy_and_stands_in_the_operators_guide() -> None:
    text = (ROOT / "docs/operating.md").read_text("utf-8")
    assert set(REMEDIES) == set(Reason)
    for reason, remedy in REMEDIES.items():
        assert f"| `{reason}` | {remedy} |" in text


def test_every_packaged_profile_is_explained() -> None:
    text = (ROOT / "docs/policies.md").read_text("utf-8")
    for name in packaged():
        assert f"| `{name}` |" in text


@pytest.mark.parametrize(("name", "table"), [("options", options_table), ("profiles", profiles_table)])
def test_the_tables_of_policies_are_those_the_data_give(name: str, table: Callable[[], str]) -> None:
    text = (ROOT / "docs/policies.md").read_text("utf-8")
    (shown,) = re.findall(rf"<!-- {name}: .*? -->\n(.*?)<!-- end -->", text, re.DOTALL)
    assert shown == table(), "put the output of `deid explain --markdown` there"


def test_the_readme_names_every_setting_the_definitions_read() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    source = (ROOT / "assets/definitions.py").read_text("utf-8") + (ROOT / "resources/store.py").read_text("utf-8")
    settings = set(re.findall(r'"(DEID_[A-Z_]+)"', source))
    assert settings
    for setting in settings:
        assert setting in readme


def test_the_list_of_private_elements_for_converters_is_up_to_date() -> None:
    assert (ROOT / "docs/private-elements.md").read_text("utf-8") == document()
