from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deid_platform.errors import DeidError, MalformedFile, UnsupportedFormat
from deid_platform.formats.recognised import recognised
from deid_platform.model import Masking
from tests.builders.makers import left, ome_description, ome_stack, replaced
from tests.builders.slides import NAME, level, tiff_bytes
from tests.formats.wsi.cleaned_slides import IDENTITY, POLICY, SLIDE, judged

ITEM = "north/drop/S20-4711.ome.tiff"


def cleaned(tmp_path: Path, data: bytes) -> tuple[Path, Path]:
    source, output = tmp_path / "source.tiff", tmp_path / "output.tiff"
    source.write_bytes(data)
    assert SLIDE.describe(source, IDENTITY, ITEM).path.endswith(".ome.tiff")
    SLIDE.scrub(source, output, POLICY, IDENTITY, ITEM)
    return source, output


@pytest.mark.parametrize(("big", "order"), [(False, "<"), (True, "<"), (True, ">")])
@pytest.mark.parametrize("bits", [8, 16])
def test_planes_and_their_order_stay_and_nothing_else_does(big: bool, order: str, bits: int, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    stack = ome_stack(ome_description().replace(b"uint8", f"uint{bits}".encode()), bits=bits)
    source, output = cleaned(tmp_path, tiff_bytes(stack, big=big, order=order))
    assert left(source.read_bytes())
    assert not left(output.read_bytes())
    assert b"384f2f43" not in output.read_bytes()
    assert b"2020-01-03" not in output.read_bytes()
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(output) as after:
        assert after.series[0].axes == before.series[0].axes
        assert np.array_equal(after.series[0].asarray(), before.series[0].asarray())
        assert b'PhysicalSizeX="0.25"' in after.pages[0].description.encode()
    assert not judged(source, output, ITEM)
    assert not list(SLIDE.altered_pixels(source, output, Masking()))
    assert not SLIDE.text_left(output, POLICY)


def test_images_beside_the_first_go(tmp_path: Path) -> None:
    own = ome_description().decode()
    other = '<Image ID="Image:1" Name="label">' + own[own.index("<Pixels") : own.index("</Image>")] + "</Image>"
    pages = ome_stack(ome_description(extra=other)) + ome_stack(b"label of " + NAME, planes=1)
    source, output = cleaned(tmp_path, tiff_bytes(pages))
    assert b"Image:1" not in output.read_bytes()
    assert not judged(source, output, ITEM)
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffFile(output) as after:
        assert len(after.pages) == 6


def test_tiled_images_keep_their_description_too(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, tiff_bytes([level(512, 20, ome_description(size=512, z=1, c=3, rgb=True))]))
    assert not left(output.read_bytes())
    assert b'<Pixels ID="Pixels:0"' in output.read_bytes()
    assert not judged(source, output, ITEM)
    assert not list(SLIDE.altered_pixels(source, output, Masking()))


@pytest.mark.parametrize(("old", "new"), [
    (b'SizeZ="3"', b'SizeZ="4"'), (b'FirstZ="1" IFD="1"', b'FirstZ="2" IFD="1"'), (b'SizeX="64"', b'SizeX="63"'),
    (b'DimensionOrder="XYZCT"', b'DimensionOrder="XYCZT"'), (b' Type="uint8"', b""), (b"<OME ", b"<!DOCTYPE x><OME "),
    (b'Name="DOE JANE S20-4711"', b'Name="macro of DOE JANE"'),
])  # fmt: skip
def test_a_description_of_other_planes_is_refused(old: bytes, new: bytes, tmp_path: Path) -> None:
    text = ome_description()
    assert old in text
    with pytest.raises(DeidError):
        cleaned(tmp_path, tiff_bytes(ome_stack(text.replace(old, new))))


def test_planes_in_several_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="several files"):
        cleaned(tmp_path, tiff_bytes(ome_stack(planes=3)))


def test_a_strip_longer_than_its_rows_is_refused(tmp_path: Path) -> None:
    pages = ome_stack()
    pages[1].pieces[-1] += NAME
    with pytest.raises(MalformedFile):
        cleaned(tmp_path, tiff_bytes(pages))


def test_the_judge_sees_what_a_maker_left_or_changed(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, tiff_bytes(ome_stack()))
    clean = output.read_bytes()
    for old, new in {b'Type="uint8"': b'Type="Roe  "', b"<Channel ": b"<Chamber ", b'IFD="0"': b'IFD="J"'}.items():
        assert old in clean
        output.write_bytes(clean.replace(old, new))
        assert judged(source, output, ITEM)
    at = clean.index(b"</OME>") + 40
    output.write_bytes(clean[:at] + b"DOE" + clean[at + 3 :])
    assert judged(source, output, ITEM)


def test_the_judge_sees_another_plane(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, tiff_bytes(ome_stack()))
    clean = output.read_bytes()
    samples = ome_stack()[4].pieces[0]
    output.write_bytes(clean.replace(samples, samples[:-1] + b"\x09"))
    assert list(SLIDE.altered_pixels(source, output, Masking())) == [("pixels", "altered")]


def test_text_in_any_plane_is_read(tmp_path: Path) -> None:
    from PIL import Image, ImageDraw

    pages = ome_stack(ome_description(size=320, z=8, c=1), planes=8, size=320)
    written = Image.new("L", (320, 320), 20)
    ImageDraw.Draw(written).text((20, 100), "SMITH 1962", fill=255, font_size=40)
    data = written.tobytes()
    pages[5].pieces = [data[at : at + 320 * 20] for at in range(0, len(data), 320 * 20)]
    _, output = cleaned(tmp_path, tiff_bytes(pages))
    assert SLIDE.text_left(output, POLICY)


def test_a_companion_is_known_by_name_and_its_images_are_refused(tmp_path: Path) -> None:
    companion = ome_description()
    assert recognised(companion) == recognised(companion.partition(b"-->")[2]) == "ome_xml"
    told = b'<OME xmlns="x"><BinaryOnly MetadataFile="DOE JANE.companion.ome" UUID="urn:uuid:1"/></OME>'
    with pytest.raises(DeidError):
        cleaned(tmp_path, tiff_bytes([replaced(page, 270, 2, told) for page in ome_stack()]))
