from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import openslide
import pytest
from tiffslide import TiffSlide

from deid_platform.errors import DeidError, MalformedFile, UnsupportedFormat
from deid_platform.model import Finding, Masking
from tests.builders.makers import left, leica, leica_description, replaced
from tests.builders.slides import NAME, Page, jpeg, level, tiff_bytes
from tests.formats.wsi import cleaned_slides
from tests.formats.wsi.cleaned_slides import IDENTITY, POLICY, SLIDE, same_levels

ITEM = "north/drop/S20-4711.scn"
BRIGHT, DARK = "<illuminationSource>brightfield", "<illuminationSource>fluorescence"


def cleaned(tmp_path: Path, pages: list[Page], *, big: bool = True, order: str = "<") -> tuple[Path, Path]:
    source, output = tmp_path / "source.scn", tmp_path / "output.scn"
    source.write_bytes(tiff_bytes(pages, big=big, order=order))
    assert SLIDE.describe(source, IDENTITY, ITEM).path.endswith(".scn")
    SLIDE.scrub(source, output, POLICY, IDENTITY, ITEM)
    return source, output


def judged(source: Path, output: Path) -> list[Finding]:
    return cleaned_slides.judged(source, output, ITEM)


def shows_the_same(source: Path, output: Path) -> None:
    """Every pixel of every level, magnification and where areas lie; a macro, if any, is black."""
    with same_levels(source, output, "leica", ("objective-power", "region[0].x", "bounds-width")) as (_, after):
        shown = [image.convert("RGB").getextrema() for image in after.associated_images.values()]
        assert shown in ([], [((0, 0),) * 3])


@pytest.mark.parametrize("areas", [1, 2, 3])
@pytest.mark.parametrize(("big", "order"), [(False, "<"), (True, "<"), (True, ">")])
def test_areas_stay_where_they_are_and_nothing_else_does(areas: int, big: bool, order: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, leica(areas=areas), big=big, order=order)
    assert left(source.read_bytes())
    assert not left(output.read_bytes())
    assert output.stat().st_size == source.stat().st_size
    assert all(jpeg(grey) in output.read_bytes() for grey in (20, 21, 22, 23, 40))
    assert not any(jpeg(grey) in output.read_bytes() for grey in (170, 171, 180))
    shows_the_same(source, output)
    assert not judged(source, output)
    assert not list(SLIDE.altered_pixels(source, output, Masking()))
    with closing(TiffSlide(source)) as before, closing(TiffSlide(output)) as after:
        assert after.level_dimensions == before.level_dimensions


def test_the_first_image_may_be_one_of_tissue(tmp_path: Path) -> None:
    text = leica_description(2)
    for old, new in ((2, 10), (0, 2), (10, 0)):
        text = text.replace(f'ifd="{old}"', f'ifd="{new}"')
    pages = leica(areas=2, xml=text)
    swapped = [pages[2], pages[1], pages[0], *pages[3:]]
    replaced(swapped[0], 270, 2, text.encode() + b"\0")
    replaced(swapped[2], 270, 2, b"Macro\0")
    source, output = cleaned(tmp_path, swapped)
    shows_the_same(source, output)
    assert not left(output.read_bytes())
    assert not judged(source, output)


def without_macro(areas: int) -> list[Page]:
    text = leica_description(areas)
    text = text[: text.index("<image ")] + text[text.index("</image>") + 8 :]
    return leica(areas=areas, xml=text)


def test_a_slide_without_a_macro_needs_none_while_it_has_one_area(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, without_macro(1))
    shows_the_same(source, output)
    with openslide.OpenSlide(output) as after:
        assert not dict(after.associated_images)
    assert not judged(source, output)
    with pytest.raises(MalformedFile):
        cleaned(tmp_path, without_macro(2))


def test_the_elder_name_space_is_read_too(tmp_path: Path) -> None:
    text = leica_description(2).replace("2010/10/01", "2010/03/10").replace('uuid="urn:uuid:4711"', 'barcode="DOE 1"')
    source, output = cleaned(tmp_path, leica(areas=2, xml=text))
    shows_the_same(source, output)
    assert not judged(source, output)


