from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openslide
import pytest

from deid_platform.errors import DeidError, MalformedFile, UnsupportedFormat
from deid_platform.model import Finding, Masking
from tests.builders.makers import left, leica_description, replaced, ventana, ventana_info, ventana_scan
from tests.builders.slides import NAME, Page, jpeg, level, tiff_bytes
from tests.formats.wsi import cleaned_slides
from tests.formats.wsi.cleaned_slides import IDENTITY, POLICY, SLIDE, same_levels

ITEM = "north/drop/S20-4711.bif"


def cleaned(tmp_path: Path, pages: list[Page], *, big: bool = True, order: str = "<") -> tuple[Path, Path]:
    source, output = tmp_path / "source.bif", tmp_path / "output.bif"
    source.write_bytes(tiff_bytes(pages, big=big, order=order))
    SLIDE.describe(source, IDENTITY, ITEM)
    SLIDE.scrub(source, output, POLICY, IDENTITY, ITEM)
    return source, output


def judged(source: Path, output: Path) -> list[Finding]:
    return cleaned_slides.judged(source, output, ITEM)


def shows_the_same(source: Path, output: Path) -> None:
    """Every pixel of every level, size of a pixel and magnification; no other image."""
    with same_levels(source, output, "ventana", ("objective-power", "mpp-x", "mpp-y")) as (_, after):
        assert not dict(after.associated_images)


@pytest.mark.parametrize("tiles", [True, False])
@pytest.mark.parametrize(("big", "order"), [(False, "<"), (True, "<"), (True, ">")])
def test_levels_stay_and_nothing_else_does(tiles: bool, big: bool, order: str, tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, ventana(tiles=tiles), big=big, order=order)
    assert left(source.read_bytes())
    assert not left(output.read_bytes())
    assert output.stat().st_size == source.stat().st_size
    assert all(jpeg(grey) in output.read_bytes() for grey in (20, 35, 50, 53, 80))
    shows_the_same(source, output)
    with openslide.OpenSlide(source) as before:
        assert set(before.associated_images) == {"macro", "thumbnail"}
        assert (before.level_dimensions[0] == (1024, 1024)) != tiles
    assert not judged(source, output)
    assert not list(SLIDE.altered_pixels(source, output, Masking()))
    assert SLIDE.describe(source, IDENTITY, ITEM).path.endswith(".bif" if tiles else ".tiff")


def test_the_scan_may_be_told_below_other_metadata(tmp_path: Path) -> None:
    scan = ventana_scan().replace("<iScan", f"<Metadata By='{NAME.decode()}'><Roe/><iScan") + "</Metadata>"
    pages = ventana(scan=scan)
    replaced(pages[0], 270, 2, b"Label_Image\0")
    source, output = cleaned(tmp_path, pages)
    shows_the_same(source, output)
    assert not left(output.read_bytes())
    assert not judged(source, output)


def test_a_label_in_many_small_strips_has_room_for_a_black_image(tmp_path: Path) -> None:
    pages = ventana()
    pages[0].tags = [tag for tag in pages[0].tags if tag[0] not in (257, 259, 278)]
    pages[0].tags += [(257, 3, [64]), (259, 3, [1]), (278, 3, [1])]
    pages[0].pieces = [bytes([7]) * 192 for _ in range(64)]
    source, output = tmp_path / "source.bif", tmp_path / "output.bif"
    source.write_bytes(tiff_bytes(pages, gap=b""))
    SLIDE.scrub(source, output, POLICY, IDENTITY, ITEM)
    shows_the_same(source, output)
    assert not judged(source, output)


def test_levels_far_below_the_first_keep_their_exact_magnification(tmp_path: Path) -> None:
    pages = ventana(tiles=False)
    pages[2:5] = [
        level(max(256, 1024 >> number), 20 + 20 * number, f"level={number} mag={20 / 2**number}".encode())
        for number in range(10)
    ]
    pages[2].tags = [tag for tag in pages[2].tags if tag[0] != 700]
    source, output = cleaned(tmp_path, pages)
    assert b"level=9 mag=0.0390625\0" in output.read_bytes()
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        assert before.level_downsamples == after.level_downsamples
        assert before.level_count == 10
    assert not judged(source, output)


