"""Masks as rectangles."""

from __future__ import annotations

import numpy as np
import pytest

from deid_platform.model import Region
from deid_platform.pixels.components import MAX_REGIONS, labelled, regions_of
from deid_platform.pixels.masks import Cells, Mask

ROWS, COLUMNS = 62, 90


def mask(cells: Cells) -> Mask:
    return Mask.of(cells, ROWS, COLUMNS)


def drawn(*boxes: tuple[int, int, int, int]) -> Mask:
    """Boxes of cells as (top, bottom, left, right)."""
    cells = np.zeros((16, 23), np.bool_)
    for top, bottom, left, right in boxes:
        cells[top:bottom, left:right] = True
    return mask(cells)


def covered(regions: tuple[Region, ...]) -> np.ndarray:
    picture = np.zeros((ROWS, COLUMNS), np.bool_)
    for region in regions:
        assert region.left + region.width <= COLUMNS
        assert region.top + region.height <= ROWS
        picture[region.top : region.top + region.height, region.left : region.left + region.width] = True
    return picture


def test_a_box_is_one_region() -> None:
    assert regions_of([None, drawn((1, 3, 2, 6))]) == (Region(8, 4, 16, 8),)
    assert regions_of([drawn((15, 16, 22, 23))]) == (Region(88, 60, 2, 2),)
    assert regions_of([None, None]) == ()


def test_regions_are_the_union_over_frames_and_exact_where_few() -> None:
    masks = [drawn((1, 3, 2, 6)), None, drawn((2, 5, 4, 9)), drawn((1, 3, 2, 6), (9, 10, 0, 23))]
    union = np.logical_or.reduce([one.pixels() for one in masks if one])
    assert np.array_equal(covered(regions_of(masks)), union)


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_many_are_told_more_coarsely_and_hold_everything(share: float) -> None:
    cells = np.random.default_rng(1).random((200, 200)) < share
    found = regions_of([Mask.of(cells, 800, 800)])
    assert 0 < len(found) <= MAX_REGIONS
    picture = np.zeros((800, 800), np.bool_)
    for region in found:
        picture[region.top : region.top + region.height, region.left : region.left + region.width] = True
    assert not (Mask.of(cells, 800, 800).pixels() & ~picture).any()


def test_components_are_told_apart_and_those_that_touch_are_one() -> None:
    labels, components = labelled(drawn((0, 2, 0, 3), (2, 4, 3, 5), (9, 16, 20, 23)))
    assert [(one.top, one.bottom, one.left, one.right) for one in components] == [(0, 16, 0, 20), (36, 62, 80, 90)]
    assert labels[0, 0] == labels[3, 4] == 1
    assert labels[15, 22] == 2
