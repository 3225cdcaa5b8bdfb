"""Identifiers where a slide can hide them: each is gone, or the slide is refused; and a judge would see it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from deid_platform.audit.tiff_bytes import tiles_differ
from deid_platform.errors import DeidError, MalformedFile
from deid_platform.formats.wsi.wsi import Slide
from deid_platform.identity import Identity
from deid_platform.model import Masking
from deid_platform.policy import load_policy
from tests.builders.slides import APERIO, NAME, Page, aperio, jpeg, level, picture, tiff_bytes

SLIDE, IDENTITY, POLICY = Slide(), Identity(bytes(range(32))), load_policy("research")
COMMENT = b"\xff\xfe" + struct.pack(">H", len(NAME) + 2) + NAME
LABEL = jpeg(140)
PIXELS = (
    b"<Pixels ID='Pixels:0' DimensionOrder='XYZCT' Type='uint8' SizeX='512' SizeY='512' SizeC='3' SizeT='1' SizeZ='1'/>"
)
OME = (
    b"<?xml version='1.0'?><OME xmlns='x'><Image ID='Image:0' Name='scan'>" + PIXELS + b"</Image>"
    b"<Image ID='Image:1' Name='label image'>" + PIXELS + b"</Image></OME>"
)


def cleaned(tmp_path: Path, data: bytes) -> bytes:
    source, output = tmp_path / "source.tiff", tmp_path / "output.tiff"
    source.write_bytes(data)
    try:
        SLIDE.describe(source, IDENTITY, "north/drop/x.tiff")
        SLIDE.scrub(source, output, POLICY, IDENTITY, "north/drop/x.tiff")
    except DeidError:
        return b""
    return output.read_bytes()


def with_tag(page: Page, number: int, kind: int, value: bytes) -> Page:
    page.tags = [tag for tag in page.tags if tag[0] != number] + [(number, kind, value)]
    return page


def below(inner: Page) -> list[Page]:
    page = level(512, 20)
    page.below = [inner]
    return [page]


IMAGES = {
    "label of OME without a description": [level(512, 20, OME), level(256, 140)],
    "label of OME that says it is reduced": [level(512, 20, OME), level(256, 140, reduced=True)],
    "label of Aperio in tiles": [level(512, 20, APERIO), level(256, 140, b"Aperio Image Library v11\nlabel 256x256")],
    "label with an underscore": [level(512, 20), level(256, 140, b"Label_Image", reduced=True)],
    "label in one word": [level(512, 20), level(256, 140, b"LABELIMAGE", reduced=True)],
    "image without a word": [level(512, 20), level(256, 140)],
    "image with a name of its own": [level(512, 20), level(256, 140, b"Etikett", reduced=True)],
    "label below": below(level(256, 140, b"label", reduced=True)),
    "unnamed below": below(level(256, 140)),
    "striped below": below(picture(b"macro")),
    "larger than the first": [level(256, 20), level(512, 140, reduced=True)],
}


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_that_is_not_proven_a_level_goes(kind: str, tmp_path: Path) -> None:
    output = cleaned(tmp_path, tiff_bytes(IMAGES[kind]))
    assert output
    assert LABEL not in output
    assert LABEL[600:] not in output
    assert NAME not in output


def test_an_image_named_label_is_no_slide(tmp_path: Path) -> None:
    assert cleaned(tmp_path, tiff_bytes([level(256, 20, b"Label_Image")])) == b""
    assert cleaned(tmp_path, tiff_bytes([level(256, 20, OME.replace(b"'scan'", b"'Macro'"))])) == b""


def _before_scan(tile: bytes) -> int:
    return tile.index(b"\xff\xda")


def _note(marker: int, body: bytes) -> Callable[[bytes], bytes]:
    segment = b"\xff" + bytes([marker]) + struct.pack(">H", 2 + len(body)) + body
    return lambda tile: tile[:20] + segment + tile[20:]


TILES: dict[str, Callable[[bytes], bytes]] = {
    "comment": lambda tile: tile[:2] + COMMENT + tile[2:],
    "comment behind fill bytes": lambda tile: tile[:2] + b"\xff\xff" + COMMENT + tile[2:],
    "comment before the scan": lambda tile: tile[: _before_scan(tile)] + COMMENT + tile[_before_scan(tile) :],
    "comment behind the scan": lambda tile: tile[:-2] + COMMENT + tile[-2:],
    "behind the end": lambda tile: tile + NAME,
    "second image behind the end": lambda tile: tile + tile[:2] + COMMENT + tile[2:],
    "between segments": lambda tile: tile[: _before_scan(tile)] + NAME + tile[_before_scan(tile) :],
    "long Adobe note": _note(0xEE, b"Adobe" + NAME),
    "second note of JFIF": _note(0xE0, b"JFXX\0" + NAME),
    "note of ICC": _note(0xE2, NAME),
}


@pytest.mark.parametrize("place", TILES)
def test_nothing_stays_in_a_tile_but_what_decoders_need(place: str, tmp_path: Path) -> None:
    output = cleaned(tmp_path, tiff_bytes([level(512, 20, alter=TILES[place])]))
    assert output
    assert NAME not in output
    source, target = tmp_path / "source.tiff", tmp_path / "output.tiff"
    assert not list(SLIDE.audit("item", source, target, POLICY, IDENTITY))
    if place != "between segments":  # OpenSlide shows no such tile, so it is not released
        assert not list(SLIDE.altered_pixels(source, target, Masking()))


@pytest.mark.parametrize("place", ["comment", "comment behind the scan", "behind the end", "note of ICC"])
def test_the_judge_sees_a_note_in_a_tile(place: str, tmp_path: Path) -> None:
    source = tmp_path / "source.tiff"
    source.write_bytes(tiff_bytes([level(512, 20, alter=TILES[place])]))
    assert "tile" in {one.where for one in SLIDE.audit("item", source, source, POLICY, IDENTITY)}


TAGS: dict[str, tuple[int, int, bytes]] = {
    "tables with a comment": (347, 7, b"\xff\xd8" + COMMENT + b"\xff\xd9"),
    "tables that are text": (347, 7, NAME),
    "text behind tables": (347, 7, b"\xff\xd8\xff\xd9" + NAME),
    "text as a colour map": (320, 1, NAME),
    "text as a colour map of numbers": (320, 3, NAME + b"!"),
    "text as a kind": (255, 1, NAME),
    "text as a resolution": (282, 5, NAME[:16]),
    "text as numbers": (532, 5, NAME[:16] * 3),
    "text as places of restarts": (65426, 4, NAME[:16]),
}


WIDE: dict[str, tuple[int, int, bytes]] = {
    "letters of two bytes as a colour map": (320, 3, "DOE JANE S20".encode("utf-16-be")),
    "letters of four bytes as numbers": (532, 5, "DOE JANE S20".encode("utf-32-le")),
    "letters of four bytes as coefficients": (529, 5, "ROE JO".encode("utf-32-le")),
    "letters as least samples": (280, 3, b"DOEJAN"),
}


@pytest.mark.parametrize("place", TAGS)
def test_nothing_stays_in_a_tag_that_is_no_such_value(place: str, tmp_path: Path) -> None:
    assert NAME[:8] not in cleaned(tmp_path, _with_values(*TAGS[place]))


@pytest.mark.parametrize("place", WIDE)
def test_no_letters_stay_in_numbers(place: str, tmp_path: Path) -> None:
    output = cleaned(tmp_path, _with_values(*WIDE[place]))
    assert output
    assert WIDE[place][2] not in output


def _with_values(number: int, kind: int, value: bytes) -> bytes:
    """A slide with a tag whose values are these bytes."""
    whole = {1: 1, 3: 2, 4: 4, 5: 8, 7: 1}[kind]
    page = with_tag(level(256, 20), number, kind, value)
    data = bytearray(tiff_bytes([page]))
    at = int.from_bytes(data[4:8], "little")
    for entry in range(at + 2, at + 2 + 12 * int.from_bytes(data[at : at + 2], "little"), 12):
        if int.from_bytes(data[entry : entry + 2], "little") == number:
            struct.pack_into("<I", data, entry + 4, len(value) // whole)
    return bytes(data)


def test_the_judge_reads_every_byte_on_a_map_of_its_own(tmp_path: Path) -> None:
    output = cleaned(tmp_path, tiff_bytes(aperio()))
    source, target = tmp_path / "source.tiff", tmp_path / "output.tiff"
    assert not list(SLIDE.audit("item", source, target, POLICY, IDENTITY))
    target.write_bytes(output[: -len(NAME)] + b"Q".rjust(len(NAME), b"\0"))
    assert {one.kind for one in SLIDE.audit("item", source, target, POLICY, IDENTITY)} == {"bytes_left"}
    target.write_bytes(output.replace(b"|MPP = 0.4990", b"|MPP = Jane Q"))
    assert "tag 270" in {one.where for one in SLIDE.audit("item", source, target, POLICY, IDENTITY)}


def test_a_description_of_aperio_is_judged_by_its_grammar_not_by_its_first_word(tmp_path: Path) -> None:
    cleaned(tmp_path, tiff_bytes(aperio()))
    target = tmp_path / "output.tiff"
    target.write_bytes(target.read_bytes().replace(b"Aperio Image Library v11.2.1", b"Aperio Image Library of Jane"))
    found = SLIDE.audit("item", tmp_path / "source.tiff", target, POLICY, IDENTITY)
    assert "tag 270" in {one.where for one in found}


def test_a_slide_of_hamamatsu_may_have_its_directories_behind_4_gib(tmp_path: Path) -> None:
    """A file with a hole, so that nothing of it is ever written but its ends."""
    tile, far = jpeg(20), (1 << 32) + 4096
    tags = [(256, 4, 256), (257, 4, 256), (259, 3, 7), (273, 4, 4096), (279, 4, len(tile)), (65420, 4, 1)]
    entries = b"".join(struct.pack("<HHII", number, kind, 1, value) for number, kind, value in tags)
    lens = struct.pack("<HHIf", 65421, 11, 1, 20.0)
    high = struct.pack("<7I", 0, 0, 0, 1, 0, 0, 0)
    source, output = tmp_path / "far.ndpi", tmp_path / "output.ndpi"
    with source.open("wb") as file:
        file.write(struct.pack("<2sHQ", b"II", 42, far + 65536) + NAME)
        file.seek((1 << 32) + 4096)
        file.write(tile + NAME)
        file.seek(far + 65536)
        file.write(struct.pack("<H", 7) + entries + lens + bytes(8) + high)
    SLIDE.describe(source, IDENTITY, "north/drop/far.ndpi")
    SLIDE.scrub(source, output, POLICY, IDENTITY, "north/drop/far.ndpi")
    with output.open("rb") as file:
        assert NAME not in file.read(8192)
        file.seek((1 << 32) + 4096)
        assert file.read(len(tile) + len(NAME)) == tile + bytes(len(NAME))
    assert output.stat().st_size == source.stat().st_size


def test_a_tile_more_than_the_size_asks_for_is_refused(tmp_path: Path) -> None:
    page = level(512, 20)
    page.pieces.append(LABEL)
    assert cleaned(tmp_path, tiff_bytes([page])) == b""


def test_strips_beside_tiles_go(tmp_path: Path) -> None:
    words = struct.unpack("<4I", NAME[:16])
    page = level(512, 20)
    page.tags += [(273, 4, words), (279, 4, [1, 1, 1, 1])]
    output = cleaned(tmp_path, tiff_bytes([page]))
    assert output
    assert NAME[:16] not in output


def test_the_place_of_a_tile_without_bytes_says_nothing(tmp_path: Path) -> None:
    page = level(512, 20)
    page.pieces[3] = b""
    data = bytearray(tiff_bytes([page]))
    place = data.index(struct.pack("<I", len(page.pieces[0])) + struct.pack("<I", len(page.pieces[1]))) - 4
    data[place : place + 4] = b"AB\0\0"
    output = cleaned(tmp_path, bytes(data))
    assert output
    assert output[place : place + 4] == bytes(4)
    source, target = tmp_path / "source.tiff", tmp_path / "output.tiff"
    assert "object" in {one.where for one in SLIDE.audit("item", target, source, POLICY, IDENTITY)}
    assert not list(SLIDE.audit("item", source, target, POLICY, IDENTITY))


@pytest.mark.parametrize("number", [282, 283])
def test_a_resolution_has_no_room_for_letters(number: int, tmp_path: Path) -> None:
    output = cleaned(tmp_path, tiff_bytes([with_tag(level(256, 20), number, 5, b"JANEDOES")]))
    assert output
    assert b"JANE" not in output
    assert b"DOES" not in output
    plain = struct.pack("<II", 250_000, 7)
    assert plain in cleaned(tmp_path, tiff_bytes([with_tag(level(256, 20), number, 5, plain)]))


def test_what_only_hamamatsu_writes_goes_elsewhere(tmp_path: Path) -> None:
    output = cleaned(tmp_path, tiff_bytes([with_tag(level(256, 20), 65422, 9, b"JANE")]))
    assert output
    assert b"JANE" not in output


@pytest.mark.parametrize("mark", ["<scn xmlns='x'>", "<iScan />", "<DataObject ObjectType='DPUfsImport'/>"])
def test_a_maker_is_told_behind_long_texts_and_in_any_encoding(mark: str, tmp_path: Path) -> None:
    for text in (b" " * 70_000 + mark.encode(), mark.encode("utf-16"), b"a\0" + mark.encode()):
        for number in (270, 700):
            assert cleaned(tmp_path, tiff_bytes([with_tag(level(256, 20), number, 1, text)])) == b""
            assert cleaned(tmp_path, tiff_bytes([level(256, 20), with_tag(level(256, 20), number, 1, text)])) == b""


def test_the_judge_sees_what_was_blanked_in_a_scan(tmp_path: Path) -> None:
    cleaned(tmp_path, tiff_bytes(aperio()))
    source, target = tmp_path / "source.tiff", tmp_path / "output.tiff"
    data = bytearray(target.read_bytes())
    at = data.rindex(b"\xff\xda") + 14
    data[at : at + 2] = bytes(2)
    target.write_bytes(data)
    assert tiles_differ(source, target)


def test_a_tag_that_stands_twice_is_refused(tmp_path: Path) -> None:
    page = level(512, 20)
    page.tags.append((270, 2, b"Aperio\0"))
    (tmp_path / "x.tiff").write_bytes(tiff_bytes([page]))
    with pytest.raises(MalformedFile, match="twice"):
        SLIDE.describe(tmp_path / "x.tiff", IDENTITY, "x.tiff")


ODD_TILES = {
    "comment": lambda tile: tile[:2] + COMMENT + tile[2:],
    "comment in front of the scan": lambda tile: tile.replace(b"\xff\xda", COMMENT + b"\xff\xda", 1),
    "comment behind the scan": lambda tile: tile[:-2] + COMMENT + tile[-2:],
    "bytes behind the end": lambda tile: tile + NAME,
    "end twice": lambda tile: tile + NAME + b"\xff\xd9",
    "another image behind": lambda tile: tile + tile[: tile.index(b"\xff\xda")] + COMMENT + b"\xff\xd9",
    "end that is none": lambda tile: tile[:-1] + b"\xd8" + NAME + b"\xff\xd9",
}


@pytest.mark.parametrize("kind", ODD_TILES)
@pytest.mark.parametrize("number", [0, 2, 15])
def test_one_odd_tile_among_many_alike_is_seen(kind: str, number: int, tmp_path: Path) -> None:
    page = level(1024, 20)
    page.pieces[number] = ODD_TILES[kind](page.pieces[number])
    output = cleaned(tmp_path, tiff_bytes([page]))
    assert NAME not in output
    assert not output or all(jpeg(20 + other) in output for other in range(16) if other != number)
