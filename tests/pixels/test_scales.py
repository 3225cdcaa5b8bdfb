"""Pictures of every size through the detector: nothing at a rim or between tiles is left out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_platform.pixels.masks import CELL
from deid_platform.pixels.scales import logits_of
from tests.builders.nets import SURE, WhiteNet, white

Place = tuple[int, int]


def black(rows: int, columns: int, *white: Place, frames: int = 1) -> NDArray[np.uint8]:
    pairs = np.zeros((frames, 2, rows, columns), np.uint8)
    for row, column in white:
        pairs[:, :, row, column] = 255
    return pairs


def found(pairs: NDArray[np.uint8], net: WhiteNet | None = None) -> set[Place]:
    (logits,) = logits_of(pairs, net or WhiteNet())
    assert logits.shape == tuple(-(-side // CELL) for side in pairs.shape[2:])
    return {(int(row), int(column)) for row, column in np.argwhere(logits == SURE)}


@pytest.mark.parametrize(
    "shape", [(8, 8), (1, 50), (50, 1), (37, 53), (401, 530), (1793, 12), (2048, 16), (2049, 16), (12, 4100)]
)
def test_a_spot_in_every_corner_of_a_picture_of_any_size_is_found_in_its_cell(shape: Place) -> None:
    spots = [(row, column) for row in (0, shape[0] - 1) for column in (0, shape[1] - 1)]
    for spot in spots:
        assert found(black(*shape, spot)) == {(spot[0] // CELL, spot[1] // CELL)}


@pytest.mark.parametrize("row", [1791, 1792, 1919, 1920, 2047, 2048, 3711, 3712])
def test_a_spot_where_tiles_meet_is_found_in_its_cell(row: int) -> None:
    assert found(black(4100, 8, (row, 3))) == {(row // CELL, 0)}
    assert found(black(8, 4100, (3, row))) == {(0, row // CELL)}


def test_no_run_is_larger_than_a_tile_with_its_margin() -> None:
    net = WhiteNet()
    found(black(3000, 4300), net)
    assert max(rows for *_, rows, _ in net.shapes) <= 2048 + 32
    assert max(columns for *_, columns in net.shapes) <= 2048 + 32


def sides(rows: int, columns: int) -> list[Place]:
    net = WhiteNet()
    found(black(rows, columns), net)
    return [(shape[2], shape[3]) for shape in net.shapes]


def test_large_letters_are_looked_for_in_smaller_copies_and_small_ones_in_a_larger() -> None:
    assert sides(1024, 512) == [(1040, 528), (528, 272), (272, 144)]
    assert sides(512, 512) == [(528, 528), (272, 272)]
    assert sides(256, 128) == [(272, 144), (528, 272)]
    assert sides(8, 8) == [(32, 32), (32, 32)]


def test_what_is_only_found_in_a_smaller_copy_is_marked_where_it_is() -> None:
    """A net that sees nothing but an even area of at least 8 x 8 pixels."""

    def even(views: NDArray[np.float32]) -> NDArray[np.bool_]:
        blocks = white(views).reshape(1, views.shape[2] // 8, 8, views.shape[3] // 8, 8)
        return np.asarray(blocks.all(axis=(2, 4)).repeat(8, axis=1).repeat(8, axis=2))

    pairs = black(512, 512)
    pairs[:, :, 104:120, 208:224] = 255
    expected = {(row, column) for row in range(26, 30) for column in range(52, 56)}
    assert found(pairs, WhiteNet(even)) == expected


def test_several_frames_go_through_together() -> None:
    net = WhiteNet()
    pairs = black(64, 64, frames=3)
    pairs[1, :, 40, 40] = 255
    logits = logits_of(pairs, net)
    assert [bool((frame == SURE).any()) for frame in logits] == [False, True, False]
    assert {shape[0] for shape in net.shapes} == {3}
