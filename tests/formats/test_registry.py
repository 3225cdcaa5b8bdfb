from __future__ import annotations

from deid_platform.formats.registry import FORMATS, HEAD_BYTES, format_named, format_of
from tests.builders import bad_files
from tests.formats.dicom.cleaning import plain_image


def test_a_dicom_file_is_known_by_its_first_bytes() -> None:
    for data in (plain_image(), bad_files.no_preamble(), bad_files.truncated_header(), bad_files.dicomdir_alone()):
        found = format_of(data[:HEAD_BYTES])
        assert found is not None
        assert found.name == "dicom"


def test_what_nobody_knows_has_no_format() -> None:
    for data in (b"", bad_files.not_dicom(), b"GIF89a" + bytes(4000), bytes(4096), b"DICM"):
        assert format_of(data) is None


def test_every_format_is_found_by_the_name_a_manifest_notes() -> None:
    assert [format_named(one.name) for one in FORMATS] == list(FORMATS)
    assert len({one.name for one in FORMATS}) == len(FORMATS)
    assert all(one.suffix.startswith(".") for one in FORMATS)
