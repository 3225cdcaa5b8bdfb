"""Masks of frames, and files with masked pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from deid_platform.pixels.masks import CELL, Mask
from deid_platform.pixels.rewrite import Rewrite, write_masked
from tests.builders.objects import encode

Box = tuple[int, int, int, int]
"""Top, left, bottom and right pixel, the last two excluded; multiples of the side of a cell."""


def mask_of(rows: int, columns: int, *boxes: Box) -> Mask:
    """The mask of these boxes."""
    cells = np.zeros((-(-rows // CELL), -(-columns // CELL)), np.bool_)
    for top, left, bottom, right in boxes:
        cells[top // CELL : -(-bottom // CELL), left // CELL : -(-right // CELL)] = True
    return Mask.of(cells, rows, columns)


def pixels_of(masks: Sequence[Mask | None], rows: int, columns: int) -> NDArray[np.bool_]:
    """What is masked, shape (frames, rows, columns)."""
    nothing = np.zeros((rows, columns), np.bool_)
    return np.stack([nothing if mask is None else mask.pixels() for mask in masks])


def write_both(
    ds: FileDataset | bytes, folder: Path, masks: Sequence[Mask | None], **settings: object
) -> tuple[Path, Path, Rewrite]:
    """The object as a file, the masked one, and what was done."""
    source, output = folder / "source.dcm", folder / "output.dcm"
    source.write_bytes(ds if isinstance(ds, bytes) else encode(ds))
    return source, output, write_masked(source, output, masks, **settings)  # type: ignore[arg-type]
