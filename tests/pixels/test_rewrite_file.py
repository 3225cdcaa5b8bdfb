"""The file around masked pixels: header, offset tables, overlays, memory, and what is refused."""

from __future__ import annotations

import struct
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, uid
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_fragments, get_frame, parse_basic_offsets
from pydicom.uid import UID

from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Reason
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.overlays import overlay_frames
from deid_platform.pixels.rewrite import write_masked
from tests.builders.dicom import encode, image, person, report, write
from tests.builders.elements import pixels_at
from tests.builders.masks import mask_of, write_both

SIDE = 40
MASK = mask_of(SIDE, SIDE, (8, 8, 16, 24))


def made(syntax: UID = uid.ExplicitVRLittleEndian, frames: int = 1, **settings: Any) -> FileDataset:
    look = {"modality": "US", "rows": SIDE, "columns": SIDE, **settings}
    return image(person(1), transfer_syntax=syntax, frames=frames, graphics=False, **look)


SYNTAXES = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_everything_before_the_pixels_is_copied(tmp_path: Path, syntax: UID) -> None:
    source, output = tmp_path / "once.dcm", tmp_path / "twice.dcm"
    write_masked(write(made(syntax), tmp_path / "raw.dcm"), source, [MASK])
    write_masked(source, output, [mask_of(SIDE, SIDE, (24, 24, 32, 32))])
    before, after = source.read_bytes(), output.read_bytes()
    start = before.rindex(b"\x7f\xe0\x00\x10" if syntax == uid.ExplicitVRBigEndian else b"\xe0\x7f\x10\x00")
    assert before[: start + 8] == after[: start + 8]
    assert before != after


def test_what_is_copied_is_the_header_that_came(tmp_path: Path) -> None:
    source, output, _ = write_both(made(), tmp_path, [MASK])
    before, after = dcmread(source), dcmread(output)
    del before.PixelData, after.PixelData
    assert before == after
    assert before.file_meta == after.file_meta


@pytest.mark.parametrize(
    "syntax", [*SYNTAXES, uid.DeflatedExplicitVRLittleEndian, uid.JPEGLSLossless, uid.JPEGBaseline8Bit]
)
def test_the_same_masks_give_the_same_bytes_and_once_is_enough(tmp_path: Path, syntax: UID) -> None:
    _, output, _ = write_both(made(syntax, 2), tmp_path, [MASK, None])
    again, twice = tmp_path / "again.dcm", tmp_path / "twice.dcm"
    write_masked(tmp_path / "source.dcm", again, [MASK, None])
    write_masked(output, twice, [MASK, None])
    assert output.read_bytes() == again.read_bytes() == twice.read_bytes()


def test_what_is_no_longer_true_goes(tmp_path: Path) -> None:
    icon = Dataset()
    icon.Rows = 1
    stale = {"SmallestImagePixelValue": 3, "LargestImagePixelValue": 4, "LargestPixelValueInSeries": 9}
    _, output, _ = write_both(made(**stale, IconImageSequence=[icon]), tmp_path, [MASK])
    assert not {*stale, "IconImageSequence"} & set(dcmread(output).dir())


@pytest.mark.parametrize(("all_text", "expected"), [(True, "NO"), (False, "YES")])
def test_only_who_masks_all_text_may_say_so(tmp_path: Path, all_text: bool, expected: str) -> None:
    _, output, _ = write_both(made(BurnedInAnnotation="YES"), tmp_path, [MASK], all_text=all_text)
    assert dcmread(output).BurnedInAnnotation == expected


@pytest.mark.parametrize("masks", [[None, None], [Mask.of(np.zeros((10, 10), np.bool_), SIDE, SIDE), None]])
def test_with_nothing_masked_the_file_is_copied(tmp_path: Path, masks: list[Mask | None]) -> None:
    source, output, done = write_both(made(frames=2, SmallestImagePixelValue=3), tmp_path, masks)
    assert source.read_bytes() == output.read_bytes()
    assert (done.frames, done.pixels, done.overlays) == (0, 0, 0)


