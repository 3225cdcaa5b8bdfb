from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytesseract
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from tests.builders import pixels
from tests.builders.dicom import (
    CLASSES,
    SCRIPTS,
    Person,
    encapsulated_pdf,
    encode,
    image,
    leaks,
    person,
    planted,
    report,
    secondary_capture,
    study_date,
    text_box,
    uid,
    waveform,
    write,
)
from tests.builders.elements import data_set_at
from tests.builders.planting import SAFE_CREATORS

LOSSLESS = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    RLELossless,
    JPEG2000Lossless,
    JPEGLSLossless,
]
LOSSY = [JPEG2000, JPEGLSNearLossless, JPEGBaseline8Bit]
VALID: dict[str, Callable[[Person], Any]] = {
    **{modality: partial(image, modality=modality) for modality in CLASSES},
    **{f"{modality} in frames": partial(image, modality=modality, frames=2) for modality in ("OT", "US", "XA")},
    "SR": report,
    "PDF": encapsulated_pdf,
    "ECG": waveform,
}
KINDS: list[Callable[[Person], Any]] = [
    image,
    report,
    encapsulated_pdf,
    waveform,
    lambda p: secondary_capture(p, "Hello"),
]
NEEDS_TESSERACT = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="the program 'tesseract' is not installed"
)


def read(data: bytes) -> Any:
    return dcmread(BytesIO(data))


def expected(ds: Any, bits: int, signed: bool, colour: bool, frames: int) -> Any:
    """The background that image() draws for person 1, its only frame without the axis of frames."""
    shape = (frames, ds.Rows, ds.Columns, *((3,) if colour else ()))
    picture = pixels.background(shape, bits, signed, (1, 1, 1, 1))
    return picture if frames > 1 else picture[0]


def seen(picture: Any) -> str:
    """What Tesseract reads in a picture of any depth, scaled to its own range as a viewer would."""
    low, high = float(picture.min()), float(picture.max())
    grey = ((picture - low) / max(high - low, 1) * 255).astype("u1")
    return str(pytesseract.image_to_string(Image.fromarray(grey), config="--psm 11")).strip()


@pytest.mark.parametrize("n", range(len(SCRIPTS)))
def test_an_image_holds_every_identifier_of_its_person_and_none_of_another(n: int) -> None:
    data = b"".join(encode(image(person(n), study=study)) for study in (1, 2, 3))
    assert leaks(person(n), data) == planted(person(n))
    assert leaks(person(n + 7), data) == []


@pytest.mark.parametrize("make", KINDS)
def test_the_same_call_gives_the_same_bytes(make: Callable[[Person], Any]) -> None:
    assert encode(make(person(2))) == encode(make(person(2)))


@pytest.mark.parametrize("n", range(len(SCRIPTS)))
def test_names_are_read_back_in_their_script(n: int) -> None:
    ds = read(encode(image(person(n))))
    assert ds.PatientName == person(n).name
    assert person(n).sentence in ds.AdditionalPatientHistory
    assert ds.PatientName.family_name == person(n).family


def test_instances_share_the_uids_of_what_they_belong_to() -> None:
    first, second, later = (image(person(1), *place) for place in ((1, 1, 1), (1, 1, 2), (2, 1, 1)))
    assert first.SeriesInstanceUID == second.SeriesInstanceUID == uid(person(1), 1, 1, 0)
    assert first.FrameOfReferenceUID == second.FrameOfReferenceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert first.StudyInstanceUID != later.StudyInstanceUID
    assert (first.StudyDate, later.StudyDate) == (study_date(person(1), 1), study_date(person(1), 2))


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(
    ("bits", "signed", "photometric", "frames"),
    [
        (8, False, "MONOCHROME2", 2),
        (12, False, "MONOCHROME1", 1),
        (16, False, "MONOCHROME2", 1),
        (16, True, "MONOCHROME2", 3),
        (8, False, "RGB", 2),
    ],
)
def test_pixels_are_read_back_as_drawn(syntax: UID, bits: int, signed: bool, photometric: str, frames: int) -> None:
    settings: dict[str, Any] = {"bits": bits, "signed": signed, "photometric": photometric, "frames": frames}
    ds = read(encode(image(person(1), modality="OT", rows=40, columns=48, transfer_syntax=syntax, **settings)))
    assert ds.file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(ds.pixel_array, expected(ds, bits, signed, photometric == "RGB", frames))


@pytest.mark.parametrize("syntax", LOSSY)
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_lossy_pixels_are_nearly_as_drawn_and_say_so(syntax: UID, photometric: str) -> None:
    ds = read(encode(image(person(1), modality="US", photometric=photometric, transfer_syntax=syntax)))
    found = pixel_array(ds).astype(int)
    assert abs(found - expected(ds, 8, False, photometric == "RGB", 1)).max() <= 8
    assert ds.LossyImageCompression == "01"


@pytest.mark.parametrize(("photometric", "planar"), [("RGB", 1), ("YBR_FULL", 0), ("YBR_FULL", 1), ("YBR_FULL_422", 0)])
def test_colour_is_read_back_as_drawn(photometric: str, planar: int) -> None:
    data = encode(image(person(1), modality="US", photometric=photometric, planar=planar))
    found = pixel_array(read(data)).astype(int)
    assert abs(found - expected(read(data), 8, False, True, 1)).max() <= (2 if photometric != "YBR_FULL_422" else 4)


def test_a_palette_comes_with_its_tables() -> None:
    ds = read(encode(image(person(1), modality="US", photometric="PALETTE COLOR")))
    assert len(ds.RedPaletteColorLookupTableData) == 512
    np.testing.assert_array_equal(ds.pixel_array, expected(ds, 8, False, False, 1))


