"""The two views the detector is shown."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_platform.pixels.layout import Limits, read_layout
from deid_platform.pixels.views import Display, Pair, display_of, pairs
from tests.builders.dicom import encode, image, person

MARK = (slice(10, 14), slice(10, 30))
PLAIN = Display()


def tissue(dtype: str = "i2", low: float = 0, high: float = 1000) -> NDArray[Any]:
    return np.linspace(low, high, 64 * 64).reshape(64, 64).astype(dtype)


def contrast(found: list[Pair]) -> int:
    """The best contrast, over all views, between a mark and what surrounds it."""
    views = [view for pair in found for view in pair]
    around = (slice(6, 18), slice(6, 34))
    return max(abs(int(view[MARK].mean()) - int(np.median(view[around]))) for view in views)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", ">i2", ">u2", ">f4"])
def test_every_depth_spans_black_to_white_with_room_for_tails_in_the_first_view(dtype: str) -> None:
    frame = tissue(dtype, 0, 90)
    (pair,) = pairs(frame, PLAIN)
    assert (pair.dtype, pair.shape) == (np.uint8, (2, 64, 64))
    levels = [[int(level) // 16 for level in np.percentile(view, (1, 99))] for view in pair]
    assert levels == [[2, 13], [0, 15]]


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4"])
def test_the_first_view_keeps_the_order_of_all_values(dtype: str) -> None:
    frame = tissue(dtype, 0, 250)
    frame[0, :20] = np.linspace(0, 100, 20)
    ((everything, _),) = pairs(frame, PLAIN)
    order = np.argsort(frame, axis=None, kind="stable")
    assert (np.diff(everything.reshape(-1)[order].astype(int)) >= 0).all()


@pytest.mark.parametrize("value", [32767, -32768, 3000, 1100])
def test_a_mark_outside_the_tissue_is_seen(value: int) -> None:
    frame = tissue()
    frame[MARK] = value
    assert contrast(pairs(frame, PLAIN)) > 100


def test_two_values_far_above_the_tissue_are_told_apart() -> None:
    frame = tissue()
    frame[4:20, 4:36], frame[MARK] = 20_000, 32_000
    assert contrast(pairs(frame, PLAIN)) > 8


def test_a_mark_is_seen_beside_a_defective_pixel() -> None:
    frame = tissue("i4")
    frame[MARK] = 1200
    frame[0, 0] = 2**30
    assert contrast(pairs(frame, PLAIN)) > 100


def test_a_mark_that_only_the_display_window_shows_is_seen() -> None:
    frame = tissue("i4", 0, 60_000)
    frame[:32] = 400
    frame[MARK] = 440
    assert contrast(pairs(frame, PLAIN)) < 10
    assert contrast(pairs(frame, Display((380, 460)))) > 100


@pytest.mark.parametrize("window", [(5000, 6000), (-900, -800), (999.2, 999.8), (3, 3.5)])
def test_a_window_under_which_there_is_nothing_to_see_is_not_used(window: tuple[float, float]) -> None:
    np.testing.assert_array_equal(pairs(tissue(), Display(window)), pairs(tissue(), PLAIN))


def test_noise_on_a_plain_ground_is_not_spread_to_black_and_white() -> None:
    frame = np.random.default_rng(0).integers(0, 4, (256, 256)).astype(np.uint8)
    frame[10:14, 10:30] = 255
    ((everything, shown),) = pairs(frame, PLAIN)
    assert everything[100:].max() < 8
    assert shown[100:].max() < 64
    assert everything[MARK].min() == shown[MARK].min() == 255


def test_eight_bits_that_are_made_use_of_are_shown_as_they_are() -> None:
    frame = tissue("u1", 0, 255)
    np.testing.assert_array_equal(pairs(frame, PLAIN)[0][0], frame)


def test_bits_are_black_and_white() -> None:
    frame = np.zeros((64, 64), np.uint8)
    frame[MARK] = 1
    assert contrast(pairs(frame, PLAIN)) == 255


@pytest.mark.parametrize(
    ("mark", "paper"),
    [((255, 255, 0), (255, 255, 255)), ((0, 0, 255), (0, 0, 0)), ((255, 0, 0), (0, 76, 130)), ((255,) * 3, (0,) * 3),
     ((9, 9, 9), (3, 3, 3))],
)  # fmt: skip
def test_a_mark_in_any_colour_is_seen(mark: tuple[int, ...], paper: tuple[int, ...]) -> None:
    frame = np.empty((64, 64, 3), np.uint8)
    frame[:] = paper
    frame[MARK] = mark
    assert contrast(pairs(frame, PLAIN)) > 100


def test_colours_give_two_pairs_and_greys_one() -> None:
    grey = np.repeat(tissue("u1", 0, 255)[:, :, np.newaxis], 3, axis=2)
    coloured = grey.copy()
    coloured[MARK] = (255, 0, 0)
    (pair,) = pairs(grey, PLAIN)
    np.testing.assert_array_equal(pair, [grey[:, :, 0]] * 2)
    assert [pair.shape for pair in pairs(coloured, PLAIN)] == [(2, 64, 64)] * 2


def test_monochrome_1_is_shown_as_people_see_it() -> None:
    plain, inverted = (pairs(tissue(), Display(inverted=inverted))[0].astype(int) for inverted in (False, True))
    assert (plain + inverted == 255).all()


@pytest.mark.parametrize(
    "frame", [np.full((64, 64), 7), np.full((1, 1), 7), np.full((64, 64), np.nan), np.full((64, 64, 3), 7)]
)
def test_a_frame_that_shows_nothing_has_no_views(frame: NDArray[Any]) -> None:
    assert pairs(frame, Display((0, 5))) == []


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (15, 15), (7, 700)])
def test_frames_that_hold_no_word_are_not_shown(shape: tuple[int, int]) -> None:
    assert pairs(np.arange(shape[0] * shape[1], dtype=np.int16).reshape(shape), PLAIN) == []


@pytest.mark.parametrize("shape", [(8, 50), (50, 8), (8, 16), (9, 700)])
def test_frames_of_any_shape_are_shown(shape: tuple[int, int]) -> None:
    (pair,) = pairs(np.arange(shape[0] * shape[1], dtype=np.int16).reshape(shape), PLAIN)
    assert pair.shape == (2, *shape)


def test_what_is_no_number_is_black_and_infinities_are_the_ends() -> None:
    frame = tissue("f4", 10, 100)
    frame[0, :3] = np.nan, np.inf, -np.inf
    for view in pairs(frame, PLAIN)[0]:
        assert list(view[0, :3]) == [0, 255, 0]


def test_the_widest_range_of_numbers_is_shown_without_a_warning() -> None:
    frame = tissue("f8")
    frame[0, 0], frame[0, 1] = 1.7e308, -1.7e308
    frame[MARK] = 3000
    assert contrast(pairs(frame, PLAIN)) > 100


def display(**header: Any) -> Display:
    layout = read_layout(io.BytesIO(encode(image(person(1), **header))), Limits())
    assert layout is not None
    return display_of(layout)


def test_the_first_display_window_is_turned_into_stored_values() -> None:
    assert display(WindowCenter=[40, 50], WindowWidth=[400, 1000]).window == (864, 1264)
    negative = display(WindowCenter=40, WindowWidth=400, RescaleSlope=-2, RescaleIntercept=0)
    assert negative.window == (-120, 80)


@pytest.mark.parametrize(
    "header",
    [{}, {"WindowCenter": 40}, {"WindowCenter": 40, "WindowWidth": 0}, {"WindowCenter": [], "WindowWidth": 4},
     {"WindowCenter": 40, "WindowWidth": 400, "RescaleSlope": 0}],
)  # fmt: skip
def test_a_window_that_makes_no_sense_is_none(header: dict[str, Any]) -> None:
    assert display(**header).window is None


def test_the_photometric_interpretation_gives_the_polarity() -> None:
    assert display(photometric="MONOCHROME1").inverted
    assert not display().inverted
