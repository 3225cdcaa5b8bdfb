from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from deid_platform.errors import MalformedFile, UnsafeToRelease
from deid_platform.formats.rda.header import read_header
from deid_platform.formats.rda.rda import Rda
from deid_platform.formats.registry import format_of
from deid_platform.identity import Identity
from deid_platform.model import Masking, Reason
from deid_platform.policy import load_policy
from deid_platform.subjects import SubjectRules, Unknown
from tests.builders.rda import PLANTED, TECHNICAL, rda_file, samples

RDA, IDENTITY = Rda(), Identity(bytes(range(32)))
SUBJECT = IDENTITY.subject("47110815", "")
PROFILES = ("basic", "research", "safe_harbor", "tcia")


def scrubbed(tmp_path: Path, data: bytes, profile: str = "tcia") -> tuple[Path, Path]:
    source, output = tmp_path / "source.rda", tmp_path / "output.rda"
    source.write_bytes(data)
    RDA.describe(source, IDENTITY)
    RDA.scrub(source, output, load_policy(profile), IDENTITY)
    return source, output


def hits(source: Path, output: Path, profile: str = "tcia") -> set[str]:
    return {one.kind for one in RDA.audit("item", source, output, load_policy(profile), IDENTITY)}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_nothing_that_identifies_is_left(profile: str, newline: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, rda_file(newline=newline, Unheard="seen by Roe, DOE"), profile)
    cleaned = output.read_bytes()
    assert all(needle in source.read_bytes() for needle in PLANTED)
    assert not [needle for needle in PLANTED if needle in cleaned]
    assert b"Unheard" not in cleaned
    assert not hits(source, output, profile)


def test_what_is_technical_and_every_sample_stays(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, rda_file((2, 3, 1)))
    values = read_header(output).values
    assert TECHNICAL.items() <= values.items()
    assert (values["ModelName"], values["SequenceName"], values["PatientPosition"]) == ("TrioTim", "*svs_se", "HFS")
    assert output.read_bytes().endswith(b">>> End of header <<<\r\n" + samples(16 * 6))
    assert not list(RDA.altered_pixels(source, output, Masking()))


def test_the_patient_is_that_of_the_dicom_side_and_dates_move_with_it(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, rda_file())
    values = read_header(output).values
    assert values["PatientID"] == values["PatientName"] == SUBJECT
    assert RDA.describe(source, IDENTITY).subject == SUBJECT
    moved = np.datetime64("2020-01-03") - IDENTITY.shift_days(SUBJECT)
    assert values["StudyDate"] == values["InstanceDate"] == str(moved).replace("-", "")
    assert values["StudyTime"] == "143511.531000"
    assert values["PatientBirthDate"] == ""
    assert [(one.kind, one.old, one.new) for one in RDA.crosswalk(source, IDENTITY, load_policy("tcia"))] == [
        ("patient", "47110815", SUBJECT)
    ]


@pytest.mark.parametrize(
    ("profile", "key", "value"),
    [
        ("basic", "StudyDate", ""), ("basic", "StudyTime", ""), ("basic", "PatientSex", ""),
        ("basic", "PatientAge", ""),
        ("safe_harbor", "StudyDate", "20200101"), ("trusted", "StudyDate", "20200103"), ("tcia", "PatientSex", "F"),
        ("tcia", "PatientWeight", "55.000000"),
    ],
)  # fmt: skip
def test_dates_and_characteristics_are_the_policys_to_decide(
    profile: str, key: str, value: str, tmp_path: Path
) -> None:
    _, output = scrubbed(tmp_path, rda_file(), profile)
    assert read_header(output).values[key] == value


@pytest.mark.parametrize(
    ("key", "value", "becomes"),
    [
        ("PatientAge", "093Y", "090Y"), ("PatientSex", "F (Jane)", ""), ("TE", "30 DOE", ""), ("TE", "30,5", "30,5"),
        ("Nucleus", "Jane", ""), ("SeriesNumber", "47110815", ""), ("ModelName", "Jane's", ""),
        ("StudyDate", "3rd of May", ""), ("TransmitCoil", "Doe", ""), ("SequenceName", "svs_doe", ""),
    ],
)  # fmt: skip
def test_a_known_key_keeps_only_what_it_may_say(key: str, value: str, becomes: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, rda_file(**{key: value}))
    assert read_header(output).values[key] == becomes
    assert not hits(source, output)


