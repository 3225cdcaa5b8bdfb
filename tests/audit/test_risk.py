"""Which results are read although not all are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deid_platform.audit.risk import TextRisk, text_risk
from deid_platform.model import Masking, Region
from tests.builders.dicom import image, person, report, secondary_capture, write

NOTHING = Masking(1)
MASKED = Masking(1, 1, 0.1, regions=(Region(0, 0, 4, 4),))


def risk(tmp_path: Path, ds: Any, masking: Masking = NOTHING, **changes: Any) -> TextRisk:
    if not changes.pop("overlays", False):
        del ds[0x60000000:0x60020000]
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return text_risk(write(ds, tmp_path / "a.dcm"), masking)


def test_slices_from_a_scanner_may_be_left_to_a_sample(tmp_path: Path) -> None:
    for modality in ("CT", "MR"):
        assert risk(tmp_path, image(person(0), modality=modality)) is TextRisk.ROUTINE


@pytest.mark.parametrize("modality", ["US", "XA", "CR", "DX", "MG", "OT", "XC", "ES"])
def test_modalities_that_carry_text_are_read(tmp_path: Path, modality: str) -> None:
    assert risk(tmp_path, image(person(0), modality="CT"), Modality=modality) is TextRisk.LIKELY


@pytest.mark.parametrize(
    "changes",
    [
        {"Modality": ""}, {"Modality": "ZZ"}, {"ConversionType": "WSD"}, {"ImageType": ["DERIVED", "SECONDARY"]},
        {"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}, {"ImageType": "DERIVED"}, {"overlays": True},
        {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_speaks_for_text_is_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert risk(tmp_path, image(person(0), modality="CT"), **changes) is TextRisk.LIKELY


def test_what_was_masked_or_kept_as_a_mark_is_read(tmp_path: Path) -> None:
    assert risk(tmp_path, image(person(0), modality="CT"), MASKED) is TextRisk.LIKELY
    assert risk(tmp_path, image(person(0), modality="CT"), Masking(1, marks=2)) is TextRisk.LIKELY
    assert risk(tmp_path, secondary_capture(person(0), "")) is TextRisk.LIKELY


def test_without_pixels_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert risk(tmp_path, report(person(0))) is TextRisk.NO_PIXELS
