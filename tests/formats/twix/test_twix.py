from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deid_platform.errors import MalformedFile, UnsafeToRelease, UnsupportedFormat
from deid_platform.formats.registry import format_of
from deid_platform.formats.twix.twix import Twix
from deid_platform.identity import Identity
from deid_platform.model import Masking, Reason
from deid_platform.policy import load_policy
from deid_platform.subjects import SubjectRules, Unknown
from tests.builders.twix import PLANTED, STUDY_UID, raw_file, samples

REAL = Path(__file__).parents[4] / "shared" / "data" / "twix"
TWIX, IDENTITY = Twix(), Identity(bytes(range(32)))
POLICY = load_policy("tcia")
NEEDLES = (
    *PLANTED, STUDY_UID, b"DOE", b"JANE", b"Jane", b"Doe", b"Roe", b"Elsewhere", b"20190304", b"20200103", b"66327775",
    b"117959",
)  # fmt: skip


def scrubbed(tmp_path: Path, data: bytes) -> tuple[Path, Path]:
    source, output = tmp_path / "source.dat", tmp_path / "output.dat"
    source.write_bytes(data)
    TWIX.scrub(source, output, POLICY, IDENTITY)
    return source, output


def test_nothing_that_identifies_is_left_in_any_measurement_gap_or_table(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, raw_file())
    cleaned = output.read_bytes()
    assert len(cleaned) == source.stat().st_size
    assert not [needle for needle in NEEDLES if needle in cleaned]
    assert not list(TWIX.audit("item", source, output, POLICY, IDENTITY))


def test_samples_and_what_is_technical_stay(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, raw_file())
    cleaned = output.read_bytes()
    assert cleaned.count(samples(11)) == 2
    for kept in (b'"SIEMENS"', b"{ 160  }", b"alTR[0]\t = \t8600", b"sKSpace.lBaseResolution\t = \t160"):
        assert kept in cleaned
    assert not list(TWIX.altered_pixels(source, output, Masking()))


def test_uids_are_those_of_the_dicom_side_and_dates_move(tmp_path: Path) -> None:
    _, output = scrubbed(tmp_path, raw_file())
    cleaned = output.read_bytes()
    assert b'"' + IDENTITY.uid(STUDY_UID.decode()).encode() + b'"' in cleaned
    subject = IDENTITY.subject("47110815", "")
    assert TWIX.describe(tmp_path / "source.dat", IDENTITY).subject == subject
    assert b'{ "2019' in cleaned or b'{ "2018' in cleaned


def test_times_of_day_and_numbers_of_measurements_go(tmp_path: Path) -> None:
    _, output = scrubbed(tmp_path, raw_file())
    cleaned = output.read_bytes()
    assert (22_000_000).to_bytes(4, "little") not in cleaned
    assert (358).to_bytes(4, "little") not in cleaned[10240:]


def test_the_judge_sees_what_was_left_and_what_was_changed(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, raw_file())
    assert {one.kind for one in TWIX.audit("item", source, source, POLICY, IDENTITY)} >= {"value", "uid"}
    changed = output.read_bytes().replace(samples(11), samples(12))
    output.write_bytes(changed)
    assert list(TWIX.altered_pixels(source, output, Masking())) == [("samples", "altered")]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert scrubbed(tmp_path, raw_file())[1].read_bytes() == scrubbed(tmp_path, raw_file())[1].read_bytes()


def test_a_patient_whom_the_mapping_does_not_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source.dat").write_bytes(raw_file())
    strict = replace(IDENTITY, rules=SubjectRules(unknown=Unknown.QUARANTINE))
    with pytest.raises(UnsafeToRelease) as error:
        TWIX.scrub(tmp_path / "source.dat", tmp_path / "output.dat", POLICY, strict)
    assert error.value.reason is Reason.UNKNOWN_SUBJECT


def test_raw_data_are_refused_where_faces_go(tmp_path: Path) -> None:
    (tmp_path / "source.dat").write_bytes(raw_file())
    with pytest.raises(UnsupportedFormat) as error:
        TWIX.scrub(tmp_path / "source.dat", tmp_path / "output", load_policy("research"), IDENTITY)
    assert error.value.reason is Reason.FACE_NOT_JUDGED


@pytest.mark.parametrize("length", [4, 5000, 10244, 10900, 12500, -560])
def test_a_cut_off_file_is_refused_without_a_value(length: int, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile) as error:
        scrubbed(tmp_path, raw_file(1)[:length])
    assert "DOE" not in str(error.value)


def test_a_measurement_without_a_last_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        scrubbed(tmp_path, raw_file(1, last=False))


@pytest.mark.parametrize("place", range(10240, 10340, 3))
def test_a_torn_header_is_refused_or_cleaned(place: int, tmp_path: Path) -> None:
    data = bytearray(raw_file(1))
    data[place : place + 3] = b"\xff\xff\x7f"
    try:
        _, output = scrubbed(tmp_path, bytes(data))
    except MalformedFile:
        return
    assert b"DOE^JANE" not in output.read_bytes()


def test_it_is_told_by_its_content() -> None:
    assert isinstance(format_of(raw_file()[:4096]), Twix)
    assert not isinstance(format_of(b"\0" * 4096), Twix)


@pytest.mark.skipif(not REAL.is_dir(), reason="The shared raw data are not there.")
@pytest.mark.parametrize("name", ["gre.dat", "epi.dat"])
def test_real_files_lose_all_that_tells_of_the_exam(name: str, tmp_path: Path) -> None:
    (real,) = REAL.rglob(name)
    source, output = scrubbed(tmp_path, real.read_bytes())
    needles = (b"20210622", b"45385", b"DZNE", b"Bonn", b"66327770", b"66327775", b"20090304", b"Freud")
    before, after = source.read_bytes(), output.read_bytes()
    assert all(needle in before for needle in needles)
    assert not [needle for needle in needles if needle in after]
    assert not list(TWIX.audit("item", source, output, POLICY, IDENTITY))
    assert not list(TWIX.altered_pixels(source, output, Masking()))
