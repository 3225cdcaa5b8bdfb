"""Mosaics of echo-planar images through the whole chain, beside the volume that shows their head and without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset

from deid_platform.model import Reason
from tests.builders.chain import Chain, land, pipeline, run_drops
from tests.builders.dicom import encode, person
from tests.builders.heads import Scan, head, slices
from tests.builders.mosaics import Headers, mosaic, untiled


def echo_planar() -> Scan:
    """The head as a coarse volume of 49 slices from the mouth up."""
    whole = head(step=4.0)
    return Scan(whole.samples[4:53], whole.origin + np.array([0, 0, 16.0]), 4.0)


def chain(root: Path, *objects: object, profile: str) -> Chain:
    land(root, {f"{number:03}.dcm": encode(one) for number, one in enumerate(objects)})
    (one,) = run_drops(pipeline(root, profile=profile)).values()
    return one


def gone(before: Scan, ds: Dataset, *, falling: bool) -> NDArray[np.bool_]:
    """Which voxels of the scan a cleaned mosaic has lost."""
    after = untiled(ds.pixel_array, *before.samples.shape)
    return np.asarray(before.samples != (after[::-1] if falling else after))


def eyes_and_nose(scan: Scan) -> NDArray[np.bool_]:
    number, row, column = np.indices(scan.samples.shape)
    x, y, z = scan.origin
    right, front, up = (x - column * scan.step) / 0.88, (y - row * scan.step) / 0.88, (z + number * scan.step) / 0.88
    return np.asarray((abs(right) < 45) & (front > 65) & (up > -90) & (up < -25) & (scan.samples > 150))


def test_what_a_fine_volume_shows_goes_from_the_mosaics_of_its_frame_of_reference(tmp_path: Path) -> None:
    coarse = echo_planar()
    folded = [mosaic(coarse, person(1), series=number, falling=number == 3) for number in (2, 3)]
    # This profile removes all private elements: how the slices lie is read from the originals.
    one = chain(tmp_path, *slices(head(step=2.5), person(1)), *folded, profile="safe_harbor")
    assert not one.gate.verdict.refused, one.gate.findings
    kept = [dcmread(tmp_path / entry.object) for entry in one.cleaned.manifest.passed]
    found = [ds for ds in kept if ds.Rows == 7 * coarse.samples.shape[1]]
    assert len(found) == 2
    for ds in found:
        falling = ds.ImagePositionPatient == folded[1].ImagePositionPatient
        lost = gone(coarse, ds, falling=falling)
        assert lost[eyes_and_nose(coarse)].mean() > 0.95
        assert lost.mean() < 0.4
        assert not (lost & (coarse.samples > 150))[-8:].any()  # the crown
        assert ds.RecognizableVisualFeatures == "NO"


def test_mosaics_of_few_slices_show_no_face(tmp_path: Path) -> None:
    scan = echo_planar()
    few = replace(scan, samples=scan.samples[:5])
    one = chain(tmp_path, mosaic(few, person(1)), profile="research")
    assert {entry.masking.head for entry in one.cleaned.manifest.passed} == {"too_few_slices"}
    assert not one.gate.verdict.refused


def test_mosaics_nobody_can_unfold_are_refused_with_their_reason(tmp_path: Path) -> None:
    unsure = mosaic(echo_planar(), person(1), headers=Headers(image=False, protocol=False))
    one = chain(tmp_path, unsure, profile="research")
    assert [entry.reason for entry in one.cleaned.manifest.quarantined] == [Reason.FACE_NOT_JUDGED]
