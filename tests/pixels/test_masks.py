import numpy as np
import pytest

from deid_platform.pixels.masks import Mask

ROWS, COLUMNS = 10, 13


def _cells(*places: tuple[int, int]) -> np.ndarray:
    cells = np.zeros((3, 4), np.bool_)
    for place in places:
        cells[place] = True
    return cells


def test_a_cell_at_the_edge_covers_what_is_left_of_the_frame() -> None:
    pixels = Mask.of(_cells((2, 3)), ROWS, COLUMNS).pixels()
    assert pixels.shape == (ROWS, COLUMNS)
    assert pixels[8:, 12:].all()
    assert pixels.sum() == 2


def test_cells_survive_packing() -> None:
    cells = _cells((0, 0), (1, 3))
    assert np.array_equal(Mask.of(cells, ROWS, COLUMNS).cells(), cells)


def test_either_masks() -> None:
    both = Mask.of(_cells((0, 0)), ROWS, COLUMNS) | Mask.of(_cells((1, 1)), ROWS, COLUMNS)
    assert np.array_equal(both.cells(), _cells((0, 0), (1, 1)))


def test_a_mask_is_true_where_it_masks() -> None:
    assert Mask.of(_cells((2, 2)), ROWS, COLUMNS)
    assert not Mask.of(_cells(), ROWS, COLUMNS)


def test_cells_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="do not cover"):
        Mask.of(_cells(), ROWS, 17)
