from __future__ import annotations

import pytest

from deid_platform.formats.dicom.codes import CODE_TEXTS, is_published, published_meanings
from deid_platform.formats.dicom.elements import DataSet, Element, Extent


def item(scheme: bytes | None) -> DataSet:
    data = DataSet()
    if scheme is not None:
        data[0x00080102] = Element(0x00080102, "SH", scheme)
    return data


@pytest.mark.parametrize("scheme", [b"DCM", b"SCT ", b"UCUM", b"LN\0", b"RADLEX"])
def test_schemes_the_standard_names_are_trusted(scheme: bytes) -> None:
    assert is_published(item(scheme), "0040,a043/")


@pytest.mark.parametrize("scheme", [None, b"", b"99STAFF", b"L", b"dcm", b"DCM\\SCT", b"Zacharias"])
def test_schemes_of_a_site_are_not(scheme: bytes | None) -> None:
    assert not is_published(item(scheme), "0040,a043/")


def test_a_scheme_left_in_the_file_is_not_read() -> None:
    data = DataSet()
    data[0x00080102] = Element(0x00080102, "UN", Extent(0, 70_000))
    assert not is_published(data, "")


@pytest.mark.parametrize("path", ["0040,1101/", "0008,0096/0040,1101/", "0008,0082/", "0008,1072/"])
def test_codes_of_persons_and_places_are_not_trusted_whatever_scheme_they_claim(path: str) -> None:
    assert not is_published(item(b"DCM"), path)


def test_meanings_of_the_standard_are_known() -> None:
    assert {"Person Observer Name", "Thorax", "IEC61217 Gantry Continuous Yaw Angle"} <= published_meanings()
    assert "Zacharias" not in published_meanings()
    assert 0x00080104 in CODE_TEXTS
