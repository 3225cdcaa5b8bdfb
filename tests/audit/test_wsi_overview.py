from __future__ import annotations

from pathlib import Path

import numpy as np
import openslide
import pytest

from deid_platform.audit import wsi
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
