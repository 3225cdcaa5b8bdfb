from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite
from pydicom import uid as uids
from pydicom.dataset import Dataset

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    DataSet,
    Element,
    Encoding,
    Extent,
    read_data_set,
)
from deid_platform.formats.dicom.encode import CHUNK, write_data_set
from deid_platform.model import Reason
from tests.builders.dicom import encode, person
from tests.builders.elements import data_set_at, element
from tests.formats.dicom.cleaning import OBJECTS, inflated
from tests.formats.dicom.test_elements import ENCODINGS

ALL = [EXPLICIT_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE]


def written(*found: Element, encoding: Encoding = EXPLICIT_LITTLE, source: bytes = b"") -> bytes:
    data, sink = DataSet(), BytesIO()
    for one in found:
        data[one.tag] = one
    write_data_set(sink, data, encoding, BytesIO(source))
    return sink.getvalue()


def rewritten(data: bytes, encoding: Encoding, start: int = 0) -> bytes:
    sink = BytesIO()
    write_data_set(sink, read_data_set(data, start, encoding), encoding, BytesIO(data))
    return sink.getvalue()


@pytest.mark.parametrize("name", OBJECTS)
def test_what_was_read_is_written_as_another_reader_knows_it(name: str) -> None:
    data = inflated(encode(OBJECTS[name](person(1))))
    encoding, start = ENCODINGS.get(name, EXPLICIT_LITTLE), data_set_at(data)
    once = rewritten(data, encoding, start)
    assert rewritten(once, encoding) == once
    deflated, plain = uids.DeflatedExplicitVRLittleEndian.encode(), uids.ExplicitVRLittleEndian.encode()
    meta = data[:start].replace(deflated, plain + bytes(3))
    mine, theirs = (dcmread(BytesIO(meta + body)) for body in (once, data[start:]))
    if encoding.implicit:
        # pydicom does not look into private sequences without VR, which come out in another form.
        del mine[0x00991007], theirs[0x00991007]
    assert Dataset(mine) == Dataset(theirs)


@pytest.mark.parametrize("encoding", ALL)
def test_elements_are_written_as_another_writer_writes_them(encoding: Encoding) -> None:
    ds = Dataset()
    ds.PatientName, ds.Rows, ds.PatientComments = "Roe^Jane", 5, "odd"
    ds.StudyInstanceUID = "1.2.3"
    buffer = BytesIO()
    dcmwrite(buffer, ds, implicit_vr=encoding.implicit, little_endian=encoding.little)
    assert rewritten(buffer.getvalue(), encoding) == buffer.getvalue()


def test_elements_are_sorted_and_group_lengths_left_out() -> None:
    name, length = Element(0x00100010, "PN", b"Roe^Jane"), Element(0x00080000, "UL", bytes(4))
    data = written(name, length, Element(0x00080060, "CS", b"CT"))
    assert data == element(0x00080060, b"CS", b"CT") + element(0x00100010, b"PN", b"Roe^Jane")


@pytest.mark.parametrize(("vr", "pad"), [("LO", b" "), ("UI", b"\0"), ("OB", b"\0"), ("UN", b"\0"), ("PN", b" ")])
def test_values_of_odd_length_are_padded_as_their_vr_wants(vr: str, pad: bytes) -> None:
    assert written(Element(0x00991001, vr, b"odd")).endswith(b"odd" + pad)


def test_a_value_too_long_for_its_vr_is_written_as_unknown() -> None:
    long = b"x" * 70_000
    assert written(Element(0x00081030, "LO", long)) == b"\x08\0\x30\x10UN\0\0" + len(long).to_bytes(4, "little") + long


@pytest.mark.parametrize("encoding", ALL)
def test_sequences_have_delimiters_and_survive(encoding: Encoding) -> None:
    inner, empty = DataSet(), DataSet()
    inner[0x00100010] = Element(0x00100010, "PN", b"Roe^Jane")
    data = written(Element(0x00081140, "UN", [inner, empty]), encoding=encoding)
    items = read_data_set(data, 0, encoding)[0x00081140].value
    assert isinstance(items, list)
    assert [list(item) for item in items] == [[0x00100010], []]


@pytest.mark.parametrize("length", [0, 1, 7, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_large_values_are_copied_whole_from_their_file(length: int) -> None:
    source = bytes(range(256)) * (length // 256 + 2)
    data = written(Element(0x7FE00010, "OW", Extent(5, length)), source=source)
    assert data[12:] == source[5 : 5 + length] + bytes(length % 2)
    assert int.from_bytes(data[8:12], "little") == length + length % 2


def test_fragments_are_copied_with_their_delimiter() -> None:
    source = b"..fragments and delimiters"
    data = written(Element(0x7FE00010, "OB", Extent(2, 24, fragments=True)), source=source)
    assert data == b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + source[2:]


def test_a_file_that_shrinks_while_it_is_copied_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile) as refused:
        written(Element(0x7FE00010, "OW", Extent(0, 100)), source=bytes(50))
    assert refused.value.reason is Reason.SOURCE_CHANGED
