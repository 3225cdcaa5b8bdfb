"""Finding text in files: which frames, in which way, at what cost."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import uid as uids
from pydicom.dataset import FileDataset

from deid_platform.errors import UnsafeToRelease
from deid_platform.model import Reason
from deid_platform.pixels.frames import open_pixels
from deid_platform.pixels.layout import Limits
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.regions import Box, Screen
from deid_platform.pixels.text import find_text, project_series
from tests.builders.dicom import encode, image, person, report, write
from tests.builders.nets import WhiteNet, solid, white
from tests.builders.odd_pixels import all_odd_pixels

Array = NDArray[Any]
SPOT = (slice(20, 24), slice(32, 40))
FLASH = np.full((48, 64), 4000)
"""An even frame that hides what is bright in the others from the maximum over all."""


def greys(*frames: Array, **header: Any) -> FileDataset:
    """An object of frames of 16-bit values as they are."""
    rows, columns = frames[0].shape
    ds = image(person(1), modality="XA", rows=rows, columns=columns, frames=len(frames), graphics=False, **header)
    ds.PixelData = np.stack(frames).astype("<u2").tobytes()
    return ds


def noise(number: int = 0, shape: tuple[int, int] = (48, 64)) -> Array:
    return np.random.default_rng(number).integers(100, 900, shape)


def spotted(frame: Array, value: int = 4000) -> Array:
    marked = frame.copy()
    marked[SPOT] = value
    return marked


def hidden(mask: Mask | None, where: Any = SPOT) -> bool:
    return mask is not None and bool(mask.pixels()[where].all())


def find(tmp_path: Path, ds: FileDataset | bytes, net: WhiteNet | None = None, **settings: Any) -> list[Mask | None]:
    path = tmp_path / "a.dcm"
    path.write_bytes(ds if isinstance(ds, bytes) else encode(ds))
    return find_text(path, net or WhiteNet(solid), **settings)


def test_each_frame_has_its_own_mask_or_none(tmp_path: Path) -> None:
    dark, other, *rest = find(tmp_path, greys(np.full((48, 64), 7), spotted(np.full((48, 64), 7)), noise(), FLASH))
    assert dark is None
    assert other is not None
    assert hidden(other)
    assert int(other.cells().sum()) == 3 * 4  # the cells of the spot, and one around them
    assert rest == [None, None]


@pytest.mark.parametrize("batch", [1, 3, 16])
def test_frames_keep_their_order_whatever_is_looked_at_together(tmp_path: Path, batch: int) -> None:
    frames = [spotted(noise(n)) if n in (1, 4) else noise(n) for n in range(7)]
    frames[5] = FLASH
    net = WhiteNet(solid, batch=batch)
    assert [hidden(mask) for mask in find(tmp_path, greys(*frames), net)] == [n in (1, 4) for n in range(7)]
    assert max(shape[0] for shape in net.shapes) == min(batch, 6)


def test_large_frames_are_looked_at_one_by_one(tmp_path: Path) -> None:
    net = WhiteNet(solid, batch=16)
    find(tmp_path, greys(*(spotted(np.full((1500, 1500), value)) for value in (3, 4))), net)
    assert {shape[0] for shape in net.shapes} == {1}


def test_equal_frames_are_judged_once(tmp_path: Path) -> None:
    one, other = WhiteNet(solid), WhiteNet(solid)
    find(tmp_path, greys(spotted(noise())), one)
    masks = find(tmp_path, greys(*[spotted(noise())] * 5), other)
    assert len(other.shapes) == len(one.shapes)
    assert all(map(hidden, masks))
    assert len({id(mask) for mask in masks}) == 1


def in_the_dark(views: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What is solid, but only in a picture that is dark on the whole: what is bright elsewhere hides it."""
    return np.asarray(solid(views) & (views[:, 1].mean(axis=(1, 2), keepdims=True) < 0.3))


def dazzling(number: int) -> Array:
    frame = np.random.default_rng(number).integers(0, 4000, (48, 64))
    frame[SPOT] = 4000
    return frame


def test_what_only_the_minimum_over_a_cine_shows_is_masked_in_every_frame(tmp_path: Path) -> None:
    net = WhiteNet(in_the_dark)
    assert find(tmp_path, greys(dazzling(0)), net) == [None]
    assert all(map(hidden, find(tmp_path, greys(*map(dazzling, range(20))), net)))


def series(tmp_path: Path, objects: Sequence[FileDataset | bytes]) -> list[Path]:
    paths = [tmp_path / f"{number}.dcm" for number in range(len(objects))]
    for path, ds in zip(paths, objects, strict=True):
        path.write_bytes(ds if isinstance(ds, bytes) else encode(ds))
    return paths


def test_what_only_the_minimum_over_a_series_shows_is_found(tmp_path: Path) -> None:
    scout = greys(np.full((20, 20), 4000), RescaleSlope=1)
    paths = series(tmp_path, [b"no file", scout, *(greys(dazzling(n)) for n in range(12)), encode(report(person(1)))])
    assert hidden(project_series(paths, WhiteNet(in_the_dark)))


