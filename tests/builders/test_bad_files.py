from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import MediaStorageDirectoryStorage

from tests.builders import bad_files
from tests.builders.dicom import encode, image, leaks, person
from tests.builders.elements import data_set_at


def read(data: bytes) -> Any:
    return dcmread(BytesIO(data))


@pytest.mark.parametrize("name", bad_files.all_bad())
def test_a_bad_file_is_the_same_each_time(name: str) -> None:
    make = bad_files.all_bad()[name]
    assert make() == make()


@pytest.mark.parametrize("name", ["empty", "not_dicom", "no_preamble"])
def test_what_is_no_dicom_file_is_not_read_as_one(name: str) -> None:
    with pytest.raises(InvalidDicomError):
        read(bad_files.all_bad()[name]())


def test_a_data_set_without_preamble_can_be_read_by_force() -> None:
    ds = dcmread(BytesIO(bad_files.no_preamble()), force=True)
    assert ds.PatientName == bad_files.PERSON.name


@pytest.mark.parametrize("keyword", ["PatientID", *bad_files.REQUIRED_UIDS])
def test_one_attribute_is_missing_and_no_other(keyword: str) -> None:
    whole = image(bad_files.PERSON)
    assert set(whole.dir()) - set(read(bad_files.without(keyword)).dir()) == {keyword}


def test_truncated_files_end_where_they_are_said_to() -> None:
    whole = encode(image(bad_files.PERSON))
    assert len(bad_files.truncated_file_meta()) < data_set_at(whole)
    assert bad_files.truncated_header().endswith(bad_files.PERSON.family[:4].encode())
    assert whole.startswith(bad_files.truncated_header())
    for encapsulated in (False, True):
        assert b"\xe0\x7f\x10\x00O" in bad_files.truncated_pixels(encapsulated)
    with pytest.raises(ValueError, match="less than expected"):
        _ = read(bad_files.truncated_pixels()).pixel_array
    with pytest.raises(ValueError, match="less than expected"):
        _ = read(bad_files.short_pixels()).pixel_array


def test_odd_values_stand_in_the_file() -> None:
    assert b"about Easter" in bad_files.wrong_vr()
    assert b"\x10\x00\x00\x40ZZ" in bad_files.unknown_vr()
    assert b"LT\x03\x00odd" in bad_files.odd_length()
    assert bad_files.trailing_junk().endswith(bytes(33))
    assert read(bad_files.group_0004()).FileSetID == "OLDSET"


def test_tags_stand_twice_and_out_of_order() -> None:
    data = bad_files.out_of_order()
    assert data.count(b"\x10\x00\x10\x00PN") == 1 + data[: data.index(b"\xe0\x7f\x10\x00O")].count(
        b"\x10\x00\x10\x00PN"
    )
    assert data.index(bad_files.PERSON.other_id.encode()) < data.rindex(b"\xe0\x7f\x10\x00O")
    assert data.rindex(b"\xe0\x7f\x10\x00O") < data.rindex(b"^Again")


@pytest.mark.parametrize("explicit", [False, True])
def test_sequences_are_nested_as_deep_as_asked(explicit: bool) -> None:
    ds, depth = read(bad_files.deep_nesting(60, explicit=explicit)), 0
    while "ReferencedImageSequence" in ds:
        ds, depth = ds.ReferencedImageSequence[0], depth + 1
    assert depth == 60
    assert ds.PatientName == bad_files.PERSON.name


def test_a_wide_sequence_has_its_items() -> None:
    assert len(read(bad_files.wide_sequence(500)).ReferencedImageSequence) == 500


def test_huge_claims_come_in_small_files() -> None:
    assert len(bad_files.huge_length()) < 5000
    assert struct.pack("<I", 0xFFFFFFFE) in bad_files.huge_length()
    ds = read(bad_files.huge_image())
    assert (ds.Rows, ds.Columns, ds.NumberOfFrames) == (65535, 65535, 99999)


@pytest.mark.parametrize("name", ["undecodable", "private_syntax", "wrong_syntax"])
@pytest.mark.filterwarnings("ignore:The number of bytes of compressed pixel data")
def test_pixels_that_cannot_be_decoded_have_a_readable_header(name: str) -> None:
    ds = read(bad_files.all_bad()[name]())
    assert ds.PatientName == bad_files.PERSON.name
    with pytest.raises((RuntimeError, NotImplementedError, ValueError)):
        _ = ds.pixel_array


def test_the_deflated_bomb_is_small_and_inflates_to_what_is_asked() -> None:
    data = bad_files.deflated_bomb(10_000_000)
    start = data_set_at(data)
    assert len(data) < 30_000
    assert 10_000_000 < len(zlib.decompress(data[start:], wbits=-zlib.MAX_WBITS)) < 10_010_000
    with pytest.raises(zlib.error):
        zlib.decompress(bad_files.broken_deflate()[start:], wbits=-zlib.MAX_WBITS)


def test_a_directory_names_its_patients(tmp_path: Path) -> None:
    path = bad_files.dicomdir(tmp_path)
    assert dcmread(path).file_meta.MediaStorageSOPClassUID == MediaStorageDirectoryStorage
    for number in (0, 1):
        assert person(number).family in leaks(person(number), path.read_bytes())
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 3
    assert read(bad_files.dicomdir_alone()).SOPClassUID == MediaStorageDirectoryStorage


def test_hostile_names_can_be_files_and_hold_the_name(tmp_path: Path) -> None:
    names = bad_files.hostile_names()
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    assert sum(bad_files.PERSON.family in name for name in names) == len(names) - 1
