from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import openslide
import pytest

from deid_platform.errors import DeidError, MalformedFile
from deid_platform.formats.wsi.wsi import Slide
from deid_platform.identity import Identity
from deid_platform.model import Masking
from deid_platform.policy import load_policy
from tests.builders.makers import left, philips, philips_description, replaced
from tests.builders.slides import NAME, jpeg, level, tiff_bytes

SLIDE, IDENTITY, POLICY = Slide(), Identity(bytes(range(32))), load_policy("research")
ITEM = "north/drop/S20-4711.tiff"


def cleaned(tmp_path: Path, data: bytes) -> tuple[Path, Path]:
    source, output = tmp_path / "source.tiff", tmp_path / "output.tiff"
    source.write_bytes(data)
    assert SLIDE.describe(source, IDENTITY, ITEM).path.endswith(".tiff")
    SLIDE.scrub(source, output, POLICY, IDENTITY, ITEM)
    return source, output


@pytest.mark.parametrize(("big", "order"), [(False, "<"), (True, "<"), (True, ">")])
def test_levels_stay_and_nothing_else_does(big: bool, order: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, tiff_bytes(philips(), big=big, order=order))
    assert left(source.read_bytes())
    assert not left(output.read_bytes())
    assert output.stat().st_size == source.stat().st_size
    assert all(jpeg(grey) in output.read_bytes() for grey in (20, 21, 22, 23, 40))
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        assert after.properties["openslide.vendor"] == before.properties["openslide.vendor"] == "philips"
        assert set(before.associated_images) == {"label", "macro"}
        assert not dict(after.associated_images)
        assert after.level_dimensions == before.level_dimensions == ((512, 512), (256, 256))
        for key in ("mpp-x", "mpp-y", "objective-power"):
            assert after.properties[f"openslide.{key}"] == before.properties[f"openslide.{key}"]
        assert after.properties["tiff.Software"] == "Philips"
    assert not list(SLIDE.audit("item", source, output, POLICY, IDENTITY, ITEM))
    assert not list(SLIDE.altered_pixels(source, output, Masking()))


def test_the_judge_sees_what_is_left_of_a_description(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, tiff_bytes(philips()))
    data = output.read_bytes()
    changes = {b">WSI<": b">Roe<", b'"PIM_DP_IMAGE_TYPE"': b'"PIM_DP_IMAGE_ROES"', b"levels=40": b"levels=JR"}
    for old, new in changes.items():
        assert old in data
        output.write_bytes(data.replace(old, new))
        assert list(SLIDE.audit("item", source, output, POLICY, IDENTITY, ITEM))
    end = data.index(b"</DataObject>\0")
    output.write_bytes(data[: end + 20] + b"DOE" + data[end + 23 :])
    assert "tag 270" in {one.where for one in SLIDE.audit("item", source, output, POLICY, IDENTITY, ITEM)}


def test_the_judge_finds_values_of_the_description_in_any_byte(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, tiff_bytes(philips()))
    tile = output.read_bytes().index(jpeg(20)) + 300
    for value in (b"20151209172929.000000", b64encode(b"x" + NAME)):
        data = bytearray(output.read_bytes())
        data[tile : tile + len(value)] = value
        (tmp_path / "changed.tiff").write_bytes(data)
        found = SLIDE.audit("item", source, tmp_path / "changed.tiff", POLICY, IDENTITY, ITEM)
        assert "property_left" in {one.kind for one in found}


def test_a_tiled_label_goes_and_levels_filled_up_to_whole_tiles_stay(tmp_path: Path) -> None:
    pages = philips(sizes=(1024, 512, 256, 256))
    pages.insert(1, level(256, 140, b"Label", reduced=True))
    _, output = cleaned(tmp_path, tiff_bytes(pages))
    assert jpeg(140) not in output.read_bytes()
    with openslide.OpenSlide(output) as after:
        assert after.level_dimensions == ((1024, 1024), (512, 512), (256, 256), (128, 128))


def test_descriptions_that_tell_other_levels_are_refused(tmp_path: Path) -> None:
    pages = philips()
    pages.append(level(256, 140, reduced=True))
    with pytest.raises(MalformedFile, match="number of levels"):
        cleaned(tmp_path, tiff_bytes(pages))


BAD = {
    "document type": '<!DOCTYPE x [<!ENTITY a "DOE">]>' + philips_description(2).partition("?>")[2],
    "torn": philips_description(2)[:-20],
    "two slides": philips_description(2).replace("LABELIMAGE", "WSI"),
    "no slide": philips_description(2).replace(">WSI<", ">DOE<"),
    "too deep": philips_description(2, extra="<a>" * 40 + "</a>" * 40),
    "too many": philips_description(2, extra="<a/>" * 270_000),
    "other root": philips_description(2).replace('"DPUfsImport"', '"DPUfsImporx" x="DPUfsImport"'),
    "odd encoding": philips_description(2).replace("UTF-8", "UTF-99"),
}


@pytest.mark.parametrize("kind", BAD)
def test_descriptions_nobody_can_read_are_refused_without_a_value(kind: str, tmp_path: Path) -> None:
    pages = philips()
    replaced(pages[0], 270, 2, BAD[kind].encode() + b"\0")
    with pytest.raises(DeidError) as refusal:
        cleaned(tmp_path, tiff_bytes(pages))
    assert not left(str(refusal.value).encode())


def test_what_no_list_knows_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    extra = f"<Etikett><Attribute Name='DICOM_MANUFACTURER'>{NAME.decode()}</Attribute></Etikett>&#68;&#79;&#69;"
    source, output = cleaned(tmp_path, tiff_bytes(philips(extra=extra)))
    assert not left(output.read_bytes())
    assert not list(SLIDE.audit("item", source, output, POLICY, IDENTITY, ITEM))


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    data = tiff_bytes(philips())
    assert cleaned(tmp_path, data)[1].read_bytes() == cleaned(tmp_path, data)[1].read_bytes()
