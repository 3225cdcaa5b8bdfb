"""The audit names what compressed frames hold besides their image, whoever put it there."""

from __future__ import annotations

import struct

import pytest

from deid_platform.audit.codestream import extras
from tests.builders.frames import SECRET
from tests.formats.dicom import test_codestream, test_jpeg2000
from tests.formats.dicom.test_jpeg2000 import BOXES, FRAMES, HEADER, SIGNATURE, box


@pytest.mark.parametrize("name", test_codestream.HIDDEN)
def test_what_is_hidden_in_jpeg_is_named(name: str) -> None:
    for plain in (test_codestream.JPEG, test_codestream.JPEG_LS):
        assert set(extras(plain)) == set()
        assert set(extras(plain[:2] + test_codestream.HIDDEN[name] + plain[2:])) != set()


def test_what_stands_behind_or_between_is_named() -> None:
    jpeg, first = test_codestream.JPEG, test_codestream.FIRST_SCAN
    assert list(extras(jpeg + SECRET)) == ["behind_image"]
    two_scans = jpeg.rstrip(b"\0")[:-2] + test_codestream.HIDDEN["comment"] + jpeg[first:]
    assert list(extras(two_scans)) == ["comment"]


@pytest.mark.parametrize("name", FRAMES)
def test_what_is_hidden_in_jpeg_2000_is_named(name: str) -> None:
    assert list(extras(FRAMES[name])) in (["comment"], ["behind_image"])
    assert list(extras(test_jpeg2000.PLAIN)) == []


@pytest.mark.parametrize("name", BOXES)
def test_what_is_hidden_in_boxes_is_named(name: str) -> None:
    file = SIGNATURE + HEADER + BOXES[name] + box(b"jp2c", test_jpeg2000.PLAIN)
    assert [fault for fault in extras(file) if fault in ("box", "icc_unreadable")]
    assert list(extras(SIGNATURE + HEADER + box(b"jp2c", test_jpeg2000.PLAIN))) == []


@pytest.mark.parametrize("broken", [*test_codestream.BROKEN, *test_jpeg2000.BROKEN, SECRET])
def test_a_frame_that_cannot_be_split_is_told(broken: bytes) -> None:
    with pytest.raises((ValueError, struct.error)):
        list(extras(broken))
