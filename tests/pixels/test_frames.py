"""Frames as arrays, from every way of storing them that can be written here."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Reason
from deid_platform.pixels.frames import frames, open_pixels
from deid_platform.pixels.layout import Limits
from tests.builders.bad_files import all_bad, deflated_bomb
from tests.builders.dicom import encode, image, leaks, person, report, write
from tests.builders.elements import data_set_at, element

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
SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "dicom"

Make = Callable[..., list[NDArray[Any]]]


@pytest.fixture
def read(tmp_path: Path) -> Make:
    def read(ds: FileDataset | bytes, limits: Limits | None = None) -> list[NDArray[Any]]:
        path = tmp_path / "object.dcm"
        path.write_bytes(ds if isinstance(ds, bytes) else encode(ds))
        return list(frames(path, limits))

    return read


def refused(read: Make, ds: FileDataset | bytes, limits: Limits | None = None) -> Reason:
    with pytest.raises(UnsafeToRelease) as caught:
        read(ds, limits)
    assert caught.value.__cause__ is None
    assert not leaks(person(1), str(caught.value).encode())
    assert not leaks(person(0), str(caught.value).encode())
    return caught.value.reason


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
def test_what_is_stored_without_loss_is_read_without_loss(read: Make, syntax: UID, look: dict[str, Any]) -> None:
    plain = image(person(1), **look)
    expected = plain.pixel_array if look.get("frames", 1) > 1 else plain.pixel_array[np.newaxis]
    for found, frame in zip(read(image(person(1), transfer_syntax=syntax, **look)), expected, strict=True):
        np.testing.assert_array_equal(found, frame)


@pytest.mark.parametrize("syntax", LOSSLESS[:3])
def test_frames_of_an_odd_number_of_bytes_are_told_apart(read: Make, syntax: UID) -> None:
    look: dict[str, Any] = {"bits": 8, "rows": 33, "columns": 31, "frames": 3, "modality": "US"}
    found = read(image(person(1), transfer_syntax=syntax, **look))
    np.testing.assert_array_equal(found, image(person(1), **look).pixel_array)


@pytest.mark.parametrize("syntax", [*LOSSY, uid.JPEGBaseline8Bit])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_what_is_stored_with_loss_is_nearly_read(read: Make, syntax: UID, photometric: str) -> None:
    look: dict[str, Any] = {"bits": 8, "modality": "US", "frames": 2, "photometric": photometric}
    expected = image(person(1), **look).pixel_array
    for found, frame in zip(read(image(person(1), transfer_syntax=syntax, **look)), expected, strict=True):
        assert np.abs(found.astype(int) - frame).mean() < 4


@pytest.mark.parametrize("look", [{"photometric": "YBR_FULL"}, {"photometric": "YBR_FULL_422"}, {"planar": 1}], ids=str)
def test_colour_comes_out_as_rgb(read: Make, look: dict[str, Any]) -> None:
    rgb = {"modality": "US", "photometric": "RGB"}
    (found,) = read(image(person(1), **{**rgb, **look}))
    assert np.abs(found.astype(int) - image(person(1), **rgb).pixel_array).max() < 8


def test_a_palette_gives_the_colours_and_the_stored_values(read: Make) -> None:
    colours, stored = read(image(person(1), modality="US", photometric="PALETTE COLOR"))
    assert colours.shape == (64, 64, 3)
    assert stored.shape == (64, 64)


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
def test_floating_point_pixels_are_read(read: Make, keyword: str, dtype: str) -> None:
    ds = image(person(1), PixelRepresentation=None, BitsStored=None, HighBit=None)
    values = np.linspace(-2, 2, 64 * 64, dtype=dtype).reshape(64, 64)
    del ds.PixelData
    setattr(ds, keyword, values.tobytes())
    ds.BitsAllocated = values.itemsize * 8
    np.testing.assert_array_equal(read(ds)[0], values)
    ds.BitsAllocated = 16
    assert refused(read, ds) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("columns", [64, 5, 3])
def test_packed_bits_are_read_across_bytes(read: Make, columns: int) -> None:
    expected = np.random.default_rng(columns).integers(0, 2, (7, 3, columns), np.uint8)
    ds = image(person(1), bits=8, modality="US", frames=7, rows=3, columns=columns, **BIT)
    packed = np.packbits(expected.reshape(-1), bitorder="little").tobytes()
    ds.PixelData = packed + bytes(len(packed) % 2)
    np.testing.assert_array_equal(read(ds), expected)


@pytest.mark.parametrize("columns", [64, 5])
def test_packed_bits_may_be_compressed_frame_by_frame(read: Make, columns: int) -> None:
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


def test_deflated_frames_are_read_and_may_not_grow(read: Make) -> None:
    ds = image(person(1), frames=2)
    expected = ds.pixel_array
    cells = [frame.tobytes() for frame in expected]
    np.testing.assert_array_equal(read(deflated(ds, cells)), expected)
    for wrong in (cells[1] + bytes(2), cells[1][:-2], bytes(10**7)):
        assert refused(read, deflated(ds, [cells[0], wrong])) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize(
    "name",
    ["JPGExtended.dcm", "JPEG2000.dcm", "SC_rgb_rle_32bit_2frame.dcm", "SC_rgb_jpeg_dcmtk.dcm", "liver_1frame.dcm"],
)
def test_files_of_other_makers_are_read(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None
    for frame in frames(Path(str(path))):
        assert frame.max() > frame.min()


def test_bits_beside_the_sample_are_shown_on_their_own(read: Make) -> None:
    ds = image(person(1), bits=12)
    cells = np.frombuffer(ds.PixelData, np.uint16).reshape(64, 64)
    overlay = np.zeros((64, 64), np.uint16)
    overlay[20:30, 5:50] = 1 << 14
    ds.PixelData = (cells | overlay).tobytes()
    samples, rest = read(ds)
    np.testing.assert_array_equal(samples, cells)
    np.testing.assert_array_equal(rest, overlay)


@pytest.mark.parametrize("extended", [True, False])
def test_the_sign_is_no_bit_beside_the_sample(read: Make, extended: bool) -> None:
    ds = image(person(1), bits=12, signed=True)
    expected = np.frombuffer(ds.PixelData, np.int16).reshape(64, 64)
    if not extended:
        ds.PixelData = (expected & 0xFFF).astype(np.int16).tobytes()
    (samples,) = read(ds)
    np.testing.assert_array_equal(samples, expected)


def test_samples_may_stand_in_the_high_bits(read: Make) -> None:
    ds = image(person(1), bits=12, HighBit=15)
    cells = np.frombuffer(ds.PixelData, np.uint16).reshape(64, 64)
    ds.PixelData = (cells << 4).tobytes()
    (samples,) = read(ds)
    np.testing.assert_array_equal(samples, cells)


@pytest.mark.parametrize("syntax", [*LOSSLESS[3:], *LOSSY, uid.JPEGBaseline8Bit])
def test_a_frame_cut_short_or_hidden_behind_another_is_refused(read: Make, syntax: UID) -> None:
    ds = image(person(1), bits=8, modality="US", transfer_syntax=syntax)
    fragment = ds.PixelData[16:]
    cut = fragment[: len(fragment) // 2]
    for fragments in ([cut], [fragment, fragment], [fragment, cut], [cut, fragment]):
        assert refused(read, encapsulated(ds, fragments)) is Reason.PIXELS_UNDECODABLE
    if syntax != uid.RLELossless:
        assert refused(read, encapsulated(ds, [fragment + fragment])) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("syntax", [*LOSSLESS[3:], *LOSSY, uid.JPEGBaseline8Bit])
def test_a_compressed_frame_of_another_size_than_declared_is_refused(read: Make, syntax: UID) -> None:
    ds = image(person(1), bits=8, modality="US", transfer_syntax=syntax)
    for rows in (32, 63, 65, 128):
        ds.Rows = rows
        assert refused(read, ds) is Reason.PIXELS_UNDECODABLE


def test_a_second_pixel_element_is_refused(read: Make) -> None:
    data = encode(image(person(1)))
    assert refused(read, data + element(0x7FE00010, b"OW", b"\0\0")) is Reason.PIXELS_UNDECODABLE
    assert len(read(data + element(0xFFFCFFFC, b"OB", bytes(8)))) == 1


def test_a_deflated_data_set_may_not_inflate_beyond_the_limit(read: Make) -> None:
    assert refused(read, deflated_bomb(), Limits(total_bytes=2**24)) is Reason.TOO_LARGE


def test_a_deflated_data_set_cut_short_is_refused(read: Make) -> None:
    data = encode(image(person(1), transfer_syntax=uid.DeflatedExplicitVRLittleEndian))
    for length in (1, 10, 1000):
        assert refused(read, data[:-length]) is Reason.PIXELS_UNDECODABLE


# What is bad about these files does not concern their pixels.
PIXELS_ARE_FINE = {
    "deep_nesting_explicit", "dicomdir_alone", "group_0004", "odd_length", "out_of_order", "trailing_junk",
    "unknown_vr", "wide_sequence", *(name for name in all_bad() if name.startswith("without_")),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(all_bad().keys() - PIXELS_ARE_FINE))
def test_nothing_but_a_refusal_comes_of_a_bad_file(read: Make, name: str) -> None:
    expected = Reason.TOO_LARGE if name == "huge_image" else Reason.PIXELS_UNDECODABLE
    assert refused(read, all_bad()[name]()) is expected


@pytest.mark.parametrize("name", sorted(PIXELS_ARE_FINE))
def test_pixels_are_read_whatever_else_is_wrong(read: Make, name: str) -> None:
    assert len(read(all_bad()[name]())) == 1


def test_an_object_without_pixels_has_no_frames(tmp_path: Path) -> None:
    path = write(report(person(1)), tmp_path / "report.dcm")
    assert not list(frames(path))
    with open_pixels(path) as source:
        assert source is None


# A deflated data set passes through memory in blocks of a mebibyte, of which a few exist at a time.
@pytest.mark.parametrize(
    ("syntax", "count", "most"),
    [
        (uid.ExplicitVRLittleEndian, 100, 2**20),
        (uid.RLELossless, 40, 2**20),
        (uid.DeflatedExplicitVRLittleEndian, 200, 2**22),
    ],
)
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path, syntax: UID, count: int, most: int) -> None:
    path = write(image(person(1), rows=128, columns=128, frames=count, transfer_syntax=syntax), tmp_path / "long.dcm")
    tracemalloc.start()
    try:
        found = sum(1 for _ in frames(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == count
    assert peak < most < count * 128 * 128 * 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="The shared real files are not there.")
def test_real_files_show_what_the_library_alone_reads_and_more() -> None:
    """One file of each transfer syntax; the frames equal those of the library where it has a decoder."""
    paths: dict[str, Path] = {}
    for path in sorted(SHARED.rglob("*.dcm")):
        if path.stat().st_size < 2**20 and (syntax := syntax_of(path)):
            paths.setdefault(syntax, path)
    assert len(paths) > 15
    for path in paths.values():
        compare(path)


def syntax_of(path: Path) -> str:
    try:
        with open_pixels(path) as source:
            return "" if source is None else source.layout.transfer_syntax
    except UnsafeToRelease:
        return ""


def compare(path: Path) -> None:
    found = np.stack(list(frames(path)))
    try:
        expected = dcmread(path).pixel_array
    except (RuntimeError, NotImplementedError):
        return
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
