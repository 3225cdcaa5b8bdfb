"""Planted people go through the whole platform; afterwards they are nowhere but where they may be."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from tests.builders.bad_files import dicomdir_alone, not_dicom, truncated_header, undecodable
from tests.builders.chain import KEY, land
from tests.builders.dicom import encode, image, person, planted, report, secondary_capture
from tests.builders.search import hits

ROOT = Path(__file__).parents[2]
PEOPLE = range(7)
MAY_NAME_PEOPLE = ("store/landing", "store/raw", "store/ledger")
KEPT = ("serial", "station")  # by this profile, in objects only


def named(number: int, what: str) -> str:
    """A file name as hospitals give it."""
    one = person(number)
    return f"{one.family}_{one.given} {one.patient_id}/{what}.dcm"


def write_drops(root: Path) -> None:
    """A drop for each thing that can happen; names of drops, folders and files name the patients."""
    good = {
        named(0, "ct"): encode(image(person(0))),
        named(1, "sr"): encode(report(person(1))),
        named(1, "again"): encode(report(person(1))),
        named(2, "mr"): encode(image(person(2), modality="MR")),
        named(2, "text"): encode(secondary_capture(person(2), f"{person(0).family}, {person(0).given}", instance=9)),
        named(3, "mixed1"): encode(report(person(3), instance=1)),
        named(3, "mixed2"): encode(report(person(3), instance=2, PatientID=person(4).patient_id)),
        named(0, "cut"): truncated_header(),
        named(0, "letter"): not_dicom(),
        named(0, "index"): dicomdir_alone(),
        named(0, "noise"): undecodable().replace(person(0).uid_root.encode(), person(5).uid_root.encode()),
        f"{person(0).family}\udcff.dcm": b"",
    }
    land(root, good, site="good", drop=f"{person(0).family} 2024")
    for number, site in ((4, "worker"), (5, "manifest"), (6, "fault")):
        land(root, {named(number, "sr"): encode(report(person(number)))}, site=site, drop=person(number).family)


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that is left after the runs: the store, Dagster's home, catalogue, output of the process, scratch."""
    root = tmp_path_factory.mktemp("canary")
    write_drops(root / "store")
    for name in ("home", "scratch"):
        (root / name).mkdir()
    shutil.copyfile(ROOT / "dagster.yaml", root / "home/dagster.yaml")
    settings = {
        "DAGSTER_HOME": str(root / "home"), "TMPDIR": str(root / "scratch"), "PYTHONPATH": str(ROOT),
        "DEID_STORE": str(root / "store"), "DEID_CATALOGUE": str(root / "catalogue"), "DEID_KEY": KEY.hex(),
        "DEID_QUIET_SECONDS": "0", "DEID_WORKERS": "1", "DEID_PROFILE": "tcia", "PYTHONWARNINGS": "always",
    }  # fmt: skip
    with (root / "stdout.txt").open("wb") as out, (root / "stderr.txt").open("wb") as err:
        subprocess.run(
            [sys.executable, "-m", "tests.promises.canary_run", str(root / "result.json")],
            env=os.environ | settings,
            cwd=root / "scratch",
            stdout=out,
            stderr=err,
            check=True,
        )
    return root


def files(root: Path, *below: str) -> list[Path]:
    return sorted(path for name in below for path in (root / name).rglob("*") if path.is_file())


def tokens(without: Iterable[str] = ()) -> list[str]:
    return [token for number in PEOPLE for token in planted(person(number), set(without))]


def test_what_was_to_happen_did_happen(canary: Path) -> None:
    outcome = json.loads((canary / "result.json").read_bytes())
    assert outcome == {"good": True, "worker": False, "manifest": False, "fault": False, "catalogue": True}
    log = (canary / "stderr.txt").read_text("utf-8") + (canary / "stdout.txt").read_text("utf-8")
    assert "ValueError in landing_sensor" in log
    assert "ValueError in raw" in log
    assert log.count("An object cannot be written to the store") >= 2
    assert "ASSET_MATERIALIZATION" in log


def test_released_and_refused_items_came_of_the_good_drop(canary: Path) -> None:
    assert len(list((canary / "store/released").rglob("*.dcm"))) == 4
    assert len(list((canary / "store/quarantine").rglob("manifest.parquet"))) == 1


def test_neither_dagster_nor_any_log_names_anybody(canary: Path) -> None:
    places = [*files(canary, "home", "scratch", "catalogue"), *canary.glob("*.*")]
    assert len(places) > 8
    assert not {str(path): found for path in places if (found := hits(tokens(), path))}


def test_no_manifest_verdict_or_report_names_anybody(canary: Path) -> None:
    below = ("scrubbed", "pixel_cleaned", "publication", "quarantine", "released")
    places = [path for path in files(canary / "store", *below) if path.suffix != ".dcm"]
    assert {path.name for path in places} >= {
        "manifest.parquet", "findings.parquet", "gate.json", "report.html", "release.json",
    }  # fmt: skip
    assert not {str(path): found for path in places if (found := hits(tokens(), path))}


def test_no_cleaned_object_names_anybody(canary: Path) -> None:
    # A shifted date of one person may be the true date of another, so dates are left to the gate and its tests.
    wanted = tokens(without=(*KEPT, "birth_date", "study_date"))
    places = [path for path in files(canary / "store", "scrubbed", "released") if path.suffix == ".dcm"]
    assert len(places) > 4
    assert not {str(path): found for path in places if (found := hits(wanted, path))}


def test_every_file_is_in_a_place_that_was_searched_or_may_name_people(canary: Path) -> None:
    searched = ("home", "scratch", "catalogue", "store/scrubbed", "store/pixel_cleaned", "store/publication",
                "store/quarantine", "store/released")  # fmt: skip
    known = set(files(canary, *searched, *MAY_NAME_PEOPLE)) | set(canary.glob("*.*"))
    assert set(files(canary, ".")) == known


def test_no_place_of_an_object_names_anybody(canary: Path) -> None:
    for path in canary.rglob("*"):
        place = str(path.relative_to(canary))
        if not place.startswith(MAY_NAME_PEOPLE):
            assert not [token for token in tokens() if token.lower() in place.lower()]


def test_the_search_finds_what_is_there(canary: Path, tmp_path: Path) -> None:
    raw = [found for path in files(canary, "store/raw", "store/ledger") for found in hits(tokens(), path)]
    assert set(raw) >= {person(number).family for number in (0, 1, 2, 3)}
    name = person(3).family
    for number, text in enumerate((name, json.dumps(name), json.dumps({"inner": json.dumps({"name": name})}))):
        path = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("create table events (body blob)")
            database.execute("insert into events values (?)", (zlib.compress(text.encode()),))
            database.commit()
        assert hits([name], path) == [name]


def test_no_copy_of_any_original_is_left_in_the_scratch_folder(canary: Path) -> None:
    assert files(canary, "scratch") == []


def test_the_key_is_nowhere(canary: Path) -> None:
    assert not [path for path in files(canary, ".") if hits([KEY.hex()], path)]
