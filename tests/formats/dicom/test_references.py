from __future__ import annotations

from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.builders.elements import element
from tests.formats.dicom.cleaning import Laboratory, with_elements
from tests.formats.dicom.test_elements import undefined

INSTANCE = element(0x00081150, b"UI", b"1.2.840.10008.5.1.4.1.1.4") + element(0x00081155, b"UI", b"1.2.3.4")
LISTED = undefined(0x00081115, b"SQ", undefined(0x0008114A, b"SQ", INSTANCE) + element(0x0020000E, b"UI", b"1.2.3"))
REFERENCE = undefined(0x00081140, b"SQ", INSTANCE)
NOTHING = [element(tag, b"SQ", b"") for tag in (0x00081110, 0x00081111, 0x00082112, 0x0018A001, 0x00400275)]


def cleaned(lab: Laboratory, profile: str, *elements: bytes) -> Dataset:
    return dcmread(BytesIO(lab.clean(with_elements(*NOTHING, *elements), profile).data))


def test_a_list_of_instances_goes_with_the_last_reference_to_them(lab: Laboratory) -> None:
    assert "ReferencedSeriesSequence" not in cleaned(lab, "basic", LISTED, REFERENCE)


def test_a_list_of_instances_stays_while_something_refers_to_them(lab: Laboratory) -> None:
    ds = cleaned(lab, "tcia", LISTED, REFERENCE)
    listed = ds.ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID
    assert listed == ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID != "1.2.3.4"
