"""Parallel slices in patient space: the one form in which this package sees an image, whatever file it came from.

Coordinates are millimetres, right-anterior-superior (x grows to the patient's right, y to the front, z to the top), as
in NIfTI. DICOM's own (PS3.3 2026c C.7.6.2.1.1) are left-posterior-superior: the first two signs differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
"""Shape (3,), millimetres."""
Samples = NDArray[np.float32]
"""Shape (rows, columns): values of one slice after its modality's rescaling (Hounsfield units for CT)."""


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Where the pixels of one slice lie: ``origin`` is the centre of the first pixel of the first row.

    ``row_step`` leads from a pixel to the one in the next row, ``column_step`` to the one in the next column.
    """

    rows: int
    columns: int
    origin: Vector
    row_step: Vector
    column_step: Vector

    @property
    def normal(self) -> Vector:
        """Unit vector across the slice."""
        normal = np.cross(self.column_step, self.row_step)
        return np.asarray(normal / np.linalg.norm(normal))


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Parallel slices of equal size, sorted along their normal; distances may be uneven, a gantry may be tilted.

    Attributes
    ----------
    plane
        Of the first slice; the others differ in their origin alone.
    origins
        Shape (slices, 3), in the order of ``plane.normal``.
    read
        Gives the samples of a slice by its number; called anew for each use, so that no more than a few are held.
    modality
        As DICOM writes it ("CT", "MR", "PT"); empty where nobody tells.
    thickness
        Of a slice in mm; 0 where nobody tells.
    """

    plane: Plane
    origins: NDArray[np.float64]
    read: Callable[[int], Samples] = field(repr=False)
    modality: str = ""
    thickness: float = 0.0

    def __len__(self) -> int:
        return len(self.origins)

    def plane_of(self, number: int) -> Plane:
        """Where slice ``number`` lies."""
        first = self.plane
        return Plane(first.rows, first.columns, self.origins[number], first.row_step, first.column_step)
