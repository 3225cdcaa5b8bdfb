"""Pages for the reader."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_platform.audit.pages import Page, Preparation, pages


def gradient(rows: int, columns: int) -> NDArray[np.uint8]:
    return np.broadcast_to(np.linspace(0, 200, columns).astype(np.uint8), (rows, columns)).copy()


def of(preparation: Preparation, found: list[Page]) -> list[Page]:
    return [page for page in found if page.preparation is preparation]


def test_an_image_is_read_in_every_preparation() -> None:
    assert {page.preparation for page in pages([gradient(100, 200)])} == set(Preparation)


def test_every_further_image_is_read_at_the_second_size() -> None:
    found = list(pages([gradient(100, 200), 255 - gradient(100, 200), gradient(100, 200) // 2]))
    assert len(of(Preparation.SECOND_SIZE, found)) == 2
    assert len(found) == 5


@pytest.mark.parametrize(("side", "scale"), [(100, 3.0), (512, 2.0), (1024, 1.5), (3000, 1.0)])
def test_small_frames_are_enlarged_most(side: int, scale: float) -> None:
    assert next(pages([gradient(side, 40)])).scale == scale


@pytest.mark.parametrize("shape", [(7, 100), (100, 15)])
def test_a_frame_too_small_for_a_word_has_no_page(shape: tuple[int, int]) -> None:
    assert not list(pages([gradient(*shape)]))
    assert not list(pages([]))


def test_a_place_on_a_page_is_a_place_in_the_frame() -> None:
    image = np.zeros((3000, 5000), np.uint8)
    image[2000:2040, 4000:4040] = 255
    for page in pages([image]):
        rows, columns = np.nonzero(page.image < 128)
        if len(rows) > 100:
            assert 4000 <= columns.mean() / page.scale + page.left <= 4040
            assert 2000 <= rows.mean() / page.scale + page.top <= 2040


def test_large_images_are_cut_into_tiles_that_overlap_and_miss_nothing() -> None:
    covered = np.zeros((2500, 5000), int)
    tiles = of(Preparation.PLAIN, list(pages([gradient(2500, 5000)])))
    for page in tiles:
        rows, columns = page.image.shape
        assert max(rows, columns) <= 2048 + 20
        top, left = round(page.top) + 10, round(page.left) + 10
        covered[top : top + rows - 20, left : left + columns - 20] += 1
    assert covered.min() == 1
    assert (covered > 1).any()


@pytest.mark.parametrize(("value", "preparation"), [(255, Preparation.BRIGHT_STROKES), (0, Preparation.DARK_STROKES)])
def test_strokes_are_set_apart_from_what_lies_under_them(value: int, preparation: Preparation) -> None:
    image = gradient(200, 200) // 2 + 60
    image[100:103, 20:180] = value
    (page,) = of(preparation, list(pages([image])))
    shown = 255 - page.image[10:-10, 10:-10].astype(int)
    assert shown[202:204, 60:340].min() > 100
    assert shown[300:].max() < 30


def test_noise_is_not_taken_for_strokes() -> None:
    noise = np.random.default_rng(1).normal(40, 10, (300, 300)).clip(0, 255).astype(np.uint8)
    noise[100:103, 20:180] = 255
    (page,) = of(Preparation.BRIGHT_STROKES, list(pages([noise])))
    assert np.median(255 - page.image) < 10
    assert (255 - page.image[212:214, 100:300]).min() > 150