def test_a_second_macro_in_other_light_goes_too(tmp_path: Path) -> None:
    text = leica_description(2)
    first = text[text.index("<image ") : text.index("</image>") + 8]
    second = first.replace('ifd="0"', 'ifd="6"').replace('ifd="1"', 'ifd="7"').replace(BRIGHT, DARK)
    pages = leica(areas=2, xml=text.replace(first, first + second))
    source, output = cleaned(tmp_path, [*pages, level(512, 140), level(256, 150, reduced=True)])
    shows_the_same(source, output)
    assert not judged(source, output)
    assert jpeg(140) not in output.read_bytes()


def test_planes_that_no_reader_shows_go(tmp_path: Path) -> None:
    extra = '<dimension sizeX="512" sizeY="512" r="0" z="1" ifd="4"/></pixels>\n<view sizeX="256000"'
    text = leica_description(1).replace('</pixels>\n<view sizeX="256000"', extra)
    source, output = cleaned(tmp_path, [*leica(xml=text), level(512, 200)])
    shows_the_same(source, output)
    assert jpeg(200) not in output.read_bytes()
    assert not judged(source, output)


@pytest.mark.parametrize("changes", [{BRIGHT: DARK}, {'r="0" ifd="2"': 'r="0" c="1" ifd="2"'}])
def test_other_light_and_channels_are_refused(changes: dict[str, str], tmp_path: Path) -> None:
    text = leica_description(1)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(UnsupportedFormat):
        cleaned(tmp_path, leica(xml=text))


AREA = 'sizeX="256000" sizeY="256000" offsetX="200000" offsetY="300000"'
CHANGED = {
    "document type": ("<scn ", '<!DOCTYPE x [<!ENTITY a "DOE">]><scn '),
    "entity": ("<barcode>", "<barcode>&a;"),
    "bomb": ("<barcode>", "<a/>" * 270_000 + "<barcode>"),
    "too deep": ("<barcode>", "<a>" * 40 + "</a>" * 40 + "<barcode>"),
    "torn": ("</scn>", ""),
    "other name space": ("2010/10/01", "2011/10/01"),
    "name space within": ("<objective>", '<objective xmlns="">'),
    "prefix for the name space": (
        "<barcode>", "<x:image xmlns:x='http://www.leica-microsystems.com/scn/2010/10/01'/><barcode>"
    ),
    "slide of a metre": ('"1500000"', '"999999999"'),
    "two collections": ("</collection>", '</collection><collection sizeX="1" sizeY="1"/>'),
    "no size of all": ('sizeX="1500000" sizeY="1500000">', ">"),
    "words for a size": ('sizeX="1500000" sizeY="1500000">', 'sizeX="DOE" sizeY="1500000">'),
    "words for a place": ('offsetX="200000"', 'offsetX="DOE"'),
    "place below zero": ('offsetX="200000"', 'offsetX="-200000"'),
    "place outside": ('offsetX="200000"', 'offsetX="1500000"'),
    "number of ten digits": ('offsetX="200000"', 'offsetX="0000200000"'),
    "directory that is not there": ('ifd="2"', 'ifd="9"'),
    "directory in words": ('ifd="2"', 'ifd="JANE"'),
    "directory told twice": ('ifd="3"', 'ifd="2"'),
    "macro told as an area": ('ifd="2"', 'ifd="0"'),
    "other sizes": ('sizeX="512" sizeY="512" r="0" ifd="2"', 'sizeX="512" sizeY="511" r="0" ifd="2"'),
    "two first levels": ('sizeX="256" sizeY="256" r="1" ifd="3"', 'sizeX="512" sizeY="512" r="1" ifd="3"'),
    "no objective": ("<objective>20</objective>", ""),
    "objective in words": ("<objective>20<", "<objective>Roe<"),
    "two objectives": ("<objective>20<", "<objective>10</objective><objective>20<"),
    "two views": ("<view " + AREA, "<view " + AREA + "/><view " + AREA),
    "coarse": (AREA, AREA.replace('X="256000"', 'X="1400000"').replace('Y="256000"', 'Y="1400000"')),
    "not square": ('sizeY="256000"', 'sizeY="356000"'),
    "no area": (AREA, 'sizeX="1500000" sizeY="1500000" offsetX="0" offsetY="0"'),
    "no dimension": ("<dimension ", "<dimensiom "),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGED)
