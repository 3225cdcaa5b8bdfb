"""Tiles in other encodings than JPEG: nothing stays behind their data, and none holds more than its size asks for."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openslide
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from deid_platform.errors import DeidError, MalformedFile, UnsupportedFormat
from tests.builders.slides import NAME, Page, tiff_bytes
from tests.formats.wsi.test_wsi import REAL, judged, scrubbed

SIDE = 64
NOISE = np.random.default_rng(3).integers(0, 200, (SIDE, SIDE, 3), np.uint8)
SMOOTH = (np.indices((SIDE, SIDE, 3)).sum(axis=0) % 200).astype(np.uint8)
PLAIN, LZW, DEFLATE, OLD_DEFLATE, PACKBITS, ZSTD = 1, 5, 8, 32946, 32773, 50000


def by_pillow(kind: str) -> Callable[[bytes], bytes]:
    """An encoder of Pillow: the only strip of a TIFF file it writes."""

    def encode(pixels: bytes) -> bytes:
        stream = io.BytesIO()
        rows = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE * 3)
        Image.fromarray(rows).save(stream, "TIFF", compression=kind, tiffinfo={278: len(rows)})
        with Image.open(stream) as image:
            (at,), (size,) = image.tag_v2[273], image.tag_v2[279]  # type: ignore[attr-defined]
        return stream.getvalue()[at : at + size]

    return encode


ENCODERS: dict[int, Callable[[bytes], bytes]] = {
    PLAIN: bytes, LZW: by_pillow("tiff_lzw"), DEFLATE: zlib.compress, OLD_DEFLATE: zlib.compress,
    PACKBITS: by_pillow("packbits"), ZSTD: lambda pixels: pa.Codec("zstd").compress(pixels, asbytes=True),
}  # fmt: skip
SKIPPED = b"\x50\x2a\x4d\x18" + len(NAME).to_bytes(4, "little") + NAME


def slide(compression: int, tile: bytes, *, more: list[tuple[int, int, list[int]]] | None = None) -> bytes:
    """A slide of two tiles: the second is a clean one."""
    given = {254: (4, [0]), 256: (3, [2 * SIDE]), 257: (3, [SIDE]), 258: (3, [8, 8, 8]), 259: (3, [compression]),
             262: (3, [2]), 277: (3, [3]), 322: (3, [SIDE]), 323: (3, [SIDE])}  # fmt: skip
    given |= {number: (kind, values) for number, kind, values in more or []}
    tags = [(number, kind, values) for number, (kind, values) in given.items()]
    return tiff_bytes([Page(list(tags), [tile, ENCODERS.get(compression, bytes)(SMOOTH.tobytes())])])


@pytest.mark.parametrize("compression", ENCODERS)
@pytest.mark.parametrize("pixels", [NOISE, SMOOTH], ids=["noise", "smooth"])
def test_nothing_stays_behind_the_data_of_a_tile(compression: int, pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    tile = ENCODERS[compression](pixels.tobytes())
    source, output = scrubbed(tmp_path, slide(compression, tile + NAME))
    assert NAME not in output.read_bytes()
    assert tile in output.read_bytes()
    if compression == PLAIN:  # OpenSlide shows no such tile, so that the slide is not released
        return
    assert not judged(source, output)
    with openslide.OpenSlide(source) as before, openslide.OpenSlide(output) as after:
        shown = [np.asarray(one.read_region((0, 0), 0, one.dimensions)) for one in (before, after)]
    assert np.array_equal(*shown)
    assert np.array_equal(shown[0][:, :SIDE, :3], pixels)
    assert "tile" in {getattr(one, "where", "") for one in judged(source, source)}


@pytest.mark.parametrize("behind", [SKIPPED, pa.Codec("zstd").compress(NAME, asbytes=True)], ids=["skipped", "another"])
def test_a_tile_is_one_frame(behind: bytes, tmp_path: Path) -> None:
    tile = ENCODERS[ZSTD](NOISE.tobytes())
    source, output = scrubbed(tmp_path, slide(ZSTD, tile + behind))
    assert NAME not in output.read_bytes()
    assert not judged(output, output)
    assert judged(source, source)
    with pytest.raises(MalformedFile):
        scrubbed(tmp_path, slide(ZSTD, SKIPPED + tile))


@pytest.mark.parametrize("compression", [one for one in ENCODERS if one != PLAIN])
@pytest.mark.parametrize("more", [-1, 1], ids=["less", "more"])
def test_a_tile_unpacks_to_what_its_size_asks_for(compression: int, more: int, tmp_path: Path) -> None:
    rows = np.concatenate([NOISE, 255 - NOISE[:1]]) if more > 0 else NOISE[:-1]
    if compression == PACKBITS and more > 0:  # a row more is nothing but bytes behind
        whole, rest = (ENCODERS[compression](part.tobytes()) for part in (rows, rows[-1:]))
        assert rest not in scrubbed(tmp_path, slide(compression, whole))[1].read_bytes()
        return
    with pytest.raises(MalformedFile, match="size asks for"):
        scrubbed(tmp_path, slide(compression, ENCODERS[compression](rows.tobytes())))


@pytest.mark.parametrize("compression", [one for one in ENCODERS if one != PLAIN])
def test_a_torn_tile_is_refused(compression: int, tmp_path: Path) -> None:
    tile = ENCODERS[compression](NOISE.tobytes())
    for end in (0, 1, 2, 5, len(tile) // 2, len(tile) - 3):
        with pytest.raises(MalformedFile):
            scrubbed(tmp_path, slide(compression, tile[:end] + b"\xff" * (end == 0)))


@pytest.mark.parametrize("compression", ENCODERS)
def test_whatever_a_tile_holds_it_is_refused_or_cleaned(compression: int, tmp_path: Path) -> None:
    chance = np.random.default_rng(compression)
    tile = ENCODERS[compression](SMOOTH.tobytes())
    for _ in range(30):
        data = bytearray(tile + NAME)
        data[int(chance.integers(len(tile)))] ^= int(chance.integers(1, 256))
        try:
            _, output = scrubbed(tmp_path, slide(compression, bytes(data)))
        except DeidError:
            continue
        assert NAME not in output.read_bytes()


@pytest.mark.parametrize("compression", [2, 34887, 34925, 34926, 50001, 50002, 52479])
def test_encodings_whose_end_nobody_finds_are_refused(compression: int, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        scrubbed(tmp_path, slide(compression, NOISE.tobytes()))


@pytest.mark.parametrize("tag", [(262, 3, [6]), (266, 3, [2]), (258, 3, [8, 8, 16])])
def test_tiles_of_an_odd_size_are_refused(tag: tuple[int, int, list[int]], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        scrubbed(tmp_path, slide(PLAIN, NOISE.tobytes(), more=[tag]))


def test_a_tile_that_expands_without_end_takes_no_memory(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        scrubbed(tmp_path, slide(DEFLATE, zlib.compress(bytes(1 << 24), 9)))
    with pytest.raises(MalformedFile, match="impossible size"):
        scrubbed(tmp_path, slide(DEFLATE, b"x", more=[(256, 4, [1 << 20]), (322, 4, [1 << 19]), (323, 4, [1 << 20])]))


def test_planes_that_stand_apart_have_a_tile_each(tmp_path: Path) -> None:
    page = Page([(254, 4, [0]), (256, 3, [SIDE]), (257, 3, [SIDE]), (258, 3, [8, 8, 8]), (259, 3, [DEFLATE]),
                 (262, 3, [2]), (277, 3, [3]), (284, 3, [2]), (322, 3, [SIDE]), (323, 3, [SIDE])],
                [zlib.compress(NOISE[..., one].tobytes()) + NAME for one in range(3)])  # fmt: skip
    source, output = scrubbed(tmp_path, tiff_bytes([page]))
    assert NAME not in output.read_bytes()
    assert not judged(source, output)


@pytest.mark.skipif(not REAL.is_dir(), reason="The shared slides are not there.")
@pytest.mark.parametrize("name", ["boxes.tiff", pytest.param("yb10kx5k.zstd.tiff", marks=pytest.mark.slow)])
def test_real_tiles_stay(name: str, tmp_path: Path) -> None:
    (real,) = REAL.rglob(name)
    source, output = scrubbed(tmp_path, real.read_bytes())
    assert not judged(source, output)
