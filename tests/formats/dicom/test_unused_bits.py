"""Bits outside Bits Stored: they are cleared and no pixel changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom import uid as uids
from pydicom.uid import UID

from deid_platform.formats.dicom.unused_bits import CHUNK, Cells, cleaned_cells
from tests.audit.tampering import audited
from tests.builders.dicom import encode, image, person
from tests.formats.dicom.cleaning import Laboratory

PLANE = np.frombuffer(b"Quintrellebaba^Zephyrine 1961-07", np.uint8)
NATIVE = (
    uids.ExplicitVRLittleEndian,
    uids.ImplicitVRLittleEndian,
    uids.ExplicitVRBigEndian,
    uids.DeflatedExplicitVRLittleEndian,
)


def planted(syntax: UID, *, signed: bool, size: int = 64) -> bytes:
    """Twelve stored bits with a text in the four above, as a retired overlay would be."""
    ds = image(person(0), rows=size, columns=size, bits=12, signed=signed, transfer_syntax=syntax)
    order = ">" if syntax == uids.ExplicitVRBigEndian else "<"
    cells = np.frombuffer(ds.PixelData, f"{order}u2").copy()
    cells &= 0x0FFF
    bits = np.unpackbits(np.resize(PLANE, len(cells) // 8))
    ds.PixelData = (cells | bits.astype("u2") << 12).astype(f"{order}u2").tobytes()
    return encode(ds)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", NATIVE)
def test_an_overlay_in_unused_bits_goes_and_no_pixel_changes(lab: Laboratory, syntax: UID, signed: bool) -> None:
    cleaned = lab.clean(planted(syntax, signed=signed))
    before, after = dcmread(cleaned.source), dcmread(cleaned.output)
    assert np.array_equal(before.pixel_array, after.pixel_array)
    order = ">" if syntax == uids.ExplicitVRBigEndian else "<"
    raw = np.frombuffer(after.PixelData, f"{order}{'i' if signed else 'u'}2")
    assert np.array_equal(raw.reshape(64, 64), after.pixel_array)
    assert "no bits outside Bits Stored" in {change.rule for change in cleaned.outcome.changes}
    assert audited(cleaned) == set()


def test_large_values_are_cleaned_in_their_file(lab: Laboratory) -> None:
    cleaned = lab.clean(planted(uids.ExplicitVRLittleEndian, signed=True, size=1024))
    assert CHUNK < 2 * 1024 * 1024
    assert np.array_equal(dcmread(cleaned.source).pixel_array, dcmread(cleaned.output).pixel_array)
    assert audited(cleaned) == set()


@given(
    st.sampled_from((8, 16, 32, 64)).flatmap(
        lambda bits: st.tuples(st.just(bits), st.integers(1, bits), st.integers(0, bits - 1))
    ),
    st.booleans(), st.booleans(), st.binary(min_size=0, max_size=96),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_what_is_stored_stays_and_the_rest_is_sign_or_zero(
    bits: tuple[int, int, int], signed: bool, little: bool, data: bytes
) -> None:
    allocated, stored, high = bits
    cells = Cells(allocated, stored, high, signed, little)
    out = cleaned_cells(data, cells)
    assert len(out) == len(data)
    assert cleaned_cells(out, cells) == out
    width, low = allocated // 8, high + 1 - stored
    if not cells.cleanable:
        assert out == data
        return
    for at in range(0, len(data) - width + 1, width):
        old, new = (int.from_bytes(part[at : at + width], "little" if little else "big") for part in (data, out))
        kept = old >> low & (1 << stored) - 1
        sign = ((1 << allocated) - (1 << high + 1)) * (signed and kept >> stored - 1)
        assert new == kept << low | sign


def test_the_padding_value_stays_where_it_does_not_fit() -> None:
    cells = Cells(16, 12, 11, False, True, padding=63536)
    pixels = np.array([63536, 17, 4095, 0x8011], "<u2")
    assert np.frombuffer(cleaned_cells(pixels.tobytes(), cells), "<u2").tolist() == [63536, 17, 4095, 0x11]


def test_pixels_in_range_are_the_same_object() -> None:
    data = np.arange(4096, dtype="<u2").tobytes()
    assert cleaned_cells(data, Cells(16, 12, 11, False, True)) is data
