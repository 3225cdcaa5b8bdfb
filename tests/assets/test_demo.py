"""The demonstration, started as `make demo` starts it, in a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pydicom
import pytest

from assets.demo_drop import FILES, PATIENTS, planted, write_drop
from deid_platform.intake import MARKER

ROOT = Path(__file__).parents[2]
TWICE = "import sys; from assets.demo import main; sys.exit(main() or print('AGAIN') or main())"


@dataclass(frozen=True)
class Demo:
    """What one demonstration after the other printed and left."""

    folder: Path
    first: str
    again: str
    errors: str
    status: int


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copyfile(ROOT / "dagster.yaml", folder / "dagster.yaml")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("DEID_", "DAGSTER_"))}
    ended = subprocess.run(
        [sys.executable, "-c", TWICE],
        cwd=folder,
        env=settings | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    first, _, again = ended.stdout.partition("AGAIN\n")
    return Demo(folder, first, again, ended.stderr, ended.returncode)


def totals(text: str) -> tuple[int, ...]:
    match = re.search(r"found (\d+) = released (\d+) \+ quarantined (\d+)", text)
    assert match, text
    return tuple(map(int, match.groups()))


def test_everything_is_accounted_for(demo: Demo) -> None:
    assert demo.status == 0, demo.errors
    found, released, quarantined = totals(demo.first)
    assert found == released + quarantined == len(FILES) + 4


def test_the_files_nobody_can_use_are_refused_each_for_its_reason(demo: Demo) -> None:
    for line in (
        "1 empty (at raw)",
        "1 truncated (at raw)",
        "1 unsupported_format (at raw)",
    ):
        assert line in demo.first
    assert totals(demo.first)[2] == 3


def test_a_second_demonstration_takes_nothing_in_and_tells_the_same(demo: Demo) -> None:
    assert "sealed 1 new batch" in demo.first
    assert "sealed 0 new batch" in demo.again
    assert totals(demo.again) == totals(demo.first)


def test_everything_lies_in_one_folder_with_the_key_for_its_owner_only(demo: Demo) -> None:
    assert {path.name for path in demo.folder.iterdir()} == {".demo", "dagster.yaml"}
    settings = demo.folder / ".demo/env"
    assert settings.stat().st_mode & 0o777 == 0o600
    assert "DEID_KEY=" in settings.read_text("utf-8")


def test_dagster_is_left_ready_to_be_looked_at(demo: Demo) -> None:
    home = demo.folder / ".demo/dagster_home"
    assert (home / "dagster.yaml").read_bytes() == (ROOT / "dagster.yaml").read_bytes()
    assert list((home / "history/runs").glob("*.db"))


def test_what_is_released_names_none_of_the_planted_people(demo: Demo) -> None:
    names = [part for one in PATIENTS for part in (one.number, one.accession, *one.name.split("^")) if len(part) > 1]
    files = [path for path in (demo.folder / ".demo/store/released").rglob("*") if path.is_file()]
    assert len(files) > totals(demo.first)[1]
    for path in files:
        data = path.read_bytes().lower()
        assert not [name for name in names if name.encode().lower() in data]


def test_the_drop_is_real_dicom_of_planted_people_and_four_bad_files(tmp_path: Path) -> None:
    assert write_drop(tmp_path / "drop") == len(FILES) + 4
    assert (tmp_path / "drop" / MARKER).exists()
    syntaxes, modalities = set(), set()
    for path in tmp_path.rglob("*/*/*.dcm"):
        ds = pydicom.dcmread(path)
        assert ds.PatientID in {one.number for one in PATIENTS}
        syntaxes.add(ds.file_meta.TransferSyntaxUID)
        modalities.add(ds.Modality)
    assert len(syntaxes) >= 6
    assert len(modalities) >= 5


def test_a_planted_file_names_its_patient_in_header_comment_and_private_block() -> None:
    ds = planted("CT_small.dcm", PATIENTS[0], 0)
    family = PATIENTS[0].name.partition("^")[0]
    assert family in str(ds.PatientName)
    assert family.upper() in ds.StudyDescription
    assert ds.private_block(0x0011, "ACME RIS 1.0")[0x01].value == PATIENTS[0].name
    assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
