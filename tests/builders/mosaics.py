"""Siemens mosaics: the slices of a scan side by side in one frame, with the headers that tell how they lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from tests.builders.heads import Scan
from tests.builders.images import image
from tests.builders.objects import override
from tests.builders.people import Person
from tests.formats.dicom.headers import csa


@dataclass(frozen=True, slots=True)
class Headers:
    """What the maker's headers tell. ``first`` is the number in the protocol of the slice the frame begins with."""

    counted: bool = True
    image: bool = True
    protocol: bool = True
    first: int = 0
    normal: float = 1.0
    size: int = 0
    shift: float = 0.0

    def elements(self, scan: Scan, count: int) -> list[tuple[str, str, list[bytes]]]:
        """The elements of a CSA header; protocols count slices from below to above."""
        found: list[tuple[str, str, list[bytes]]] = []
        if self.image:
            normal = [b"0.0", b"0.0", f"{self.normal:.8f}".encode()]
            found += [("ProtocolSliceNumber", "IS", [str(self.first).encode()]), ("SliceNormalVector", "FD", normal)]
        if self.protocol:
            found.append(("MrPhoenixProtocol", "UN", [self._protocol(scan, count).encode()]))
        return found

    def _protocol(self, scan: Scan, count: int) -> str:
        rows, columns = scan.samples.shape[1:]
        right, front, up = scan.origin - np.array([(columns - 1) / 2, (rows - 1) / 2, 0]) * scan.step
        lines = [f"sSliceArray.lSize\t = \t{self.size or count}"]
        for number in range(count):
            centre = {"dSag": -right, "dCor": -front, "dTra": up + number * scan.step + self.shift}
            lines += [f"sSliceArray.asSlice[{number}].sPosition.{axis}\t = \t{value:.6f}"
                      for axis, value in centre.items() if value]  # fmt: skip
        return "\n".join(["### ASCCONV BEGIN ###", *lines, "### ASCCONV END ###", ""])


def mosaic(
    scan: Scan, person: Person, series: int = 1, instance: int = 1, *, headers: Headers | None = None,
    falling: bool = False, **overrides: object,
) -> FileDataset:  # fmt: skip
    """The scan as one mosaic; ``falling``: its first tile is the uppermost slice, the last of the protocol."""
    headers = headers or Headers(first=len(scan.samples) - 1 if falling else 0)
    count, rows, columns = scan.samples.shape
    side = ceil(sqrt(count))
    ds = image(person, series=series, instance=instance, modality="MR", rows=rows * side, columns=columns * side,
               bits=12, private=False, graphics=False)  # fmt: skip
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    place = scan.origin + np.array([0, 0, (count - 1) * scan.step if falling else 0])
    place = place + np.array([columns, rows, 0]) * (side - 1) / 2 * scan.step
    ds.ImagePositionPatient = [-float(place[0]), -float(place[1]), float(place[2])]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness, ds.SpacingBetweenSlices = [scan.step, scan.step], scan.step, scan.step
    ds.PixelData = tiled(scan.samples[::-1] if falling else scan.samples).astype("<u2").tobytes()
    if headers.counted:
        ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", count)
    block = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", csa(*headers.elements(scan, count)))
    return override(ds, dict(overrides))


def tiled(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Slices of shape (slices, rows, columns) as one frame, row by row; what is left of the square is 0."""
    count, rows, columns = samples.shape
    side = ceil(sqrt(count))
    whole = np.zeros((side * side, rows, columns), samples.dtype)
    whole[:count] = samples
    return whole.reshape(side, side, rows, columns).transpose(0, 2, 1, 3).reshape(side * rows, side * columns)


def untiled(frame: NDArray[np.uint16], count: int, rows: int, columns: int) -> NDArray[np.uint16]:
    """The slices of a frame again."""
    side = ceil(sqrt(count))
    return frame.reshape(side, rows, side, columns).transpose(0, 2, 1, 3).reshape(-1, rows, columns)[:count]
