"""``deid deface``: faces out of one file or a folder, headers as they were."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform import cli, cli_deface
from deid_platform.audit.heads.picture import Pictures
from deid_platform.stages import heads_proof
from tests.builders.chain import Here
from tests.builders.dicom import encode, person, report
from tests.builders.heads import Scan, body, head, slices
from tests.builders.nifti import NAME, nifti_bytes, write_nifti


@pytest.fixture(scope="module")
def scan() -> Scan:
    return head(step=5.0)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_deface, "ProcessCompute", lambda *_: Here())


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["deface", *map(str, arguments)])


def nifti(scan: Scan) -> bytes:
    """The scan as NIfTI, with a name in its header and in an extension."""
    voxels = scan.samples.transpose(2, 1, 0).astype(np.int16)
    affine = np.diag([-scan.step, -scan.step, scan.step, 1.0])
    affine[:3, 3] = scan.origin
    return nifti_bytes(voxels, affine=affine, extension=NAME.ljust(24, b"\0"))


def folder(place: Path, scan: Scan, *others: Dataset) -> Path:
    place.mkdir()
    for number, ds in enumerate((*slices(scan, person(1)), *others)):
        (place / f"{number:03}.dcm").write_bytes(encode(ds))
    return place


class Judged:
    """What a proof finds, without measuring."""

    def __init__(self, *found: str) -> None:
        self.found = list(found)

    def failures(self, *, face: bool) -> list[str]:
        return self.found if face else []


def judge(monkeypatch: pytest.MonkeyPatch, judged: Judged) -> None:
    stand_ins = {"register": None, "views": [], "looks_like_a_face": False, "pictures": Pictures(b"", b""),
                 "measured": judged}  # fmt: skip
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(heads_proof, name, lambda *_, given=stand_in: given)


def test_a_nifti_head_loses_its_face_and_keeps_every_byte_of_its_header(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = write_nifti(tmp_path / "in.nii", nifti(scan))
    packed = write_nifti(tmp_path / "in.nii.gz", nifti(scan), compressed=True)
    told = call(plain, tmp_path / "out.nii")
    assert told.exit_code == 0, told.output
    assert "face removed, proven" in told.output
    assert "no de-identification" in told.output
    before, after = plain.read_bytes(), (tmp_path / "out.nii").read_bytes()
    start = len(before) - scan.samples.nbytes
    assert after[:start] == before[:start]
    assert len(after) == len(before)
    assert 0.02 < np.mean(np.frombuffer(after[start:], "<i2") != np.frombuffer(before[start:], "<i2")) < 0.5
    judge(monkeypatch, Judged())
    assert call(packed, tmp_path / "out.nii.gz").exit_code == 0
    assert gzip.decompress((tmp_path / "out.nii.gz").read_bytes()) == after


def test_a_dicom_folder_keeps_names_and_headers_and_what_is_no_volume_is_left_out(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(monkeypatch, Judged())
    source = folder(tmp_path / "in", scan, report(person(1)))
    (source / "notes.txt").write_text("Jane Doe")
    told = call(source, tmp_path / "out", "--report", tmp_path / "report.csv")
    assert told.exit_code == 3
    assert "Jane" not in told.output
    assert str(tmp_path) not in told.output
    lines = (tmp_path / "report.csv").read_text(encoding="utf-8").splitlines()
    rows = {row["path"]: row for row in csv.DictReader(lines)}
    images = [f"{number:03}.dcm" for number in range(len(scan.samples))]
    assert {rows[name]["result"] for name in images} == {"proven"}
    assert {rows[name]["rule"] for name in images} == {"face_removed"}
    assert rows["notes.txt"]["reason"] == "unsupported_format"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == images
    changed = 0
    for name in images:
        before, after = dcmread(source / name), dcmread(tmp_path / "out" / name)
        changed += before.PixelData != after.PixelData
        assert after.RecognizableVisualFeatures == "NO"
        assert "DeidentificationMethodCodeSequence" not in after
        for ds in (before, after):
            del ds.PixelData
            ds.pop("RecognizableVisualFeatures", None)
        assert before == after
    assert changed > len(images) // 3


def test_what_is_not_proven_is_written_only_when_asked_for_and_claims_nothing(
    scan: Scan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(tmp_path / "in", scan)
    judge(monkeypatch, Judged("skin_not_moved"))
    told = call(source, tmp_path / "out")
    assert told.exit_code == 3
    assert "unproven, face_not_proven_gone" in told.output
    assert not (tmp_path / "out").exists()
    assert call(source, tmp_path / "out", "--unproven").exit_code == 3
    assert len(list((tmp_path / "out").iterdir())) == len(scan.samples)
    middle = f"{len(scan.samples) // 2:03}.dcm"
    before, after = dcmread(source / middle), dcmread(tmp_path / "out" / middle)
    assert before.PixelData != after.PixelData
    assert after.get("RecognizableVisualFeatures") == before.get("RecognizableVisualFeatures")


def test_a_belly_is_copied_as_it_is(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", body((12, 48, 48), 8.0))
    told = call(source, tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert "no head, proven" in told.output
    assert all((tmp_path / "out" / path.name).read_bytes() == path.read_bytes() for path in source.iterdir())


def test_nothing_is_written_over_or_among_the_originals(tmp_path: Path) -> None:
    source = write_nifti(tmp_path / "in.nii", nifti(body((12, 48, 48), 8.0)))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    for arguments, said in (
        ((source, source), "OUTPUT exists"),
        ((tmp_path, tmp_path / "full"), "OUTPUT exists"),
        ((tmp_path, tmp_path / "new"), "inside INPUT"),
        ((source, tmp_path / "out.nii.gz"), "same ending"),
        ((tmp_path / "missing", tmp_path / "new"), "does not exist"),
    ):
        told = call(*arguments)
        assert told.exit_code == 1
        assert said in told.output


def test_a_broken_file_is_told_and_does_not_stop_the_others(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", body((12, 48, 48), 8.0))
    whole = nifti(body((12, 48, 48), 8.0))
    (source / "cut.nii").write_bytes(whole[: len(whole) // 2])
    told = call(source, tmp_path / "out")
    assert told.exit_code == 3
    assert "refused, truncated" in told.output
    assert "12 of 13 files written" in told.output
