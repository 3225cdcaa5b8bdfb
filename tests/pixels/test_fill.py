"""What takes the place of masked pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from deid_platform.pixels.fill import fill
from deid_platform.pixels.layout import Layout
from deid_platform.pixels.masks import Mask
from tests.builders.masks import Box, mask_of

SIDE = 32
ONE, OTHER = (8, 8, 12, 20), (20, 4, 28, 8)
EVERYTHING = (0, 0, SIDE, SIDE)


def layout_of(cells: NDArray[Any], **said: Any) -> Layout:
    bits = cells.itemsize * 8
    declared: dict[str, Any] = {
        "photometric": "MONOCHROME2" if cells.ndim == 2 else "RGB", "bits_stored": bits, "high_bit": bits - 1, **said,
    }  # fmt: skip
    return Layout(
        transfer_syntax=ExplicitVRLittleEndian, keyword="PixelData", vr="OW", offset=0, length=cells.nbytes,
        rows=SIDE, columns=SIDE, samples=1 if cells.ndim == 2 else 3, planar=0, bits_allocated=bits,
        signed=cells.dtype.kind == "i", frames=1, header=Dataset(), **declared,
    )  # fmt: skip


def filled(cells: NDArray[Any], *boxes: Box, **said: Any) -> NDArray[Any]:
    """The values that the boxes are filled with, having seen that each is one value and all else stayed."""
    after, mask = cells.copy(), mask_of(SIDE, SIDE, *boxes)
    fill(after, mask, layout_of(cells, **said))
    np.testing.assert_array_equal(after[~mask.pixels()], cells[~mask.pixels()])
    found = []
    for top, left, bottom, right in boxes:
        values = np.unique(after[top:bottom, left:right].reshape(-1, *cells.shape[2:]), axis=0)
        assert len(values) == 1
        found.append(values[0])
    return np.array(found)


def sloped(dtype: str) -> NDArray[Any]:
    row, column = np.mgrid[0:SIDE, 0:SIDE]
    return (row * 3 + column - 40 * (np.dtype(dtype).kind != "u")).astype(dtype)


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", ">u2", "u4", "i8", "f4", "f8"])
def test_each_patch_takes_the_median_of_its_own_surroundings(dtype: str) -> None:
    cells = sloped(dtype)
    for box, value in zip((ONE, OTHER), filled(cells, ONE, OTHER), strict=True):
        top, left, bottom, right = box
        inside = np.zeros_like(cells, np.bool_)
        around = inside.copy()
        inside[top:bottom, left:right] = True
        around[top - 4 : bottom + 4, left - 4 : right + 4] = True
        ring = np.sort(cells[around & ~inside])
        assert value == ring[(len(ring) - 1) // 2]


def test_what_was_masked_has_no_say() -> None:
    plain = sloped("u2")
    marked = plain.copy()
    marked[8:12, 8:20] = np.random.default_rng(1).integers(0, 60000, (4, 12))
    np.testing.assert_array_equal(filled(marked, ONE), filled(plain, ONE))


def test_a_neighbouring_patch_has_no_say() -> None:
    cells = np.full((SIDE, SIDE), 7, np.uint8)
    cells[8:12, 24:28] = 200
    assert filled(cells, ONE, (8, 24, 12, 28)).tolist() == [7, 7]


def test_patches_that_touch_at_a_corner_are_one() -> None:
    first, second = filled(sloped("u2"), (8, 8, 12, 12), (12, 12, 16, 16))
    assert first == second


def test_colours_are_taken_by_sample() -> None:
    cells = np.stack([sloped("u1"), sloped("u1")[::-1], np.full((SIDE, SIDE), 9, np.uint8)], axis=-1)
    assert filled(cells, ONE).tolist() == [[*map(int, (filled(cells[:, :, at], ONE)[0] for at in range(3)))]]


def test_an_index_of_a_palette_is_the_most_frequent_and_no_average() -> None:
    cells = np.full((SIDE, SIDE), 3, np.uint8)
    cells[:, 14:] = 200
    cells[12:, :] = 90
    assert filled(cells, ONE, photometric="PALETTE COLOR").tolist() == [90]


@pytest.mark.parametrize(
    ("photometric", "expected"), [("MONOCHROME2", 10), ("MONOCHROME1", 99), ("PALETTE COLOR", 40)]
)
def test_without_surroundings_the_darkest_value_is_left(photometric: str, expected: int) -> None:
    cells = np.full((SIDE, SIDE), 40, np.uint8)
    cells[0, 0], cells[9, 9] = 10, 99
    assert filled(cells, EVERYTHING, photometric=photometric).tolist() == [expected]


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_without_surroundings_a_colour_is_one_that_occurs(photometric: str) -> None:
    cells = np.full((SIDE, SIDE, 3), (60, 128, 128), np.uint8)
    cells[3, 4] = (20, 100, 110)
    assert filled(cells, EVERYTHING, photometric=photometric).tolist() == [[20, 100, 110]]


def test_numbers_that_are_none_are_passed_over() -> None:
    cells = sloped("f4")
    cells[:, ::2] = np.nan
    assert np.isfinite(filled(cells, ONE)[0])
    assert filled(np.full((SIDE, SIDE), np.nan, np.float32), ONE).tolist() == [0]


def test_bits_beside_the_sample_are_cleared_and_those_who_have_some_have_no_say() -> None:
    cells = np.full((SIDE, SIDE), 0x123, np.uint16)
    cells[6:13, 6:21] |= 0x8000
    cells[0:10, :] = 0xF456
    assert filled(cells, ONE, bits_stored=12, high_bit=11).tolist() == [0x123]


def test_samples_in_the_high_bits_stay_there() -> None:
    cells = np.full((SIDE, SIDE), 0x1230, np.uint16)
    cells[9, 9] = 0xFFF7
    assert filled(cells, ONE, bits_stored=12, high_bit=15).tolist() == [0x1230]


@pytest.mark.parametrize(("around", "expected"), [(-5, -5), (0x0FFB, 0x0FFB)])
def test_a_negative_sample_is_stored_like_the_others(around: int, expected: int) -> None:
    cells = np.full((SIDE, SIDE), around, np.int16)
    cells[9, 9] = 17
    assert filled(cells, ONE, bits_stored=12, high_bit=11).tolist() == [expected]


def test_nothing_masked_changes_nothing() -> None:
    cells = sloped("u1")
    after = cells.copy()
    assert not fill(after, Mask.of(np.zeros((8, 8), np.bool_), SIDE, SIDE), layout_of(cells))
    np.testing.assert_array_equal(after, cells)


def test_it_is_told_whether_anything_was_there() -> None:
    cells = np.full((SIDE, SIDE), 7, np.uint8)
    assert not fill(cells, mask_of(SIDE, SIDE, ONE), layout_of(cells))
    cells[9, 9] = 8
    assert fill(cells, mask_of(SIDE, SIDE, ONE), layout_of(cells))
