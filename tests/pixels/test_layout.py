"""What a file declares about its pixels."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import pytest
from pydicom import config
from pydicom.uid import MPEG4HP41, UID, JPEGBaseline8Bit, RLELossless, SMPTEST211030PCMDigitalAudio

from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Reason
from deid_platform.pixels.layout import Layout, Limits, quiet, read_layout
from tests.builders.bad_files import huge_image
from tests.builders.dicom import encode, image, leaks, person, report
from tests.builders.elements import data_set_at, element, pixels_at, with_syntax


def layout_of(data: bytes, limits: Limits | None = None) -> Layout | None:
    return read_layout(io.BytesIO(data), limits or Limits())


def refused(data: bytes, limits: Limits | None = None) -> Reason:
    with pytest.raises(UnsafeToRelease) as caught:
        layout_of(data, limits)
    assert not leaks(person(1), str(caught.value).encode())
    return caught.value.reason


def test_the_declared_shape_is_read() -> None:
    layout = layout_of(encode(image(person(1), rows=20, columns=30, bits=12, frames=2, signed=True)))
    assert layout is not None
    assert (layout.rows, layout.columns, layout.samples, layout.frames) == (20, 30, 1, 2)
    assert (layout.bits_allocated, layout.bits_stored, layout.high_bit, layout.signed) == (16, 12, 11, True)
    assert layout.length == 20 * 30 * 2 * 2


def test_an_object_without_pixels_has_no_layout() -> None:
    assert layout_of(encode(report(person(1)))) is None


@pytest.mark.parametrize("missing", ["Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel"])
def test_a_description_that_lacks_something_is_refused(missing: str) -> None:
    assert refused(encode(image(person(1), **{missing: None}))) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize(
    "nonsense",
    [
        {"Rows": 0},
        {"BitsAllocated": 12},
        {"BitsAllocated": 0},
        {"BitsStored": 17},
        {"HighBit": 16},
        {"SamplesPerPixel": 2},
        {"SamplesPerPixel": 3},
        {"PhotometricInterpretation": "RGB"},
        {"PhotometricInterpretation": None},
        {"PixelRepresentation": 2},
        {"NumberOfFrames": 0},
        {"NumberOfFrames": 2},
        {"Rows": 32},
        {"Rows": 128},
    ],
)
def test_a_description_that_makes_no_sense_is_refused(nonsense: dict[str, Any]) -> None:
    assert refused(encode(image(person(1), **nonsense))) is Reason.PIXELS_UNDECODABLE


def test_numbers_in_words_are_refused() -> None:
    data = encode(image(person(1), frames=2))
    wrong = data.replace(element(0x00280008, b"IS", b"2 "), element(0x00280008, b"IS", b"1A"))
    assert wrong != data
    assert refused(wrong) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("vr", [b"UE", b"MS", b"\x55\xed"])
def test_value_representations_that_do_not_exist_are_refused(vr: bytes) -> None:
    data = encode(image(person(1)))
    assert refused(data.replace(b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00" + vr)) is Reason.PIXELS_UNDECODABLE


def test_native_pixels_must_have_exactly_the_declared_length() -> None:
    ds = image(person(1))
    whole = ds.PixelData
    for wrong in (whole[:-2], whole + b"\0\0", whole + whole):
        ds.PixelData = wrong
        assert refused(encode(ds)) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("cut", [1, 4000])
def test_a_file_that_ends_within_its_pixels_is_refused(cut: int) -> None:
    assert refused(encode(image(person(1)))[:-cut]) is Reason.PIXELS_UNDECODABLE


def test_a_file_that_breaks_before_its_pixels_is_not_one_without_pixels() -> None:
    data = encode(image(person(1)))
    start, pixels, rows = data_set_at(data), pixels_at(data), data.index(b"\x28\x00\x10\x00US")
    swallowing = element(0x00091001, b"UN", b"")[:-4] + b"\xff\xff\xff\x0f"
    assert refused(data[:start] + swallowing + data[start:]) is Reason.PIXELS_UNDECODABLE
    assert refused(data[: pixels + 10]) is Reason.PIXELS_UNDECODABLE
    assert refused(data[:rows] + b"\xfe\xff\x0d\xe0\0\0\0\0" + data[rows:]) is Reason.PIXELS_UNDECODABLE
    assert refused(b"not DICOM at all") is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, RLELossless, UID("1.2.826.0.1.3680043.10.511.3.1")])
def test_native_pixels_in_an_encapsulated_or_unknown_transfer_syntax_are_refused(syntax: UID) -> None:
    assert refused(with_syntax(encode(image(person(1))), syntax)) is Reason.PIXELS_UNDECODABLE


@pytest.mark.parametrize("syntax", [MPEG4HP41, UID("1.2.840.10008.1.2.4.100.1"), SMPTEST211030PCMDigitalAudio])
def test_video_is_refused_as_video(syntax: UID) -> None:
    assert refused(with_syntax(encode(image(person(1))), syntax)) is Reason.VIDEO


def test_a_small_file_cannot_ask_for_all_memory() -> None:
    assert refused(huge_image()) is Reason.TOO_LARGE


@pytest.mark.parametrize(
    "limits",
    [Limits(frame_bytes=64 * 64 * 2 - 1), Limits(total_bytes=3 * 64 * 64 * 2 - 1), Limits(frames=2)],
)
def test_every_limit_holds_to_the_byte(limits: Limits) -> None:
    data = encode(image(person(1), frames=3))
    assert refused(data, limits) is Reason.TOO_LARGE
    assert layout_of(data, Limits(64 * 64 * 2, 3 * 64 * 64 * 2, 3)) is not None


def test_the_library_is_silent_for_the_block_only(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("pydicom")
    filters = list(warnings.filters)
    with quiet():
        config.logger.error("a value of the file")
        warnings.warn("a value of the file", stacklevel=1)
    assert not caplog.records
    assert logger.propagate
    assert warnings.filters == filters
    config.logger.error("heard")
    assert [record.message for record in caplog.records] == ["heard"]


def test_the_library_is_heard_again_after_an_error() -> None:
    with pytest.raises(RuntimeError), quiet():
        raise RuntimeError
    assert logging.getLogger("pydicom").propagate
