"""Clean Graphics: what of annotations, overlays and curves stays, and that nothing in them speaks."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.audit.legible import text_left
from tests.audit.tampering import audited, tampered
from tests.builders.dicom import encode, image, person
from tests.formats.dicom.cleaning import Cleaned, Laboratory

ROWS, COLUMNS = 64, 96


def profile(folder: Path, *options: str) -> str:
    path = folder / "graphics.toml"
    labels = ", ".join(f'"{label}"' for label in ("clean_graphics", *options))
    path.write_text(f'name = "graphics"\nedition = "2026c"\noptions = [{labels}]\n')
    return str(path)


def bitmap(text: str = "") -> bytes:
    """A disc, or words, one bit per pixel."""
    picture = Image.new("L", (COLUMNS, ROWS))
    draw = ImageDraw.Draw(picture)
    if text:
        draw.text((4, 20), text, 255, ImageFont.load_default(20))
    else:
        draw.ellipse((20, 10, 60, 50), fill=255)
    return np.packbits(np.asarray(picture) > 127, bitorder="little").tobytes()


def overlay(kind: str = "R", data: bytes | None = None, group: int = 0x6000, **changed: int) -> Dataset:
    ds = image(person(0), modality="MR", rows=ROWS, columns=COLUMNS)
    rows = changed.get("rows", ROWS)
    values = (
        (0x10, "US", rows), (0x11, "US", COLUMNS), (0x22, "LO", "Tumor, by Dr Zacharias Kent"), (0x40, "CS", kind),
        (0x50, "SS", [1, 1]), (0x100, "US", changed.get("bits", 1)), (0x102, "US", 0), (0x1500, "LO", "Dr Zacharias"),
        (0x3000, "OB", data or bitmap()),
    )  # fmt: skip
    for number, vr, value in values:
        ds.add_new((group, number), vr, value)
    return ds


def left(output: Cleaned, group: int = 0x6000) -> set[int]:
    return {tag.element for tag in (one.tag for one in dcmread(BytesIO(output.data))) if tag.group == group}


def test_a_region_of_interest_stays_with_its_numbers_and_clean_texts(lab: Laboratory, tmp_path: Path) -> None:
    output = lab.clean(encode(overlay()), profile(tmp_path))
    ds = dcmread(BytesIO(output.data))
    assert ds[0x60003000].value == bitmap()
    assert ds[0x60000010].value == ROWS
    assert b"Zacharias" not in output.data
    assert audited(output) == set()
    assert not text_left(output.output)


@pytest.mark.parametrize(
    "ds",
    [overlay("G"), overlay(""), overlay(data=bitmap() + b"Zacharias!"), overlay(rows=ROWS + 8), overlay(bits=16),
     overlay(group=0x6022)],
    ids=["graphics", "no type", "something behind", "too small", "more bits", "no overlay"],
)  # fmt: skip
def test_any_other_overlay_goes_whole(lab: Laboratory, tmp_path: Path, ds: Dataset) -> None:
    output = lab.clean(encode(ds), profile(tmp_path))
    assert left(output) | left(output, 0x6022) == set()
    assert audited(output) == set()


def test_without_the_option_every_overlay_goes(lab: Laboratory) -> None:
    assert left(lab.clean(encode(overlay()), "tcia")) == set()


def test_comments_of_overlays_and_curves_go(lab: Laboratory, tmp_path: Path) -> None:
    ds = overlay()
    ds.add_new(0x60004000, "LT", "Zacharias")
    ds.add_new(0x50000005, "US", 1)
    ds.add_new(0x50003000, "OW", b"Zacharia")
    output = lab.clean(encode(ds), profile(tmp_path))
    assert b"Zacharia" not in output.data
    assert 0x4000 not in left(output)
    assert left(output, 0x5000) == set()


def test_text_drawn_into_a_region_is_found(lab: Laboratory, tmp_path: Path) -> None:
    output = lab.clean(encode(overlay(data=bitmap("HARTMANN"))), profile(tmp_path))
    assert text_left(output.output)


def annotated() -> Dataset:
    ds = image(person(0), modality="MR")
    text, line, compound, layer = Dataset(), Dataset(), Dataset(), Dataset()
    text.UnformattedTextValue, text.BoundingBoxAnnotationUnits = "Zacharias Kent, 23 May 2011", "PIXEL"
    line.GraphicAnnotationUnits, line.GraphicDimensions, line.NumberOfGraphicPoints = "PIXEL", 2, 2
    line.GraphicData, line.GraphicType, line.GraphicFilled = [1.0, 2.0, 3.0, 4.0], "POLYLINE", "N"
    compound.CompoundGraphicType, compound.CompoundGraphicInstanceID = "ARROW", 1
    layer.GraphicLayer, layer.GraphicLayerOrder, layer.GraphicLayerDescription = "LAYER1", 1, "by Dr Zacharias"
    annotation = Dataset()
    annotation.GraphicLayer, annotation.TextObjectSequence = "LAYER1", [text]
    annotation.GraphicObjectSequence, annotation.CompoundGraphicSequence = [line], [compound]
    ds.GraphicAnnotationSequence, ds.GraphicLayerSequence = [annotation], [layer]
    ds.ContentLabel, ds.ContentDescription = "REVIEW", "seen by Dr Zacharias Kent"
    return ds


def test_annotations_keep_their_shapes_and_lose_their_words(lab: Laboratory, tmp_path: Path) -> None:
    for options in ((), ("clean_descriptors",)):
        output = lab.clean(encode(annotated()), profile(tmp_path, *options))
        ds = dcmread(BytesIO(output.data))
        annotation = ds.GraphicAnnotationSequence[0]
        assert annotation.GraphicObjectSequence[0].GraphicData == [1.0, 2.0, 3.0, 4.0]
        assert annotation.CompoundGraphicSequence[0].CompoundGraphicType == "ARROW"
        assert annotation.GraphicLayer == ds.GraphicLayerSequence[0].GraphicLayer == "LAYER1"
        assert annotation.TextObjectSequence[0].UnformattedTextValue
        assert b"Zacharias" not in output.data
        assert b"23 May 2011" not in output.data
        assert audited(output) == set()


def test_the_audit_sees_graphics_that_may_show_text(lab: Laboratory, tmp_path: Path) -> None:
    output = lab.clean(encode(overlay()), profile(tmp_path))

    def found(tag: int, vr: str, value: object) -> set[tuple[str, str, str]]:
        return tampered(output, tmp_path, lambda ds: ds.add_new(tag, vr, value))

    assert ("(6000,3000)", "forbidden", "forbidden_content") in found(0x60000040, "CS", "G")
    assert ("(6000,4000)", "forbidden", "forbidden_content") in found(0x60004000, "LT", "x")
    assert ("(5000,3000)", "forbidden", "forbidden_content") in found(0x50003000, "OW", b"xx")
