"""Mosaics are judged by where a finer volume shows the head: slices that lost what belongs to others are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from deid_platform.audit.heads.average import Registered
from deid_platform.audit.heads.proof import measured
from deid_platform.audit.heads.volumes import Pair, Place, places_of
from deid_platform.stages.heads_proof import _misplaced, _untouched
from tests.builders.dicom import person, write
from tests.builders.heads import Scan, head, slices
from tests.builders.mosaics import Headers, mosaic, tiled

POSE = Registered(0.88 * np.eye(3), np.zeros(3), 1.0)


def coarse() -> Scan:
    whole = head(step=4.0)
    return Scan(whole.samples[4:53], whole.origin + np.array([0, 0, 16.0]), 4.0)


def face(scan: Scan) -> NDArray[np.bool_]:
    number, row, column = np.indices(scan.samples.shape)
    x, y, z = scan.origin
    right, front, up = (x - column * scan.step) / 0.88, (y - row * scan.step) / 0.88, (z + number * scan.step) / 0.88
    return np.asarray((0.788 * front - 0.616 * up > 70) | ((front > 22) & (up < -45) & (abs(right) < 80)))


def place(folder: Path, removed: NDArray[np.bool_], *, headers: Headers | None = None, fine: bool = True) -> Place:
    """A mosaic that lost some of its voxels, beside slices of the same Frame of Reference."""
    scan = coarse()
    original = write(mosaic(scan, person(1), series=2, headers=headers), folder / "original")
    ds = dcmread(original)
    ds.PixelData = tiled(np.where(removed, 12, scan.samples).astype("<u2")).tobytes()
    ds.remove_private_tags()
    output = folder / "output"
    ds.save_as(output)
    thin = head(step=2.5)
    some = slices(replace(thin, samples=thin.samples[30:52]), person(1)) if fine else []
    paths = [write(one, folder / f"{number}.dcm") for number, one in enumerate(some)]
    pairs = [Pair(path.name, path, path) for path in paths]
    return next(one for one in places_of([*pairs, Pair("mosaic", original, output)]) if "mosaic" in one.items)


@pytest.mark.parametrize(
    ("careless", "found"),
    [
        (lambda mask: mask, set()),
        (lambda mask: mask[::-1], {"brain_changed", "tissue_before_the_face"}),
        (lambda mask: np.roll(mask, 7, axis=0), {"brain_changed", "tissue_before_the_face"}),
        (np.zeros_like, {"tissue_before_the_face"}),
    ],
)
def test_a_mosaic_that_lost_the_wrong_voxels_is_refused(
    tmp_path: Path, careless: Callable[[NDArray[np.bool_]], NDArray[np.bool_]], found: set[str]
) -> None:
    assert set(_misplaced(place(tmp_path, careless(face(coarse()))), POSE)) == found


def test_a_mosaic_alone_is_measured_like_any_volume(tmp_path: Path) -> None:
    alone = place(tmp_path, face(coarse()), fine=False)
    (volume,) = alone.volumes()
    assert not list(alone.mosaics())
    assert volume.before.shape[0] == 49
    assert measured(volume, POSE).failures(face=True) == []


def test_a_mosaic_that_nobody_can_unfold_proves_nothing(tmp_path: Path) -> None:
    one = place(tmp_path, face(coarse()), headers=Headers(image=False, protocol=False))
    assert one.items == ("mosaic",)
    assert one.count == 0
    assert _untouched(one, Counter()) == ["not_located"]
