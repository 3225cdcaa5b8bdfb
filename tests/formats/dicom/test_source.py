from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from pydicom import uid as uids

from deid_platform.errors import MalformedFile
from deid_platform.formats.dicom import source
from deid_platform.formats.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    DataSet,
    Encoding,
    Extent,
)
from deid_platform.formats.dicom.source import looks_like_dicom, open_source, read_head
from deid_platform.model import Reason
from tests.builders import bad_files
from tests.builders.dicom import encode, person
from tests.builders.elements import data_set_at, element, head
from tests.formats.dicom.cleaning import OBJECTS, SYNTAXES, plain_image

STUDY = 0x0020000D
META = element(0x00020010, b"UI", uids.ExplicitVRLittleEndian.encode())
STUDY_ELEMENT = element(STUDY, b"UI", b"1.2.3.4")
BARE = {
    EXPLICIT_LITTLE: element(0x00080020, b"DA", b"20110523") + STUDY_ELEMENT,
    IMPLICIT_LITTLE: b"\x08\0\x20\0\x08\0\0\x0020110523" + b"\x20\0\x0d\0\x08\0\0\x001.2.3.4\0",
    EXPLICIT_BIG: b"\0\x08\0\x20DA\0\x0820110523" + b"\0\x20\0\x0dUI\0\x081.2.3.4\0",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def opened(path: Path, data: bytes) -> tuple[DataSet, DataSet, Encoding, str]:
    path.write_bytes(data)
    with open_source(path) as one:
        return one.meta, one.data, one.encoding, one.transfer_syntax


def refusal(path: Path, data: bytes) -> Reason:
    with pytest.raises(MalformedFile) as refused:
        opened(path, data)
    return refused.value.reason


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_transfer_syntax_is_opened_in_its_encoding(path: Path, syntax: uids.UID) -> None:
    _, data, encoding, found = opened(path, encode(OBJECTS[syntax.name](person(0))))
    assert found == syntax
    assert encoding == Encoding(syntax.is_implicit_VR, syntax.is_little_endian)
    assert data[0x00100010].vr == "PN"
    assert 0x7FE00010 in data


@pytest.mark.parametrize("encoding", BARE)
def test_a_bare_data_set_is_read_by_the_look_of_it(path: Path, encoding: Encoding) -> None:
    _, data, found, syntax = opened(path, BARE[encoding])
    assert found == encoding
    assert data[STUDY].value == b"1.2.3.4\0"
    assert uids.UID(syntax).is_implicit_VR == encoding.implicit
    assert looks_like_dicom(BARE[encoding])


@pytest.mark.parametrize("start", [b"", bytes(128) + b"DICM", b"II*\0".ljust(128) + b"DICM"])
def test_preamble_and_group_length_are_not_asked_for(path: Path, start: bytes) -> None:
    for length in (b"", element(0x00020000, b"UL", b"\x01\0\0\0"), element(0x00020000, b"UL", b"\xff\xff\0\0")):
        meta, data, encoding, _ = opened(path, start + length + META + STUDY_ELEMENT)
        assert 0x00020010 in meta
        assert (encoding, data[STUDY].value) == (EXPLICIT_LITTLE, b"1.2.3.4\0")


def test_a_preamble_without_meta_group_is_read_by_the_look_of_the_data_set(path: Path) -> None:
    for encoding, bare in BARE.items():
        assert opened(path, bytes(128) + b"DICM" + bare)[2] == encoding


def test_what_cannot_be_opened_is_refused(path: Path) -> None:
    huge = head(0x00020102, b"OB", 2_000_000) + bytes(2_000_000)
    start = bytes(128) + b"DICM"
    assert refusal(path, b"") is Reason.EMPTY
    assert refusal(path, start) is Reason.MALFORMED
    assert refusal(path, b"no DICOM") is Reason.MALFORMED
    assert refusal(path, start + META[:10]) is Reason.TRUNCATED
    assert refusal(path, start + b"\x02\0\x10\0??\0\0") is Reason.MALFORMED
    assert refusal(path, start + META[:5]) is Reason.MALFORMED
    assert refusal(path, start + META + huge + STUDY_ELEMENT) is Reason.TOO_LARGE
    assert refusal(path, start + META + head(0x00020102, b"OB", 0xFFFFFFFE)) is Reason.TRUNCATED


@pytest.mark.parametrize("level", [1, 9])
@pytest.mark.parametrize("around", [1 << 20, 3 << 20])
def test_deflated_data_sets_of_any_size_are_inflated_to_their_end(path: Path, around: int, level: int) -> None:
    meta = element(0x00020010, b"UI", uids.DeflatedExplicitVRLittleEndian.encode())
    for size in range(around - 40, around + 4, 2):
        packer = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
        packed = packer.compress(STUDY_ELEMENT + head(0x7FE00010, b"OW", size) + bytes(size)) + packer.flush()
        data = opened(path, meta + packed)[1]
        assert data[0x7FE00010].value == Extent(len(STUDY_ELEMENT) + 12, size)


def test_a_broken_deflated_data_set_is_refused(path: Path) -> None:
    good = encode(OBJECTS[uids.DeflatedExplicitVRLittleEndian.name](person(0)))
    start = data_set_at(good)
    assert refusal(path, bad_files.broken_deflate()) is Reason.TRUNCATED
    assert refusal(path, good[:start]) is Reason.TRUNCATED
    assert refusal(path, good[:start] + b"\xff" * 50) is Reason.MALFORMED
    assert opened(path, good + b"trailing bytes")[1][0x00100010].vr == "PN"


def test_a_deflated_data_set_may_not_grow_without_bound(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_INFLATED", 3_000_000)
    assert refusal(path, bad_files.deflated_bomb(10_000_000)) is Reason.TOO_LARGE


def test_only_what_begins_like_dicom_looks_like_it() -> None:
    assert looks_like_dicom(plain_image()[:200])
    for head_ in (b"", b"DICM", b"\x89PNG\r\n\x1a\n" + bytes(200), b"%PDF-1.7\n" + b" " * 200, b"Dear Dr Jones, the",
                  b"\x08\0\x20\0\xff\xff\xff\xff", bytes(200), b"II*\0" + bytes(200)):  # fmt: skip
        assert not looks_like_dicom(head_), head_


def test_the_head_of_a_file_tells_what_stands_in_it_or_nothing() -> None:
    data = plain_image()
    assert read_head(data[:4096], STUDY)[STUDY].value
    assert max(read_head(data[:4096], STUDY)) == STUDY
    for head_ in (data[:300], data[: data_set_at(data) + 30], b"", b"no DICOM", bad_files.broken_deflate()[:150]):
        assert STUDY not in read_head(head_, STUDY)
