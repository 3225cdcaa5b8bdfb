from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from deid_platform.formats.dicom import planes
from deid_platform.formats.dicom.planes import planes_of
from deid_platform.formats.dicom.stacks import open_stack
from deid_platform.heads.plans import stacks_of
from tests.builders.dicom import image, person, report, write


def test_a_slice_lies_where_its_header_says_in_ras(tmp_path: Path) -> None:
    ds = image(person(1), ImagePositionPatient=[10, 20, 30], PixelSpacing=[2, 0.5], RescaleSlope=2, RescaleIntercept=-5)
    own = planes_of(write(ds, tmp_path / "a.dcm"))
    assert own is not None
    plane = own.plane(0)
    assert plane.origin.tolist() == [-10, -20, 30]
    assert plane.row_step.tolist() == [0, -2, 0]  # the first spacing is between rows
    assert plane.column_step.tolist() == [-0.5, 0, 0]
    assert plane.normal.tolist() == [0, 0, 1]
    assert (own.slopes[0], own.intercepts[0]) == (2, -5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ImagePositionPatient": None},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [2, 0, 0, 0, 1, 0]},
        {"PixelSpacing": [0, 1]},
        {"PixelSpacing": None},
    ],
)
def test_what_tells_no_place_has_none(tmp_path: Path, wrong: dict[str, object]) -> None:
    own = planes_of(write(image(person(1), **wrong), tmp_path / "a.dcm"))
    assert own is not None
    assert not own.placed


def test_what_has_no_pixels_has_no_planes(tmp_path: Path) -> None:
    assert planes_of(write(report(person(1)), tmp_path / "a.dcm")) is None


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [("MOSAIC", "tiled"), ("VOLUME_RENDERING", "rendered"), ("PROJECTION IMAGE", "projected"), ("MIP", "projected"),
     ("CSA 3D", "rendered")],
)
def test_image_type_tells_what_is_no_slice(tmp_path: Path, kind: str, attribute: str) -> None:
    own = planes_of(write(image(person(1), ImageType=["DERIVED", "SECONDARY", kind]), tmp_path / "a.dcm"))
    assert own is not None
    assert getattr(own, attribute)


def test_an_enhanced_volume_is_no_rendering(tmp_path: Path) -> None:
    own = planes_of(write(image(person(1), ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]), tmp_path / "a.dcm"))
    assert own is not None
    assert not own.pictured


