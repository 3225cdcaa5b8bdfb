"""A run over an archive gives what a run over its files gives, and nothing in an archive is lost."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from deid_platform.run import run
from tests.builders.archives import Raw, raw_zip, zipped
from tests.builders.chain import fill
from tests.builders.dicom import encode, image, person
from tests.test_run_slides import order

pytestmark = pytest.mark.usefixtures("unruled")


def files() -> dict[str, bytes]:
    images = {f"{number}.dcm": encode(image(person(number), rows=32, columns=32)) for number in (1, 2)}
    return {**images, "Doe Jane/readme.txt": b"DOE JANE"}


def released(output: Path, suffix: str) -> dict[str, bytes]:
    return {str(path.relative_to(output)): path.read_bytes() for path in output.rglob(f"released/**/*{suffix}")}


def refused(output: Path) -> set[tuple[str, str]]:
    with output.joinpath("quarantine.csv").open(newline="") as file:
        return {(row["path"], row["reason"]) for row in csv.DictReader(file)}


def test_an_archive_is_released_as_its_files_are(tmp_path: Path) -> None:
    fill(tmp_path / "loose", files())
    fill(tmp_path / "packed", {"drop.zip": zipped(files())})
    loose, packed = (run(order(tmp_path / name, tmp_path / f"{name}-out")) for name in ("loose", "packed"))
    assert (packed.found, packed.released) == (loose.found, loose.released) == (3, 2)
    assert released(tmp_path / "loose-out", ".dcm") == released(tmp_path / "packed-out", ".dcm")
    assert refused(tmp_path / "packed-out") == {("drop.zip/Doe Jane/readme.txt", "unsupported_format")}


def test_an_archive_is_asked_for_by_its_name(tmp_path: Path) -> None:
    fill(tmp_path, {"drop.zip": zipped(files())})
    assert run(order(tmp_path / "drop.zip", tmp_path / "out")).released == 2


def test_a_second_run_over_an_archive_gives_the_same(tmp_path: Path) -> None:
    fill(tmp_path / "in", {"drop.zip": zipped({"1.dcm": files()["1.dcm"]})})
    first, second = (
        (run(order(tmp_path / "in", tmp_path / "out")).released, released(tmp_path / "out", ".dcm")) for _ in range(2)
    )
    assert first == second
    assert len(first[1]) == first[0] == 1


def test_bad_archives_and_members_are_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = Raw(b"good.dcm", files()["1.dcm"])
    fill(tmp_path / "in", {
        "torn.zip": zipped(files())[:-30], "escape.zip": raw_zip([Raw(b"../../DOE.dcm")]),
        "locked.zip": raw_zip([Raw(flags=1)]), "one.zip": raw_zip([good, Raw(b"bad.dcm", good.packed, crc=1)]),
    })  # fmt: skip
    summary = run(order(tmp_path / "in", tmp_path / "out"))
    assert (summary.found, summary.released) == (5, 1)
    assert refused(tmp_path / "out") == {
        ("torn.zip", "truncated"), ("escape.zip", "malformed"), ("locked.zip", "encrypted"),
        ("one.zip/bad.dcm", "malformed"),
    }  # fmt: skip
