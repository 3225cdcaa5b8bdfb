"""The audit of pixel values: what was put back into clean outputs is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom import uid as uids
from pydicom.encaps import encapsulate

from tests.audit.tampering import audited, tampered
from tests.builders.dicom import encode, image, person
from tests.builders.frames import SECRET, file_of, frame, segment
from tests.formats.dicom.cleaning import Laboratory
from tests.formats.dicom.test_unused_bits import planted

FORBIDDEN = "forbidden_content"
PLAIN = frame(uids.JPEGBaseline8Bit)


def put_pixels(value: bytes):  # type: ignore[no-untyped-def]
    return lambda ds: setattr(ds, "PixelData", value)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", [uids.ExplicitVRLittleEndian, uids.ExplicitVRBigEndian])
def test_unused_bits_are_found(lab: Laboratory, tmp_path: Path, syntax: uids.UID, signed: bool) -> None:
    cleaned = lab.clean(planted(syntax, signed=signed))
    assert audited(cleaned) == set()
    original = dcmread(cleaned.source).PixelData
    assert ("pixels", "unused_bits", FORBIDDEN) in tampered(cleaned, tmp_path, put_pixels(original))


def test_the_declared_padding_value_may_stand_in_unused_bits(lab: Laboratory, tmp_path: Path) -> None:
    ds = image(person(0), rows=16, columns=16, bits=12, PixelPaddingValue=63536)
    cells = np.frombuffer(ds.PixelData, "<u2").copy()
    cells[:9] = 63536
    ds.PixelData = cells.tobytes()
    cleaned = lab.clean(encode(ds))
    assert dcmread(cleaned.output).PixelData == ds.PixelData
    assert audited(cleaned) == set()
    cells[9] = 63537
    assert ("pixels", "unused_bits", FORBIDDEN) in tampered(cleaned, tmp_path, put_pixels(cells.tobytes()))


def test_bytes_behind_native_pixels_are_found(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.built("US")
    pixels = dcmread(cleaned.output).PixelData
    assert ("pixels", "behind_image", FORBIDDEN) in tampered(cleaned, tmp_path, put_pixels(pixels + SECRET + b" "))


def test_a_padding_byte_that_is_not_zero_is_found(lab: Laboratory, tmp_path: Path) -> None:
    cleaned = lab.clean(encode(image(person(0), modality="US", rows=9, columns=9)))
    pixels = dcmread(cleaned.output).PixelData
    assert ("pixels", "behind_image", FORBIDDEN) in tampered(cleaned, tmp_path, put_pixels(pixels[:-1] + b"J"))


FAULTY = {
    "comment": encapsulate([PLAIN[:2] + segment(0xFE, SECRET) + PLAIN[2:]]),
    "behind_image": encapsulate([PLAIN.rstrip(b"\0") + SECRET]),
    "unreadable_codestream": encapsulate([SECRET]),
    "false_offsets": encapsulate([PLAIN]).replace(b"\x04\0\0\0\0\0\0\0", b"\x04\0\0\0JANE", 1),
}


@pytest.mark.parametrize("kind", FAULTY)
def test_faults_of_compressed_frames_are_found(lab: Laboratory, tmp_path: Path, kind: str) -> None:
    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, PLAIN))
    assert audited(cleaned) == set()
    assert ("pixels", kind, FORBIDDEN) in tampered(cleaned, tmp_path, put_pixels(FAULTY[kind]))


def test_false_extended_tables_are_found(lab: Laboratory, tmp_path: Path) -> None:
    def change(ds):  # type: ignore[no-untyped-def]
        ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = SECRET[:24], bytes(8)

    cleaned = lab.clean(file_of(uids.JPEGBaseline8Bit, PLAIN))
    assert ("pixels", "false_offsets", FORBIDDEN) in tampered(cleaned, tmp_path, change)
    assert ("pixels", "false_offsets", FORBIDDEN) in tampered(lab.built("US"), tmp_path, change)


def test_unused_offsets_of_run_length_encoding_are_found(lab: Laboratory, tmp_path: Path) -> None:
    plain = frame(uids.RLELossless)
    hidden = plain[:20] + SECRET + plain[20 + len(SECRET) :]
    cleaned = lab.clean(file_of(uids.RLELossless, hidden))
    assert SECRET not in cleaned.data
    assert audited(cleaned) == set()
    assert ("pixels", "behind_image", FORBIDDEN) in tampered(cleaned, tmp_path, put_pixels(encapsulate([hidden])))
