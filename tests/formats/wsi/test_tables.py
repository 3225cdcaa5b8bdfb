"""Tables of JPEG that no scan reads may hold anything: afterwards they say nothing, and a judge sees those that do."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pytest
from numpy.typing import NDArray
from PIL import Image

from deid_platform.audit.tiff_bytes import tiles_differ
from deid_platform.formats.mrxs.images import cleaned as cleaned_image
from deid_platform.formats.wsi.streams import clean_tables
from tests.builders.slides import APERIO, NAME, Page, jpeg, level, tiff_bytes
from tests.formats.wsi.test_wsi import REAL, judged, scrubbed

HUFFMAN, QUANTISATION = 0xC4, 0xDB


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def steps(number: int, *, wide: bool = False) -> bytes:
    """A quantisation table whose steps are a name."""
    return bytes([16 * wide + number]) + (NAME * 8)[: 128 if wide else 64]


def codes(told: int) -> bytes:
    """A Huffman table whose values are a name."""
    return bytes([told]) + bytes([0] * 15 + [len(NAME)]) + NAME


def widened(tile: bytes, marker: int, more: bytes) -> bytes:
    """The tile with another table in its first segment of tables."""
    at = tile.index(bytes([0xFF, marker]))
    size = int.from_bytes(tile[at + 2 : at + 4], "big")
    end = at + 2 + size
    return tile[: at + 2] + struct.pack(">H", size + len(more)) + tile[at + 4 : end] + more + tile[end:]


def ahead(more: bytes) -> Callable[[bytes], bytes]:
    return lambda tile: tile[:20] + more + tile[20:]


HIDDEN: dict[str, Callable[[bytes], bytes]] = {
    "steps of no component": ahead(segment(QUANTISATION, steps(3))),
    "steps of two bytes": ahead(segment(QUANTISATION, steps(3, wide=True))),
    "codes of no scan": ahead(segment(HUFFMAN, codes(0x12))),
    "several of no scan": ahead(segment(HUFFMAN, codes(0x02) + codes(0x13))),
    "steps said again later": ahead(segment(QUANTISATION, steps(0))),
    "codes said again later": ahead(segment(HUFFMAN, codes(0x00) + codes(0x10))),
    "steps beside those of a component": lambda tile: widened(tile, QUANTISATION, steps(2)),
    "codes beside those of a scan": lambda tile: widened(tile, HUFFMAN, codes(0x13)),
    "the same twice in a segment": ahead(segment(HUFFMAN, codes(0x12) + codes(0x12))),
    "codes behind the scan": lambda tile: tile[:-2] + segment(HUFFMAN, codes(0x00)) + tile[-2:],
    "steps behind the scan": lambda tile: tile[:-2] + segment(QUANTISATION, steps(1)) + tile[-2:],
}


@pytest.mark.parametrize("place", HIDDEN)
def test_tables_that_no_scan_reads_say_nothing(place: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_bytes([level(512, 20, APERIO, alter=HIDDEN[place])]))
    assert NAME in source.read_bytes()
    assert NAME[:8] not in output.read_bytes()
    assert not judged(source, output)


@pytest.mark.parametrize("place", HIDDEN)
def test_the_judge_sees_tables_that_no_scan_reads(place: str, tmp_path: Path) -> None:
    _, output = scrubbed(tmp_path, tiff_bytes([level(512, 20, APERIO)]))
    planted = tmp_path / "planted.svs"
    planted.write_bytes(tiff_bytes([level(512, 20, APERIO, alter=HIDDEN[place])]))
    assert "tile" in {getattr(one, "where", "") for one in judged(planted, planted)}
    assert "tile" not in {getattr(one, "where", "") for one in judged(output, output)}


@pytest.mark.parametrize("place", HIDDEN)
def test_images_of_3dhistech_lose_them_too(place: str) -> None:
    data = HIDDEN[place](jpeg(20))
    cleaned = cleaned_image("JPEG", data)
    assert NAME[:8] not in cleaned
    assert np.array_equal(pixels(cleaned), pixels(data))


def pixels(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("kind", ["progressive", "grey", "optimised"])
def test_tables_that_scans_read_stay(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (256, 256, 3), np.uint8)
    image = Image.fromarray(noise).convert("L" if kind == "grey" else "RGB")
    stream = io.BytesIO()
    image.save(stream, "JPEG", progressive=kind == "progressive", optimize=kind == "optimised")
    data = stream.getvalue()
    assert cleaned_image("JPEG", data) == data


def abbreviated(size: int, more: bytes = b"") -> Page:
    """A level whose tables stand in a tag of their own, with ``more`` in front of them."""
    page = level(size, 20, APERIO)
    tables = b""
    for number, tile in enumerate(page.pieces):
        at = 2
        kept = tile[:2]
        tables = b""
        while tile[at + 1] != 0xDA:
            end = at + 2 + int.from_bytes(tile[at + 2 : at + 4], "big")
            part = tile[at:end]
            tables, kept = (tables + part, kept) if part[1] in (HUFFMAN, QUANTISATION) else (tables, kept + part)
            at = end
        page.pieces[number] = kept + tile[at:]
    page.tags.append((347, 7, b"\xff\xd8" + more + tables + b"\xff\xd9"))
    return page


SHARED = {
    "none": b"",
    "steps of no tile": segment(QUANTISATION, steps(3)),
    "codes of no tile": segment(HUFFMAN, codes(0x12) + codes(0x03)),
    "steps said again": segment(QUANTISATION, steps(0) + steps(1)),
    "codes said again": segment(HUFFMAN, codes(0x10)),
}


@pytest.mark.parametrize("place", SHARED)
@pytest.mark.parametrize("big", [False, True])
def test_of_tables_of_the_file_those_stay_that_tiles_read(place: str, big: bool, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_bytes([abbreviated(512, SHARED[place]), abbreviated(256)], big=big))
    assert NAME[:8] not in output.read_bytes()
    assert not judged(source, output)
    with openslide.OpenSlide(output) as slide:
        assert np.asarray(slide.read_region((0, 0), 0, (256, 256)))[..., :3].std() > 2
    if SHARED[place]:
        planted = {getattr(one, "where", "") for one in judged(source, source)}
        assert "tile" in planted


def test_tables_that_all_tiles_bring_themselves_go_from_the_file(tmp_path: Path) -> None:
    page = level(256, 20, APERIO)
    tables = b"\xff\xd8" + segment(QUANTISATION, steps(0)) + segment(HUFFMAN, codes(0x00)) + b"\xff\xd9"
    page.tags.append((347, 7, tables))
    source, output = scrubbed(tmp_path, tiff_bytes([page]))
    assert NAME[:8] not in output.read_bytes()
    assert not judged(source, output)


def test_a_table_beside_others_gives_way_in_its_place() -> None:
    data = b"\xff\xd8" + segment(HUFFMAN, codes(0x00) + codes(0x11)) + b"\xff\xd9"
    kept = clean_tables(data, {(HUFFMAN, 0x11)})
    assert len(kept) == len(data)
    assert kept[6:7] + kept[-2 - 17 - len(NAME) :] == data[6:7] + data[-2 - 17 - len(NAME) :]
    assert kept.count(NAME) == 1
    assert clean_tables(data, ()) == b"\xff\xd8" + segment(0xFE, bytes(2 * (17 + len(NAME)))) + b"\xff\xd9"


def test_the_judge_sees_a_table_that_scans_read_and_that_was_blanked(tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, tiff_bytes([level(512, 20, APERIO)]))
    assert not tiles_differ(source, output)
    data = bytearray(output.read_bytes())
    at = data.index(b"\xff\xdb\0\x43\0") + 5
    data[at : at + 64] = b"\1" * 64
    output.write_bytes(data)
    assert tiles_differ(source, output)


@pytest.mark.skipif(not REAL.is_dir(), reason="The shared slides are not there.")
def test_real_tables_stay(tmp_path: Path) -> None:
    (real,) = REAL.rglob("CMU-1-Small-Region.svs")
    source, output = scrubbed(tmp_path, real.read_bytes())
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        one, other = (np.asarray(slide.read_region((0, 0), 0, slide.dimensions)) for slide in (before, after))
    assert np.array_equal(one, other)
