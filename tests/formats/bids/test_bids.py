from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deid_platform.audit.expectations import _BIDS_PATH
from deid_platform.errors import DeidError, UnsupportedFormat
from deid_platform.formats.bids.bids import Bids
from deid_platform.formats.bids.keys import described_by_name
from deid_platform.formats.bids.naming import _SUFFIXES, Named, kept_label
from deid_platform.identity import Identity
from deid_platform.policy import load_policy

BIDS, IDENTITY = Bids(), Identity(bytes(range(32)))
SUBJECT = IDENTITY.subject("DOE77", "")
SIDECAR = {
    "EchoTime": 0.03, "Manufacturer": "Siemens", "SliceTiming": [0, 0.5], "PatientName": "Doe^Jane",
    "InstitutionName": "St. Elsewhere", "DeviceSerialNumber": "167024", "AcquisitionTime": "11:22:33.5",
    "SeriesDescription": "T1 mprage for Doe", "Unheard": "of", "ProcedureStepDescription": "HEAD",
    "ManufacturersModelName": "Doe, Jane",
}  # fmt: skip


def cleaned(name: str, data: str | bytes, tmp_path: Path, profile: str = "research") -> str:
    source, output = tmp_path / "source", tmp_path / "output"
    source.write_bytes(data.encode() if isinstance(data, str) else data)
    policy, place = load_policy(profile), f"north/drop/{name}"
    BIDS.describe(source, IDENTITY, place)
    BIDS.scrub(source, output, policy, IDENTITY, place)
    assert not list(BIDS.audit("item", source, output, policy, IDENTITY, place))
    return output.read_text()


def test_a_sidecar_keeps_what_is_known_to_be_technical(tmp_path: Path) -> None:
    kept = json.loads(cleaned("sub-DOE77/anat/sub-DOE77_T1w.json", json.dumps(SIDECAR), tmp_path))
    assert set(kept) == {"EchoTime", "Manufacturer", "SliceTiming", "SeriesDescription"}
    assert "Doe" not in json.dumps(kept)
    assert "mprage" in kept["SeriesDescription"]


def test_participants_become_pseudonyms_and_unknown_columns_go(tmp_path: Path) -> None:
    table = "participant_id\tage\tsex\tcomment\nsub-DOE77\t93\tF\tsister of Ann\nsub-ROE\t41\tM\tn/a\n"
    rows = [line.split("\t") for line in cleaned("participants.tsv", table, tmp_path).splitlines()]
    assert rows[0] == ["participant_id", "age", "sex"]
    assert rows[1] == [f"sub-{SUBJECT}", "89+", "F"]
    assert rows[2][1:] == ["41", "M"]


def test_scans_name_files_as_they_are_released_and_dates_move(tmp_path: Path) -> None:
    table = "filename\tacq_time\nanat/sub-DOE77_T1w.nii.gz\t2020-01-03T10:11:12\n"
    row = cleaned("sub-DOE77/sub-DOE77_scans.tsv", table, tmp_path, "tcia").splitlines()[1].split("\t")
    assert row[0] == f"anat/sub-{SUBJECT}_T1w.nii.gz"
    assert not row[1].startswith("2020-01-03")
    assert row[1].endswith("T10:11:12")


def test_files_of_one_image_are_released_beside_each_other(tmp_path: Path) -> None:
    names = [f"sub-DOE77/dwi/sub-DOE77_dir-AP_dwi{suffix}" for suffix in (".json", ".bval", ".bvec", ".nii.gz")]
    paths = {Named.of(name).released(IDENTITY, SUBJECT).partition(".")[0] for name in names}
    assert paths == {f"sub-{SUBJECT}/dwi/sub-{SUBJECT}_dir-AP_dwi"}


