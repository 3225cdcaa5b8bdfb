"""Cleaned slides open in TiffSlide too, which shares nothing with OpenSlide, the library that the gate judges by."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tiffslide import TiffSlide

from deid_platform.formats.wsi.wsi import Slide
from deid_platform.identity import Identity
from deid_platform.policy import load_policy
from tests.builders.slides import aperio, level, tiff_bytes

# TiffSlide tells that it reads only part of what NDPI files say.
pytestmark = pytest.mark.filterwarnings("ignore:hamamatsu-format metadata:UserWarning")
REAL = Path(__file__).parents[4] / "shared" / "data" / "wsi"


def cleaned(source: Path, folder: Path) -> Path:
    output = folder / f"output{source.suffix}"
    identity = Identity(bytes(range(32)))
    Slide().describe(source, identity, f"north/drop/{source.name}")
    Slide().scrub(source, output, load_policy("research"), identity, f"north/drop/{source.name}")
    return output


def shows_the_same(source: Path, output: Path) -> None:
    """Levels, a region of each, and the scale are the same; other images are gone."""
    with closing(TiffSlide(source)) as before, closing(TiffSlide(output)) as after:
        # The second image of an Aperio file is its thumbnail to TiffSlide, whatever it is: once that is gone, a level.
        shown = after.level_dimensions
        assert shown == before.level_dimensions[: len(shown)]
        assert len(shown) >= len(before.level_dimensions) - (source.suffix == ".svs")
        assert after.properties["tiffslide.mpp-x"] == before.properties["tiffslide.mpp-x"]
        assert not {"label", "macro"} & set(after.associated_images)
        for number, (width, height) in enumerate(shown):
            size = (min(width, 300), min(height, 200))
            one, other = (np.asarray(slide.read_region((0, 0), number, size)) for slide in (before, after))
            assert np.array_equal(one, other)


@pytest.mark.parametrize("big", [False, True])
def test_a_cleaned_slide_shows_the_same(big: bool, tmp_path: Path) -> None:
    source = tmp_path / "source.svs"
    source.write_bytes(tiff_bytes(aperio(), big=big))
    shows_the_same(source, cleaned(source, tmp_path))


def test_a_cleaned_pyramid_of_nobody_shows_the_same(tmp_path: Path) -> None:
    source = tmp_path / "source.tiff"
    source.write_bytes(tiff_bytes([level(512, 20), level(256, 90, reduced=True)]))
    shows_the_same(source, cleaned(source, tmp_path))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real slides are not here")
@pytest.mark.parametrize("name", ["CMU-1-Small-Region.svs", "*.ndpi"])
def test_real_slides_show_the_same(name: str, tmp_path: Path) -> None:
    for source in sorted(REAL.rglob(name)):
        shows_the_same(source, cleaned(source, tmp_path))