@pytest.mark.parametrize(("modality", "captured"), [("CT", True), ("MR", True), ("OT", False), ("US", False)])
@pytest.mark.parametrize("kind", ["7", "7.4"])
def test_a_capture_of_slices_may_show_anything(tmp_path: Path, modality: str, kind: str, captured: bool) -> None:
    ds = image(person(1), Modality=modality, SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{kind}")
    own = planes_of(write(ds, tmp_path / "a.dcm"))
    assert own is not None
    assert own.captured is own.pictured is captured
    assert own.loose is (modality == "OT")


@pytest.mark.parametrize("kind", ["77.1.4", "7.5", "78.1"])
def test_other_classes_are_no_captures(tmp_path: Path, kind: str) -> None:
    ds = image(person(1), Modality="CT", SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{kind}")
    own = planes_of(write(ds, tmp_path / "a.dcm"))
    assert own is not None
    assert not own.captured


@pytest.mark.parametrize(
    ("described", "headed"),
    [
        ({"BodyPartExamined": "HEADNECK"}, True),
        ({"SeriesDescription": "MIP_neck"}, True),
        ({"StudyDescription": "CT Schaedel nativ"}, True),
        ({"ProtocolName": "t1 brain"}, True),
        ({"StudyDescription": "CT Schädel nativ"}, True),
        ({"SeriesDescription": "TDM de la tête"}, True),
        ({"SeriesDescription": "CABEÇA 3D"}, True),
        ({"ProtocolName": "C-Spine"}, True),
        ({"ProtocolName": "TMJ left"}, True),
        ({"BodyPartExamined": "3RDVENTRICLE"}, True),
        ({"SeriesDescription": "surface of the knee"}, False),
        ({"SeriesDescription": "facet joints, early phase"}, False),
        ({"SeriesDescription": "caratterizzazione"}, False),
        ({"SeriesDescription": ""}, False),
    ],
)
@pytest.mark.parametrize("charset", ["ISO_IR 100", "ISO_IR 192"])
def test_words_of_the_header_tell_of_a_head(
    tmp_path: Path, described: dict[str, str], headed: bool, charset: str
) -> None:
    others = {"StudyDescription": "", "SeriesDescription": "", "ProtocolName": "", "BodyPartExamined": "KNEE"}
    ds = image(person(1), SpecificCharacterSet=charset, **others | described)
    own = planes_of(write(ds, tmp_path / "a.dcm"))
    assert own is not None
    assert own.headed is headed
    assert own.elsewhere is not headed


def test_no_part_without_a_face_is_a_word_of_heads() -> None:
    words = planes._listed("words_of_heads.csv")
    beginnings = tuple(word for word, how in words.items() if how == "begins")
    assert set(words.values()) - {"how"} == {"begins", "is"}
    parts = planes._listed("parts_without_face.csv")
    assert not [part for part in parts if part in words or part.startswith(beginnings)]


@pytest.mark.parametrize(
    ("part", "elsewhere"),
    [("KNEE", True), ("PELVISLOWEXTREMT", True), ("CERVIX", False), ("HEAD", False), ("", False)],
)
def test_a_header_may_say_that_another_part_of_the_body_is_shown(tmp_path: Path, part: str, elsewhere: bool) -> None:
    own = planes_of(write(image(person(1), BodyPartExamined=part), tmp_path / "a.dcm"))
    assert own is not None
    assert own.elsewhere is elsewhere


def test_frames_of_an_enhanced_object_lie_where_their_groups_say(tmp_path: Path) -> None:
    ds = image(person(1), frames=12, modality="MR")
    orientation = Dataset()
    orientation.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    ds.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence = Sequence([orientation])
    for number, group in enumerate(ds.PerFrameFunctionalGroupsSequence):
        group.PlanePositionSequence[0].ImagePositionPatient = [5.0 * number, 0, 0]
    path = write(ds, tmp_path / "a.dcm")
    own = planes_of(path)
    assert own is not None
    (plan,) = stacks_of({"a": own})
    assert len(plan.frames) == 12
    assert plan.shows_a_volume
    with open_stack(plan, {"a": path}) as stack:
        # Sagittal slices from the patient's left: sorted along their normal.
        heights = stack.origins @ stack.plane.normal
        assert (np.diff(heights) > 0).all()
        assert stack.read(3).shape == (ds.Rows, ds.Columns)


def test_slices_are_sorted_by_place_and_of_equal_ones_the_first_stands_for_all(tmp_path: Path) -> None:
    heights = [30.0, 0.0, 10.0, 20.0, 10.0]
    paths = {
        str(n): write(image(person(1), instance=n + 1, ImagePositionPatient=[0, 0, z]), tmp_path / f"{n}.dcm")
        for n, z in enumerate(heights)
    }
    found = {item: own for item, path in paths.items() if (own := planes_of(path)) is not None}
    (plan,) = stacks_of(found)
    assert [one.item for one in plan.frames] == ["1", "2", "3", "0"]
    assert not plan.shows_a_volume


def test_localizers_in_three_directions_are_three_stacks(tmp_path: Path) -> None:
    directions = ([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])
    found = {}
    for n, direction in enumerate(directions):
        ds = image(person(1), instance=n + 1, ImageOrientationPatient=direction)
        own = planes_of(write(ds, tmp_path / f"{n}.dcm"))
        assert own is not None
        found[str(n)] = own
    assert len(stacks_of(found)) == 3
