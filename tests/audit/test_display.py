"""The ways to show a frame."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_platform.audit.display import View, grey_images, view_of
from deid_platform.pixels.layout import Limits, read_layout
from tests.builders.dicom import encode, image, person

MARK = (slice(10, 14), slice(10, 30))


def tissue(dtype: str = "i2", low: int = 0, high: int = 1000) -> NDArray[Any]:
    return np.linspace(low, high, 64 * 64).reshape(64, 64).astype(dtype)


def contrast(images: list[NDArray[np.uint8]]) -> int:
    """The best contrast, over all images, between a mark and what surrounds it."""
    around = (slice(6, 18), slice(6, 34))
    return max(abs(int(grey[MARK].mean()) - int(np.median(grey[around]))) for grey in images)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", ">i2", ">f4"])
def test_every_depth_spans_black_to_white(dtype: str) -> None:
    first = grey_images(tissue(dtype, 0, 100), View())[0]
    assert first.dtype == np.uint8
    assert (first.min(), first.max()) == (0, 255)


@pytest.mark.parametrize("value", [32767, -32768, 3000])
def test_a_mark_far_outside_the_tissue_is_seen(value: int) -> None:
    frame = tissue()
    frame[MARK] = value
    assert contrast(grey_images(frame, View())) > 100


def test_a_mark_is_seen_beside_a_defective_pixel() -> None:
    frame = tissue("i4")
    frame[MARK] = 1200
    frame[0, 0] = 2**30
    assert contrast(grey_images(frame, View())) > 100


def test_a_mark_that_only_the_display_window_shows_is_seen() -> None:
    frame = tissue("i4", 0, 100_000)
    frame[:32] = 400
    frame[MARK] = 440
    assert contrast(grey_images(frame, View())) < 10
    assert contrast(grey_images(frame, View(windows=((380, 460),)))) > 100


@pytest.mark.parametrize(
    ("mark", "paper"),
    [((255, 255, 0), (255, 255, 255)), ((0, 0, 255), (0, 0, 0)), ((255, 0, 0), (0, 76, 130)), ((255,) * 3, (0,) * 3)],
)
def test_a_mark_in_any_colour_is_seen(mark: tuple[int, ...], paper: tuple[int, ...]) -> None:
    frame = np.empty((64, 64, 3), np.uint8)
    frame[:] = paper
    frame[MARK] = mark
    assert contrast(grey_images(frame, View())) > 100


def test_monochrome_1_is_shown_as_people_see_it() -> None:
    plain, inverted = (grey_images(tissue(), View(inverted=inverted))[0].astype(int) for inverted in (False, True))
    assert np.abs(plain + inverted - 255).max() <= 1


def test_what_looks_the_same_is_shown_once() -> None:
    frame = tissue("u1", 0, 255)
    assert len(grey_images(frame, View(windows=((0, 255), (1, 254))))) == 1
    assert len(grey_images(np.repeat(frame[:, :, np.newaxis], 3, axis=2), View())) == 1


@pytest.mark.parametrize("frame", [np.full((64, 64), 7), np.full((64, 64), np.nan), np.full((64, 64, 3), 7)])
def test_a_frame_that_shows_nothing_has_no_image(frame: NDArray[Any]) -> None:
    assert grey_images(frame, View(windows=((0, 5),))) == []


def test_what_is_no_number_is_shown_black() -> None:
    frame = tissue("f4", 10, 100)
    frame[0, :3] = np.nan, np.inf, -np.inf
    for grey in grey_images(frame, View()):
        assert list(grey[0, :3]) == [0, 255, 0]


def test_the_widest_range_of_numbers_is_shown_without_a_warning() -> None:
    frame = tissue("f8")
    frame[0, 0], frame[0, 1] = 1.7e308, -1.7e308
    frame[MARK] = 3000
    assert contrast(grey_images(frame, View())) > 100


def view(**header: Any) -> View:
    layout = read_layout(io.BytesIO(encode(image(person(1), **header))), Limits())
    assert layout is not None
    return view_of(layout)


def test_display_windows_are_turned_into_stored_values() -> None:
    assert view(WindowCenter=[40, 50], WindowWidth=[400, 1000]).windows == ((864, 1264), (574, 1574))
    negative = view(WindowCenter=40, WindowWidth=400, RescaleSlope=-2, RescaleIntercept=0)
    assert negative.windows == ((-120, 80),)


@pytest.mark.parametrize(
    "header", [{"WindowCenter": 40}, {"WindowCenter": 40, "WindowWidth": 0}, {"WindowCenter": [], "WindowWidth": 4}]
)
def test_a_window_that_makes_no_sense_is_left_out(header: dict[str, Any]) -> None:
    assert view(**header) == View()


def test_the_photometric_interpretation_gives_the_polarity() -> None:
    assert view(photometric="MONOCHROME1").inverted
    assert not view().inverted
