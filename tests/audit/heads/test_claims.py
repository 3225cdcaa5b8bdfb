"""Only what lost a face says so; no picture of a head from outside is left beside the volumes that lost theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from deid_platform.audit.heads.claims import Claims, claims_of, faults, surfaces_left
from deid_platform.model import Entry, Masking, Reason, Status
from tests.builders.dicom import image, person, write

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SURFACE, NOTHING = Claims(surface=True), Claims()


def row(item: str, head: str, reason: str = "", study: str = "1") -> Entry:
    status = Status.QUARANTINED if reason else Status.PASSED
    return Entry(item, status, item, 1, "", format="dicom", study=study, reason=reason, masking=Masking(head=head))


def code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", "as it may be"
    return item


@pytest.mark.parametrize("head", ["", "no_image_in_space", "too_few_slices", "no_head", "no_face"])
def test_what_lost_no_face_may_not_say_that_nobody_can_be_recognised(tmp_path: Path, head: str) -> None:
    ds = image(person(1), RecognizableVisualFeatures="NO", DeidentificationMethodCodeSequence=[code("113102")])
    found = {(one.where, one.kind, one.rule) for one in faults(row("a", head), claims_of(write(ds, tmp_path / "a")))}
    assert found == {(where, "marker_wrong", "forbidden_content") for where in ("(0028,0302)", "(0012,0064)")}


@pytest.mark.parametrize("head", ["face_removed", "brain_kept"])
def test_what_lost_a_face_says_so(tmp_path: Path, head: str) -> None:
    ds = image(person(1), RecognizableVisualFeatures="NO", DeidentificationMethodCodeSequence=[code("113102")])
    assert not list(faults(row("a", head), claims_of(write(ds, tmp_path / "a"))))
    assert [one.where for one in faults(row("a", head), NOTHING)] == ["(0028,0302)"]


@pytest.mark.parametrize(
    ("header", "surface", "capture"),
    [
        ({"ImageType": ["DERIVED", "SECONDARY", "VOLUME RENDERING"]}, True, False),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "CSA 3D EDITOR"]}, True, False),
        ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]}, True, False),
        ({"ImageType": "SSD"}, True, False),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]}, False, False),
        ({"ImageType": ["DERIVED", "SECONDARY", "3DVR"], "Modality": "IVUS"}, False, False),
        ({"SOPClassUID": CAPTURE, "Modality": "MR"}, True, False),
        ({"SOPClassUID": f"{CAPTURE}.4", "Modality": "OT"}, False, True),
        ({"SOPClassUID": CAPTURE, "Modality": "US"}, False, False),
    ],
)
def test_a_header_tells_pictures_of_surfaces(
    tmp_path: Path, header: dict[str, Any], surface: bool, capture: bool
) -> None:
    claims = claims_of(write(image(person(1), **{"Modality": "CT"} | header), tmp_path / "a"))
    assert (claims.surface, claims.capture) == (surface, capture)


@pytest.mark.parametrize(
    ("described", "head", "part"),
    [
        ({"BodyPartExamined": "HEADNECK"}, True, False),
        ({"SeriesDescription": "MIP_neck"}, True, False),
        ({"StudyDescription": "CT Kopf"}, True, False),
        ({"SeriesDescription": "surface of the knee"}, False, True),
        ({"BodyPartExamined": ""}, False, False),
    ],
)
def test_a_header_tells_of_a_head_or_of_another_part(
    tmp_path: Path, described: dict[str, str], head: bool, part: bool
) -> None:
    others = {"StudyDescription": "", "SeriesDescription": "", "ProtocolName": "", "BodyPartExamined": "KNEE"}
    claims = claims_of(write(image(person(1), **others | described), tmp_path / "a"))
    assert (claims.head, claims.part) == (head, part)


@pytest.mark.parametrize(
    ("beside", "picture", "refused"),
    [
        (row("s", "face_removed"), SURFACE, True),
        (row("s", "brain_kept"), Claims(surface=True, part=True), True),
        (row("s", "no_face"), Claims(capture=True), True),
        (row("s", "", "face_not_judged"), SURFACE, True),
        (row("s", "no_head"), SURFACE, False),
        (row("s", "no_head"), Claims(surface=True, head=True), True),
        (row("s", "no_head"), Claims(capture=True, head=True), True),
        (row("s", "too_few_slices"), SURFACE, True),
        (row("s", "too_few_slices"), Claims(surface=True, part=True), False),
        (row("s", "too_few_slices"), Claims(capture=True), False),
        (row("s", "face_removed"), NOTHING, False),
        (row("s", "face_removed", study="2"), Claims(surface=True, part=True), False),
    ],
)
def test_a_picture_the_maker_let_pass_is_refused_where_it_may_show_a_head(
    beside: Entry, picture: Claims, refused: bool
) -> None:
    found = list(surfaces_left([row("p", "no_image_in_space"), beside], {"p": picture, "s": NOTHING}))
    assert [(one.item, one.rule) for one in found] == ([("p", Reason.FACE_IN_RENDERING)] if refused else [])


def test_what_is_no_dicom_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"nothing")
    assert claims_of(tmp_path / "a") == NOTHING
    assert not list(faults(Entry("a", Status.PASSED, "a", 1, "", format="nifti", masking=Masking(head="face_removed")),
                           NOTHING))  # fmt: skip
