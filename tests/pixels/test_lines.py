"""Which cells are masked, given what the detector thinks of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deid_platform.pixels.inference import Thresholds
from deid_platform.pixels.lines import text_cells

THRESHOLDS = Thresholds(seed=1.0, grow=-1.0, plain_seed=1.0)
LEVELS = {"#": 2.0, "+": 0.0, ".": -3.0}


def grid(*rows: str) -> NDArray[np.float32]:
    """Logits: # is sure, + likely, . neither."""
    return np.array([[LEVELS[cell] for cell in row] for row in rows], np.float32)


def masked(*rows: str, furniture: NDArray[np.bool_] | None = None) -> list[str]:
    cells = text_cells(grid(*rows), THRESHOLDS, furniture)
    return ["".join("x" if cell else "." for cell in row) for row in cells]


def test_likely_cells_count_only_where_they_touch_a_sure_one() -> None:
    assert masked(
        ".........",
        ".+#...++.",
        ".........",
    ) == [
        "xxxx.....",
        "xxxx.....",
        "xxxx.....",
    ]  # fmt: skip


def test_touching_at_a_corner_is_enough() -> None:
    assert masked(
        "........",
        "....+...",
        ".#.+....",
        "..+.....",
        "........",
    ) == [
        "...xxx..",
        "xxxxxx..",
        "xxxxxx..",
        "xxxxx...",
        ".xxx....",
    ]  # fmt: skip


def test_a_line_takes_in_what_follows_within_its_height_and_the_gap_before_it() -> None:
    """The second word is two cells away, as the line is high; the third is four away."""
    assert masked(
        ".....................",
        ".####..++++....++....",
        ".#+##..+.++....++....",
        ".....................",
    ) == [
        "xxxxxxxxxxxx.........",
        "xxxxxxxxxxxx.........",
        "xxxxxxxxxxxx.........",
        "xxxxxxxxxxxx.........",
    ]  # fmt: skip


def test_lines_go_on_downwards_as_well() -> None:
    rows = ["." * 5, ".##..", ".##..", ".##..", "." * 5, ".++..", ".++..", "." * 5, "." * 5, "." * 5]
    assert masked(*rows) == ["xxxx."] * 8 + ["....."] * 2


def test_a_slanting_line_is_not_closed_sideways() -> None:
    rows = ["".join("#" if row == column else "." for column in range(8)) + "..++" for row in range(8)]
    cells = masked(*rows)
    assert cells[0].startswith("xxx.")
    assert not any("x" in row[10:] for row in cells)


def test_outside_of_what_is_imaged_likely_is_enough() -> None:
    rows = ("......", ".+..+.", "......")
    furniture = np.zeros((3, 6), np.bool_)
    furniture[:, :3] = True
    assert masked(*rows) == ["......"] * 3
    assert masked(*rows, furniture=furniture) == ["xxx..."] * 3


def test_nothing_is_masked_where_nothing_is_sure() -> None:
    assert masked("+++", "+++") == ["...", "..."]


def test_growth_stops_short_of_tissue_in_which_hardly_anything_is_sure() -> None:
    """One sure cell in an area of likely ones; the same cell in a piece as small as a letter."""
    area = np.full((20, 20), LEVELS["+"], np.float32)
    area[10, 10] = LEVELS["#"]
    assert np.count_nonzero(text_cells(area, THRESHOLDS)) < 40
    letter = np.full((20, 20), LEVELS["."], np.float32)
    letter[8:13, 8:13] = LEVELS["+"]
    letter[10, 10] = LEVELS["#"]
    assert np.count_nonzero(text_cells(letter, THRESHOLDS)) == 49
