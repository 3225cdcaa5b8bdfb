"""Mapping files on the command line."""

from __future__ import annotations

import csv
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result

from deid_platform import cli
from tests.builders.chain import KEY, fill
from tests.builders.dicom import encode, image, person

FILES = {f"in/{name}.dcm": encode(image(person(i), rows=8, columns=8)) for i, name in enumerate("ab")}
MAPPING = f"patient_id,pseudonym\n{person(0).patient_id},TRIAL-001\n"


@pytest.fixture(autouse=True)
def _drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_KEY", KEY.hex())
    fill(tmp_path, {**FILES, "m.csv": MAPPING.encode()})


def call(base: Path, *arguments: str) -> Result:
    """A run in ``base``; names of its files become paths."""
    paths = [str(base / word) if word in ("m.csv", "none.csv", "in/a.dcm", "vault") else word for word in arguments]
    return CliRunner().invoke(cli.main, ["run", str(base / "in"), str(base / "out"), "--workers", "1", *paths])


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_patients_of_the_file_are_renamed_and_others_held_back_until_it_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call(tmp_path, "--mapping", "m.csv", "--crosswalk", "vault")
    assert (first.exit_code, first.output.splitlines()) == (
        0, ["found 2 = released 1 + quarantined 1", "  unknown_subject: 1"],
    )  # fmt: skip
    assert table(tmp_path / "out/quarantine.csv")[1:] == [["b.dcm", "scrubbed", "unknown_subject"]]
    assert table(tmp_path / "vault/patient_map.csv")[1:] == [[person(0).patient_id, "TRIAL-001"]]
    (released,) = (tmp_path / "out/released").rglob("*.dcm")
    assert pydicom.dcmread(released).PatientID == "TRIAL-001"
    (tmp_path / "m.csv").write_text(MAPPING.replace("001", "002"), "utf-8")
    monkeypatch.setenv("DEID_MAPPING", str(tmp_path / "m.csv"))
    again = call(tmp_path)
    assert again.exit_code == 1
    assert "OUTPUT holds results of another profile, key, site, version or mapping file" in again.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--mapping", "none.csv"], "The mapping file cannot be read"),
        (["--mapping", "in/a.dcm"], "Mapping file a.dcm, line "),
        (["--unknown-subjects", "quarantine"], "Without a mapping file every patient is unknown"),
        (["--issuers", "ignore", "--default-issuer", "A"], "A default issuer makes no sense"),
        (["--issuers", "separate", "--mapping", "m.csv"], "lacks the column issuer"),
    ],
)
def test_settings_that_cannot_be_used_end_the_run_before_it_begins(
    tmp_path: Path, arguments: list[str], told: str
) -> None:
    result = call(tmp_path, *arguments)
    assert result.exit_code == 1
    assert told in result.output
    assert not (tmp_path / "out").exists()


def test_issuers_in_the_file_contradict_ignoring_them(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("patient_id,pseudonym,issuer\n1,T-1X,A\n", "utf-8")
    result = call(tmp_path, "--issuers", "ignore", "--mapping", "m.csv")
    assert (result.exit_code, "names issuers, which are to be ignored" in result.output) == (1, True)
