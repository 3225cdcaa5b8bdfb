"""What is removed of a head: pixel by pixel, with its own values, beside text in the same pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from deid_platform.audit.altered import altered_pixels
from deid_platform.model import Masking, Region
from deid_platform.pixels.cleaning import HeadWork
from deid_platform.pixels.masks import Mask, Removed
from deid_platform.pixels.rewrite import write_masked
from tests.builders.dicom import image, person, write

GONE = np.zeros((64, 64), np.bool_)
GONE[5:31, 7:50] = True
GONE[30, 49] = False  # no rectangle


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless]
)
@pytest.mark.parametrize("signed", [False, True])
def test_exactly_what_is_removed_gets_the_value_of_air(tmp_path: Path, syntax: UID, signed: bool) -> None:
    source = write(image(person(1), bits=12, signed=signed, transfer_syntax=syntax), tmp_path / "source.dcm")
    air = -1000.0 if signed else 3.0
    done = write_masked(source, tmp_path / "output.dcm", [Mask.without_text(Removed.of(GONE, (air,)))])
    before, after = dcmread(source).pixel_array, dcmread(tmp_path / "output.dcm").pixel_array
    assert (after[GONE] == air).all()
    assert np.array_equal(after[~GONE], before[~GONE])
    assert (done.frames, done.heads, done.new_transfer_syntax) == (0, 1, syntax)


def test_values_that_bits_cannot_hold_become_the_nearest(tmp_path: Path) -> None:
    source = write(image(person(1), bits=12), tmp_path / "source.dcm")
    write_masked(source, tmp_path / "output.dcm", [Mask.without_text(Removed.of(GONE, (-1000.0,)))])
    assert (dcmread(tmp_path / "output.dcm").pixel_array[GONE] == 0).all()


def test_noise_is_dealt_from_its_values_and_the_same_each_time(tmp_path: Path) -> None:
    source = write(image(person(1), bits=12), tmp_path / "source.dcm")
    values = (3.0, 5.0, 8.0, 13.0)
    for name in ("a", "b"):
        write_masked(source, tmp_path / name, [Mask.without_text(Removed.of(GONE, values))])
    assert set(dcmread(tmp_path / "a").pixel_array[GONE].tolist()) == set(values)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_text_and_head_go_in_one_pass(tmp_path: Path) -> None:
    source = write(image(person(1), bits=12), tmp_path / "source.dcm")
    cells = np.zeros((16, 16), np.bool_)
    cells[12:14, 2:9] = True
    mask = Mask.of(cells, 64, 64) | Mask.without_text(Removed.of(GONE, (3.0,)))
    done = write_masked(source, tmp_path / "output.dcm", [mask])
    assert (done.frames, done.heads) == (1, 1)
    before, after = dcmread(source).pixel_array, dcmread(tmp_path / "output.dcm").pixel_array
    assert (after[GONE] == 3).all()
    assert (before != after)[48:56, 8:36].any()
    assert np.array_equal(before[~mask.pixels()], after[~mask.pixels()])


def test_what_is_removed_is_told_by_a_rectangle_outside_of_which_nothing_may_differ(tmp_path: Path) -> None:
    source = write(image(person(1), bits=12), tmp_path / "source.dcm")
    removed = Removed.of(GONE, (3.0,))
    write_masked(source, tmp_path / "output.dcm", [Mask.without_text(removed)])
    (region,) = HeadWork("face_removed", (removed, None)).regions()
    assert region == Region(left=7, top=5, width=43, height=26)
    told = Masking(frames=1, heads=1, head_regions=(region,))
    assert not list(altered_pixels(source, tmp_path / "output.dcm", told))
    smaller = Masking(frames=1, heads=1, head_regions=(Region(7, 5, 40, 26),))
    assert list(altered_pixels(source, tmp_path / "output.dcm", smaller))
    assert list(altered_pixels(source, source, told))  # told, but not done


def test_a_face_is_said_to_be_gone_where_codes_are_claimed_at_all(tmp_path: Path) -> None:
    ds = image(person(1))
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "113105", "DCM", "Clean Descriptors Option"
    ds.DeidentificationMethodCodeSequence = Sequence([code])
    for name, source in (("codes", ds), ("none", image(person(2)))):
        write_masked(write(source, tmp_path / "source.dcm"), tmp_path / name, [None], no_face=True)
    claimed, silent = dcmread(tmp_path / "codes"), dcmread(tmp_path / "none")
    assert claimed.RecognizableVisualFeatures == silent.RecognizableVisualFeatures == "NO"
    assert [item.CodeValue for item in claimed.DeidentificationMethodCodeSequence] == ["113102", "113105"]
    assert "DeidentificationMethodCodeSequence" not in silent
