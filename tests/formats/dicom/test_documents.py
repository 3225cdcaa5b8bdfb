from __future__ import annotations

import re
import struct
from xml.etree import ElementTree

import pytest

from deid_platform.formats.dicom.documents import replacement_document

TYPES = ["application/pdf", "text/xml", "application/xml", "model/stl", "model/obj", "model/mtl", "", "text/plain"]


@pytest.mark.parametrize("mime_type", TYPES)
def test_a_stand_in_has_even_length_and_is_always_the_same(mime_type: str) -> None:
    data = replacement_document(mime_type)
    assert data
    assert len(data) % 2 == 0
    assert data == replacement_document(mime_type)


def test_the_pdf_is_one_a_reader_can_open() -> None:
    data = replacement_document("application/pdf")
    assert data.startswith(b"%PDF-1.4\n")
    assert data.rstrip().endswith(b"%%EOF")
    table = int(re.findall(rb"startxref\n(\d+)", data)[0])
    assert data[table:].startswith(b"xref\n0 6\n")
    entries = re.findall(rb"(\d{10}) \d{5} n \n", data[table:])
    for number, offset in enumerate(entries, start=1):
        assert data[int(offset) :].startswith(b"%d 0 obj" % number)
    stream = re.search(rb"/Length (\d+)>>stream\n(.*?)\nendstream", data, re.DOTALL)
    assert stream is not None
    assert len(stream[2]) == int(stream[1])
    assert b"removed during de-identification" in stream[2]


def test_the_xml_is_well_formed() -> None:
    root = ElementTree.fromstring(replacement_document("text/xml"))  # noqa: S314 - our own words
    assert root.tag == "{urn:hl7-org:v3}ClinicalDocument"
    assert "removed" in (root[0].text or "")


def test_the_stl_is_a_model_without_triangles() -> None:
    data = replacement_document("model/stl")
    assert len(data) == 84
    assert not data.startswith(b"solid")
    assert struct.unpack_from("<I", data, 80) == (0,)


@pytest.mark.parametrize("mime_type", ["model/obj", "model/mtl", "anything"])
def test_other_types_get_a_comment(mime_type: str) -> None:
    assert replacement_document(mime_type).startswith(b"# Document removed")