def test_subjects_and_sessions_of_one_folder_share_no_series() -> None:
    names = [f"drop/sub-{who}_ses-{when}_T1w{suffix}"
             for who in ("DOE", "ROE") for when in (1, 2) for suffix in (".nii", ".json")]  # fmt: skip
    told = [described_by_name(name, IDENTITY) for name in names]
    assert len({one.study for one in told}) == len({one.series for one in told}) == 4
    assert len({(one.study, one.series) for one in told}) == 4


def test_a_dataset_keeps_the_version_of_bids_and_a_name_that_says_nothing(tmp_path: Path) -> None:
    told = {"Name": "Patients of Dr Roe", "BIDSVersion": "1.8.0", "Authors": ["Jane Roe"], "Funding": ["a grant"]}
    kept = json.loads(cleaned("dataset_description.json", json.dumps(told), tmp_path))
    assert kept == {"Name": "De-identified", "BIDSVersion": "1.8.0"}


@pytest.mark.parametrize("value", ["20200103", "JaneDoe", "Doe", "4711123"])
def test_a_label_that_may_name_somebody_becomes_a_keyed_one(value: str) -> None:
    for key in ("ses", "acq", "run"):
        assert value.lower() not in kept_label(IDENTITY, key, value).lower()


@pytest.mark.parametrize("value", ["01", "rest", "mb4", "space"])
def test_a_label_of_terms_stays(value: str) -> None:
    assert kept_label(IDENTITY, "acq", value) == value


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("sub-DOE77/anat/sub-DOE77_T1w.json", b"{"),
        ("sub-DOE77/anat/sub-DOE77_T1w.json", b"[1]"),
        ("sub-DOE77/anat/sub-DOE77_T1w.json", b"[" * 100_000),
        ("sub-DOE77/dwi/sub-DOE77_dwi.bval", b"0 1000 Doe"),
        ("participants.tsv", b"participant_id\tage\nsub-1\n"),
        ("participants.tsv", b"\xff\xfe"),
        ("participants.tsv", b""),
    ],
)
def test_what_cannot_be_understood_is_refused_without_a_value(name: str, data: bytes, tmp_path: Path) -> None:
    with pytest.raises(DeidError) as error:
        cleaned(name, data, tmp_path)
    assert "Doe" not in str(error.value)


def test_a_file_bids_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        cleaned("notes of Jane.json", "{}", tmp_path)


def test_the_judge_sees_what_was_left(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text(json.dumps(SIDECAR))
    place = "sub-DOE77/anat/sub-DOE77_T1w.json"
    assert list(BIDS.audit("item", source, source, load_policy("research"), IDENTITY, place))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("task-rest_bold.json", "task-rest_bold.json"),
        ("T1w.json", "T1w.json"),
        ("task-rest_run-01_events.json", "task-rest_run-01_events.json"),
        ("dwi.bval", "dwi.bval"),
        ("Jane_T1w.json", ""),
        ("T1w_Jane.json", ""),
        ("bold.tsv", ""),
        ("ses-20240102_bold.json", ""),
        ("patient-7_bold.json", ""),
        ("README", ""),
        ("CHANGES", ""),
    ],
)
def test_a_file_that_many_subjects_share_keeps_a_name_that_bids_knows(name: str, path: str) -> None:
    identity = Identity(bytes(32))
    assert Named.of(f"north/drop/{name}").released(identity, "ABCDEFGHIJKLMNOP") == path
    assert not path or re.fullmatch(_BIDS_PATH, path)


def test_a_task_that_says_more_gets_a_keyed_label() -> None:
    released = Named.of("north/drop/task-JaneDoe20240102_bold.json").released(Identity(bytes(32)), "ABCDEFGHIJKLMNOP")
    assert "Jane" not in released
    assert re.fullmatch(_BIDS_PATH, released)


def test_the_judge_of_manifests_knows_every_name_a_shared_file_can_have() -> None:
    for suffix in sorted(_SUFFIXES - {"participants"}):
        released = Named.of(f"north/drop/task-rest_{suffix}.json").released(Identity(bytes(32)), "ABCDEFGHIJKLMNOP")
        assert re.fullmatch(_BIDS_PATH, released), suffix
