"""`deid explain`: what a profile does to what, and on whose word."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from deid_platform import cli


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


def test_a_profile_is_explained_attribute_by_attribute() -> None:
    result = call("explain", "tcia")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("tcia: PS3.15 2026c, policy ")
    (patient,) = (line for line in lines if "PatientName " in line)
    assert patient.startswith("(0010,0010)")
    assert "PS3.15 2026c Table E.1-1" in result.output
    assert len(lines) > 400


@pytest.mark.parametrize("tag", ["PatientName", "00100010", "(0010,0010)", "0010,0010"])
def test_a_tag_may_be_given_in_every_usual_way(tag: str) -> None:
    result = call("explain", "basic", tag)
    assert result.exit_code == 0
    first, action, because = result.output.splitlines()
    assert first == "(0010,0010) PatientName (PN)"
    assert action.strip().startswith("Z: ")
    assert "PS3.15 2026c Table E.1-1" in because


@pytest.mark.parametrize(("tag", "says"), [("00091001", "(0009,1001)"), ("00089FFF", "unknown attribute")])
def test_what_no_table_lists_is_explained_too(tag: str, says: str) -> None:
    result = call("explain", "basic", tag)
    assert result.exit_code == 0
    assert says in result.output
    assert "  X: " in result.output


@pytest.mark.parametrize("arguments", [("basic", "NoSuchKeyword"), ("basic", "0010"), ("no-such-profile",), ()])
def test_what_cannot_be_explained_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert call("explain", *arguments).exit_code == 2
