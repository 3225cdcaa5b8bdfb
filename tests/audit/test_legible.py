"""What Tesseract finds in the pixels that are left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import FileDataset

from deid_platform.audit.legible import text_left
from deid_platform.errors import DeidError, UnsafeToRelease
from deid_platform.model import Reason
from deid_platform.pixels.layout import Limits
from tests.builders.bad_files import truncated_pixels
from tests.builders.dicom import encapsulated_pdf, image, leaks, person, report, waveform, write

BURNED_IN = Path(__file__).parents[2].parent / "shared" / "data" / "burnedin"
PERSON = person(1)
WIDE: dict[str, Any] = {"rows": 96, "columns": 384}


def shows(ds: FileDataset, tmp_path: Path, **options: Any) -> bool:
    return text_left(write(ds, tmp_path / "object.dcm"), **options)


def refused(ds: FileDataset, tmp_path: Path, limits: Limits | None = None) -> Reason:
    with pytest.raises(UnsafeToRelease) as caught:
        shows(ds, tmp_path, limits=limits)
    assert not leaks(PERSON, repr(caught.value).encode())
    assert caught.value.__context__ is None or not leaks(PERSON, repr(caught.value.__context__).encode())
    return caught.value.reason


@pytest.mark.parametrize("make", [report, waveform, encapsulated_pdf])
def test_an_object_without_pixels_shows_none(tmp_path: Path, make: Any) -> None:
    assert not shows(make(PERSON), tmp_path)


@pytest.mark.parametrize(
    "look",
    [
        {"modality": "CT", "signed": True, "frames": 3},
        {"modality": "US", "photometric": "RGB"},
        {"modality": "DX", "photometric": "MONOCHROME1", "rows": 200, "columns": 200},
        {"modality": "MR", "bits": 12, "transfer_syntax": uid.JPEG2000Lossless},
    ],
    ids=str,
)
def test_pixels_without_text_show_none(tmp_path: Path, look: dict[str, Any]) -> None:
    assert not shows(image(PERSON, **look), tmp_path)


@pytest.mark.parametrize(
    "look",
    [
        {"modality": "CT", "signed": True},
        {"modality": "MR", "bits": 12, "transfer_syntax": uid.RLELossless},
        {"modality": "DX", "photometric": "MONOCHROME1"},
        {"modality": "US", "photometric": "RGB", "planar": 1},
        {"modality": "US", "photometric": "YBR_FULL_422"},
        {"modality": "OT", "photometric": "PALETTE COLOR"},
        {"modality": "US", "transfer_syntax": uid.JPEGBaseline8Bit},
        {"modality": "CT", "transfer_syntax": uid.JPEG2000},
        {"modality": "PT", "transfer_syntax": uid.DeflatedExplicitVRLittleEndian},
    ],
    ids=str,
)
def test_burnt_in_text_is_found_however_it_is_stored(tmp_path: Path, look: dict[str, Any]) -> None:
    text = f"{PERSON.family.upper()}"
    assert shows(image(PERSON, text=text, **{**WIDE, **look}), tmp_path)


def test_text_in_one_frame_of_many_is_found(tmp_path: Path) -> None:
    ds = image(PERSON, frames=12, **WIDE)
    text = image(PERSON, text=PERSON.family, frames=12, **WIDE)
    frames, with_text = ds.pixel_array.copy(), text.pixel_array
    frames[7] = with_text[7]
    ds.PixelData = frames.tobytes()
    assert shows(ds, tmp_path)


def test_text_hidden_in_unused_bits_is_found(tmp_path: Path) -> None:
    ds = image(PERSON, bits=12, **WIDE)
    cells = ds.pixel_array
    mask = image(PERSON, bits=12, text=PERSON.family, **WIDE).pixel_array != cells
    ds.PixelData = (cells | (mask.astype(np.uint16) << 13)).tobytes()
    assert shows(ds, tmp_path)


def test_a_frame_seen_before_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ds = image(PERSON, frames=40, bits=8, modality="US")
    ds.PixelData = ds.PixelData[: 64 * 64] * 40
    program = tmp_path / "tesseract"
    program.write_text(
        f"#!/bin/sh\ncat > /dev/null\necho >> {tmp_path}/runs\nprintf 'level\\n1\\t1\\n1\\t2\\n1\\t3\\n1\\t4\\n'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert not shows(ds, tmp_path)
    assert (tmp_path / "runs").read_text() == "\n"


def test_pixels_nobody_can_look_at_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "object.dcm"
    path.write_bytes(truncated_pixels())
    with pytest.raises(UnsafeToRelease) as caught:
        text_left(path)
    assert caught.value.reason is Reason.PIXELS_UNDECODABLE
    assert refused(image(PERSON), tmp_path, Limits(frame_bytes=100)) is Reason.TOO_LARGE


def test_without_tesseract_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeidError, match="not installed"):
        shows(image(PERSON), tmp_path)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.JPEGLSLossless, uid.JPEGBaseline8Bit, uid.JPEG2000])
def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str], syntax: uid.UID) -> None:
    shows(image(PERSON, bits=8, modality="US", transfer_syntax=syntax), tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not BURNED_IN.is_dir(), reason="The shared images with burnt-in names are not there.")
@pytest.mark.parametrize("name", [pytest.param("0_ORIGINAL_compressed.dcm", marks=pytest.mark.slow), "2_ORIGINAL.dcm"])
def test_names_burnt_into_real_images_are_found(name: str) -> None:
    assert text_left(next(BURNED_IN.rglob(name)))


@pytest.mark.parametrize(("text", "left"), [("RMLO", False), ("120 kV", False), ("RMLO KENT", True), ("120 kVA", True)])
def test_under_a_policy_that_keeps_marks_only_the_closed_list_is_no_text(tmp_path: Path, text: str, left: bool) -> None:
    ds = image(PERSON, text=text, modality="DX", **WIDE)
    assert shows(ds, tmp_path)
    assert shows(ds, tmp_path, marks=True) is left
