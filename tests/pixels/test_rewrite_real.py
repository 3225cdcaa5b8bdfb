"""One CT in all its transfer syntaxes, and high-throughput JPEG 2000, masked and then read by other programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, uid

from deid_platform.pixels.frames import frames
from deid_platform.pixels.rewrite import write_masked
from tests.builders.masks import mask_of

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "dicom"
IMAGES = SHARED / "cornerstonejs+cornerstoneWADOImageLoader" / "testImages"
HIGH_THROUGHPUT = SHARED / "pydicom+pydicom-data" / "data_store" / "data"
BOXES = ((20, 24, 60, 200), (400, 300, 480, 500))
JPEG_LS = {uid.JPEGLSLossless, uid.JPEGLSNearLossless}
JPEG_2000 = {uid.JPEG2000, uid.JPEG2000Lossless}
TOOLS = ("dcmconv", "dcmdjpeg", "dcmdjpls", "dcmdrle", "gdcmconv")
pytestmark = [
    pytest.mark.skipif(not IMAGES.is_dir(), reason="The shared real files are not there."),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason="The tools of DCMTK and GDCM are not installed."),
]


def by_other_programs(path: Path, output: Path) -> NDArray[Any]:
    """The pixels as DCMTK decodes them, GDCM where DCMTK cannot."""
    syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    command = ["dcmdjpeg"]
    if syntax in JPEG_2000:
        command = ["gdcmconv", "--raw"]
    elif syntax in JPEG_LS:
        command = ["dcmdjpls"]
    elif syntax == uid.RLELossless:
        command = ["dcmdrle"]
    elif not syntax.is_encapsulated:
        command = ["dcmconv", "+te"]
    subprocess.run([*command, path, output], check=True, capture_output=True)
    ds = dcmread(output)
    dtype = f"{'i' if ds.PixelRepresentation else 'u'}{ds.BitsAllocated // 8}"
    return np.frombuffer(ds.PixelData, dtype, ds.Rows * ds.Columns).reshape(ds.Rows, ds.Columns)


def test_one_image_in_every_transfer_syntax(tmp_path: Path) -> None:
    outside = ~mask_of(512, 512, *BOXES).pixels()
    plain = dcmread(IMAGES / "CTImage.dcm").pixel_array
    seen = {}
    for path in sorted(IMAGES.glob("CTImage.dcm*")):
        lossy = "LossyImageCompression" in dcmread(path, stop_before_pixels=True)
        old = by_other_programs(path, tmp_path / "raw.dcm") if lossy else plain
        done = write_masked(path, tmp_path / "masked.dcm", [mask_of(512, 512, *BOXES)])
        new = by_other_programs(tmp_path / "masked.dcm", tmp_path / "raw.dcm")
        np.testing.assert_array_equal(new[outside], old[outside], str(done))
        np.testing.assert_array_equal(new, next(frames(tmp_path / "masked.dcm")), str(done))
        for top, left, bottom, right in BOXES:
            assert len(np.unique(new[top:bottom, left:right])) == 1
        seen[done.transfer_syntax] = done.new_transfer_syntax
    assert len(seen) == 15
    assert {new for old, new in seen.items() if new != old} == {uid.JPEGLosslessSV1}


@pytest.mark.parametrize("name", ["HTJ2KLossless_08_RGB.dcm", "HTJ2K_08_RGB.dcm"])
def test_high_throughput_jpeg_2000_becomes_jpeg_2000(tmp_path: Path, name: str) -> None:
    path, output = HIGH_THROUGHPUT / name, tmp_path / "masked.dcm"
    ds = dcmread(path)
    mask = mask_of(ds.Rows, ds.Columns, (20, 24, 60, 200))
    done = write_masked(path, output, [mask])
    assert done.new_transfer_syntax == uid.JPEG2000Lossless
    old, new = next(frames(path)), dcmread(output).pixel_array
    np.testing.assert_array_equal(new[~mask.pixels()], old[~mask.pixels()])
    subprocess.run(["gdcmconv", "--raw", output, tmp_path / "raw.dcm"], check=True, capture_output=True)
    np.testing.assert_array_equal(dcmread(tmp_path / "raw.dcm").pixel_array, new)
