"""One picture at several sizes through the text detector: large letters are found in a small copy, small in a large.

Memory is bounded: what is larger than a tile is looked at in tiles that overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deid_platform.pixels.inference import Thresholds
from deid_platform.pixels.masks import CELL

Logits = NDArray[np.float32]
"""Shape (frames, ceil(rows / CELL), ceil(columns / CELL)), positive where there is text."""

# Copies, each half as large as the one before, by the part of the picture's sides they have, and the longer side, in
# pixels, from which on each is worth a look: letters that are too large for the picture itself are, in smaller
# pictures, larger than any label.
_REDUCTIONS = ((2, 512), (4, 1024))
# A picture whose longer side is shorter than this carries letters of few pixels and is looked at enlarged, too; one
# shorter than the other where every letter counts more than time.
_SMALL, _CAREFULLY_SMALL = 400, 1100
_ENLARGEMENT = 2
_STEP = 16
"""Rows and columns the detector takes are multiples of this."""
_MARGIN = 8
"""Pixels mirrored around a picture, so that letters at its rim have surroundings; a multiple of the cell."""
_TILE, _OVERLAP = 2048, 256


class Net(Protocol):
    """What finds text: :class:`~deid_platform.pixels.inference.Detector`, or a stand-in of a test."""

    @property
    def thresholds(self) -> Thresholds:
        """What its output is read with."""
        ...

    @property
    def batch(self) -> int:
        """Frames of one size that make a good run."""
        ...

    def logits(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`~deid_platform.pixels.inference.Detector.logits`."""
        ...


def logits_of(pairs: NDArray[np.uint8], net: Net, *, carefully: bool = False) -> Logits:
    """The greatest logit of each cell over all sizes.

    Parameters
    ----------
    pairs
        Shape (frames, 2, rows, columns).
    net
        What finds text.
    carefully
        Whether medium pictures are enlarged, too, at five times the cost.
    """
    greatest = _in_tiles(pairs, net)
    longer = max(pairs.shape[2:])
    smaller = pairs
    for part, least in _REDUCTIONS:
        if longer >= least:
            smaller = _halved(smaller)
            found = _in_tiles(smaller, net).repeat(part, axis=1).repeat(part, axis=2)
            np.maximum(greatest, found[:, : greatest.shape[1], : greatest.shape[2]], out=greatest)
    if longer < (_CAREFULLY_SMALL if carefully else _SMALL):
        np.maximum(greatest, _pooled(_in_tiles(_enlarged(pairs), net), greatest.shape), out=greatest)
    return greatest


def _pooled(logits: Logits, shape: tuple[int, ...]) -> Logits:
    """The greatest of each 2 x 2 cells."""
    padded = np.full((shape[0], shape[1] * _ENLARGEMENT, shape[2] * _ENLARGEMENT), -np.inf, np.float32)
    padded[:, : logits.shape[1], : logits.shape[2]] = logits
    return np.asarray(padded.reshape(shape[0], shape[1], _ENLARGEMENT, shape[2], _ENLARGEMENT).max(axis=(2, 4)))


def _halved(pairs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Means of 2 x 2 pixels; the last row and column count twice where their number is odd."""
    rows, columns = pairs.shape[2:]
    if rows % 2 or columns % 2:
        pairs = np.pad(pairs, ((0, 0), (0, 0), (0, rows % 2), (0, columns % 2)), mode="edge")
    sums = np.full((*pairs.shape[:2], pairs.shape[2] // 2, pairs.shape[3] // 2), 2, np.uint16)
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        sums += pairs[:, :, row::2, column::2]
    sums >>= 2
    return sums.astype(np.uint8)


def _enlarged(pairs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = (side * _ENLARGEMENT for side in pairs.shape[2:])
    planes = (Image.fromarray(plane) for pair in pairs for plane in pair)
    enlarged = [np.asarray(plane.resize((columns, rows), Image.Resampling.BILINEAR)) for plane in planes]
    return np.stack(enlarged).reshape(*pairs.shape[:2], rows, columns)


def _in_tiles(pairs: NDArray[np.uint8], net: Net) -> Logits:
    """The logits of every cell of pictures of any size, without those at inner rims of tiles."""
    frames, _, rows, columns = pairs.shape
    logits = np.empty((frames, -(-rows // CELL), -(-columns // CELL)), np.float32)
    for top, first_row, last_row in _tiles(rows):
        for left, first_column, last_column in _tiles(columns):
            tile = pairs[:, :, top : top + _TILE, left : left + _TILE]
            found = net.logits(_framed(tile))[:, _MARGIN // CELL :, _MARGIN // CELL :]
            logits[:, first_row:last_row, first_column:last_column] = found[
                :, first_row - top // CELL : last_row - top // CELL,
                first_column - left // CELL : last_column - left // CELL,
            ]  # fmt: skip
    return logits


def _tiles(length: int) -> Iterator[tuple[int, int, int]]:
    """First pixel of each tile, and the cells, as a range, for which it is asked."""
    starts = range(0, max(length - _OVERLAP, 1), _TILE - _OVERLAP)
    for start in starts:
        first = start + _OVERLAP // 2 if start else 0
        last = length if start == starts[-1] else start + _TILE - _OVERLAP // 2
        yield start, first // CELL, -(-last // CELL)


def _framed(pairs: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Values 0 to 1 with what is at the rims mirrored outwards, up to a size the detector takes.

    Repeating the outermost pixels instead would make stripes of noise, which look like writing.
    """
    rows, columns = (_mirrored(side) for side in pairs.shape[2:])
    bottom, right = (_MARGIN + side for side in pairs.shape[2:])
    framed = np.empty((*pairs.shape[:2], len(rows), len(columns)), np.float32)
    np.multiply(pairs, np.float32(1 / 255), out=framed[:, :, _MARGIN:bottom, _MARGIN:right])
    for outside in (np.s_[:_MARGIN], np.s_[right:]):
        framed[:, :, _MARGIN:bottom, outside] = framed[:, :, _MARGIN:bottom, columns[outside]]
    for outside in (np.s_[:_MARGIN], np.s_[bottom:]):
        framed[:, :, outside] = framed[:, :, rows[outside]]
    return framed


def _mirrored(length: int) -> NDArray[np.intp]:
    """For each place along a side with its margins, the place whose pixel stands there."""
    after = -(-(length + 2 * _MARGIN) // _STEP) * _STEP - length - _MARGIN
    return np.pad(np.arange(_MARGIN, _MARGIN + length), (_MARGIN, after), mode="reflect")
