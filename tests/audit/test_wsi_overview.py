from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image, ImageDraw, ImageFont

from deid_platform.audit import wsi
from tests.builders.makers import leica, leica_description
from tests.builders.slides import level, tiff_bytes


def test_an_overview_made_of_blocks_is_the_one_made_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.tiff"
    path.write_bytes(tiff_bytes([level(1536, 20)]))
    with openslide.OpenSlide(path) as slide:
        whole = wsi.overview(slide)
        monkeypatch.setattr(wsi, "_WHOLE", 1)
        monkeypatch.setattr(wsi, "_BLOCK", 600)
        blocks = wsi.overview(slide)
    assert blocks.shape == whole.shape == (512, 512, 3)
    assert np.abs(blocks.astype(int) - whole).mean() < 6
    assert np.abs(blocks.astype(int).mean((0, 1)) - whole.mean((0, 1))).max() < 2


def tile(said: str) -> bytes:
    """An encoded tile that says something."""
    picture = Image.new("RGB", (256, 256), "white")
    ImageDraw.Draw(picture).text((20, 100), said, "black", ImageFont.load_default(40))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=95)
    return stream.getvalue()


@pytest.mark.parametrize("said", ["JANE DOE", ""])
def test_each_area_of_a_slide_that_is_mostly_void_is_looked_at(said: str, tmp_path: Path) -> None:
    pages = leica(areas=2, xml=leica_description(2).replace("1500000", "76000000"))
    for page, text in zip(pages[2:], ("", "", said, said), strict=True):
        page.pieces = [tile(text)] * len(page.pieces)
    path = tmp_path / "x.scn"
    path.write_bytes(tiff_bytes(pages))
    with openslide.OpenSlide(path) as slide:
        assert max(slide.dimensions) > 100_000
    assert wsi.text_left(path) == bool(said)