@pytest.mark.parametrize(
    "objects",
    [[], [greys(*map(dazzling, range(9)))] * 9, [b"", b"no file"] * 9, [greys(dazzling(n)) for n in range(5)],
     [greys(dazzling(n), RescaleSlope=n // 3) for n in range(9)]],
)  # fmt: skip
def test_without_six_comparable_files_there_is_no_projection(tmp_path: Path, objects: list[FileDataset]) -> None:
    assert project_series(series(tmp_path, objects), WhiteNet(in_the_dark)) is None


def test_the_anatomy_of_few_frames_is_not_mingled(tmp_path: Path) -> None:
    assert find(tmp_path, greys(*map(dazzling, range(5))), WhiteNet(in_the_dark)) == [None] * 5


def test_known_labels_are_masked_whatever_they_show(tmp_path: Path) -> None:
    screen = Screen(labelled=(Box(0, 0, 64, 8),))
    for mask in find(tmp_path, greys(np.full((48, 64), 7), noise()), screen=screen):
        assert hidden(mask, np.s_[:8])


def test_an_open_file_may_be_given(tmp_path: Path) -> None:
    path = write(greys(spotted(noise())), tmp_path / "a.dcm")
    with open_pixels(path) as source:
        assert source is not None
        assert hidden(find_text(source, WhiteNet(solid))[0])


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR", "MONOCHROME2"])
def test_text_is_found_in_every_photometric_interpretation(tmp_path: Path, photometric: str) -> None:
    ds = image(person(1), modality="US", rows=64, columns=192, photometric=photometric, text="NAME")
    (mask,) = find(tmp_path, ds, WhiteNet(white))
    assert mask is not None
    assert 0.05 < mask.pixels().mean() < 0.7


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_text_is_found_at_every_depth(tmp_path: Path, bits: int, signed: bool) -> None:
    ds = image(person(1), modality="CT", rows=64, columns=192, bits=bits, signed=signed, text="NAME")
    (mask,) = find(tmp_path, ds, WhiteNet(white))
    assert mask is not None
    assert mask.pixels()[20:30, 10:100].mean() > 0.5


def test_floating_point_and_single_bits_are_looked_at(tmp_path: Path) -> None:
    floating = image(person(1), BitsStored=None, HighBit=None, PixelRepresentation=None)
    values = np.zeros((64, 64), "<f4")
    values[SPOT] = 0.5
    del floating.PixelData
    floating.FloatPixelData, floating.BitsAllocated = values.tobytes(), 32
    assert hidden(find(tmp_path, floating)[0])
    single = image(person(1), modality="US", BitsAllocated=1, BitsStored=1, HighBit=0)
    single.PixelData = np.packbits(values > 0, bitorder="little").tobytes()
    assert hidden(find(tmp_path, single)[0])


@pytest.mark.parametrize("shape", [(15, 15), (1, 50), (50, 1), (1, 1), (7, 700)])
def test_frames_that_hold_no_word_are_left(tmp_path: Path, shape: tuple[int, int]) -> None:
    assert find(tmp_path, greys(np.eye(*shape)), WhiteNet(white)) == [None]


@pytest.mark.parametrize("shape", [(8, 16), (9, 50), (50, 8), (8, 700)])
def test_frames_of_any_shape_are_looked_at(tmp_path: Path, shape: tuple[int, int]) -> None:
    frame = np.zeros(shape)
    frame[-1, -1] = 1
    (mask,) = find(tmp_path, greys(frame), WhiteNet(white))
    assert mask is not None
    assert mask.pixels()[-1, -1]


@pytest.mark.parametrize(
    "name", ["no rows", "65535 rows", "no frames", "a billion frames", "24 bits allocated", "pixels of no bytes",
             "fragments that name", "no fragments"],
)  # fmt: skip
def test_what_cannot_be_looked_at_is_refused_with_a_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafeToRelease) as caught:
        find(tmp_path, all_odd_pixels()[name].make())
    assert caught.value.reason in (Reason.PIXELS_UNDECODABLE, Reason.TOO_LARGE)


def test_video_and_bombs_are_refused(tmp_path: Path) -> None:
    ds = image(person(1), modality="US", transfer_syntax=uids.JPEG2000Lossless)
    ds.file_meta.TransferSyntaxUID = uids.MPEG2MPML
    with pytest.raises(UnsafeToRelease) as caught:
        find(tmp_path, ds)
    assert caught.value.reason is Reason.VIDEO
    with pytest.raises(UnsafeToRelease) as caught:
        find(tmp_path, image(person(1)), limits=Limits(frame_bytes=100))
    assert caught.value.reason is Reason.TOO_LARGE


def test_a_file_without_pixels_has_no_masks(tmp_path: Path) -> None:
    assert find(tmp_path, report(person(1))) == []


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path: Path) -> None:
    """Thirty-two frames are kept for the median; each further one costs its mask only."""
    peaks = []
    for count in (40, 90):
        frames = greys(*(np.roll(spotted(noise()), number, axis=1) for number in range(count)))
        path = write(frames, tmp_path / "a.dcm")
        tracemalloc.start()
        assert len(find_text(path, WhiteNet(solid))) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 50 * 1000 < 50 * 48 * 64 * 2
