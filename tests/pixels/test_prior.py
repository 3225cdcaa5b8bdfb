"""A header may make finding more careful; it never switches it off."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from deid_platform.pixels.layout import Limits, read_layout
from deid_platform.pixels.prior import usually_written
from deid_platform.pixels.text import find_text
from tests.builders.dicom import encode, image, person, write
from tests.builders.nets import WhiteNet


def expected(**settings: Any) -> bool:
    layout = read_layout(io.BytesIO(encode(image(person(1), **settings))), Limits())
    assert layout is not None
    return usually_written(layout)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_slices_from_a_scanner_rarely_carry_writing(modality: str) -> None:
    assert not expected(modality=modality)


@pytest.mark.parametrize(
    "settings",
    [
        {"modality": "US"},
        {"modality": "CR"},
        {"modality": "OT", "photometric": "RGB"},
        {"modality": "CT", "ConversionType": "WSD"},
        {"modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        {"modality": "CT", "Modality": None},
        {"modality": "CT", "Modality": "XX"},
    ],
)
def test_screens_radiographs_captures_and_the_unknown_often_do(settings: dict[str, Any]) -> None:
    assert expected(**settings)


def shapes(path: Path) -> list[tuple[int, ...]]:
    net = WhiteNet()
    find_text(path, net)
    return [shape[2:] for shape in net.shapes]


def test_medium_frames_are_enlarged_only_where_writing_is_usual(tmp_path: Path) -> None:
    screen = write(image(person(1), modality="US", rows=416, columns=416), tmp_path / "screen.dcm")
    slice_ = write(image(person(1), modality="CT", rows=416, columns=416), tmp_path / "slice.dcm")
    assert (848, 848) in shapes(screen)
    assert (848, 848) not in shapes(slice_)


def test_long_cines_are_enlarged_in_their_projections_only(tmp_path: Path) -> None:
    cine = write(image(person(1), modality="US", rows=416, columns=416, frames=9), tmp_path / "cine.dcm")
    assert 0 < shapes(cine).count((848, 848)) <= 3 < shapes(cine).count((432, 432))
