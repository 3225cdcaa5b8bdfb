"""Whole files, in and out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom import uid as uids
from pydicom.dataset import Dataset

from deid_platform.formats.registry import HEAD_BYTES
from deid_platform.policy import load_policy
from tests.builders import bad_files
from tests.builders.dicom import SCRIPTS, encode, leaks, person, planted, uid
from tests.builders.elements import data_set_at, element, pixels_at
from tests.formats.dicom.cleaning import (
    FORMAT,
    IDENTITY,
    OBJECTS,
    PROFILES,
    RETAINED,
    SYNTAXES,
    Laboratory,
    inflated,
    plain_image,
    small,
    with_elements,
)


def read(path: Path) -> Dataset:
    return dcmread(path)


# Nothing of the planted identifiers


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", OBJECTS)
def test_no_planted_identifier_is_left_in_any_kind_of_object(lab: Laboratory, name: str, profile: str) -> None:
    cleaned = lab.built(name, profile)
    source = inflated(cleaned.source.read_bytes())
    who = cleaned.person
    assert {who.family, who.patient_id, who.birth_date} <= {*leaks(who, source)}
    assert leaks(who, cleaned.data, without=RETAINED[profile]) == []


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("number", range(len(SCRIPTS)))
@pytest.mark.parametrize("name", ["CT", "report", "document", "waveform", uids.ImplicitVRLittleEndian.name])
def test_no_name_is_left_in_any_script(lab: Laboratory, name: str, number: int, profile: str) -> None:
    cleaned = lab.built(name, profile, number)
    assert leaks(cleaned.person, cleaned.data, without=RETAINED[profile]) == []


def test_the_last_people_of_every_script_leave_nothing_either(lab: Laboratory) -> None:
    for number in range(93, 100):
        cleaned = lab.clean(encode(small(person(number), modality="PT")), "tcia", person(number))
        assert leaks(cleaned.person, cleaned.data, without=RETAINED["tcia"]) == []


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", ["CT", "report", "document", uids.DeflatedExplicitVRLittleEndian.name])
def test_a_cleaned_object_can_be_cleaned_again_and_still_leaks_nothing(
    lab: Laboratory, name: str, profile: str
) -> None:
    once = lab.built(name, profile)
    twice = lab.clean(once.output.read_bytes(), profile)
    assert leaks(once.person, twice.data, without=RETAINED[profile]) == []
    assert {*read(once.output).keys()} == {*read(twice.output).keys()}


@pytest.mark.parametrize("name", ["MR", "report", *(syntax.name for syntax in SYNTAXES)])
def test_the_same_input_gives_the_same_bytes(lab: Laboratory, name: str) -> None:
    once = lab.built(name)
    again = lab.clean(once.source.read_bytes())
    assert again.output.read_bytes() == once.output.read_bytes()
    assert again.outcome == once.outcome


def test_the_source_is_left_as_it_was(lab: Laboratory) -> None:
    cleaned = lab.built("CT")
    assert cleaned.source.read_bytes() == encode(OBJECTS["CT"](person(0)))


# What stays


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", [name for name in OBJECTS if name not in ("report", "document", "waveform")])
def test_pixels_come_out_byte_for_byte(lab: Laboratory, name: str, profile: str) -> None:
    cleaned = lab.built(name, profile)
    before, after = read(cleaned.source), read(cleaned.output)
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    assert after["PixelData"].VR == before["PixelData"].VR
    for keyword in ("Rows", "Columns", "BitsStored", "PixelRepresentation", "SamplesPerPixel"):
        assert after[keyword].value == before[keyword].value


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", OBJECTS)
def test_another_reader_decodes_every_element_without_a_warning(lab: Laboratory, name: str, profile: str) -> None:
    cleaned = read(lab.built(name, profile).output)
    cleaned.decode()
    assert [int(e.tag) for e in cleaned] == sorted(int(e.tag) for e in cleaned)
    assert cleaned.SOPClassUID == cleaned.file_meta.MediaStorageSOPClassUID


def test_samples_of_a_waveform_stay(lab: Laboratory) -> None:
    cleaned = lab.built("waveform")
    before, after = read(cleaned.source), read(cleaned.output)
    assert after.WaveformSequence[0].WaveformData == before.WaveformSequence[0].WaveformData
    assert len(after.WaveformSequence[0].ChannelDefinitionSequence) == 2


def test_a_report_keeps_its_shape_its_codes_and_its_measurements(lab: Laboratory) -> None:
    for profile in PROFILES:
        tree = read(lab.built("report", profile).output).ContentSequence
        assert [item.ValueType for item in tree] == [
            "PNAME", "PNAME", "UIDREF", "TEXT", "DATE", "DATETIME", "CONTAINER",
        ]  # fmt: skip
        assert [item.ConceptNameCodeSequence[0].CodeMeaning for item in tree][:2] == [
            "Person Observer Name", "Subject Name",
        ]  # fmt: skip
        finding = tree[-1].ContentSequence
        assert finding[2].MeasuredValueSequence[0].NumericValue == 12.5
        assert finding[0].TextValue
        assert tree[0].PersonName == "REMOVED"


# What belongs to the file


@pytest.mark.parametrize("name", ["MR", *(syntax.name for syntax in SYNTAXES), "report"])
def test_the_preamble_is_empty_and_the_meta_group_is_ours(lab: Laboratory, name: str) -> None:
    cleaned = lab.built(name)
    data, meta = cleaned.output.read_bytes(), read(cleaned.output).file_meta
    assert data[:132] == bytes(128) + b"DICM"
    assert {int(e.tag) & 0xFFFF for e in meta} == {0x00, 0x01, 0x02, 0x03, 0x10, 0x12, 0x13}
    assert meta.FileMetaInformationGroupLength == data_set_at(data) - 144
    assert meta.ImplementationVersionName.startswith("DEID_PLATFORM")
    assert meta.MediaStorageSOPInstanceUID == read(cleaned.output).SOPInstanceUID


def test_a_file_without_preamble_gets_one(lab: Laboratory) -> None:
    output = lab.clean(bad_files.no_preamble()).output
    assert read(output).file_meta.TransferSyntaxUID == uids.ImplicitVRLittleEndian


def test_what_does_not_belong_into_a_data_set_is_gone(lab: Laboratory) -> None:
    source = with_elements(
        element(0x00041130, b"CS", b"OLDSET"),
        element(0x00080000, b"UL", b"\x10\0\0\0"),
        element(0x00020016, b"AE", b"SENDER"),
        element(0x00880200, b"SQ", b""),
        element(0x04000561, b"SQ", b""),
        element(0x7F000010, b"OB", b"more"),
    )
    at = pixels_at(source)
    doubled = source[:at] + element(0x00100020, b"LO", b"twice") + source[at:]
    data = doubled + element(0xFFFCFFFC, b"OB", bytes(8)) + b"end"
    for profile in PROFILES:
        cleaned = read(lab.clean(data, profile).output)
        gone = {0x00041130, 0x00080000, 0x00020016, 0x00880200, 0x04000561, 0x7F000010, 0xFFFCFFFC}
        assert gone & {int(e.tag) for e in cleaned} == set()
        assert {e.tag.group for e in cleaned} & {0x0002, 0x0004, 0x5000, 0x6000, 0xFFFA, 0xFFFC} == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_follows_the_pixels(lab: Laboratory, profile: str) -> None:
    data = bad_files.trailing_junk()
    output = lab.clean(data, profile).output.read_bytes()
    assert output[pixels_at(output) :] == data[pixels_at(data) :][: len(output) - pixels_at(output)]
    assert len(output) - pixels_at(output) == 12 + 64 * 64 * 2


# The other questions of a format


def test_a_description_says_nothing_of_the_patient(lab: Laboratory) -> None:
    described = FORMAT.describe(lab.built("MR").source, IDENTITY)
    assert described.subject == IDENTITY.subject(person(0).patient_id, "")
    assert (described.modality, described.sop_class) == ("MR", str(uids.MRImageStorage))
    assert described.transfer_syntax == str(uids.ExplicitVRLittleEndian)
    cleaned = read(lab.built("MR").output)
    assert described.study == cleaned.StudyInstanceUID
    assert described.series == cleaned.SeriesInstanceUID
    assert described.instance == cleaned.SOPInstanceUID
    assert cleaned.PatientID == cleaned.PatientName == described.subject
    assert not [token for token in planted(person(0)) if token in repr(described)]


def test_a_modality_that_is_none_is_not_described(lab: Laboratory) -> None:
    cleaned = lab.clean(with_elements(element(0x00080060, b"CS", b"Mr Zacharias")))
    assert FORMAT.describe(cleaned.source, IDENTITY).modality == ""


def test_the_study_is_known_from_the_head_of_a_file() -> None:
    study = uid(person(0), 1, 0, 0)
    for name in ("MR", uids.ImplicitVRLittleEndian.name, uids.DeflatedExplicitVRLittleEndian.name):
        head = encode(OBJECTS[name](person(0)))[:HEAD_BYTES]
        assert FORMAT.accepts(head)
        assert FORMAT.study_of(head, IDENTITY) == IDENTITY.token("study", study)
    assert FORMAT.study_of(plain_image()[:400], IDENTITY) is None
    assert FORMAT.study_of(b"no DICOM at all", IDENTITY) is None


def test_objects_without_patient_number_are_subjects_of_their_study(lab: Laboratory) -> None:
    first, same, other = (
        lab.clean(encode(small(person(0), study=study, instance=number, PatientID="")))
        for study, number in ((1, 1), (1, 2), (2, 1))
    )
    subjects = [read(one.output).PatientID for one in (first, same, other)]
    assert subjects[0] == subjects[1] != subjects[2]


def test_the_crosswalk_names_what_was_replaced_consistently(lab: Laboratory) -> None:
    cleaned = lab.built("MR")
    crossings = [*FORMAT.crosswalk(cleaned.source, IDENTITY, load_policy("tcia"))]
    after = read(cleaned.output)
    pairs = {(crossing.kind, crossing.old): crossing.new for crossing in crossings}
    assert pairs["patient", person(0).patient_id] == after.PatientID
    assert pairs["uid", uid(person(0))] == after.SOPInstanceUID
    assert str(uids.MRImageStorage) not in {crossing.old for crossing in crossings}
    assert all(crossing.old != crossing.new for crossing in crossings)


def test_the_outcome_counts_changes_without_values(lab: Laboratory) -> None:
    for profile in PROFILES:
        outcome = lab.built("MR", profile).outcome
        assert outcome.changes == tuple(sorted(outcome.changes))
        assert any((change.target, change.action) == ("(0008,1030)", {"basic": "X", "tcia": "C"}[profile])
                   for change in outcome.changes)  # fmt: skip
        assert not [token for token in planted(person(0)) if token in repr(outcome)]
