from __future__ import annotations

import pytest
from pydicom import uid as uids
from pydicom.uid import UID_dictionary

from deid_platform.policy import Action, Option, load_policy
from deid_platform.policy.iod import iod_of
from deid_platform.policy.rule import SAFEST
from deid_platform.policy.tables import rows

CT, PET, SEG = uids.CTImageStorage, uids.PositronEmissionTomographyImageStorage, uids.SegmentationStorage
ENHANCED_MR = uids.EnhancedMRImageStorage
STATION_NAME, SERIAL_NUMBER, ACQUISITION_DATE_TIME = 0x00081010, 0x00181000, 0x0008002A
CONTENT_DATE, SOURCE_IMAGES, PATIENT_ID, SERIES_DATE = 0x00080023, 0x00082112, 0x00100020, 0x00080021
OPERATORS, SEX_NEUTERED, ITEMS_OF_FRAMES = 0x00081070, 0x00102203, "5200,9230/0008,9124/"


def test_every_sop_class_of_the_table_is_a_registered_one_and_known_by_its_iod() -> None:
    for row in rows("dicom/iod_modules.csv"):
        assert row["sop_class"] in UID_dictionary or row["sop_class"].startswith("1.2.840.10008.5.1.4.")
        iod = iod_of(row["sop_class"])
        assert iod is not None
        assert iod.name == row["iod"]


def test_the_table_of_types_holds_the_attributes_with_a_compound_code_and_no_others() -> None:
    compound = {row["Tag"] for row in rows("ps315_2026c/table_E.1-1.csv") if row["Basic Prof."] in SAFEST}
    typed = {f"({row['tag'][:4]},{row['tag'][4:]})" for row in rows("dicom/iod_types.csv")}
    assert typed <= compound
    assert len(compound - typed) < 5


@pytest.mark.parametrize(
    ("sop_class", "path", "tag", "kind"),
    [  # PS3.3: General Equipment, Enhanced General Equipment, PET Series, SOP Common, Derivation Image
        (CT, "", STATION_NAME, "3"), (CT, "", SERIAL_NUMBER, "3"), (ENHANCED_MR, "", SERIAL_NUMBER, "1"),
        (PET, "", SERIES_DATE, "1"), (CT, "", SERIES_DATE, "3"), (ENHANCED_MR, "", ACQUISITION_DATE_TIME, "1C"),
        (SEG, "", CONTENT_DATE, "1"), (CT, "", CONTENT_DATE, "2C"), (SEG, ITEMS_OF_FRAMES, SOURCE_IMAGES, "2"),
        (CT, "", PATIENT_ID, "2"), (CT, "", SEX_NEUTERED, "2C"),
    ],
)  # fmt: skip
def test_types_are_those_of_the_standard(sop_class: str, path: str, tag: int, kind: str) -> None:
    iod = iod_of(sop_class)
    assert iod is not None
    assert iod.types[path, tag] == kind


@pytest.mark.parametrize(
    ("sop_class", "path", "tag", "action"),
    [
        (CT, "", STATION_NAME, "X"), (CT, "", OPERATORS, "X"), (ENHANCED_MR, "", SERIAL_NUMBER, "D"),
        (SEG, "", CONTENT_DATE, "D"), (CT, "", CONTENT_DATE, "Z"), (CT, "", SEX_NEUTERED, "Z"),
        (SEG, ITEMS_OF_FRAMES, SOURCE_IMAGES, "U"), (CT, "", SOURCE_IMAGES, "X"), (PET, "", SERIES_DATE, "D"),
    ],
)  # fmt: skip
def test_the_basic_profile_does_no_more_than_the_type_demands(
    sop_class: str, path: str, tag: int, action: str
) -> None:
    rule = load_policy("basic").of(sop_class).rule(tag, "LO", path)
    assert rule.action.value == action
    assert rule.source.startswith("PS3.15 2026c Table E.1-1, Basic Prof., ")
    assert " in " in rule.source


@pytest.mark.parametrize("sop_class", ["", "1.2.3", "1.2.840.10008.5.1.4.1.1.5"])
def test_in_an_object_nobody_knows_the_action_counts_that_every_type_allows(sop_class: str) -> None:
    policy = load_policy("basic")
    for tag in (STATION_NAME, SERIAL_NUMBER, SOURCE_IMAGES, SERIES_DATE):
        assert policy.of(sop_class).rule(tag, "LO") == policy.rule(tag, "LO")
        assert policy.rule(tag, "LO").action in (Action.DUMMY, Action.UID)


def test_an_attribute_outside_its_iod_goes_at_the_top_and_stays_valid_inside_sequences() -> None:
    rules = load_policy("basic").of(CT)
    assert rules.rule(0x300A00B2, "SH").action is Action.REMOVE
    assert "not defined in ct-image" in rules.rule(0x300A00B2, "SH").source
    assert rules.rule(0x300A00B2, "SH", "300a,00b0/").action is Action.EMPTY


def test_what_a_table_of_a_profile_removes_stays_valid_where_the_type_is_known_to_forbid_that() -> None:
    tcia = load_policy("tcia")
    institution = 0x00080080
    assert tcia.rule(institution, "LO").action is Action.REMOVE
    assert tcia.of(CT).rule(institution, "LO").action is Action.REMOVE
    assert tcia.of(CT).rule(institution, "LO", "0018,a001/0008,1072/").action is Action.DUMMY  # Type 1C


def test_options_leave_nothing_for_the_type_to_settle() -> None:
    tcia = load_policy("tcia")
    for row in rows("ps315_2026c/table_E.1-1.csv"):
        if any(row[option.column] for option in tcia.options) and "x" not in row["Tag"] and "g" not in row["Tag"]:
            tag = int(row["Tag"][1:5] + row["Tag"][6:10], 16)
            assert not tcia.rule(tag, "LO").code, row["Attribute Name"]
    assert Option.RETAIN_DEVICE_IDENTITY in tcia.options
