"""Masked frames in the rarer ways to store pixels."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from openjpeg.utils import encode_buffer
from pydicom import dcmread, uid
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate

from deid_platform.audit.altered import altered_pixels
from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Masking, Region
from deid_platform.pixels import jpeg_lossless, rle_encode
from deid_platform.pixels.decode import DEFLATED_FRAMES
from deid_platform.pixels.frames import frames
from tests.builders.dicom import image, person
from tests.builders.frames import with_syntax_of
from tests.builders.masks import mask_of, pixels_of, write_both

BOX = (8, 8, 16, 20)


def object_of(pixels: bytes, **said: Any) -> FileDataset:
    return image(person(1), modality="US", bits=8, graphics=False, PixelData=pixels + bytes(len(pixels) % 2), **said)


def compare(before: Path, after: Path, masked: NDArray[np.bool_], values: int = 1) -> None:
    for old, new, inside in zip(frames(before), frames(after), masked, strict=True):
        np.testing.assert_array_equal(new[~inside], old[~inside])
        if inside.any():
            assert len(np.unique(new[inside].reshape(inside.sum(), -1), axis=0)) == values


@pytest.fixture
def bits() -> NDArray[np.uint8]:
    """Eleven frames, none of which begins at a byte but the first and the ninth."""
    return np.random.default_rng(1).integers(0, 2, (11, 21, 23), np.uint8)


def packed(bits: NDArray[np.uint8]) -> bytes:
    return np.packbits(bits.reshape(-1), bitorder="little").tobytes()


ONE_BIT = {"rows": 21, "columns": 23, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
MASKS = [mask_of(21, 23, BOX) if number in (0, 2, 3, 8, 10) else None for number in range(11)]


def test_packed_bits_change_where_masked_and_nowhere_else(tmp_path: Path, bits: NDArray[np.uint8]) -> None:
    before, after, _ = write_both(object_of(packed(bits), frames=11, **ONE_BIT), tmp_path, MASKS)
    compare(before, after, pixels_of(MASKS, 21, 23))
    assert before.read_bytes()[-2:] == after.read_bytes()[-2:]


@pytest.mark.parametrize("deflated", [False, True])
def test_packed_bits_may_be_compressed(tmp_path: Path, bits: NDArray[np.uint8], deflated: bool) -> None:
    each = [np.frombuffer(packed(frame), np.uint8) for frame in bits]
    encoded = [deflate(frame.tobytes()) if deflated else rle_encode.encode([frame[np.newaxis]]) for frame in each]
    ds = encapsulated(object_of(b"", frames=11, **ONE_BIT), encoded)
    data = with_syntax_of(ds, DEFLATED_FRAMES if deflated else uid.RLELossless)
    before, after, done = write_both(data, tmp_path, MASKS)
    compare(before, after, pixels_of(MASKS, 21, 23))
    assert done.transfer_syntax == done.new_transfer_syntax


def encapsulated(ds: FileDataset, encoded: list[bytes]) -> FileDataset:
    ds.PixelData, ds["PixelData"].VR, ds["PixelData"].is_undefined_length = encapsulate(encoded), "OB", True
    return ds


def deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


def test_deflated_frames_stay_deflated(tmp_path: Path) -> None:
    ds = image(person(1), modality="XA", rows=24, columns=30, frames=2, graphics=False)
    data = with_syntax_of(encapsulated(ds, [deflate(frame.tobytes()) for frame in ds.pixel_array]), DEFLATED_FRAMES)
    masks = [None, mask_of(24, 30, BOX)]
    before, after, done = write_both(data, tmp_path, masks)
    compare(before, after, pixels_of(masks, 24, 30))
    assert done.new_transfer_syntax == DEFLATED_FRAMES


@pytest.mark.parametrize(("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_floating_point_pixels(tmp_path: Path, keyword: str, dtype: str, syntax: uid.UID) -> None:
    values = np.linspace(-2, 2, 2 * 24 * 30).astype(dtype).reshape(2, 24, 30)
    values[:, 20] = np.nan
    ds = image(person(1), modality="XA", rows=24, columns=30, frames=2, graphics=False, transfer_syntax=syntax)
    del ds.PixelData, ds.PixelRepresentation, ds.BitsStored, ds.HighBit
    setattr(ds, keyword, values.astype(f"{'>' if syntax == uid.ExplicitVRBigEndian else '<'}{dtype}").tobytes())
    ds.BitsAllocated = values.itemsize * 8
    masks = [None, mask_of(24, 30, BOX)]
    before, after, _ = write_both(ds, tmp_path, masks)
    compare(before, after, pixels_of(masks, 24, 30))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_bytes_in_big_endian_words(tmp_path: Path, count: int) -> None:
    cells = np.random.default_rng(2).integers(0, 255, (count, 21, 23), np.uint8)
    data = cells.tobytes() + bytes(cells.size % 2)
    ds = object_of(b"", frames=count, rows=21, columns=23, transfer_syntax=uid.ExplicitVRBigEndian)
    ds.PixelData, ds["PixelData"].VR = np.frombuffer(data, np.uint16).byteswap().tobytes(), "OW"
    masks = [mask_of(21, 23, BOX) if number != 1 else None for number in range(count)]
    before, after, _ = write_both(ds, tmp_path, masks)
    np.testing.assert_array_equal(list(frames(before)), cells)
    compare(before, after, pixels_of(masks, 21, 23))
    assert before.read_bytes()[-2:] == after.read_bytes()[-2:]


@pytest.mark.parametrize("high", [11, 15])
def test_overlays_in_unused_bits_go_with_what_they_lie_on(tmp_path: Path, high: int) -> None:
    ds = image(person(1), modality="XA", bits=12, rows=24, columns=30, graphics=False, HighBit=high)
    cells = np.frombuffer(ds.PixelData, np.uint16).reshape(24, 30) << (high - 11)
    cells[10:14, 4:26] |= 0x8000 if high == 11 else 1
    ds.PixelData = cells.tobytes()
    mask = mask_of(24, 30, BOX)
    before, after, _ = write_both(ds, tmp_path, [mask])
    (samples, beside), (new_samples, new_beside) = frames(before), frames(after)
    inside = mask.pixels()
    assert beside[inside].any()
    assert not new_beside[inside].any()
    np.testing.assert_array_equal(new_beside[~inside], beside[~inside])
    np.testing.assert_array_equal(new_samples[~inside], samples[~inside])


def test_the_gate_agrees_where_compressed_colours_are_said_to_be_by_plane(tmp_path: Path) -> None:
    ds = object_of(b"", rows=24, columns=30, photometric="RGB")
    picture = np.random.default_rng(3).integers(0, 255, (24, 30, 3), np.uint8)
    ds = encapsulated(ds, [jpeg_lossless.encode(picture, 8, b"RGB")])
    ds.PlanarConfiguration = 1
    before, after, _ = write_both(with_syntax_of(ds, uid.JPEGLosslessSV1), tmp_path, [mask_of(24, 30, BOX)])
    top, left, bottom, right = BOX
    inside = Region(left, top, right - left, bottom - top)
    assert not list(altered_pixels(before, after, Masking(1, 1, regions=(inside,))))
    assert list(altered_pixels(before, after, Masking(1, 1, regions=(Region(left, top, 4, 4),))))


def test_colours_of_jpeg_2000_that_cannot_be_undone_become_those_that_can_in_every_frame(tmp_path: Path) -> None:
    picture = image(person(1), modality="US", rows=40, columns=44, frames=2, photometric="RGB").pixel_array
    encoded = [
        encode_buffer(frame.tobytes(), 44, 40, 3, 8, False, photometric_interpretation=1, compression_ratios=[4])
        for frame in picture
    ]
    ds = encapsulated(image(person(1), modality="US", rows=40, columns=44, frames=2, photometric="RGB"), encoded)
    ds.PhotometricInterpretation, ds.file_meta.TransferSyntaxUID = "YBR_ICT", uid.JPEG2000
    masks = [None, mask_of(40, 44, BOX)]
    before, after, done = write_both(ds, tmp_path, masks)
    compare(before, after, pixels_of(masks, 40, 44))
    written = dcmread(after)
    assert (written.PhotometricInterpretation, done.new_transfer_syntax) == ("YBR_RCT", uid.JPEG2000)
    np.testing.assert_array_equal(written.pixel_array, list(frames(after)))


def test_subsampled_colours_in_rows_of_an_odd_length_are_refused(tmp_path: Path) -> None:
    ds = object_of(b"", rows=24, columns=30, photometric="YBR_FULL_422")
    ds.Rows, ds.Columns, ds.PixelData = 24, 29, bytes(24 * 29 * 2)
    with pytest.raises(UnsafeToRelease, match="even number"):
        write_both(ds, tmp_path, [mask_of(24, 29, BOX)])


def test_a_jpeg_that_calls_its_colours_otherwise_is_rgb_afterwards(tmp_path: Path) -> None:
    look: dict[str, Any] = {"photometric": "RGB", "rows": 24, "columns": 30, "transfer_syntax": uid.JPEGBaseline8Bit}
    shown = {}
    for name in ("YBR_FULL_422", "YBR_PARTIAL_422"):
        ds = image(person(1), modality="US", graphics=False, **look)
        ds.PhotometricInterpretation = name
        _, after, _ = write_both(ds, tmp_path, [mask_of(24, 30, BOX)])
        assert dcmread(after).PhotometricInterpretation == "RGB"
        shown[name] = next(frames(after))
    np.testing.assert_array_equal(*shown.values())
