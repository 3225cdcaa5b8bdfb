"""RLE Lossless as it is written here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_platform.pixels.rle import planes
from deid_platform.pixels.rle_encode import encode


@given(st.integers(1, 300), st.lists(st.tuples(st.integers(0, 3), st.integers(1, 400)), min_size=1, max_size=12))
def test_what_is_encoded_is_decoded(width: int, runs: list[tuple[int, int]]) -> None:
    data = np.repeat(*np.array(runs, np.uint16).T).astype(np.uint8)
    plane = np.resize(data, (-(-len(data) // width), width))
    frame = encode([plane, plane[::-1]])
    assert planes(frame, 2, plane.size) == [plane.tobytes(), plane[::-1].tobytes()]
    assert len(frame) % 2 == 0


@pytest.mark.parametrize(
    ("row", "coded"),
    [
        ([7], b"\x00\x07"),
        ([7, 7], b"\x01\x07\x07\x00"),
        ([7, 7, 7], b"\xfe\x07"),
        ([1, 2, 2, 3], b"\x03\x01\x02\x02\x03\x00"),
        ([7] * 128, b"\x81\x07"),
        ([7] * 129, b"\x81\x07\x00\x07"),
        ([1, 7, 7, 7, 2], b"\x00\x01\xfe\x07\x00\x02"),
    ],
)
def test_runs_and_literals(row: list[int], coded: bytes) -> None:
    assert encode([plane(row)])[64:] == coded


def test_no_run_goes_on_in_the_next_row() -> None:
    assert encode([plane([7, 7, 7], [7, 7, 7])])[64:] == b"\xfe\x07\xfe\x07"


def plane(*rows: list[int]) -> NDArray[np.uint8]:
    return np.array(rows, np.uint8)
