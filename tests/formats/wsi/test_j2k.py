"""Headers of JPEG 2000 tiles: what is needed stays, lengths of packets become comments, and none has room for more."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from deid_platform.audit.tiff_bytes import bytes_left
from deid_platform.errors import MalformedFile
from tests.builders.slides import APERIO, NAME, Page, level, tiff_bytes
from tests.formats.wsi.test_wsi import judged, scrubbed

RGB = 33005


@cache
def tile(seed: int, *, lengths: bool = False, levels: int = 3) -> bytes:
    """A codestream of noise; with ``lengths``, those of its packets (PLT)."""
    noise = np.random.default_rng(seed).integers(0, 200, (256, 256, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG2000", no_jp2=True, plt=lengths, num_resolutions=levels)
    return stream.getvalue()


def slide(first: bytes) -> bytes:
    page = level(512, 20, APERIO)
    page.tags = [tag for tag in page.tags if tag[0] not in (259, 262, 530)] + [(259, 3, [RGB]), (262, 3, [2])]
    return tiff_bytes([Page(page.tags, [first, tile(2), tile(3), tile(4)])])


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(body)) + body


def in_main_header(data: bytes, more: bytes) -> bytes:
    at = data.index(b"\xff\x90")
    return data[:at] + more + data[at:]


def in_part_header(data: bytes, more: bytes) -> bytes:
    """The codestream of one tile-part with another segment in its header."""
    at = data.index(b"\xff\x90")
    stated = int.from_bytes(data[at + 6 : at + 10], "big")
    return data[: at + 6] + struct.pack(">I", stated + len(more)) + data[at + 10 : at + 12] + more + data[at + 12 :]


def widened(data: bytes, marker: int, more: bytes) -> bytes:
    """The codestream with more in its first segment of a kind."""
    at = data.index(bytes([0xFF, marker]))
    size = int.from_bytes(data[at + 2 : at + 4], "big")
    end = at + 2 + size
    return data[: at + 2] + struct.pack(">H", size + len(more)) + data[at + 4 : end] + more + data[end:]


PLAIN = tile(1)
GIVEN_WAY = {
    "comment": in_main_header(PLAIN, segment(0x64, b"\0\1" + NAME)),
    "comment of a part": in_part_header(PLAIN, segment(0x64, b"\0\1" + NAME)),
    "lengths of parts": in_main_header(PLAIN, segment(0x55, b"\0\x40" + NAME)),
    "lengths of packets": in_main_header(PLAIN, segment(0x57, b"\0" + NAME)),
    "lengths of packets of a part": in_part_header(PLAIN, segment(0x58, b"\0" + NAME)),
    "behind the end": PLAIN + NAME,
}
REFUSED = {
    "headers of packets": in_main_header(PLAIN, segment(0x60, b"\0" + NAME)),
    "headers of packets of a part": in_part_header(PLAIN, segment(0x61, b"\0" + NAME)),
    "long size": widened(PLAIN, 0x51, NAME),
    "long coding": widened(PLAIN, 0x52, NAME),
    "long steps": widened(PLAIN, 0x5C, NAME),
    "coding of a component": in_main_header(PLAIN, segment(0x53, b"\0\0\2\4\4\0\0" + NAME)),
    "steps of a component": in_main_header(PLAIN, segment(0x5D, b"\0\x22" + NAME)),
    "steps of no component": in_main_header(PLAIN, segment(0x5D, b"\7\x20" + bytes(7))),
    "region": in_main_header(PLAIN, segment(0x5E, b"\0\0\0" + NAME)),
    "order": in_main_header(PLAIN, segment(0x5F, NAME)),
    "coding said twice": in_main_header(PLAIN, segment(0x52, b"\0\0\0\1\1\2\4\4\0\0")),
}


@pytest.mark.parametrize("place", GIVEN_WAY)
def test_what_no_decoder_needs_becomes_zeros(place: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, slide(GIVEN_WAY[place]))
    assert NAME in source.read_bytes()
    assert NAME not in output.read_bytes()
    assert not judged(source, output)
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        one, other = (np.asarray(opened.read_region((0, 0), 0, (256, 256))) for opened in (before, after))
    assert np.array_equal(one, other)
    assert "tile" in {where for where, _, _ in bytes_left(source)}


@pytest.mark.parametrize("place", REFUSED)
def test_headers_have_no_room_for_more(place: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        scrubbed(tmp_path, slide(REFUSED[place]))


@pytest.mark.parametrize("place", [one for one in REFUSED if one != "steps of no component"])
def test_the_judge_sees_headers_that_hold_more(place: str, tmp_path: Path) -> None:
    planted = tmp_path / "planted.svs"
    planted.write_bytes(slide(REFUSED[place]))
    assert "tile" in {where for where, _, _ in bytes_left(planted)}


@pytest.mark.parametrize("levels", [1, 3, 6])
@pytest.mark.parametrize("lengths", [False, True])
def test_plain_codestreams_stay_but_for_comments(levels: int, lengths: bool, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, slide(tile(1, lengths=lengths, levels=levels)))
    assert (b"\xff\x58" in source.read_bytes()) >= lengths
    assert not judged(source, output)
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        one, other = (np.asarray(opened.read_region((0, 0), 0, (256, 256))) for opened in (before, after))
    assert np.array_equal(one, other)
