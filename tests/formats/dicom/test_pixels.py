"""What stands around pixels: behind the last frame, in padding, in nested items."""

from __future__ import annotations

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.formats.dicom.pixels import MAX_TAIL
from tests.audit.tampering import audited, tampered
from tests.builders.dicom import encode, image, person
from tests.builders.elements import element, head, pixels_at
from tests.builders.frames import SECRET
from tests.formats.dicom.cleaning import Laboratory, plain_image, with_elements


def with_pixels(value: bytes, vr: bytes = b"OW", **settings: object) -> bytes:
    data = encode(image(person(0), modality="US", rows=64, columns=64, **settings))  # type: ignore[arg-type]
    return data[: pixels_at(data)] + head(0x7FE00010, vr, len(value)) + value


@pytest.mark.parametrize("size", [64, 512])
def test_bytes_behind_the_last_frame_go(lab: Laboratory, size: int) -> None:
    ds = image(person(0), modality="US", rows=size, columns=size)
    data = encode(ds)
    value = ds.PixelData + SECRET + b" "
    data = data[: pixels_at(data)] + head(0x7FE00010, b"OB", len(value)) + value
    cleaned = lab.clean(data)
    assert dcmread(cleaned.output).PixelData == ds.PixelData
    assert "nothing behind the last frame" in {change.rule for change in cleaned.outcome.changes}


def test_what_may_be_another_frame_is_left_to_the_pixel_stage(lab: Laboratory) -> None:
    for value in (bytes(2 * 64 * 64), bytes(64 * 64 + MAX_TAIL), bytes(64 * 64 - 2)):
        cleaned = lab.clean(with_pixels(value, b"OB"))
        assert dcmread(cleaned.output).PixelData == value


def test_a_padding_byte_is_zero(lab: Laboratory) -> None:
    ds = image(person(0), modality="US", rows=9, columns=9)
    data = encode(ds)
    assert dcmread(lab.clean(data[:-1] + b"J").output).PixelData == ds.PixelData[:-1] + b"\0"


def test_bits_behind_the_last_single_bit_are_zero(lab: Laboratory) -> None:
    ds = image(person(0), modality="US", rows=3, columns=3, BitsAllocated=1, BitsStored=1, HighBit=0)
    ds.PixelData = b"\xff\xff"
    cleaned = lab.clean(encode(ds))
    assert dcmread(cleaned.output).PixelData == b"\xff\x01"
    assert audited(cleaned) == set()
    assert ("pixels", "unused_bits", "forbidden_content") in tampered(
        cleaned, lab.folder, lambda out: setattr(out, "PixelData", b"\xff\x81")
    )


def test_pixels_in_a_sequence_go(lab: Laboratory) -> None:
    item = element(0x00081030, b"LO", b"Chest") + element(0x7FE00010, b"OW", SECRET + b" ")
    nested = head(0x00082112, b"SQ", len(item) + 8) + b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item
    cleaned = lab.clean(with_elements(nested))
    assert SECRET not in cleaned.data
    assert "PixelData" not in dcmread(cleaned.output).SourceImageSequence[0]

    def put_back(ds: Dataset) -> None:
        ds.SourceImageSequence[0].add_new(0x7FE00010, "OW", bytes(4))

    assert ("(7FE0,0010)", "pixels_in_sequence", "forbidden_content") in tampered(cleaned, lab.folder, put_back)


def test_offset_tables_of_native_pixels_go(lab: Laboratory) -> None:
    data = plain_image()
    at = pixels_at(data)
    table = b"\xe0\x7f\x01\x00OV\0\0" + (40).to_bytes(4, "little") + SECRET.ljust(40)
    assert SECRET not in lab.clean(data[:at] + table + data[at:]).data
