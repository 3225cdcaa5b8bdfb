"""Where writing is known to be."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from deid_platform.pixels.layout import Limits, read_layout
from deid_platform.pixels.regions import Box, Screen, screen_of
from deid_platform.policy import load_policy
from deid_platform.policy.rule import Action
from tests.builders.dicom import encode, image, person

SIEMENS = {"Manufacturer": "Siemens", "ManufacturerModelName": "Acuson S-2", "Rows": 600, "Columns": 800}


def screen(**header: Any) -> Screen:
    """Of a file that says so much of itself, pixels included."""
    size = {"rows": header.pop("Rows", 8), "columns": header.pop("Columns", 8)}
    layout = read_layout(io.BytesIO(encode(image(person(1), **{"modality": "US"} | size, **header))), Limits())
    assert layout is not None
    return screen_of(layout)


def regions(*corners: tuple[Any, Any, Any, Any]) -> list[Dataset]:
    names = ("MinX0", "MinY0", "MaxX1", "MaxY1")
    items = []
    for places in corners:
        item = Dataset()
        for name, place in zip(names, places, strict=True):
            setattr(item, f"RegionLocation{name}", place)
        items.append(item)
    return items


def test_a_known_screen_is_told_by_device_modality_and_size() -> None:
    assert screen(**SIEMENS).labelled == (Box(0, 0, 800, 43), Box(128, 56, 144, 72))


@pytest.mark.parametrize(
    "other",
    [{"Rows": 601}, {"Columns": 640}, {"Manufacturer": "Another"}, {"ManufacturerModelName": None}, {"Modality": "CT"},
     {"Manufacturer": None}],
)  # fmt: skip
def test_any_difference_makes_it_another_screen(other: dict[str, Any]) -> None:
    assert screen(**SIEMENS | other).labelled == ()


def test_the_senders_word_switches_nothing_off() -> None:
    assert screen(**SIEMENS, BurnedInAnnotation="NO").labelled


def test_rectangles_end_at_the_rim_of_the_screen() -> None:
    gamma = screen(Manufacturer="ADAC", Modality="NM", Rows=832, Columns=1024)
    assert gamma.labelled == (Box(0, 0, 1024, 80), Box(0, 762, 1024, 832))
    assert gamma.labels(832, 1024)[-1].all()


def test_every_cell_with_a_pixel_of_a_label_is_masked() -> None:
    cells = Screen(labelled=(Box(3, 4, 9, 5),)).labels(13, 13)
    assert [tuple(place) for place in np.argwhere(cells)] == [(1, 0), (1, 1), (1, 2)]


def test_outside_of_calibrated_regions_is_furniture() -> None:
    found = screen(SequenceOfUltrasoundRegions=regions((4, 4, 11, 7), (0, 8, 3, 20)))
    assert found.imaged == (Box(4, 4, 12, 8), Box(0, 8, 4, 21))
    cells = found.furniture(16, 16)
    assert cells is not None
    assert [[int(cell) for cell in row] for row in cells] == [[1, 1, 1, 1], [1, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 1]]


@pytest.mark.parametrize("corners", [[], [(4, 4, 4, 4)], [(9, 9, 2, 2)], [(None, 4, 5, 6)]])
def test_without_a_region_that_makes_sense_there_is_no_furniture(corners: list[Any]) -> None:
    assert screen(SequenceOfUltrasoundRegions=regions(*corners)).furniture(16, 16) is None


def test_a_region_beyond_the_frame_ends_with_it() -> None:
    cells = Screen(imaged=(Box(8, 0, 5000, 5000),)).furniture(16, 16)
    assert cells is not None
    assert [int(cell) for cell in cells[0]] == [1, 1, 0, 0]


@pytest.mark.parametrize("profile", ["basic", "tcia"])
def test_scrubbing_leaves_what_the_rules_ask_for(profile: str) -> None:
    policy = load_policy(profile)
    for tag, vr in ((0x00186011, "SQ"), (0x00186018, "UL"), (0x00080060, "CS"), (0x00080070, "LO"), (0x00081090, "LO")):
        assert policy.rule(tag, vr).action in (Action.KEEP, Action.CLEAN)
