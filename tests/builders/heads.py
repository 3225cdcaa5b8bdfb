"""Volumes that hold a head: an average one, of no living person, tilted, scaled or cropped, as arrays and as DICOM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from deid_platform.audit.heads.average import average_head
from deid_platform.heads.stack import Plane, Stack
from tests.builders.images import image
from tests.builders.objects import override
from tests.builders.people import Person


@dataclass(frozen=True, slots=True)
class Scan:
    """Axial slices from below to above: samples of shape (slices, rows, columns), 0 in air, some 900 in the head.

    ``origin`` is the first pixel of the first slice in RAS mm, ``step`` the distance of neighbours in all directions.
    """

    samples: NDArray[np.uint16]
    origin: NDArray[np.float64]
    step: float

    def stack(self, modality: str = "MR") -> Stack:
        """The slices as the engine wants them; rows run to the back, columns to the patient's left."""
        origins = self.origin + np.outer(np.arange(len(self.samples)) * self.step, [0, 0, 1.0])
        rows, columns = self.samples.shape[1:]
        plane = Plane(rows, columns, origins[0], np.array([0, -self.step, 0.0]), np.array([-self.step, 0, 0.0]))
        if plane.normal[2] < 0:
            raise ValueError("the slices do not follow their normal")
        return Stack(plane, origins, lambda number: self.samples[number].astype(np.float32), modality, self.step)


def head(
    *, pitch: float = 0.0, scale: float = 0.88, step: float = 3.0, lowest: float = -125.0,
    change: Callable[[NDArray[np.float32]], NDArray[np.float32]] | None = None,
) -> Scan:  # fmt: skip
    """An average head, smaller or larger, its chin lifted by ``pitch`` degrees, scanned from ``lowest`` mm upward.

    ``change`` turns brightness from 0 to 1 into another contrast.
    """
    average = average_head()
    high = np.array([95.0, 115.0, 105.0])
    low = np.array([-95.0, -125.0, lowest])
    axes = [np.arange(low[axis], high[axis], step) for axis in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"))
    angle = np.deg2rad(-pitch)
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    values = average.at(average.image, np.tensordot(turn / scale, points, 1))
    noise = np.random.default_rng(4).rayleigh(0.012, values.shape)
    values = np.clip((change(values) if change else values) + noise, 0, 1)
    samples = np.rint(values * 1000).astype(np.uint16)
    # From (x, y, z) to slices from below, rows from the front, columns from the right.
    return Scan(samples.transpose(2, 1, 0)[:, ::-1, ::-1].copy(), np.array([axes[0][-1], axes[1][-1], low[2]]), step)


def body(shape: tuple[int, int, int] = (60, 80, 80), step: float = 5.0) -> Scan:
    """A belly: organs of several brightnesses in an oval body, and a spine. Nothing of a head."""
    up, row, column = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j, -1 : 1 : shape[2] * 1j]
    values = np.where((row / 0.6) ** 2 + (column / 0.9) ** 2 + 0 * up < 1, 300, 0)
    rng = np.random.default_rng(1)
    for _ in range(12):
        (z, y, x), (a, b, c) = rng.uniform(-0.5, 0.5, 3), rng.uniform(0.08, 0.35, 3)
        organ = ((up - z) / a) ** 2 + ((row - y) / b) ** 2 + ((column - x) / c) ** 2 < 1
        values = np.where(organ & (values > 0), rng.integers(50, 900), values)
    values = np.where((row - 0.35) ** 2 + column**2 + 0 * up < 0.01, 80, values)
    samples = values + rng.integers(0, 12, shape)
    return Scan(samples.astype(np.uint16), np.array([200.0, 200.0, 0.0]), step)


def slices(scan: Scan, person: Person, series: int = 1, every: int = 1, **overrides: object) -> list[FileDataset]:
    """The scan as DICOM files of one series; ``every`` leaves slices out."""
    made = []
    for number in range(0, len(scan.samples), every):
        right, front, up = scan.origin + np.array([0, 0, number * scan.step])
        rows, columns = scan.samples.shape[1:]
        ds = image(person, series=series, instance=number + 1, modality="MR", rows=rows, columns=columns,
                   bits=12, private=False, graphics=False)  # fmt: skip
        ds.ImagePositionPatient = [-float(right), -float(front), float(up)]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [scan.step, scan.step], scan.step * every
        ds.PixelData = scan.samples[number].astype("<u2").tobytes()
        made.append(override(ds, dict(overrides)))
    return made
