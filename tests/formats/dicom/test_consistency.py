"""What has to fit together across objects: dates and UIDs."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom import uid as uids
from pydicom.dataset import Dataset

from tests.builders.dicom import encode, person, study_date, uid
from tests.builders.elements import element
from tests.formats.dicom.cleaning import FORMAT, IDENTITY, PROFILES, Laboratory, small, with_elements
from tests.formats.dicom.test_elements import undefined


def read(path: Path) -> Dataset:
    return dcmread(path)


# Dates


def test_all_dates_of_a_subject_move_by_the_same_days_and_times_stay(lab: Laboratory) -> None:
    days = IDENTITY.shift_days(IDENTITY.subject(person(0).patient_id, ""))
    for name in ("PT", "MR in frames", "report"):
        cleaned = lab.built(name)
        before, after = (_moments(read(path)) for path in (cleaned.source, cleaned.output))
        assert after
        for place, value in after.items():
            assert (_day(before[place]) - _day(value)).days == days, place
            assert value[8:] == before[place][8:], place


def test_intervals_between_studies_of_a_subject_are_kept(lab: Laboratory) -> None:
    who = person(2)
    outputs = [read(lab.clean(encode(small(who, study=study))).output) for study in (1, 2, 3)]
    days = [_day(str(output.StudyDate)) for output in outputs]
    assert [(later - days[0]).days for later in days] == [0, 4, 8]
    assert days[0] < _day(study_date(who, 1))
    assert {str(output.AcquisitionDateTime)[8:] for output in outputs} == {"101501.250000+0100"}
    assert {str(output.StudyTime) for output in outputs} == {"101501"}


def test_without_the_option_no_date_and_no_time_is_left(lab: Laboratory) -> None:
    for name in ("PT", "report"):
        values = {*_moments(read(lab.built(name, "basic").output)).values()}
        assert all(value.startswith("19000101") for value in values), values


def _moments(data: Dataset, path: str = "") -> dict[str, str]:
    """Every non-empty date and date-time by its place, as written."""
    found = {}
    for e in data:
        place = f"{path}{e.tag}"
        if e.VR == "SQ":
            for number, item in enumerate(e.value):
                found |= _moments(item, f"{place}[{number}]")
        elif e.VR in ("DA", "DT") and e.value:
            found[place] = str(e.value)
    return found


def _day(value: str) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))


# UIDs


def test_uids_are_replaced_alike_in_every_object_and_known_ones_stay(lab: Laboratory) -> None:
    mr, ct, report = (read(lab.built(name).output) for name in ("MR", "CT", "report"))
    assert mr.StudyInstanceUID == ct.StudyInstanceUID == report.StudyInstanceUID
    assert str(mr.StudyInstanceUID) == IDENTITY.uid(uid(person(0), 1, 0, 0))
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
    assert evidence.StudyInstanceUID == mr.StudyInstanceUID
    assert evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == ct.SOPInstanceUID
    assert mr.SOPClassUID == uids.MRImageStorage
    assert report.SOPClassUID == uids.ComprehensiveSRStorage


@pytest.mark.parametrize("profile", PROFILES)
def test_every_uid_of_the_output_is_registered_or_made_with_the_key(lab: Laboratory, profile: str) -> None:
    for name in ("PT", "report", "document"):
        for e in read(lab.built(name, profile).output).iterall():
            if e.VR == "UI" and e.value:
                values = e.value if isinstance(e.value, list) else [e.value]
                assert all(str(value) in uids.UID_dictionary or str(value).startswith("2.25.") for value in values)


def test_a_uid_made_under_the_root_of_the_standard_is_replaced(lab: Laboratory) -> None:
    own = f"1.2.840.10008.5.1.4.{person(0).patient_id[4:]}"
    cleaned = lab.clean(with_elements(element(0x00080018, b"UI", own.encode())))
    assert own.encode() not in cleaned.data
    described = FORMAT.describe(cleaned.source, IDENTITY)
    assert described.instance == read(cleaned.output).SOPInstanceUID
    assert described.instance.startswith("2.25.")


def test_moments_with_zones_fractions_or_only_a_month_move_alike_at_every_depth(lab: Laboratory) -> None:
    content = element(0x0040A040, b"CS", b"DATETIME") + element(0x0040A120, b"DT", b"20110301235959.5+0200")
    more = element(0x0040A040, b"CS", b"DATE") + element(0x0040A121, b"DA", b"20110301")
    data = with_elements(
        element(0x0008002A, b"DT", b"20110301000000.000001-0930"),
        element(0x00080201, b"SH", b"-0930 "),
        element(0x00189074, b"DT", b"201103"),
        undefined(0x0040A730, b"SQ", content, more),
    )
    days = IDENTITY.shift_days(IDENTITY.subject(person(0).patient_id, ""))
    ds = dcmread(lab.clean(data).output)
    day = f"{date(2011, 3, 1) - timedelta(days=days):%Y%m%d}"
    assert ds.AcquisitionDateTime == f"{day}000000.000001-0930"
    assert ds.TimezoneOffsetFromUTC == "-0930"
    assert ds.FrameAcquisitionDateTime == f"{date(2011, 3, 15) - timedelta(days=days):%Y%m}"
    assert ds.ContentSequence[0].DateTime == f"{day}235959.5+0200"
    assert ds.ContentSequence[1].Date == day