@pytest.mark.parametrize("layers", [2, 15])
def test_several_layers_are_refused(layers: int, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        cleaned(tmp_path, ventana(layers=layers))


OFF = 'AOIIndex="0" NumRows="2"'
CHANGED = {
    "document type": ("<EncodeInfo ", '<!DOCTYPE x [<!ENTITY a "DOE">]><EncodeInfo '),
    "entity": ("<SlideStitchInfo ", "&a;<SlideStitchInfo "),
    "bomb": ("<SlideStitchInfo ", "<a/>" * 270_000 + "<SlideStitchInfo "),
    "torn": ("</EncodeInfo>", ""),
    "other root": ("EncodeInfo", "EncodedInfo"),
    "no areas": ("SlideStitchInfo", "SlideStitchInfos"),
    "another stitching": ("<AoiOrigin", "<SlideStitchInfo/><AoiOrigin"),
    "no origins": ("AoiOrigin", "AoiOrigins"),
    "an origin too few": ('<AOI1 OriginX="0" OriginY="0"/>', ""),
    "name space within": ("<AoiOrigin", "<AoiOrigin xmlns='x'"),
    "words for what was scanned": ('AOIScanned="1" AOIIndex="2"', 'AOIScanned="JANE" AOIIndex="2"'),
    "words for a count": ('NumRows="2"', 'NumRows="Roe"'),
    "no rows": ('NumRows="2"', 'NumRows="0"'),
    "more rows than there are": ('NumRows="2"', 'NumRows="99999"'),
    "more columns than there are": ('NumCols="2"', 'NumCols="5"'),
    "other tiles": ('Width="256"', 'Width="255"'),
    "between tiles": ('OriginY="512"', 'OriginY="513"'),
    "below the last tile": ('OriginY="512"', 'OriginY="768"'),
    "no place": ('Pos-X="900.000000"', 'Pos-X="DOE"'),
    "far away": ('Pos-X="900.000000"', 'Pos-X="900000"'),
    "far below": ('Pos-Y="700"', 'Pos-Y="-900000"'),
    "joined with nothing": ('Tile2="8"', 'Tile2="9"'),
    "joined with tile zero": ('Tile1="1"', 'Tile1="0"'),
    "another direction": ('Direction="UP"', 'Direction="DOE"'),
    "overlap in words": ('OverlapX="10.500000"', 'OverlapX="JANE"'),
    "no overlap": ('OverlapX="10.500000"', ""),
    "no confidence": ('Confidence="98"', ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGED)
def test_tiles_nobody_can_follow_are_refused_without_a_value(kind: str, tmp_path: Path) -> None:
    old, new = CHANGED[kind]
    assert old in ventana_info()
    with pytest.raises(DeidError) as refusal:
        cleaned(tmp_path, ventana(info=ventana_info().replace(old, new)))
    assert not left(str(refusal.value).encode())


SCANS = {
    "torn": ventana_scan()[:-3],
    "document type": "<!DOCTYPE iScan [<!ENTITY a 'DOE'>]>" + ventana_scan().partition("?>")[2],
    "other root": ventana_scan().replace("<iScan ", "<JANE iScan='' ").replace("</iScan>", "</JANE>"),
    "two scans": f"<Metadata>{2 * ventana_scan().partition('?>')[2]}</Metadata>",
    "no scan": "<Metadata><Roe iScan=''/>" + " " * 200 + "</Metadata>",
}


@pytest.mark.parametrize("kind", SCANS)
def test_scans_nobody_can_read_are_refused_without_a_value(kind: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile) as refusal:
        cleaned(tmp_path, ventana(scan=SCANS[kind]))
    assert not left(str(refusal.value).encode())


def described(number: int, text: bytes) -> Callable[[list[Page]], object]:
    return lambda pages: replaced(pages[number], 270, 2, text + b"\0")


IMAGES: dict[str, Callable[[list[Page]], object]] = {
    "words in a level": described(3, b"level=1 mag=10 quality=90 of DOE JANE"),
    "words for a level": described(3, b"level=JANE mag=10 quality=90"),
    "words for a magnification": described(3, b"level=1 mag=JANE quality=90"),
    "levels in another order": described(3, b"level=2 mag=10 quality=90"),
    "magnification that does not fall": described(3, b"level=1 mag=20 quality=90"),
    "no magnification": described(4, b"level=2 mag=0 quality=90"),
    "first image told as a level": described(0, b"level=0 mag=20 quality=90"),
    "level named in another tag": lambda pages: replaced(pages[3], 285, 2, b"Label of DOE\0"),
    "level of another size": lambda pages: pages.__setitem__(3, level(1024, 50, b"level=1 mag=10 quality=90")),
    "level of other samples": lambda pages: replaced(pages[3], 258, 3, [16, 16, 16]),
    "level of other tiles": lambda pages: replaced(replaced(pages[3], 322, 3, [512]), 323, 3, [512]),
    "level in strips": lambda pages: setattr(pages[3], "tiled", False),
    "no levels": lambda pages: pages.__delitem__(slice(2, 5)),
    "two makers": lambda pages: replaced(pages[0], 270, 2, leica_description().encode() + b"\0"),
    "two makers, one of them Aperio": described(0, b"Aperio Image Library v11.2.1 \r\n64x64"),
    "no room": lambda pages: setattr(pages[0], "pieces", [jpeg(7, size=8)]),
}


@pytest.mark.parametrize("kind", IMAGES)
def test_images_that_are_not_what_is_told_of_them_are_refused(kind: str, tmp_path: Path) -> None:
    pages = ventana()
    IMAGES[kind](pages)
    with pytest.raises(MalformedFile) as refusal:
        cleaned(tmp_path, pages)
    assert not left(str(refusal.value).encode())


def test_what_no_list_knows_is_left_out_wherever_it_stands(tmp_path: Path) -> None:
    extra = f"<Etikett AOIScanned='4711'>{NAME.decode()}<ImageInfo>DOE</ImageInfo></Etikett>&#68;&#79;&#69;"
    changes = {"Magnification=": "Sum='JANE' Magnification=", 'ScanRes="0.465000"': 'ScanRes="DOE"'}
    scan = ventana_scan(extra=extra)
    for old, new in changes.items():
        assert old in scan
        scan = scan.replace(old, new)
    source, output = cleaned(tmp_path, ventana(info=ventana_info(extra=extra), scan=scan))
    assert not left(output.read_bytes())
    assert not judged(source, output)


def test_the_judge_sees_what_is_left_of_the_xml(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, ventana())
    data = output.read_bytes()
    changes = {
        b'ScanRes="0.465"': b'ScanRes="R JON"', b'Z-layers="1"': b'UserName="1"', b'Direction="UP"': b'Direction="JD"',
        b'OverlapX="10.5"': b'OverlapX="DOE1"', b"<AOI2 ": b"<AOIX ", b"level=1 mag=10": b"level=1 DOE=10",
        b"quality=90": b"quality=JD", b"<SlideStitchInfo>": b"<SlideStitchRoes>", b'Ver="2"': b'Doe="2"',
    }  # fmt: skip
    for old, new in changes.items():
        assert old in data
        output.write_bytes(data.replace(old, new))
        assert judged(source, output)


def test_the_judge_sees_a_photograph_that_no_reader_shows(tmp_path: Path) -> None:
    """A file in which all is clean but that its first image, which has no description, is not black."""
    path = tmp_path / "x.tiff"
    plain = (254, 256, 257, 258, 259, 262, 277, 322, 323, 530)
    levels = [level(512 >> number, 20 + 30 * number) for number in range(2)]
    pages = [level(256, 140), *levels]
    for number, page in enumerate(pages):
        page.tags = [tag for tag in page.tags if tag[0] in plain]
        if number:
            page.tags.append((270, 2, b"level=%d mag=%d quality=90\0" % (number - 1, 20 >> number)))
        else:
            page.tags.append((700, 1, b'<iScan Magnification="20" ScanRes="0.465" Z-layers="1"/>\0'))
    path.write_bytes(tiff_bytes(pages, gap=b""))
    assert [(one.where, one.kind) for one in judged(path, path)] == [("image other", "not_removed")]


def test_the_judge_looks_for_numbers_of_devices_too(tmp_path: Path) -> None:
    source, output = cleaned(tmp_path, ventana(scan=ventana_scan().replace("SN7347", "2000515")))
    assert not judged(source, output)
    data = bytearray(output.read_bytes())
    tile = data.index(jpeg(20)) + 300
    data[tile : tile + 7] = b"2000515"
    output.write_bytes(data)
    assert "property_left" in {one.kind for one in judged(source, output)}


def test_a_barcode_without_a_number_is_nothing_to_look_for(tmp_path: Path) -> None:
    scan = ventana_scan().replace('Barcode1D="S20-4711"', 'Barcode1D="      "').replace("SN7347", "00000000")
    assert not judged(*cleaned(tmp_path, ventana(scan=scan)))


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert cleaned(tmp_path, ventana())[1].read_bytes() == cleaned(tmp_path, ventana())[1].read_bytes()
