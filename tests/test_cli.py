"""The contract of the command line, which evaluation scripts rely on."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner, Result

from deid_platform import cli
from deid_platform.identity import Identity
from deid_platform.model import Stage
from tests.builders.chain import KEY, SMALL_OUTCOME, fill, small_files, tree
from tests.builders.dicom import encode, image, leaks, person, uid

ROOT = Path(__file__).parents[1]
PEOPLE = (person(0), person(1))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_KEY", KEY.hex())


@dataclass(frozen=True)
class Done:
    base: Path
    stdout: str
    stderr: str
    status: int

    @property
    def output(self) -> Path:
        return self.base / "out"

    def table(self, name: str) -> list[list[str]]:
        with (self.base / name).open(encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    def pairs(self, name: str) -> dict[str, str]:
        header, *rows = self.table(f"vault/{name}")
        assert header in (["id_old", "id_new"], ["path", "released"])
        return {row[0]: row[1] for row in rows}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The small drop under a folder that names the patient, by the program itself; warnings are not held back."""
    base = tmp_path_factory.mktemp("cli")
    fill(base / "in", {f"{person(0).family}/{name}": data for name, data in small_files().items()})
    arguments = ["in", "out", "--site", "north", "--crosswalk", "vault", "--workers", "2"]
    environment = os.environ | {"DEID_KEY": KEY.hex(), "PYTHONWARNINGS": "always", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", "deid_platform.cli", "run", *arguments],
        cwd=base,
        env=environment,
        capture_output=True,
        check=False,
    )
    return Done(base, ended.stdout.decode(), ended.stderr.decode(), ended.returncode)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def test_a_run_ends_well_and_says_that_everything_is_accounted_for(done: Done) -> None:
    assert done.status == 0
    assert done.stdout.splitlines() == [
        "found 6 = released 3 + quarantined 3",
        "  duplicate: 1",
        "  empty: 1",
        "  unsupported_format: 1",
    ]


def test_nothing_printed_names_anybody_or_any_file(done: Done) -> None:
    told = f"{done.stdout}{done.stderr}".encode()
    assert not [token for one in PEOPLE for token in leaks(one, told)]
    assert not [name for name in small_files() if name.encode() in told]


def test_the_quarantine_lists_path_stage_and_reason(done: Done) -> None:
    header, *rows = done.table("out/quarantine.csv")
    assert header == ["path", "stage", "reason"]
    assert {Path(path).name: f"{stage}: {reason}" for path, stage, reason in rows} == {
        name: outcome for name, outcome in SMALL_OUTCOME.items() if outcome != "released"
    }
    assert {str(Path(path).parent) for path, _, _ in rows} == {person(0).family}


def test_the_summary_holds_what_was_promised(done: Done) -> None:
    summary = json.loads((done.output / "summary.json").read_text("utf-8"))
    counts = {name: summary[name] for name in ("found", "released", "quarantined", "duplicates")}
    assert counts == {"found": 6, "released": 3, "quarantined": 3, "duplicates": 1}
    stages = set(map(str, Stage))
    assert stages <= summary["seconds"].keys()
    assert stages == summary["bytes"].keys()


def test_released_files_lie_by_subject_study_series_and_instance(done: Done) -> None:
    for path in (done.output / "released").rglob("*"):
        if path.is_file():
            ds = pydicom.dcmread(path)
            place = f"{ds.PatientID}/{ds.StudyInstanceUID}/{ds.SeriesInstanceUID}/{ds.SOPInstanceUID}.dcm"
            assert str(path.relative_to(done.output / "released")) == place
    assert len(tree(done.output / "released")) == 3


def test_the_item_map_leads_to_the_file_that_came_of_each_original(done: Done) -> None:
    found = done.pairs("item_map.csv")
    assert {Path(path).name for path in found} == {name for name, what in SMALL_OUTCOME.items() if what == "released"}
    assert set(found.values()) == tree(done.output / "released").keys()
    for path, target in found.items():
        before, after = pydicom.dcmread(done.base / "in" / path), pydicom.dcmread(done.output / "released" / target)
        assert done.pairs("patient_map.csv")[before.PatientID] == after.PatientID
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            assert done.pairs("uid_map.csv")[before[keyword].value] == after[keyword].value


def test_the_maps_of_identifiers_cover_every_replaced_uid_and_hold_nothing_else(done: Done) -> None:
    identity = Identity(KEY, "north")
    uids = done.pairs("uid_map.csv")
    assert all(new == identity.uid(old) != old for old, new in uids.items())
    assert uid(person(0), instance=2) in uids
    patients = done.pairs("patient_map.csv")
    assert patients == {one.patient_id: identity.subject(one.patient_id, "") for one in PEOPLE}


def test_the_crosswalk_is_for_its_owner_only(done: Done) -> None:
    files = {path.name: path.stat().st_mode & 0o777 for path in (done.base / "vault").iterdir()}
    assert files == dict.fromkeys(["item_map.csv", "patient_map.csv", "uid_map.csv"], 0o600)
    assert (done.base / "vault").stat().st_mode & 0o077 == 0


