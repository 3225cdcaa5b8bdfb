"""Lossless JPEG as it is written here, read by the decoder that reads it for everybody else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLosslessSV1

from deid_platform.pixels import jpeg_lossless
from deid_platform.pixels.codestream import parse
from deid_platform.pixels.decode import encoded_frame
from deid_platform.pixels.layout import Layout


def decoded(frame: bytes, shape: tuple[int, ...], bits: int, stored: int) -> NDArray[Any]:
    layout = Layout(
        transfer_syntax=JPEGLosslessSV1, keyword="PixelData", vr="OB", offset=0, length=None, rows=shape[0],
        columns=shape[1], samples=3 if len(shape) == 3 else 1, planar=0, bits_allocated=bits, bits_stored=stored,
        photometric="RGB" if len(shape) == 3 else "MONOCHROME2", high_bit=stored - 1, signed=False, frames=1,
        header=Dataset(),
    )  # fmt: skip
    return encoded_frame(frame + bytes(len(frame) % 2), layout)


def pictures(shape: tuple[int, ...], precision: int) -> list[NDArray[Any]]:
    """Noise, the two extremes next to each other, nothing at all, and a slope with rare steps."""
    random = np.random.default_rng(precision)
    top = (1 << precision) - 1
    slope = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) * top // (sum(shape[:2]))
    slope = np.broadcast_to(slope.reshape(*shape[:2], *[1] * (len(shape) - 2)), shape)
    found = [random.integers(0, top + 1, shape), random.integers(0, 2, shape) * top, np.zeros(shape, int), slope]
    return [picture.astype(np.uint8 if precision <= 8 else np.uint16) for picture in found]


@pytest.mark.parametrize("precision", [2, 6, 8, 9, 12, 15, 16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (1, 40), (20, 30), (7, 11, 3)])
def test_every_depth_is_read_as_it_was_written(shape: tuple[int, ...], precision: int) -> None:
    for picture in pictures(shape, precision):
        frame = jpeg_lossless.encode(picture, precision, b"RGB" if len(shape) == 3 else b"\1")
        np.testing.assert_array_equal(decoded(frame, shape, picture.itemsize * 8, picture.itemsize * 8), picture)


def test_bits_beyond_those_declared_as_stored_are_not_lost() -> None:
    picture = pictures((8, 8), 8)[0]
    frame = jpeg_lossless.encode(picture, 8, b"\1")
    np.testing.assert_array_equal(decoded(frame, (8, 8), 8, 6), picture)


def test_the_frame_says_what_it_was_told() -> None:
    application = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
    said = parse(jpeg_lossless.encode(pictures((8, 9, 3), 12)[0], 12, b"RGB", application))
    assert (said.rows, said.columns, said.samples, said.precision) == (8, 9, 3, 12)
    assert (said.components, said.application) == (b"RGB", application)


def test_no_code_is_longer_than_sixteen_bits() -> None:
    rare = [1, 1]
    while len(rare) < 17:
        rare.append(sum(rare[-2:]))
    lengths = jpeg_lossless.code_lengths(np.array(rare))
    assert len(lengths) == 17
    assert max(lengths.values()) <= 16
    # No code may be all ones, so something of the code space has to be left.
    assert sum(2.0**-length for length in lengths.values()) < 1