@pytest.mark.parametrize("modality", CLASSES)
def test_every_modality_is_of_its_class(modality: str) -> None:
    ds = read(encode(image(person(1), modality=modality)))
    assert (ds.Modality, ds.SOPClassUID) == (modality, CLASSES[modality][0])
    assert ds.pixel_array.shape == (64, 64)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="the program 'dciodvfy' is not installed")
@pytest.mark.parametrize("name", VALID)
def test_objects_are_valid(name: str, tmp_path: Path) -> None:
    path = write(VALID[name](person(5)), tmp_path / "a.dcm")
    verdict = subprocess.run(["dciodvfy", path], capture_output=True, check=False).stderr.decode(errors="replace")
    assert [line for line in verdict.splitlines() if line.startswith("Error")] == []


def test_a_modality_without_a_multi_frame_class_refuses_frames() -> None:
    with pytest.raises(ValueError, match="no multi-frame class"):
        image(person(1), modality="CR", frames=2)


def test_an_enhanced_image_names_its_person_in_every_frame() -> None:
    ds = image(person(1), modality="MR", frames=3)
    comments = [group.FrameContentSequence[0].FrameComments for group in ds.PerFrameFunctionalGroupsSequence]
    assert comments == [f"{person(1).family} frame {frame}" for frame in range(3)]


@NEEDS_TESSERACT
@pytest.mark.parametrize(("bits", "signed", "columns"), [(8, False, 512), (12, False, 256), (16, True, 640)])
def test_backgrounds_hold_nothing_that_can_be_read(bits: int, signed: bool, columns: int) -> None:
    ds = image(person(1), rows=400, columns=columns, bits=bits, signed=signed)
    assert seen(ds.pixel_array) == ""


@NEEDS_TESSERACT
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "RGB"])
def test_burnt_in_text_can_be_read_where_it_is_said_to_be(photometric: str) -> None:
    text = "Rosamunde Quintrelle\nborn 14.03.1931"
    picture = secondary_capture(person(0), text, photometric=photometric).pixel_array
    left, top, right, bottom = text_box(text)
    assert seen(picture[: bottom + 8, : right + 8]).split() == text.split()
    plain = secondary_capture(person(0), " ", photometric=photometric).pixel_array
    changed = np.argwhere((picture != plain).reshape(*picture.shape[:2], -1).any(axis=2))
    assert changed.min(axis=0).tolist() >= [top, left]
    assert changed.max(axis=0).tolist() < [bottom, right]


def test_text_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="needs"):
        image(person(1), text="Rosamunde Quintrelle")


def test_text_that_the_font_cannot_write_is_refused() -> None:
    with pytest.raises(ValueError, match="latin-1"):
        secondary_capture(person(2), person(2).family)


def test_private_blocks_hold_safe_values_and_identifiers() -> None:
    ds = read(encode(image(person(1))))
    assert float(ds.private_block(0x0019, SAFE_CREATORS[0x0019])[0x0C].value) == 1000
    assert ds.private_block(0x2001, SAFE_CREATORS[0x2001])[0x03].value == 1000.0
    assert ds.private_block(0x0043, SAFE_CREATORS[0x0043])[0x27].value == "0.984:1"
    unknown = ds.private_block(0x0099, "ACME INTERNAL 1.0")
    assert unknown[0x02].value == person(1).name
    assert unknown[0x07].value[0].PatientName == person(1).name
    assert not [element for element in image(person(1), private=False) if element.tag.is_private]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_overlay_shows_the_name(syntax: UID) -> None:
    ds = read(encode(image(person(0), transfer_syntax=syntax)))
    data = ds[0x60003000].value
    if syntax == ExplicitVRBigEndian:
        data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    plane = np.unpackbits(np.frombuffer(data, "u1"), bitorder="little").reshape(40, 320)
    np.testing.assert_array_equal(plane, pixels.text_mask(40, 320, person(0).family))
    assert plane.any()


def test_file_meta_information_and_preamble_hold_identifiers() -> None:
    data = encode(image(person(1)))
    assert person(1).patient_id.encode() in data[:128]
    assert set(leaks(person(1), data[132 : data_set_at(data)])) >= {person(1).station, person(1).family}


def test_overrides_set_and_remove_attributes() -> None:
    ds = image(person(1), PatientSex="F", PatientAge=None)
    assert ds.PatientSex == "F"
    assert "PatientAge" not in ds


def test_a_report_names_people_at_every_level_of_its_tree() -> None:
    ds = read(encode(report(person(1))))
    findings = ds.ContentSequence[-1].ContentSequence
    assert findings[0].TextValue == person(1).sentence
    assert findings[1].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == image(person(1)).SOPInstanceUID
    assert ds.ContentSequence[1].PersonName == person(1).name


def test_the_encapsulated_pdf_is_whole_and_names_the_person() -> None:
    ds = encapsulated_pdf(person(0))
    data = ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength]
    table = int(data[data.rindex(b"startxref") :].split()[1])
    assert data[table : table + 4] == b"xref"
    offsets = [int(line[:10]) for line in data[table:].splitlines()[3:9]]
    assert [data[offset : offset + 7] for offset in offsets] == [b"%d 0 obj" % n for n in range(1, 7)]
    assert person(0).family.encode() in data


def test_the_waveform_can_be_read_and_is_annotated() -> None:
    ds = read(encode(waveform(person(1))))
    assert ds.waveform_array(0).shape == (200, 2)
    assert ds.WaveformAnnotationSequence[0].UnformattedTextValue == person(1).sentence


def test_write_gives_the_path_of_a_dicom_file(tmp_path: Path) -> None:
    path = write(image(person(1)), tmp_path / "a.dcm")
    assert path.read_bytes() == encode(image(person(1)))
