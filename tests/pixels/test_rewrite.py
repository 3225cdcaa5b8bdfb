"""Masked frames in every way to store pixels: what is outside the masks is the same, inside is nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid
from pydicom.dataset import FileDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import UID

from deid_platform.audit.codestream import extras
from deid_platform.pixels import jpeg_lossless
from deid_platform.pixels.frames import frames
from tests.builders.dicom import image, person
from tests.builders.masks import mask_of, pixels_of, write_both

ROWS, COLUMNS = 34, 38
BOXES = ((4, 8, 12, 20), (20, 24, 34, 38))
MASK = mask_of(ROWS, COLUMNS, *BOXES)
MASKS = [MASK, None, mask_of(ROWS, COLUMNS, BOXES[1])]

NATIVE = [
    uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian,
]  # fmt: skip
LOSSLESS = [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless]
JPEG = [uid.JPEGLossless, uid.JPEGLosslessSV1]
LOOKS: list[dict[str, Any]] = [
    {"bits": 8, "modality": "US"},
    {"bits": 16, "signed": True},
    {"bits": 12, "modality": "US", "photometric": "MONOCHROME1"},
    {"photometric": "RGB", "modality": "US"},
    {"photometric": "YBR_FULL", "modality": "US"},
    {"photometric": "PALETTE COLOR", "modality": "US"},
]
NATIVE_LOOKS: list[dict[str, Any]] = [
    *LOOKS,
    {"photometric": "YBR_FULL_422", "modality": "US"},
    {"photometric": "YBR_FULL", "modality": "US", "planar": 1},
    {"photometric": "RGB", "modality": "US", "planar": 1},
    {"bits": 32, "modality": "US"},
    {"bits": 8, "modality": "US", "rows": 29, "columns": 33},
]


def made(look: dict[str, Any], syntax: UID) -> FileDataset:
    if syntax in JPEG:
        return lossless_jpeg(made(look, uid.ExplicitVRLittleEndian), syntax)
    settings = {"rows": ROWS, "columns": COLUMNS, "frames": 3, "modality": "XA", **look}
    return image(person(1), transfer_syntax=syntax, private=False, graphics=False, **settings)


def lossless_jpeg(ds: FileDataset, syntax: UID) -> FileDataset:
    """The object in lossless JPEG."""
    samples = pixel_array(ds, raw=True)
    components = b"\1\2\3" if ds.SamplesPerPixel == 3 else b"\1"
    unsigned = samples.astype(f"u{samples.itemsize}")
    encoded = [jpeg_lossless.encode(frame, ds.BitsAllocated, components) for frame in unsigned]
    ds.PixelData, ds["PixelData"].VR, ds["PixelData"].is_undefined_length = encapsulate(encoded), "OB", True
    ds.file_meta.TransferSyntaxUID = syntax
    return ds


def compare(before: Path, after: Path, masked: NDArray[np.bool_], *, most: int = 2) -> None:
    """Decoded by the library alone: outside the masks equal, inside at most so many values for each frame."""
    old, new = (pixel_array(dcmread(path)).reshape(*masked.shape, -1) for path in (before, after))
    np.testing.assert_array_equal(new[~masked], old[~masked])
    for frame, inside in zip(new, masked, strict=True):
        assert len(np.unique(frame[inside], axis=0)) <= most


def masks_for(ds: FileDataset) -> tuple[list[Any], NDArray[np.bool_]]:
    masks = [mask and mask_of(ds.Rows, ds.Columns, *BOXES[number > 0 :]) for number, mask in enumerate(MASKS)]
    return masks, pixels_of(masks, ds.Rows, ds.Columns)


@pytest.mark.parametrize("look", NATIVE_LOOKS, ids=str)
@pytest.mark.parametrize("syntax", NATIVE, ids=lambda syntax: syntax.name)
def test_native_pixels_change_where_masked_and_nowhere_else(tmp_path: Path, syntax: UID, look: dict[str, Any]) -> None:
    ds = made(look, syntax)
    masks, masked = masks_for(ds)
    before, after, done = write_both(ds, tmp_path, masks)
    compare(before, after, masked)
    assert (done.frames, done.pixels) == (2, masked.sum())
    assert done.transfer_syntax == done.new_transfer_syntax == syntax


@pytest.mark.parametrize(
    ("syntax", "look"),
    [
        *((syntax, look) for syntax in (*LOSSLESS, *JPEG) for look in LOOKS),
        (uid.JPEGLSLossless, {"photometric": "RGB", "modality": "US", "planar": 1}),
    ],
    ids=str,
)
def test_lossless_frames_are_encoded_anew_where_masked(tmp_path: Path, syntax: UID, look: dict[str, Any]) -> None:
    ds = made(look, syntax)
    before, after, done = write_both(ds, tmp_path, MASKS)
    compare(before, after, pixels_of(MASKS, ROWS, COLUMNS))
    assert done.transfer_syntax == done.new_transfer_syntax == syntax
    assert encoded(after)[1] == encoded(before)[1]
    assert encoded(after)[0] != encoded(before)[0]
    if syntax != uid.RLELossless:
        assert not [fault for frame in encoded(after) for fault in extras(frame)]


def encoded(path: Path) -> list[bytes]:
    ds = dcmread(path)
    return list(generate_frames(ds.PixelData, number_of_frames=3))


@pytest.mark.parametrize(
    ("syntax", "new"),
    [
        (uid.JPEG2000, uid.JPEG2000),
        (uid.JPEGLSNearLossless, uid.JPEGLSNearLossless),
        (uid.JPEGBaseline8Bit, uid.JPEGLosslessSV1),
    ],
)
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_what_was_lossy_loses_nothing_more(tmp_path: Path, syntax: UID, new: UID, photometric: str) -> None:
    ds = made({"bits": 8, "modality": "US", "photometric": photometric}, syntax)
    before, after, done = write_both(ds, tmp_path, MASKS)
    masked = pixels_of(MASKS, ROWS, COLUMNS)
    # Readers differ in how they enlarge chrominance, so lossy JPEG is compared with what was looked at.
    old, new_frames = (np.stack(list(frames(path))).reshape(*masked.shape, -1) for path in (before, after))
    np.testing.assert_array_equal(new_frames[~masked], old[~masked])
    np.testing.assert_array_equal(pixel_array(dcmread(after)).reshape(old.shape), new_frames)
    assert done.new_transfer_syntax == new
    written = dcmread(after)
    assert written.file_meta.TransferSyntaxUID == new
    assert written.LossyImageCompression == "01"
    assert written.LossyImageCompressionRatio == ds.LossyImageCompressionRatio
    assert written.PhotometricInterpretation == photometric
    assert (encoded(after)[1] == encoded(before)[1]) == (syntax == new)
