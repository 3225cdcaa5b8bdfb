"""Released objects on a medium: a DICOMDIR that others can read and that tells nothing new."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread, dcmwrite
from pydicom.dataset import FileDataset
from pydicom.uid import UID_dictionary

from deid_platform.audit.media import media_hits
from deid_platform.cli import main
from deid_platform.errors import DeidError, UnsafeToRelease
from deid_platform.media import FILLED_IN, record_type, write_media
from tests.builders.chain import tree
from tests.builders.dicom import encode, image, leaks, person
from tests.formats.dicom.cleaning import OBJECTS, RETAINED, Laboratory

KINDS = ("CT", "MR in frames", "report", "document", "waveform")


@pytest.fixture(scope="module", params=["basic", "tcia"])
def released(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, each with an object of every kind, as a run releases them."""
    folder, lab = tmp_path_factory.mktemp("released"), Laboratory(tmp_path_factory.mktemp("lab"))
    for number in (0, 1):
        for instance, kind in enumerate(KINDS, 1):
            make: Callable[..., FileDataset] = OBJECTS[kind]
            cleaned = lab.clean(encode(make(person(number), instance=instance)), request.param)
            ds = dcmread(cleaned.output, stop_before_pixels=True)
            target = folder / str(ds.PatientID) / str(ds.SeriesInstanceUID) / f"{kind}.dcm"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(cleaned.output, target)
    return folder


def test_every_object_is_listed_and_copied_as_it_is(released: Path, tmp_path: Path) -> None:
    made = write_media(released, tmp_path / "disc")
    assert list(media_hits(tmp_path / "disc", FILLED_IN)) == []
    originals = {dcmread(path).SOPInstanceUID: path.read_bytes() for path in released.rglob("*.dcm")}
    records = dcmread(tmp_path / "disc" / "DICOMDIR").DirectoryRecordSequence
    leaves = [record for record in records if "ReferencedFileID" in record]
    files = {one.ReferencedSOPInstanceUIDInFile: (tmp_path / "disc").joinpath(*one.ReferencedFileID) for one in leaves}
    assert {uid: path.read_bytes() for uid, path in files.items()} == originals
    assert made.written == len(originals)
    assert sum(record.DirectoryRecordType == "PATIENT" for record in records) == 2


def test_no_identifier_stands_in_it(released: Path, tmp_path: Path) -> None:
    write_media(released, tmp_path / "disc")
    data = (tmp_path / "disc" / "DICOMDIR").read_bytes()
    for number in (0, 1):
        assert leaks(person(number), data, without=RETAINED["tcia"]) == []


def test_the_same_objects_give_the_same_bytes(released: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_media(released, tmp_path / name)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


@pytest.mark.skipif(shutil.which("dcdirdmp") is None, reason="dicom3tools are not installed.")
def test_another_reader_follows_every_record(released: Path, tmp_path: Path) -> None:
    made = write_media(released, tmp_path / "disc")
    done = subprocess.run(["dcdirdmp", tmp_path / "disc" / "DICOMDIR"], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr).count("-> PT") == made.written
    assert "rror" not in done.stderr


def test_what_has_no_record_is_left_out_and_counted(released: Path, tmp_path: Path) -> None:
    shutil.copytree(released, tmp_path / "more")
    report = next((tmp_path / "more").rglob("report.dcm"))
    ds = dcmread(report)
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.38.1", "2.25.7"
    dcmwrite(tmp_path / "more" / "other.dcm", ds)
    shutil.copyfile(report, tmp_path / "more" / "again.dcm")
    made = write_media(tmp_path / "more", tmp_path / "disc")
    assert made.left_out == {
        "no directory record is defined for Hanging Protocol Storage": 1,
        "it is there twice": 1,
    }


def test_foreign_files_empty_folders_and_used_ones_are_refused(released: Path, tmp_path: Path) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "a.dcm").write_bytes(encode(image(person(0))))
    with pytest.raises(UnsafeToRelease):
        write_media(tmp_path / "foreign", tmp_path / "disc")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DeidError):
        write_media(tmp_path / "empty", tmp_path / "disc")
    with pytest.raises(DeidError):
        write_media(released, tmp_path / "empty")
    assert not (tmp_path / "disc").exists()


def test_a_record_that_says_more_than_its_object_is_found(released: Path, tmp_path: Path) -> None:
    write_media(released, tmp_path / "disc")
    directory = dcmread(tmp_path / "disc" / "DICOMDIR")
    directory.DirectoryRecordSequence[0].PatientName = "A" * len(str(directory.DirectoryRecordSequence[0].PatientName))
    dcmwrite(tmp_path / "disc" / "DICOMDIR", directory)
    assert ("(0010,0010)", "not_of_the_object") in set(media_hits(tmp_path / "disc", FILLED_IN))
    directory.FileSetDescriptorFileID = ["README"]
    (tmp_path / "disc" / "README").write_bytes(b"John Doe")
    dcmwrite(tmp_path / "disc" / "DICOMDIR", directory)
    hits = set(media_hits(tmp_path / "disc", FILLED_IN))
    assert {("(0004,1141)", "not_allowed"), ("DICOMDIR", "lists_other_files")} <= hits


def command(*arguments: Path) -> Result:
    return CliRunner().invoke(main, ["media", *map(str, arguments)])


def test_the_command_tells_counts_and_refuses_without_names(released: Path, tmp_path: Path) -> None:
    done = command(released, tmp_path / "disc")
    assert done.exit_code == 0
    assert f"{2 * len(KINDS)} objects and a DICOMDIR" in done.output
    again = command(released, tmp_path / "disc")
    assert again.exit_code == 1
    assert "there already" in again.output
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "DOE.dcm").write_bytes(b"John Doe")
    broken = command(tmp_path / "broken", tmp_path / "other")
    assert broken.exit_code == 1
    assert "Doe" not in broken.output
    assert "DOE" not in broken.output


def test_record_types_are_those_of_the_standard() -> None:
    storage = [uid for uid in UID_dictionary if uid.startswith("1.2.840.10008.5.1.4.1.1.")]
    kinds = {uid: record_type(uid, has_rows=False) for uid in storage}
    assert kinds["1.2.840.10008.5.1.4.1.1.88.59"] == "KEY OBJECT DOC"
    assert kinds["1.2.840.10008.5.1.4.1.1.66.4"] == "IMAGE"
    assert kinds["1.2.840.10008.5.1.4.1.1.481.5"] == "RT PLAN"
    assert kinds["1.2.840.10008.5.1.4.1.1.2"] is None
    assert record_type("1.2.840.10008.5.1.4.1.1.2", has_rows=True) == "IMAGE"
    assert record_type("1.2.840.10008.5.1.4.38.1", has_rows=False) is None
