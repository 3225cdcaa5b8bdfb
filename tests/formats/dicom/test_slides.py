from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

from deid_platform.audit.dicom import audit_file
from deid_platform.errors import UnsupportedFormat
from deid_platform.model import Reason
from deid_platform.policy import load_policy
from tests.builders.dicom import encode, person
from tests.builders.images import image
from tests.formats.dicom.cleaning import FORMAT, IDENTITY


def slide(tmp_path: Path, *kinds: str, **overrides: Any) -> Path:
    """A whole-slide image of these values of Image Type."""
    path = tmp_path / "slide.dcm"
    data = image(person(0), modality="OT", photometric="RGB", bits=8, ImageType=list(kinds), **overrides)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    path.write_bytes(encode(data))
    return path


@pytest.mark.parametrize("kinds", [(), ("ORIGINAL",), ("ORIGINAL", "PRIMARY", "LABEL", "NONE"),
                                   ("ORIGINAL", "PRIMARY", "OVERVIEW", "NONE"), ("A", "B", "UNHEARD"),
                                   ("ORIGINAL", "PRIMARY", "LOCALIZER", "NONE")])  # fmt: skip
def test_what_may_show_a_label_is_refused(kinds: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat) as error:
        FORMAT.describe(slide(tmp_path, *kinds), IDENTITY)
    assert error.value.reason is Reason.SLIDE_LABEL


@pytest.mark.parametrize("said", ["YES", "PERHAPS"])
def test_what_says_that_a_label_is_in_it_is_refused(said: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat):
        FORMAT.describe(slide(tmp_path, "ORIGINAL", "PRIMARY", "VOLUME", "NONE", SpecimenLabelInImage=said), IDENTITY)


@pytest.mark.parametrize("flavor", ["VOLUME", "THUMBNAIL"])
def test_levels_and_thumbnails_go_on(flavor: str, tmp_path: Path) -> None:
    path = slide(tmp_path, "ORIGINAL", "PRIMARY", flavor, "NONE", SpecimenLabelInImage="NO")
    assert FORMAT.describe(path, IDENTITY).subject


def test_the_judge_sees_a_label_too(tmp_path: Path) -> None:
    path = slide(tmp_path, "ORIGINAL", "PRIMARY", "LABEL", "NONE")
    found = audit_file("item", path, path, load_policy("tcia"), IDENTITY)
    assert "slide_label" in {one.kind for one in found}