def test_results_hold_no_name_but_in_the_quarantine_list(done: Done) -> None:
    for path in (path for path in done.output.rglob("*") if path.is_file() and path.name != "quarantine.csv"):
        data = path.read_bytes() + str(path.relative_to(done.output)).encode()
        assert not [token for one in PEOPLE for token in leaks(one, data, {"serial", "station"})]


def test_no_progress_is_drawn_where_nobody_watches(done: Done) -> None:
    assert "\r" not in done.stderr
    assert "scrubbed" not in done.stderr


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with cli._Bar() as bar:
        for stage in (Stage.RAW, Stage.RAW, Stage.SCRUBBED):
            bar.advance(stage, 1)
    last = terminal.getvalue().split("\r")[-1]
    assert last.split() == ["raw", "2", "scrubbed", "1", "pixel_cleaned", "0", "released", "0"]
    assert last.endswith("\n")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "The project key is missing: set DEID_KEY"),
        ("", "The project key is missing: set DEID_KEY"),
        ("00ff" * 8, "not a usable key"),
        ("Quintrelle", "not a usable key"),
        ("Ж" * 64, "not a usable key"),
    ],
)
def test_without_a_usable_key_nothing_happens_and_the_key_is_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str | None, message: str
) -> None:
    if key is None:
        monkeypatch.delenv("DEID_KEY")
    else:
        monkeypatch.setenv("DEID_KEY", key)
    fill(tmp_path / "in", {"a.dcm": b"x"})
    result = call("run", tmp_path / "in", tmp_path / "out")
    assert result.exit_code == 1
    assert message in result.output
    assert not key or key not in result.output
    assert not (tmp_path / "out").exists()


def test_a_file_as_input_and_a_rerun_under_another_profile(tmp_path: Path) -> None:
    fill(tmp_path, {"in/a b.dcm": encode(image(person(0))), "in/other.dcm": b"never looked at"})
    first = call("run", tmp_path / "in/a b.dcm", tmp_path / "out", "--workers", 1)
    assert (first.exit_code, first.output.splitlines()) == (0, ["found 1 = released 1 + quarantined 0"])
    before = tree(tmp_path / "out")
    second = call("run", tmp_path / "in/a b.dcm", tmp_path / "out", "--profile", "basic")
    assert second.exit_code == 1
    assert "OUTPUT holds results of another profile, key, site, version or mapping file" in second.output
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize("change", ["site", "key"])
def test_an_output_of_another_site_or_key_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    (tmp_path / "in").mkdir()
    assert call("run", tmp_path / "in", tmp_path / "out").exit_code == 0
    if change == "key":
        monkeypatch.setenv("DEID_KEY", KEY[::-1].hex())
    result = call("run", tmp_path / "in", tmp_path / "out", *(["--site", "south"] if change == "site" else []))
    assert result.exit_code == 1
    assert "choose an empty folder" in result.output


@pytest.mark.parametrize(
    ("source", "output", "message"),
    [
        ("nothing", "out", "INPUT does not exist"),
        ("in", "in/out", "INPUT and OUTPUT lie inside each other"),
        ("in", "in/a.dcm/out", "INPUT and OUTPUT lie inside each other"),
        ("in", "file/out", "OUTPUT cannot be written"),
    ],
)
def test_what_cannot_be_done_ends_with_a_sentence_and_status_1(
    tmp_path: Path, source: str, output: str, message: str
) -> None:
    fill(tmp_path, {"in/a.dcm": b"x", "file": b"x"})
    result = call("run", tmp_path / source, tmp_path / output)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert message in result.output
    assert len(result.output.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("in",),
        ("in", "out", "more"),
        ("in", "out", "--profile", "no-such-profile"),
        ("in", "out", "--site", "Bad Site"),
        ("in", "out", "--site", ""),
        ("in", "out", "--workers", "0"),
        ("in", "out", "--workers", "many"),
        ("in", "out", "--timeout", "0"),
        ("in", "out", "--no-such-option"),
    ],
)
def test_wrong_usage_ends_with_status_2_and_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "in", {"a.dcm": b"x"})
    assert call("run", *arguments).exit_code == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [KeyError, OSError, RecursionError, ValueError])
def test_a_fault_of_this_software_tells_its_class_and_nothing_it_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def run(*_: Any) -> None:
        raise error(person(0).name)

    monkeypatch.setattr(cli, "run", run)
    result = call("run", tmp_path, tmp_path / "out")
    assert result.exit_code == 1
    assert error.__name__ in result.output
    assert not leaks(person(0), result.output.encode())


@pytest.mark.parametrize("arguments", [("--help",), ("run", "-h"), ("explain", "--help")])
def test_help_is_there(arguments: tuple[str, ...]) -> None:
    result = call(*arguments)
    assert result.exit_code == 0
    assert "Usage: " in result.output
