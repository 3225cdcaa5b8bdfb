"""A coarser level shows what the next finer one shows; a photograph of a label in its place is seen."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from deid_platform.audit import levels
from deid_platform.audit.levels import levels_disagree
from tests.builders.slides import Page, level, tiff_bytes
from tests.formats.wsi.test_wsi import REAL, judged, scrubbed

SIDE = 1024


def tissue(side: int) -> Image.Image:
    """Dark spots of many sizes on a bright ground, as cells and glands are."""
    chance = np.random.default_rng(5)
    image = Image.new("RGB", (side, side), (238, 236, 240))
    draw = ImageDraw.Draw(image)
    for _ in range(600):
        x, y, radius = (int(one) for one in chance.integers((0, 0, 2), (side, side, 40)))
        colour = tuple(int(one) for one in chance.integers((90, 30, 110), (220, 160, 200)))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image


def label(side: int) -> Image.Image:
    image = Image.new("RGB", (side, side), (245, 244, 240))
    for row in range(8):
        ImageDraw.Draw(image).text((8, row * side // 8), "DOE JANE S20-4711", "black", ImageFont.load_default(side / 9))
    return image


def pasted(image: Image.Image, other: Image.Image) -> Image.Image:
    image.paste(other)
    return image


def page(image: Image.Image, *, reduced: bool = True, quality: int = 80) -> Page:
    """A level that shows an image."""
    made = level(image.width, 20, reduced=reduced)
    made.pieces = []
    for top in range(0, image.height, 256):
        for left in range(0, image.width, 256):
            stream = io.BytesIO()
            image.crop((left, top, left + 256, top + 256)).save(stream, "JPEG", quality=quality)
            made.pieces.append(stream.getvalue())
    return made


def pyramid(*coarser: Image.Image) -> bytes:
    return tiff_bytes([page(tissue(SIDE), reduced=False), *(page(image) for image in coarser)])


def smaller(side: int) -> Image.Image:
    return tissue(SIDE).resize((side, side), Image.Resampling.LANCZOS)


def disagree(path: Path) -> bool:
    with openslide.OpenSlide(path) as slide:
        return levels_disagree(slide, [(0, 0, *slide.dimensions)])


ALIKE = {
    "reduced": (smaller(512), smaller(256)),
    "sharpened": (smaller(512).filter(ImageFilter.SHARPEN), smaller(256)),
    "moved": (Image.fromarray(np.roll(np.asarray(smaller(512)), (2, -2), (0, 1))), smaller(256)),
    "darker": (smaller(512).point(lambda value: int(value * 0.9)), smaller(256)),
    "by nearest": (tissue(SIDE).resize((512, 512), Image.Resampling.NEAREST), smaller(256)),
}
OTHERS = {
    "label instead of the coarsest": (smaller(512), label(256)),
    "label instead of a middle one": (label(512), smaller(256)),
    "label in a corner": (smaller(512), pasted(smaller(256), label(96))),
    "label alone": (label(256),),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_levels_of_one_picture_agree(kind: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, pyramid(*ALIKE[kind]))
    assert not judged(source, output)


@pytest.mark.parametrize("kind", OTHERS)
def test_a_label_in_the_place_of_a_level_is_seen(kind: str, tmp_path: Path) -> None:
    source, output = scrubbed(tmp_path, pyramid(*OTHERS[kind]))
    assert [getattr(one, "where", "") for one in judged(source, output)] == ["level"]


def test_a_label_in_the_place_of_bare_glass_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "x.tiff"
    glass = Image.new("RGB", (SIDE, SIDE), (240, 240, 240))
    path.write_bytes(tiff_bytes([page(glass, reduced=False), page(label(512))]))
    assert disagree(path)


def test_of_large_levels_a_sample_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(levels, "_MOST_PLACES", 8)
    monkeypatch.setattr(levels, "_FINE_SIDE", 64)
    path = tmp_path / "x.tiff"
    path.write_bytes(pyramid(smaller(512), smaller(256)))
    assert not disagree(path)
    path.write_bytes(pyramid(smaller(512), label(256)))
    assert disagree(path)


def test_a_level_smaller_than_a_square_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "x.tiff"
    for grey, differs in ((30, False), (220, True)):
        tiny = page(Image.new("RGB", (8, 8), (grey, grey, grey)))
        path.write_bytes(tiff_bytes([page(Image.new("RGB", (256, 256), (20, 20, 20)), reduced=False), tiny]))
        assert disagree(path) == differs


def test_where_nothing_was_scanned_a_level_shows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.tiff"
    white = Image.new("RGB", (512, 512), "white")
    for shown, differs in ((white, False), (Image.new("RGB", (512, 512), "black"), False), (label(512), True)):
        fine = page(tissue(SIDE), reduced=False)
        fine.pieces = [b""] * len(fine.pieces)
        path.write_bytes(tiff_bytes([fine, page(shown)]))
        assert disagree(path) == differs


@pytest.mark.skipif(not REAL.is_dir(), reason="The shared slides are not there.")
@pytest.mark.parametrize(
    "pattern", ["test3-*.ndpi", "boxes.tiff", pytest.param("yb10kx5k.zstd.tiff", marks=pytest.mark.slow)]
)
def test_levels_of_real_slides_agree(pattern: str) -> None:
    found = list(REAL.rglob(pattern))
    assert found
    assert not [path.name for path in found if disagree(path)]