def test_cleaning_is_deterministic_and_a_second_time_changes_no_more_keys(tmp_path: Path) -> None:
    _, output = scrubbed(tmp_path, rda_file())
    first = output.read_bytes()
    assert scrubbed(tmp_path, rda_file())[1].read_bytes() == first
    again = scrubbed(tmp_path, first)[1].read_bytes()
    assert re.findall(rb"^[^:]+:", again, re.MULTILINE) == re.findall(rb"^[^:]+:", first, re.MULTILINE)


def test_files_of_one_examination_are_one_study_and_those_of_nobody_stand_alone(tmp_path: Path) -> None:
    def study(name: str, data: bytes) -> tuple[str, str]:
        (tmp_path / "source").write_bytes(data)
        described = RDA.describe(tmp_path / "source", IDENTITY, name)
        return described.study, RDA.study_of(data, IDENTITY, name) or ""

    one, other = (study(name, rda_file(SeriesNumber=name)) for name in "12")
    assert one == other
    empty = dict.fromkeys(("PatientName", "PatientID", "PatientBirthDate", "StudyDate", "StudyTime",
                           "StudyDescription"), "")  # fmt: skip
    assert study("a", rda_file(**empty)) != study("b", rda_file(**empty))


def test_a_patient_whom_the_mapping_does_not_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(rda_file())
    strict = replace(IDENTITY, rules=SubjectRules(unknown=Unknown.QUARANTINE))
    with pytest.raises(UnsafeToRelease) as error:
        RDA.scrub(tmp_path / "source", tmp_path / "output", load_policy("tcia"), strict)
    assert error.value.reason is Reason.UNKNOWN_SUBJECT


@pytest.mark.parametrize(
    "data",
    [
        b">>> Begin of header <<<\r\nPatientName: DOE^JANE\r\n",
        rda_file()[:-1],
        rda_file() + b"DOE^JANE",
        rda_file(VectorSize="many"),
        rda_file(VectorSize="99999999999999"),
        rda_file().replace(b"TE:", b"TR:"),
        b">>> Begin of header <<<\n" + b"A: DOE\n" * 100_000,
    ],
    ids=["no end", "cut off", "tail", "no size", "huge", "twice", "endless"],
)
def test_what_contradicts_itself_is_refused_without_a_value(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile) as error:
        scrubbed(tmp_path, data)
    assert "DOE" not in str(error.value)


def test_the_judge_sees_what_was_left_and_what_was_changed(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, rda_file())
    assert hits(source, source) >= {"value", "date", "no_pseudonym"}
    assert hits(source, source, "basic") >= {"characteristic"}
    good = output.read_bytes()
    for old, new, kind in (
        (b"TE: 30.000000", b"TE: Jane", "value"), (b"StationName: ", b"StationName: MRC35113", "value"),
        (b"PatientBirthDate: ", b"PatientBirthDate: 19700203", "date"), (b"TE: ", b"Roe: ", "key"),
        (SUBJECT.encode(), b"ANOTHER", "no_pseudonym"),
    ):  # fmt: skip
        output.write_bytes(good.replace(old, new))
        assert kind in hits(source, output), old
    output.write_bytes(good[:-1] + b"\x01")
    assert list(RDA.altered_pixels(source, output, Masking())) == [("samples", "altered")]
    output.write_bytes(good + bytes(16))
    assert list(RDA.altered_pixels(source, output, Masking())) == [("samples", "altered")]


def test_it_is_told_by_its_content() -> None:
    assert isinstance(format_of(rda_file()[:4096], "north/drop/1.dat"), Rda)
    assert not isinstance(format_of(b"Begin of header", "a.rda"), Rda)
