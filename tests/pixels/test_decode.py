"""One encoded frame as an array, in every transfer syntax that can be written here."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from deid_platform.model import Reason
from deid_platform.pixels import jpeg_lossless
from deid_platform.pixels.frames import frames
from tests.builders.dicom import encode, image, person
from tests.builders.elements import data_set_at, element
from tests.pixels.conftest import Read, Refused

LOSSLESS = [
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
]
LOSSY = [uid.JPEG2000, uid.JPEGLSNearLossless]
BIT = {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}


def encapsulated(ds: FileDataset, fragments: list[bytes]) -> FileDataset:
    """Give the object other fragments; one that was native becomes RLE."""
    if not ds.file_meta.TransferSyntaxUID.is_encapsulated:
        ds.file_meta.TransferSyntaxUID = uid.RLELossless
    ds.PixelData, ds["PixelData"].VR, ds["PixelData"].is_undefined_length = encapsulate(fragments), "OB", True
    return ds


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(
    "look",
    [
        {"bits": 16, "signed": True, "frames": 3},
        {"bits": 12},
        {"bits": 8, "rows": 34, "columns": 35, "frames": 2, "modality": "US"},
        {"bits": 8, "modality": "US", "photometric": "RGB"},
    ],
    ids=str,
)
def test_what_is_stored_without_loss_is_read_without_loss(read: Read, syntax: UID, look: dict[str, Any]) -> None:
    plain = image(person(1), **look)
    expected = plain.pixel_array if look.get("frames", 1) > 1 else plain.pixel_array[np.newaxis]
    for found, frame in zip(read(image(person(1), transfer_syntax=syntax, **look)), expected, strict=True):
        np.testing.assert_array_equal(found, frame)


@pytest.mark.parametrize("syntax", LOSSLESS[:3])
def test_frames_of_an_odd_number_of_bytes_are_told_apart(read: Read, syntax: UID) -> None:
    look: dict[str, Any] = {"bits": 8, "rows": 33, "columns": 31, "frames": 3, "modality": "US"}
    found = read(image(person(1), transfer_syntax=syntax, **look))
    np.testing.assert_array_equal(found, image(person(1), **look).pixel_array)


@pytest.mark.parametrize("syntax", [*LOSSY, uid.JPEGBaseline8Bit])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_what_is_stored_with_loss_is_nearly_read(read: Read, syntax: UID, photometric: str) -> None:
    look: dict[str, Any] = {"bits": 8, "modality": "US", "frames": 2, "photometric": photometric}
    expected = image(person(1), **look).pixel_array
    for found, frame in zip(read(image(person(1), transfer_syntax=syntax, **look)), expected, strict=True):
        assert np.abs(found.astype(int) - frame).mean() < 4


@pytest.mark.parametrize("look", [{"photometric": "YBR_FULL"}, {"photometric": "YBR_FULL_422"}, {"planar": 1}], ids=str)
def test_colour_comes_out_as_rgb(read: Read, look: dict[str, Any]) -> None:
    rgb = {"modality": "US", "photometric": "RGB"}
    (found,) = read(image(person(1), **{**rgb, **look}))
    assert np.abs(found.astype(int) - image(person(1), **rgb).pixel_array).max() < 8


@pytest.mark.parametrize("planar", [0, 1])
def test_how_compressed_colours_are_interleaved_the_codestream_knows(read: Read, planar: int) -> None:
    ds = image(person(1), modality="US", photometric="RGB")
    expected = ds.pixel_array
    encapsulated(ds, [jpeg_lossless.encode(expected, 8, b"RGB")])
    ds.file_meta.TransferSyntaxUID, ds.PlanarConfiguration = uid.JPEGLosslessSV1, planar
    np.testing.assert_array_equal(read(ds)[0], expected)


@pytest.mark.parametrize("columns", [64, 5, 3])
def test_packed_bits_are_read_across_bytes(read: Read, columns: int) -> None:
    expected = np.random.default_rng(columns).integers(0, 2, (7, 3, columns), np.uint8)
    ds = image(person(1), bits=8, modality="US", frames=7, rows=3, columns=columns, **BIT)
    packed = np.packbits(expected.reshape(-1), bitorder="little").tobytes()
    ds.PixelData = packed + bytes(len(packed) % 2)
    np.testing.assert_array_equal(read(ds), expected)


@pytest.mark.parametrize("columns", [64, 5])
def test_packed_bits_may_be_compressed_frame_by_frame(read: Read, columns: int) -> None:
    expected = np.random.default_rng(columns).integers(0, 2, (2, 3, columns), np.uint8)
    ds = image(person(1), bits=8, modality="US", frames=2, rows=3, columns=columns, **BIT)
    packed = [np.packbits(frame.reshape(-1), bitorder="little").tobytes() for frame in expected]
    runs = [(1).to_bytes(4, "little") + (64).to_bytes(4, "little") + bytes(56) + literal(data) for data in packed]
    np.testing.assert_array_equal(read(encapsulated(ds, runs)), expected)
    np.testing.assert_array_equal(read(deflated(ds, packed)), expected)


def literal(data: bytes) -> bytes:
    run = bytes([len(data) - 1]) + data
    return run + bytes(len(run) % 2)


def deflated(ds: FileDataset, cells: list[bytes]) -> bytes:
    """The object in a transfer syntax that the library does not know, so that it is written as RLE first."""
    packers = [(zlib.compressobj(wbits=-zlib.MAX_WBITS), frame) for frame in cells]
    data = encode(encapsulated(ds, [packer.compress(frame) + packer.flush() for packer, frame in packers]))
    meta = data[144 : data_set_at(data)].replace(
        element(0x00020010, b"UI", uid.RLELossless.encode()), element(0x00020010, b"UI", b"1.2.840.10008.1.2.8.1")
    )
    return data[:140] + struct.pack("<I", len(meta)) + meta + data[data_set_at(data) :]


def test_deflated_frames_are_read_and_may_not_grow(read: Read, refused: Refused) -> None:
    ds = image(person(1), frames=2)
    expected = ds.pixel_array
    cells = [frame.tobytes() for frame in expected]
    np.testing.assert_array_equal(read(deflated(ds, cells)), expected)
    for wrong in (cells[1] + bytes(2), cells[1][:-2], bytes(10**7)):
        assert refused(deflated(ds, [cells[0], wrong])) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize(
    "name",
    ["JPGExtended.dcm", "JPEG2000.dcm", "SC_rgb_rle_32bit_2frame.dcm", "SC_rgb_jpeg_dcmtk.dcm", "liver_1frame.dcm"],
)
def test_files_of_other_makers_are_read(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    for frame in frames(Path(str(path))):
        assert frame.max() > frame.min()


@pytest.mark.parametrize("syntax", [*LOSSLESS[3:], *LOSSY, uid.JPEGBaseline8Bit])
def test_a_frame_cut_short_or_hidden_behind_another_is_refused(refused: Refused, syntax: UID) -> None:
    ds = image(person(1), bits=8, modality="US", transfer_syntax=syntax)
    fragment = ds.PixelData[16:]
    cut = fragment[: len(fragment) // 2]
    for fragments in ([cut], [fragment, fragment], [fragment, cut], [cut, fragment]):
        assert refused(encapsulated(ds, fragments)) is Reason.PIXELS_UNDECODABLE
    if syntax != uid.RLELossless:
        assert refused(encapsulated(ds, [fragment + fragment])) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("syntax", [*LOSSLESS[3:], *LOSSY, uid.JPEGBaseline8Bit])
def test_a_compressed_frame_of_another_size_than_declared_is_refused(refused: Refused, syntax: UID) -> None:
    ds = image(person(1), bits=8, modality="US", transfer_syntax=syntax)
    for rows in (32, 63, 65, 128):
        ds.Rows = rows
        assert refused(ds) is Reason.PIXELS_UNDECODABLE
