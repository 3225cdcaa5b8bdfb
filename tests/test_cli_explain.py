"""`deid explain`: what a profile does to what, and on whose word."""

from __future__ import annotations

from pathlib import Path

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


def test_a_profile_is_told_in_words_before_its_attributes() -> None:
    output = call("explain", "safe_harbor").output
    assert "dates    moved to the 1st of January" in output
    assert "texts    cleaned" in output
    assert "private  removed" in output
    assert "retain_modified_dates decides" in call("explain", "research").output


@pytest.mark.parametrize(("profile", "told"), [("safe_harbor", True), ("tcia", False)])
def test_the_code_claimed_for_removed_faces_is_told(profile: str, told: bool) -> None:
    assert ("113102" in call("explain", profile).output) is told


def test_a_compound_code_is_told_by_type_and_for_a_sop_class() -> None:
    lines = call("explain", "basic", "SourceImageSequence", "--sop-class", "Segmentation Storage").output.splitlines()
    assert lines[1].strip() == "X: removed"
    assert lines[2].endswith("X/Z/U*: Type 3 in segmentation")
    assert lines[3].strip() == "X/Z/U* by the Type in the object's IOD: Type 1 U, Type 2 U, Type 3 X, unknown U"
    assert "  U  5200,9230/0008,9124/(0008,2112), Type 2" in lines
    for name in ("SegmentationStorage", "1.2.840.10008.5.1.4.1.1.66.4"):
        given = call("explain", "basic", "SourceImageSequence", "--sop-class", name)
        assert given.output.splitlines() == lines


def test_a_sop_class_nobody_knows_is_said_to_be_unknown() -> None:
    assert "do not know the IOD" in call("explain", "basic", "StationName", "--sop-class", "1.2.3").output
    assert call("explain", "basic", "StationName", "--sop-class", "No Such Storage").exit_code == 2


def test_a_private_element_is_explained_by_its_signature() -> None:
    output = call("explain", "tcia", "0019,SIEMENS MR HEADER,0c").output
    assert "  C: " in output
    assert "TCIA private tag knowledge base" in output


def test_what_a_site_wrote_is_explained_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "our.toml"
    path.write_text(
        'name = "our"\nbase = "tcia"\n'
        '[[attribute]]\ntag = "ReferringPhysicianName"\naction = "K"\nwhy = "Asked for."\naccept_risk = true\n'
        '[[private]]\nsignature = "0019,A,01"\naction = "C"\nwhy = "Known."\n'
    )
    output = call("explain", str(path)).output
    assert "nothing is claimed in (0012,0064)" in output
    assert "0019,A,01  C  [[private]]: Known." in output
    assert "[[attribute]] of our: Asked for." in call("explain", str(path), "ReferringPhysicianName").output


def test_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "our.toml"
    path.write_text('name = "our"\nedition = "2026c"\noptions = ["retain_uid"]\n')
    result = call("explain", str(path))
    assert result.exit_code == 2
    assert "our.toml, line 3, options[1]: unknown option 'retain_uid': did you mean 'retain_uids'?" in " ".join(
        result.output.split()
    )
