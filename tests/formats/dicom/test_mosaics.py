"""Mosaics: unfolded where all headers agree on how, by maker and judge alike, and by neither where they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from deid_platform.audit.heads.mosaics import fold_of, looks_folded
from deid_platform.formats.dicom.planes import planes_of
from deid_platform.formats.dicom.stacks import open_stack
from deid_platform.heads.plans import ItemPlanes, stacks_of
from tests.builders.dicom import image, person, write
from tests.builders.heads import Scan
from tests.builders.mosaics import Headers, mosaic

DATA = Path(__file__).parents[4] / "shared" / "data" / "dicom"


def scan(count: int = 11) -> Scan:
    samples = np.random.default_rng(3).integers(1, 4000, (count, 12, 10)).astype(np.uint16)
    return Scan(samples, np.array([40.0, 60.0, -20.0]), 5.0)


def read(ds: FileDataset, folder: Path) -> ItemPlanes:
    own = planes_of(write(ds, folder / "a.dcm"))
    assert own is not None
    return own


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_slices_lie_where_the_scan_had_them(tmp_path: Path, falling: bool, counted: bool) -> None:
    headers = Headers(counted=counted, first=10 if falling else 0)
    own = read(mosaic(scan(), person(1), falling=falling, headers=headers), tmp_path)
    expected = scan().stack()
    (plan,) = stacks_of({"a": own})
    assert (own.side, own.rows, own.columns, own.frames) == (4, 12, 10, 1)
    assert np.allclose(plan.origins(), expected.origins)
    with open_stack(plan, {"a": tmp_path / "a.dcm"}) as stack:
        for number in range(len(stack)):
            assert np.array_equal(stack.read(number), scan().samples[number])


@pytest.mark.parametrize("normal", [1.0, -1.0])
def test_without_a_protocol_the_normal_of_the_slices_tells(tmp_path: Path, normal: float) -> None:
    headers = Headers(protocol=False, normal=normal)
    own = read(mosaic(scan(), person(1), headers=headers), tmp_path)
    assert np.allclose(np.diff(own.origins, axis=0), [0, 0, 5.0 * normal])


UNSURE: dict[str, tuple[Headers, dict[str, Any]]] = {
    "no headers": (Headers(image=False, protocol=False), {}),
    "no number of slices": (Headers(counted=False, protocol=False), {}),
    "two numbers of slices": (Headers(size=12), {}),
    "two ways": (Headers(normal=-1.0), {}),
    "not the first slice": (Headers(protocol=False, first=10), {}),
    "an oblique normal": (Headers(protocol=False, normal=0.5), {}),
    "another place": (Headers(shift=2.5), {}),
    "another spacing": (Headers(), {"SpacingBetweenSlices": 4.0}),
    "no spacing": (Headers(protocol=False), {"SpacingBetweenSlices": None}),
    "no place": (Headers(), {"ImagePositionPatient": None}),
    "rows that are no tiles": (Headers(), {"Rows": 47}),
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_is_not_sure_is_unfolded_by_neither_side(tmp_path: Path, name: str) -> None:
    headers, overrides = UNSURE[name]
    ds = mosaic(scan(), person(1), headers=headers, **overrides)
    own = read(ds, tmp_path)
    assert own.hidden
    assert not own.placed
    assert fold_of(dcmread(tmp_path / "a.dcm")) is None


@pytest.mark.parametrize("falling", [False, True])
def test_maker_and_judge_unfold_alike(tmp_path: Path, falling: bool) -> None:
    own = read(mosaic(scan(), person(1), falling=falling), tmp_path)
    fold = fold_of(dcmread(tmp_path / "a.dcm"))
    assert fold is not None
    assert fold.side == own.side
    assert np.allclose(fold.origins * [-1, -1, 1], own.origins)


def test_an_original_tells_what_its_copy_has_lost(tmp_path: Path) -> None:
    original = write(mosaic(scan(), person(1)), tmp_path / "original")
    ds = mosaic(scan(), person(1))
    ds.remove_private_tags()
    copy = write(ds, tmp_path / "copy")
    alone, both = planes_of(copy), planes_of(copy, original)
    assert alone is not None
    assert both is not None
    assert alone.hidden
    assert len(both.origins) == 11


@pytest.mark.parametrize(
    ("group", "creator", "number"), [(0x0019, "SIEMENS MR HEADER", 0x0A), (0x0065, "Image Private Header", 0x50)]
)
@pytest.mark.parametrize("count", [1, 9])
def test_a_count_of_slices_makes_a_mosaic_whatever_image_type_says(
    tmp_path: Path, group: int, creator: str, number: int, count: int
) -> None:
    ds = image(person(1), modality="MR", private=False)
    ds.private_block(group, creator, create=True).add_new(number, "US", count)
    assert read(ds, tmp_path).hidden is (count > 1)
    assert looks_folded(dcmread(tmp_path / "a.dcm")) is (count > 1)


@pytest.mark.parametrize("damage", [b"SV10", b"SV10\4\3\2\1\xff\xff\xff\xff\x4d\0\0\0", b"nothing", b""])
def test_damaged_headers_tell_nothing(tmp_path: Path, damage: bytes) -> None:
    ds = mosaic(scan(), person(1))
    ds[0x00291010].value = damage
    assert read(ds, tmp_path).hidden
    assert fold_of(dcmread(tmp_path / "a.dcm")) is None


@pytest.mark.skipif(not DATA.is_dir(), reason="the sample files are not there")
def test_real_mosaics_are_unfolded_alike() -> None:
    found = sorted((DATA / "neurolabusc+dcm_qa/In/Orientation").rglob("MR.*"))
    found += sorted((DATA / "neurolabusc+dcm_qa_sag/In").glob("[2-5]_*/*.dcm"))
    assert len(found) > 6
    for path in found:
        own, fold = planes_of(path), fold_of(dcmread(path, stop_before_pixels=True))
        assert own is not None
        assert fold is not None
        assert np.allclose(fold.origins * [-1, -1, 1], own.origins)
