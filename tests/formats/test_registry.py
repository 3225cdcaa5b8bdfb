from __future__ import annotations

import pytest

from deid_platform.formats.recognised import recognised
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


def test_a_slide_in_tiff_is_no_raw_data_and_a_preview_of_a_slide_no_picture() -> None:
    found = format_of(b"II+\0\x08\0\0\0" + bytes(HEAD_BYTES))
    assert found is not None
    assert found.name == "wsi"
    preview = format_of(b"\xff\xd8\xff\xe0" + bytes(HEAD_BYTES), "north/drop/slide.mrxs")
    assert preview is not None
    assert preview.name == "mrxs"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"ZISRAWFILE\0\0", "zeiss_czi"),
        (b"SIS\0@\0\0\0\x03", "olympus_ets"),
        (b'<DataObject ObjectType="DPUfsImport">', "philips_isyntax"),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n<DataObject ObjectType="DPUfsImport">', "philips_isyntax"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\r\n<DataObject ObjectType="DPUfsImport">', "philips_isyntax"),
        (b'<?xml version="1.0"?><DataObject ObjectType="Other">', ""),
        (b"01.02" + b"0123456789ABCDEF" * 2 + bytes(40), "mirax_data"),
        (b"01.02.1970, 09:15, ward 7 and more", ""),
        (b"PK\5\6" + bytes(18), "zip_empty"),
        (b"PK\7\x08PK\3\4", "zip_split"),
        (b"\xef\xbb\xbf[GENERAL]\r\nSLIDE_ID=", "mirax_slidedat"),
        (bytes(257) + b"ustar\x0000", "tar"),
        (b"nothing known", ""),
    ],
)
def test_what_cannot_be_cleaned_is_told_by_name_where_it_is_known(head: bytes, name: str) -> None:
    assert format_of(head) is None
    assert recognised(head) == name
