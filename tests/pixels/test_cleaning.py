"""Finding, deciding and removing in one file, with a detector that finds what is white."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from deid_platform.audit.altered import altered_pixels
from deid_platform.model import Masking, PixelOutcome, PixelRule
from deid_platform.pixels.cleaning import PixelWork, clean_file
from deid_platform.pixels.identified import Known
from deid_platform.pixels.masks import Mask
from tests.builders.dicom import encode, image, person, report
from tests.builders.nets import WhiteNet
from tests.formats.dicom.cleaning import Laboratory
from tests.formats.dicom.test_graphics import bitmap, overlay, profile

SIZE: dict[str, Any] = {"modality": "DX", "bits": 8, "rows": 96, "columns": 320}


def edges(views: Any) -> Any:
    """Pixels that differ much from the one before: of strokes, as the pictures themselves are smooth."""
    return np.abs(np.diff(views[:, 1], axis=2, prepend=views[:, 1, :, :1])) > 0.3


NET = WhiteNet(edges)
WORK = PixelWork(NET)
NAME = "QUINTRELLE"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(tmp_path_factory.mktemp("lab"))


def cleaned(lab: Laboratory, folder: Path, work: PixelWork = WORK, **look: Any) -> tuple[PixelOutcome, Path, Path]:
    """The outcome on an image of this look, the scrubbed file and the cleaned one."""
    source = lab.clean(encode(image(person(0), **{**SIZE, **look}))).output
    output = folder / "output.dcm"
    return clean_file(source, output, work), source, output


def test_text_is_masked_and_told(lab: Laboratory, tmp_path: Path) -> None:
    outcome, source, output = cleaned(lab, tmp_path, text=NAME, modality="US", frames=2)
    masking = outcome.masking
    assert outcome.rule is PixelRule.TEXT_MASKED
    assert outcome.transfer_syntax == dcmread(output).file_meta.TransferSyntaxUID
    assert (masking.frames, masking.masked, masking.marks, masking.read) == (2, 2, 0, 0)
    assert 0 < masking.share < 0.5
    assert [(change.target, change.action, change.count) for change in outcome.changes] == [("(7FE0,0010)", "C", 2)]
    assert list(altered_pixels(source, output, masking)) == []
    assert list(altered_pixels(source, output, Masking(2, 2, 0.1))) == [("pixels", "altered")]


def test_without_text_nothing_is_written(lab: Laboratory, tmp_path: Path) -> None:
    outcome, _, output = cleaned(lab, tmp_path)
    assert outcome == PixelOutcome(PixelRule.NO_TEXT_FOUND, Masking(1))
    assert not output.exists()
    source = lab.clean(encode(report(person(0)))).output
    assert clean_file(source, output, WORK) == PixelOutcome(PixelRule.NO_PIXEL_DATA)


def test_what_its_series_shows_is_masked_in_a_slice_of_the_same_size(lab: Laboratory, tmp_path: Path) -> None:
    cells = np.zeros((24, 80), np.bool_)
    cells[2:4, 3:9] = True
    work = PixelWork(NET, addition=Mask.of(cells, 96, 320))
    outcome, _, _ = cleaned(lab, tmp_path, work)
    assert [(one.left, one.top, one.width, one.height) for one in outcome.masking.regions] == [(12, 8, 24, 8)]
    for look in ({"columns": 316}, {"frames": 2, "modality": "US"}):
        assert cleaned(lab, tmp_path, work, **look)[0].rule is PixelRule.NO_TEXT_FOUND


def test_marks_stay_under_a_policy_that_keeps_them(lab: Laboratory, tmp_path: Path) -> None:
    work = PixelWork(NET, keep_marks=True)
    outcome, _, output = cleaned(lab, tmp_path, work, text="PA")
    assert (outcome.rule, outcome.masking.marks, output.exists()) == (PixelRule.MARKS_KEPT, 1, False)
    outcome, _, _ = cleaned(lab, tmp_path, work, text=NAME)
    assert (outcome.rule, outcome.masking.marks) == (PixelRule.TEXT_MASKED, 0)


def test_text_that_names_the_subject_is_counted(lab: Laboratory, tmp_path: Path) -> None:
    for words, count in (({NAME.lower()}, 1), ({"somebody"}, 0)):
        work = PixelWork(NET, known=lambda words=words: Known(frozenset(words)))  # type: ignore[misc]
        masking = cleaned(lab, tmp_path, work, text=NAME)[0].masking
        assert (masking.read, masking.identifiers) == (1, count)


def never() -> Known:
    raise AssertionError("nobody needs to know")


def test_identifiers_are_asked_for_only_where_something_is_masked(lab: Laboratory, tmp_path: Path) -> None:
    assert cleaned(lab, tmp_path, PixelWork(NET, known=never))[0].rule is PixelRule.NO_TEXT_FOUND


def test_text_in_a_region_of_interest_is_cleared(lab: Laboratory, tmp_path: Path) -> None:
    source = lab.clean(encode(overlay(data=bitmap("HARTMANN"))), profile(tmp_path)).output
    outcome = clean_file(source, tmp_path / "output.dcm", WORK)
    assert (outcome.rule, outcome.masking.overlays, outcome.masking.masked) == (PixelRule.TEXT_MASKED, 1, 0)
    assert not any(dcmread(tmp_path / "output.dcm")[0x60003000].value)
    assert list(altered_pixels(source, tmp_path / "output.dcm", outcome.masking)) == []


def test_what_was_blank_already_stays_and_counts_as_no_text(lab: Laboratory, tmp_path: Path) -> None:
    """As on screens that a sender has blanked, and that are known to carry labels there."""
    blank = image(person(0), **SIZE)
    blank.PixelData = bytes(len(blank.PixelData))
    cells = np.zeros((24, 80), np.bool_)
    cells[:4] = True
    work = PixelWork(NET, addition=Mask.of(cells, 96, 320))
    outcome = clean_file(lab.clean(encode(blank)).output, tmp_path / "output.dcm", work)
    assert outcome == PixelOutcome(PixelRule.NO_TEXT_FOUND, Masking(frames=1))