def test_descriptions_nobody_can_follow_are_refused_without_a_value(kind: str, tmp_path: Path) -> None:
    text = leica_description(1)
    old, new = CHANGED[kind]
    assert old in text
    changed = text.replace(old, new)
    if kind == "coarse":
        changed = changed.replace("1500000", "99000000").replace("1400000", "9000000")
    with pytest.raises(DeidError) as refusal:
        cleaned(tmp_path, leica(xml=changed))
    assert not left(str(refusal.value).encode())


def named_label(pages: list[Page]) -> None:
    replaced(pages[3], 270, 2, b"Label of " + NAME + b"\0")


def in_strips(pages: list[Page]) -> None:
    pages[3].tiled = False


def other_samples(pages: list[Page]) -> None:
    replaced(pages[3], 258, 3, [16, 16, 16])


def without_room(pages: list[Page]) -> None:
    pages[0].pieces = [b"\xff\xd8\xff\xd9"] * 4


@pytest.mark.parametrize("change", [named_label, in_strips, other_samples, without_room])
def test_images_that_are_not_what_is_told_of_them_are_refused(
    change: Callable[[list[Page]], None], tmp_path: Path
) -> None:
    pages = leica()
    change(pages)
    with pytest.raises(MalformedFile):
        cleaned(tmp_path, pages)


def test_what_no_list_knows_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    extra = f"<Etikett sizeX='4711'>{NAME.decode()}<image>DOE</image></Etikett>&#68;&#79;&#69;<![CDATA[JANE]]>"
    text = leica_description(1, extra=extra).replace("<view ", "<view spacingX='DOE' ")
    source, output = cleaned(tmp_path, leica(xml=text))
    assert not left(output.read_bytes())
    assert not judged(source, output)


def test_the_judge_sees_what_is_left_of_a_description(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, leica(areas=2))
    data = output.read_bytes()
    changes = {
        b">brightfield<": b">Roe, Jane  <", b'<device model=""': b'<device m="DOE"', b'offsetX="0"': b'offsetX="J"',
        b"<objective>20<": b"<objective>JD<", b'ifd="0" r="0"': b'ifd="0" z="0"', b"<pixels ": b"<Pixels ",
        b"<creationDate/>": b"<creationData/>",
    }  # fmt: skip
    for old, new in changes.items():
        assert old in data
        output.write_bytes(data.replace(old, new))
        assert judged(source, output)


def test_the_judge_sees_a_macro_that_is_not_black(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, leica(areas=2))
    data = bytearray(output.read_bytes())
    start = source.read_bytes().index(jpeg(170))
    assert not any(data[start : start + 1024])
    data[start + 40] = 1
    output.write_bytes(data)
    assert ("image macro", "not_removed") in {(one.where, one.kind) for one in judged(source, output)}
    assert list(SLIDE.altered_pixels(source, output, Masking()))


def test_the_judge_sees_areas_that_changed_their_places(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, leica(areas=2))
    data = output.read_bytes()
    assert b'ifd="1"' in data
    output.write_bytes(data.replace(b'ifd="1"', b'ifd="9"').replace(b'ifd="3"', b'ifd="1"').replace(b'="9"', b'="3"'))
    assert list(SLIDE.altered_pixels(source, output, Masking()))


@pytest.mark.parametrize("value", [b"1234567", b"47 11-99 31"])
def test_the_judge_looks_for_barcodes_of_digits_too(value: bytes, tmp_path: Path) -> None:
    text = leica_description(1).replace("<barcode>", f"<barcode>{value.decode()}</barcode><barcode>")
    source, output = cleaned(tmp_path, leica(xml=text))
    assert not judged(source, output)
    data = bytearray(output.read_bytes())
    tile = data.index(jpeg(20)) + 300
    data[tile : tile + len(value)] = value
    output.write_bytes(data)
    assert "property_left" in {one.kind for one in judged(source, output)}


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert cleaned(tmp_path, leica())[1].read_bytes() == cleaned(tmp_path, leica())[1].read_bytes()