def test_an_object_without_pixels_has_no_masks(tmp_path: Path) -> None:
    source, output, _ = write_both(report(person(1)), tmp_path, [])
    assert source.read_bytes() == output.read_bytes()
    with pytest.raises(ValueError, match="masks"):
        write_masked(source, output, [MASK])


@pytest.mark.parametrize("masks", [[MASK], [MASK, None, None], [mask_of(SIDE, SIDE + 4), None]])
def test_masks_have_to_fit_the_frames(tmp_path: Path, masks: list[Mask | None]) -> None:
    with pytest.raises(ValueError, match="mask"):
        write_both(made(frames=2), tmp_path, masks)


def in_fragments(ds: FileDataset, *, basic: bool) -> FileDataset:
    """The frames of a JPEG-LS object again, the second of them in two fragments."""
    encoded = list(generate_fragments(ds.PixelData))[1:]
    sizes = [len(frame) + 8 for frame in encoded]
    halves = [encoded[1][:20], encoded[1][20:]]
    parts = [encoded[0], *halves, *encoded[2:]]
    table = struct.pack(f"<{len(encoded)}I", 0, sizes[0], sizes[0] + sizes[1] + 8) if basic else b""
    items = b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<I", len(part)) + part for part in (table, *parts))
    ds.PixelData = items
    return ds


@pytest.mark.parametrize("basic", [True, False])
def test_a_basic_offset_table_is_made_anew_and_fragments_stay(tmp_path: Path, basic: bool) -> None:
    ds = in_fragments(made(uid.JPEGLSLossless, 3), basic=basic)
    source, output, _ = write_both(ds, tmp_path, [MASK, None, None])
    old, new = (dcmread(path).PixelData for path in (source, output))
    assert list(generate_fragments(old))[2:] == list(generate_fragments(new))[2:]
    offsets = parse_basic_offsets(new)
    assert bool(offsets) == basic
    for number in range(1, 3):
        assert get_frame(new, number, number_of_frames=3) == get_frame(old, number, number_of_frames=3)
    assert len(dcmread(output).pixel_array) == 3


def test_an_extended_offset_table_is_made_anew(tmp_path: Path) -> None:
    ds = made(uid.JPEGLSLossless, 3)
    encoded = list(generate_fragments(ds.PixelData))[1:]
    ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(encoded)
    _, output, _ = write_both(ds, tmp_path, [None, MASK, None])
    after = dcmread(output)
    extended = (after.ExtendedOffsetTable, after.ExtendedOffsetTableLengths)
    assert extended != (ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths)
    assert get_frame(after.PixelData, 2, extended_offsets=extended) == encoded[2]


def test_an_extended_offset_table_goes_where_a_frame_has_several_fragments(tmp_path: Path) -> None:
    ds = in_fragments(made(uid.JPEGLSLossless, 3), basic=False)
    ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = bytes(24), bytes(24)
    _, output, _ = write_both(ds, tmp_path, [MASK, None, None])
    assert "ExtendedOffsetTable" not in dcmread(output)
    assert "ExtendedOffsetTableLengths" not in dcmread(output)


