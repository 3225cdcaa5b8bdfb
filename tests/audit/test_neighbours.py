"""What is taken for anatomy misread: only words read once in one slice, where the slices beside it look alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deid_platform.audit import neighbours
from deid_platform.audit.evidence import doubted
from deid_platform.audit.neighbours import Slice, beside, header_of, only_anatomy, slice_of, straight_from_a_scanner
from deid_platform.audit.ocr import Word
from deid_platform.audit.pages import Preparation
from tests.builders.dicom import image, person, write
from tests.builders.heads import Scan, head, slices

PLAIN, BRIGHT = Preparation.PLAIN, Preparation.BRIGHT_STROKES
PLACE = Word("Leo", 92, 20, 30, 48, 42)

Frame = NDArray[np.uint16]


def test_words_in_doubt_are_those_that_count_alone_and_would_not_among_many() -> None:
    once, sure, far = Word("Leo", 92, 0, 0, 9, 9), Word("SMITH", 92, 0, 0, 9, 9), Word("Leo", 92, 50, 0, 59, 9)
    assert doubted([(PLAIN, [once, Word("ity", 51, 0, 0, 9, 9)]), (BRIGHT, [far])]) == [once, far]
    assert doubted([(PLAIN, [once, sure])]) == []
    assert doubted([(PLAIN, [Word("patent", 50, 0, 0, 9, 9)]), (BRIGHT, [Word("patent", 50, 0, 0, 9, 9)])]) == []
    assert doubted([(PLAIN, [])]) == []


def written(frame: Frame, brightness: float) -> Frame:
    """A frame with a name burnt in at the place of the word."""
    canvas = Image.new("L", frame.shape[::-1])
    ImageDraw.Draw(canvas).text((PLACE.left, PLACE.top), "LEE", font=ImageFont.load_default(11), fill=255)
    ink = np.asarray(canvas) > 100
    return np.where(ink, np.uint16(brightness * np.percentile(frame, 99)), frame)


def three(folder: Path, change: Callable[[int, Frame], Frame]) -> list[Path]:
    """Three neighbouring slices of a head, changed."""
    scan = head(step=2.0)
    some = Scan(scan.samples[60:63].copy(), scan.origin, scan.step)
    for number in range(3):
        some.samples[number] = change(number, some.samples[number])
    return [write(ds, folder / f"{n}.dcm") for n, ds in enumerate(slices(some, person(1)))]


@pytest.mark.parametrize(
    ("change", "anatomy"),
    [
        (lambda _, frame: frame, True),
        (lambda number, frame: written(frame, 1.0) if number == 1 else frame, False),
        (lambda number, frame: written(frame, 0.6) if number == 1 else frame, False),
        (lambda number, frame: written(frame, 1.0) if number < 2 else frame, False),
        (lambda number, frame: np.zeros_like(frame) if number != 1 else frame, False),
    ],
)
def test_a_word_between_slices_that_do_not_show_it_is_no_anatomy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[int, Frame], Frame], anatomy: bool
) -> None:
    monkeypatch.setattr(neighbours, "doubted_words", lambda *_, **__: [PLACE])
    below, own, above = three(tmp_path, change)
    assert only_anatomy(own, (below, above), marks=False) is anatomy


def test_where_no_word_is_in_doubt_nothing_is_excused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "doubted_words", lambda *_, **__: [])
    below, own, above = three(tmp_path, lambda _, frame: frame)
    assert not only_anatomy(own, (below, above), marks=False)


@pytest.mark.parametrize(
    ("header", "straight"),
    [
        ({}, True),
        ({"Modality": "US"}, False),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, False),
        ({"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}, False),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, False),
        ({"ConversionType": "WSD"}, False),
        ({"BurnedInAnnotation": "YES"}, False),
    ],
)
def test_only_slices_straight_from_a_scanner_are_excused(
    tmp_path: Path, header: dict[str, object], straight: bool
) -> None:
    plain = {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "BurnedInAnnotation": None}
    ds = image(person(1), modality="CT", **plain | header)
    assert straight_from_a_scanner(header_of(write(ds, tmp_path / "a.dcm"))) is straight


def test_neighbours_are_the_nearest_of_the_same_stack(tmp_path: Path) -> None:
    places = {"a": 0.0, "b": 6.0, "c": 3.0, "d": 9.0}
    found = {name: Slice(height, (64, 64)) for name, height in places.items()} | {"other": Slice(4.0, (32, 32))}
    assert beside("b", found) == ("c", "d")
    assert beside("a", found) is None
    ds = image(person(1), ImagePositionPatient=[1, 2, 7], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    here = slice_of(header_of(write(ds, tmp_path / "a.dcm")))
    assert here is not None
    assert here.height == 7
    assert slice_of(header_of(write(image(person(1), ImagePositionPatient=None), tmp_path / "b.dcm"))) is None
