"""A folder of backgrounds and a folder of fonts, small enough to train on in seconds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont


@pytest.fixture(scope="session")
def fonts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one font that comes with Pillow, so that no machine lacks it."""
    folder = tmp_path_factory.mktemp("fonts")
    font = ImageFont.load_default(12)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert isinstance(font.path, io.BytesIO)
    (folder / "Default.ttf").write_bytes(font.path.getvalue())
    return folder


@pytest.fixture(scope="session")
def backgrounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two frames of soft blobs, of 16 and of 8 bits."""
    folder = tmp_path_factory.mktemp("backgrounds")
    down, right = np.mgrid[0:200, 0:240]
    blobs = 1000 * np.exp(-((down - 90) ** 2 + (right - 120) ** 2) / 3000)
    np.save(folder / "a.npy", blobs.astype(np.int16))
    np.save(folder / "b.npy", (blobs / 4).astype(np.uint8))
    return folder