@pytest.mark.parametrize("syntax", SYNTAXES[:3])
def test_overlays_are_masked_bit_by_bit(tmp_path: Path, syntax: UID) -> None:
    ds = made(syntax)
    shown = np.random.default_rng(1).integers(0, 2, (2, 13, 18), np.uint8)
    bits = np.packbits(shown.reshape(-1), bitorder="little").tobytes()
    bits += bytes(len(bits) % 2)
    for group, kind in ((0x6000, "R"), (0x6002, "R")):
        for number, vr, value in ((0x10, "US", 13), (0x11, "US", 18), (0x15, "IS", 2), (0x40, "CS", kind)):
            ds.add_new((group, number), vr, value)
        swapped = np.frombuffer(bits, "<u2").astype(">u2").tobytes()
        ds.add_new((group, 0x3000), "OW", swapped if syntax == uid.ExplicitVRBigEndian else bits)
    mask = mask_of(13, 18, (4, 8, 12, 18))
    source, output, done = write_both(ds, tmp_path, [None], overlays=[None, None, None, mask])
    before, after = list(overlay_frames(source)), list(overlay_frames(output))
    assert all(map(np.array_equal, before[:3], after[:3]))
    np.testing.assert_array_equal(after[3], np.where(mask.pixels(), 0, before[3]))
    assert (done.frames, done.overlays) == (0, 1)
    assert source.read_bytes()[-SIDE * SIDE :] == output.read_bytes()[-SIDE * SIDE :]
    for wrong in ([mask], [None, None, None, MASK]):
        with pytest.raises(ValueError, match="mask"):
            write_masked(source, output, [None], overlays=wrong)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEGBaseline8Bit])
def test_a_broken_frame_is_refused_where_it_has_to_be_decoded(tmp_path: Path, syntax: UID) -> None:
    ds = made(syntax, 2)
    first, second = list(generate_fragments(ds.PixelData))[1:]
    ds.PixelData = encapsulate([first, second[: len(second) // 2]])
    with pytest.raises(UnsafeToRelease) as caught:
        write_both(ds, tmp_path, [None, MASK])
    assert caught.value.reason is Reason.PIXELS_UNDECODABLE


def test_a_small_frame_of_jpeg_2000_is_refused_rather_than_lost(tmp_path: Path) -> None:
    ds = made(uid.JPEG2000Lossless)
    ds.PixelData = encapsulate([tiny_jpeg_2000()])
    ds.Rows, ds.Columns = 24, 40
    with pytest.raises(UnsafeToRelease, match="without loss") as caught:
        write_both(ds, tmp_path, [mask_of(24, 40, (0, 0, 4, 4))])
    assert caught.value.reason is Reason.PIXELS_UNDECODABLE


def tiny_jpeg_2000() -> bytes:
    buffer = BytesIO()
    Image.linear_gradient("L").resize((40, 24)).save(buffer, "JPEG2000", no_jp2=True, irreversible=False)
    return buffer.getvalue()


@pytest.mark.parametrize(("syntax", "count"), [(uid.ExplicitVRLittleEndian, 120), (uid.JPEGLSLossless, 60)])
def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path, syntax: UID, count: int) -> None:
    source = write(made(syntax, count, rows=96, columns=96, bits=16, modality="XA"), tmp_path / "long.dcm")
    masks = [mask_of(96, 96, (8, 8, 24, 60))] * count
    tracemalloc.start()
    try:
        write_masked(source, tmp_path / "masked.dcm", masks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20 < count * 96 * 96 * 2


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.JPEGLSLossless])
def test_a_frame_that_is_already_so_is_not_counted_as_changed(tmp_path: Path, syntax: UID) -> None:
    source, once, done = write_both(made(syntax, 2), tmp_path, [MASK, None])
    again = write_masked(once, tmp_path / "again.dcm", [MASK, None])
    assert (done.frames, again.frames) == (1, 0)
    assert done.pixels == again.pixels == MASK.pixels().sum()
    assert source.read_bytes() != once.read_bytes() == (tmp_path / "again.dcm").read_bytes()


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    write_both(made(uid.RLELossless), tmp_path, [MASK])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["output.dcm", "source.dcm"]


def test_native_pixels_change_only_where_bytes_are_masked(tmp_path: Path) -> None:
    source, output, _ = write_both(made(frames=3), tmp_path, [None, MASK, None])
    written = (path.read_bytes() for path in (source, output))
    old, new = (np.frombuffer(data[pixels_at(data) + 12 :], np.uint8).reshape(3, SIDE, SIDE) for data in written)
    changed = old != new
    assert not changed[[0, 2]].any()
    assert not changed[1][~MASK.pixels()].any()
    assert encode(dcmread(output))
