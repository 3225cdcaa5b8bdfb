"""Whether anything but the masked regions differs between output and original."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import FileDataset

from deid_platform.audit.altered import altered_pixels
from deid_platform.model import Masking, Region
from tests.builders import bad_files
from tests.builders.dicom import image, person, write
from tests.builders.pixels import store

BOX = Region(8, 4, 16, 12)
INSIDE, OUTSIDE = (slice(4, 16), slice(8, 24)), (slice(16, 17), slice(8, 9))
SYNTAXES = [
    uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.DeflatedExplicitVRLittleEndian, uid.RLELossless,
    uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.JPEG2000, uid.JPEGBaseline8Bit,
]  # fmt: skip


def masking(masked: int = 1, *regions: Region) -> Masking:
    return Masking(1, masked, 0.1, regions=regions)


@pytest.fixture
def compare(tmp_path: Path) -> Callable[..., list[tuple[str, str]]]:
    def compare(source: FileDataset, output: FileDataset, done: Masking) -> list[tuple[str, str]]:
        paths = write(source, tmp_path / "source.dcm"), write(output, tmp_path / "output.dcm")
        return list(altered_pixels(*paths, done))

    return compare


def painted(ds: FileDataset, where: tuple[slice, slice], syntax: uid.UID = uid.ExplicitVRLittleEndian) -> FileDataset:
    """What ``ds`` shows, with a block of zeros in it, in a lossless syntax."""
    picture = ds.pixel_array.copy()
    picture = picture if int(ds.get("NumberOfFrames", 1)) > 1 else picture[np.newaxis]
    picture[(slice(-1, None), *where)] = 0
    output = image(person(0), modality="CT", frames=len(picture), bits=int(ds.BitsStored))
    store(output, picture, syntax)
    return output


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_changes_inside_the_regions_pass_and_others_do_not(compare: Any, syntax: uid.UID) -> None:
    source = image(person(0), modality="CT", bits=8, transfer_syntax=syntax)
    assert compare(source, painted(source, INSIDE), masking(1, BOX)) == []
    assert compare(source, painted(source, OUTSIDE), masking(1, BOX)) == [("pixels", "altered")]


def test_the_last_of_many_frames_is_compared_too(compare: Any) -> None:
    source = image(person(0), modality="CT", frames=3, transfer_syntax=uid.RLELossless)
    assert compare(source, painted(source, INSIDE, uid.RLELossless), masking(1, BOX)) == []
    assert compare(source, painted(source, OUTSIDE, uid.RLELossless), masking(1, BOX)) == [("pixels", "altered")]


@pytest.mark.parametrize("syntax", SYNTAXES[:4], ids=lambda syntax: syntax.name)
def test_the_same_bytes_are_not_decoded(compare: Any, monkeypatch: pytest.MonkeyPatch, syntax: uid.UID) -> None:
    monkeypatch.setattr("deid_platform.audit.altered._decoded", None)
    source = image(person(0), modality="CT", bits=8, transfer_syntax=syntax)
    assert compare(source, source, Masking(1)) == []
    assert compare(source, source, masking(1, BOX)) == [("pixels", "not_masked")]


def test_bits_that_are_no_pixels_may_go(compare: Any) -> None:
    clean = image(person(0), modality="CT", bits=12)
    dirty = image(person(0), modality="CT", bits=12)
    dirty.PixelData = (dirty.pixel_array | 0x8000).astype(np.uint16).tobytes()
    assert compare(dirty, clean, Masking(1)) == []


def test_fewer_frames_other_sizes_and_no_pixels_are_seen(compare: Any) -> None:
    source = image(person(0), modality="CT", frames=3)
    fewer = image(person(0), modality="CT", frames=2)
    assert compare(source, fewer, Masking(3)) == [("pixels", "altered")]
    assert compare(source, image(person(0), modality="CT", frames=3, rows=32), Masking(3)) == [("pixels", "altered")]
    del fewer.PixelData
    assert compare(source, fewer, Masking(3)) == [("pixels", "missing")]


def test_what_nobody_can_decode_is_not_passed(compare: Any) -> None:
    source = image(person(0), modality="CT", bits=8, transfer_syntax=uid.JPEG2000Lossless)
    output = image(person(0), modality="CT", bits=8, transfer_syntax=uid.JPEG2000Lossless)
    output.PixelData = output.PixelData[:-60] + bytes(60)
    assert compare(source, output, Masking(1)) == [("pixels", "not_compared")]


def test_an_overlay_may_only_change_where_it_says_so(compare: Any) -> None:
    pair = image(person(0), modality="CT"), image(person(0), modality="CT")
    for number, ds in enumerate(pair):
        ds.add_new(0x60003000, "OW", bytes([number]) * 512)
    assert compare(*pair, Masking(1)) == [("overlay", "altered")]
    assert compare(*pair, Masking(1, overlays=1)) == []


def test_an_original_without_preamble_and_meta_group_is_compared(tmp_path: Path) -> None:
    paths = tmp_path / "source.dcm", tmp_path / "output.dcm"
    paths[0].write_bytes(bad_files.no_preamble())
    write(image(bad_files.PERSON), paths[1])
    assert list(altered_pixels(*paths, Masking(1))) == []


def test_what_cannot_be_opened_is_not_passed(tmp_path: Path) -> None:
    output = write(image(person(0)), tmp_path / "output.dcm")
    (tmp_path / "source.dcm").write_bytes(b"")
    assert list(altered_pixels(tmp_path / "source.dcm", output, Masking(1))) == [("pixels", "not_compared")]
