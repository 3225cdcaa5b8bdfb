"""Frames as arrays: what is shown of a file, and what is refused as a whole."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, uid
from pydicom.uid import UID

from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Reason
from deid_platform.pixels.frames import frames, open_pixels
from deid_platform.pixels.layout import Limits
from tests.builders.bad_files import all_bad, deflated_bomb
from tests.builders.dicom import encode, image, person, report, write
from tests.builders.elements import element
from tests.pixels.conftest import Read, Refused

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "dicom"


def test_a_palette_gives_the_colours_and_the_stored_values(read: Read) -> None:
    colours, stored = read(image(person(1), modality="US", photometric="PALETTE COLOR"))
    assert colours.shape == (64, 64, 3)
    assert stored.shape == (64, 64)


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
def test_floating_point_pixels_are_read(read: Read, refused: Refused, keyword: str, dtype: str) -> None:
    ds = image(person(1), PixelRepresentation=None, BitsStored=None, HighBit=None)
    values = np.linspace(-2, 2, 64 * 64, dtype=dtype).reshape(64, 64)
    del ds.PixelData
    setattr(ds, keyword, values.tobytes())
    ds.BitsAllocated = values.itemsize * 8
    np.testing.assert_array_equal(read(ds)[0], values)
    ds.BitsAllocated = 16
    assert refused(ds) is Reason.PIXELS_UNDECODABLE


def test_bits_beside_the_sample_are_shown_on_their_own(read: Read) -> None:
    ds = image(person(1), bits=12)
    cells = np.frombuffer(ds.PixelData, np.uint16).reshape(64, 64)
    overlay = np.zeros((64, 64), np.uint16)
    overlay[20:30, 5:50] = 1 << 14
    ds.PixelData = (cells | overlay).tobytes()
    samples, rest = read(ds)
    np.testing.assert_array_equal(samples, cells)
    np.testing.assert_array_equal(rest, overlay)


@pytest.mark.parametrize("extended", [True, False])
def test_the_sign_is_no_bit_beside_the_sample(read: Read, extended: bool) -> None:
    ds = image(person(1), bits=12, signed=True)
    expected = np.frombuffer(ds.PixelData, np.int16).reshape(64, 64)
    if not extended:
        ds.PixelData = (expected & 0xFFF).astype(np.int16).tobytes()
    (samples,) = read(ds)
    np.testing.assert_array_equal(samples, expected)


def test_samples_may_stand_in_the_high_bits(read: Read) -> None:
    ds = image(person(1), bits=12, HighBit=15)
    cells = np.frombuffer(ds.PixelData, np.uint16).reshape(64, 64)
    ds.PixelData = (cells << 4).tobytes()
    (samples,) = read(ds)
    np.testing.assert_array_equal(samples, cells)


def test_a_second_pixel_element_is_refused(read: Read, refused: Refused) -> None:
    data = encode(image(person(1)))
    assert refused(data + element(0x7FE00010, b"OW", b"\0\0")) is Reason.PIXELS_UNDECODABLE
    assert len(read(data + element(0xFFFCFFFC, b"OB", bytes(8)))) == 1


def test_a_deflated_data_set_may_not_inflate_beyond_the_limit(refused: Refused) -> None:
    assert refused(deflated_bomb(), Limits(total_bytes=2**24)) is Reason.TOO_LARGE


def test_a_deflated_data_set_cut_short_is_refused(refused: Refused) -> None:
    data = encode(image(person(1), transfer_syntax=uid.DeflatedExplicitVRLittleEndian))
    for length in (1, 10, 1000):
        assert refused(data[:-length]) is Reason.PIXELS_UNDECODABLE


# What is bad about these files does not concern their pixels.
PIXELS_ARE_FINE = {
    "deep_nesting_explicit", "dicomdir_alone", "group_0004", "odd_length", "out_of_order", "trailing_junk",
    "unknown_vr", "wide_sequence", *(name for name in all_bad() if name.startswith("without_")),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(all_bad().keys() - PIXELS_ARE_FINE))
def test_nothing_but_a_refusal_comes_of_a_bad_file(refused: Refused, name: str) -> None:
    expected = Reason.TOO_LARGE if name == "huge_image" else Reason.PIXELS_UNDECODABLE
    assert refused(all_bad()[name]()) is expected


@pytest.mark.parametrize("name", sorted(PIXELS_ARE_FINE))
def test_pixels_are_read_whatever_else_is_wrong(read: Read, name: str) -> None:
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
