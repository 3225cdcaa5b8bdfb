"""Minimum, maximum and median of frames that come one by one."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from deid_platform.pixels.projections import Projections, evenly


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (1, 1)])
@pytest.mark.parametrize("count", [6, 7, 32])
def test_they_are_those_of_all_frames(shape: tuple[int, ...], count: int) -> None:
    frames = np.random.default_rng(count).integers(-99, 99, (count, *shape)).astype(np.int16)
    before = frames.copy()
    projections = Projections(count)
    for frame in frames:
        projections.add(frame)
    least, greatest, median = projections.pictures()
    np.testing.assert_array_equal(least, frames.min(axis=0))
    np.testing.assert_array_equal(greatest, frames.max(axis=0))
    np.testing.assert_array_equal(median, np.sort(frames, axis=0)[(count - 1) // 2])
    np.testing.assert_array_equal(frames, before)


def test_of_many_frames_a_median_is_taken_of_some_and_memory_does_not_grow() -> None:
    tracemalloc.start()
    projections = Projections(5000)
    for number in range(5000):
        projections.add(np.full((64, 64), number, np.int16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    least, greatest, median = (int(picture[0, 0]) for picture in projections.pictures())
    assert (least, greatest) == (0, 4999)
    assert 2300 < median < 2700
    assert peak < 60 * 64 * 64 * 2


def test_frames_too_large_to_be_kept_have_no_median() -> None:
    projections = Projections(6)
    for _ in range(6):
        projections.add(np.zeros((4000, 8000), np.uint8))
    assert len(projections.pictures()) == 2


def test_few_frames_have_none_and_a_frame_unlike_the_first_is_left_out() -> None:
    projections = Projections(6)
    for columns in (4, 4, 4, 4, 4, 5):
        projections.add(np.zeros((4, columns), np.uint8))
    assert projections.pictures() == []
    projections.add(np.ones((4, 4), np.uint8))
    assert [int(picture.max()) for picture in projections.pictures()] == [0, 1, 0]


def test_what_is_no_number_is_left_out() -> None:
    projections = Projections(100)
    for _ in range(3):
        projections.add(np.array([[np.nan, 1.0]]))
        projections.add(np.array([[2.0, np.nan]]))
    np.testing.assert_array_equal(projections.pictures(), [[[2.0, 1.0]]] * 2)


@pytest.mark.parametrize(("count", "chosen"), [(0, []), (1, [0]), (4, [0, 1, 2, 3]), (9, [0, 3, 5, 8])])
def test_a_sample_is_spread_evenly(count: int, chosen: list[int]) -> None:
    assert evenly(count, 4) == chosen
