"""What is proven of a volume whose face was removed: the face's skin is gone, and the brain is as it was.

The face is where it lies in an average head that was registered to the original: from brow to upper lip, as wide as the
eyes. Seen from the front, the skin there must have moved back by a centimetre or more nearly everywhere; what is left
of it may hold together over a few square centimetres at most. In front of the plane of the face nothing may be left,
and deep inside of the brain nothing may differ from the original.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.audit.heads.average import Registered, average_head, register
from deid_platform.audit.heads.volumes import Volume

_STEP = 2.5
# The box of the head frame that is looked at from the front: x, y and z in mm.
_ACROSS, _ALONG, _UP = (-52.0, 52.0), (0.0, 145.0), (-92.0, -16.0)
_NORMAL, _BEYOND = np.array([0.0, np.cos(np.deg2rad(38.0)), -np.sin(np.deg2rad(38.0))]), 74.0
_CHIN = -120.0
_SKIN = 0.12
_DEEP = 2  # voxels of 4 mm by which the brain of the average head is taken in: registration is no more exact
MOVED, LARGEST_PATCH, LEFT, BRAIN_CHANGED = 0.95, 4.0, 0.03, 0.002
"""Least share of the skin that moved, largest patch in cm² that did not, and largest shares of tissue left in front of
the face's plane and of changed places deep in the brain."""
_DISTANCE = 10.0
_LEAST_SCORE = 0.2
_SCALES = (0.5, 1.5)
_INWARD = 15.0  # mm behind the average head's skin, from which on tissue is deeper than any skin of a face
_LEAST_AREA = 15.0  # cm² of skin in the field of view, below which no face is shown


@dataclass(frozen=True, slots=True)
class HeadProof:
    """The figures of one volume. Shares are 0 to 1, areas in cm²; ``score`` tells how well the average head fits."""

    score: float
    located: bool
    area: float = 0.0
    moved: float = 0.0
    patch: float = 0.0
    left: float = 0.0
    brain_changed: float = 0.0

    def failures(self, *, face: bool) -> list[str]:
        """What is not proven; without ``face`` only that a brain is whole."""
        if not self.located:
            return ["not_located"]
        checks = {"brain_changed": self.brain_changed > BRAIN_CHANGED}
        if face and self.area >= _LEAST_AREA:
            checks["skin_not_moved"] = self.moved < MOVED
            checks["patch_of_skin_left"] = self.patch > LARGEST_PATCH
        if face:
            checks["tissue_before_the_face"] = self.left > LEFT
        return [name for name, failed in checks.items() if failed]

    def misplaced(self) -> list[str]:
        """What is not proven of a coarse volume that is measured where a finer one showed the head to lie."""
        checks = {"brain_changed": self.brain_changed > BRAIN_CHANGED, "tissue_before_the_face": self.left > LEFT}
        return [name for name, failed in checks.items() if failed]

    def figures(self) -> dict[str, float]:
        """Plain numbers."""
        return {name: round(float(value), 4) for name, value in asdict(self).items()}


def prove(volume: Volume) -> HeadProof:
    """Measure one volume, both sides of it."""
    return measured(volume, register(volume))


def measured(volume: Volume, found: Registered) -> HeadProof:
    """Measure a volume over which the average head was laid."""
    if not _fits(found):
        return HeadProof(found.score, located=False)
    moved, patch, area = _skin(volume, found)
    return HeadProof(found.score, True, area, moved, patch, _left(volume, found), _brain_changed(volume, found))


def _fits(found: Registered) -> bool:
    """Whether there is a head of possible size where the average one came to lie."""
    scales = found.scales
    return bool(found.score >= _LEAST_SCORE and scales[-1] >= _SCALES[0] and scales[0] <= _SCALES[1])


def _axis(limits: tuple[float, float], step: float = _STEP) -> NDArray[np.float64]:
    return np.arange(limits[0], limits[1] + step / 2, step)


def tissue(volume: Volume, points: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where there is tissue at points of the patient, before and after, by one threshold for both."""
    before, after, _, scanned = volume.at(points)
    level = tissue_level(volume)
    return scanned & (before > level), scanned & (after > level)


def tissue_level(volume: Volume) -> float:
    """The value from which on there is tissue, from the original."""
    sample = volume.before[:, ::2, ::2]
    low, high = np.percentile(np.clip(sample, -1000, 2000) if sample.min() < -500 else sample, [1, 99.5])
    return float(low + _SKIN * (high - low))


def _skin(volume: Volume, found: Registered) -> tuple[float, float, float]:
    """The share of the skin that moved, the largest patch that did not, and the area seen, both in cm²."""
    grid = np.stack(np.meshgrid(_axis(_ACROSS), _axis(_ALONG), _axis(_UP), indexing="ij"))
    points = found.to_patient(grid)
    before, after = tissue(volume, points)
    before = ndimage.binary_opening(before)
    depth = _from_front(before)
    seen = before.any(axis=1) & ~_sections(volume.at(points)[3], depth, grid)
    # What holds together with the head counts, not the specks of noise in front of it.
    now = np.where(after.any(axis=1), _from_front(ndimage.binary_opening(after)), before.shape[1])
    scale = float(found.scales.mean())
    stayed = seen & ((now - depth) * _STEP * scale < _DISTANCE)
    pixel = (_STEP * scale) ** 2 / 100
    area = float(seen.sum() * pixel)
    if not seen.any():
        return 1.0, 0.0, 0.0
    pieces, count = ndimage.label(stayed)
    patch = float(np.bincount(pieces.ravel())[1:].max() * pixel) if count else 0.0
    return 1 - float(stayed.sum() / seen.sum()), patch, area


def _from_front(tissue: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many points from the front the first tissue lies; all of them where there is none."""
    backward = tissue[:, ::-1]
    return np.asarray(np.where(backward.any(axis=1), backward.argmax(axis=1), tissue.shape[1]))


def _sections(scanned: NDArray[np.bool_], depth: NDArray[np.int64], grid: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where the first tissue is no skin but the section of a slanting outermost slice.

    It lies deeper than an average head has its skin, and on the way from there to it the field of view is left. Where
    the field of view ends at the skin itself, nothing of this kind is taken for a section.
    """
    average = average_head()
    skin = _from_front(average.at(average.image, grid) > _SKIN) + _INWARD / _STEP
    number = np.arange(scanned.shape[1])[:, None]
    between = (number > skin[:, None]) & (number < depth[:, None])
    return np.asarray((between & ~scanned[:, ::-1]).any(axis=1))


def _left(volume: Volume, found: Registered) -> float:
    """The share of the original's tissue in front of the face's plane that is still there."""
    grid = np.stack(np.meshgrid(_axis((-80, 80), 4), _axis((-20, 145), 4), _axis((_CHIN, 40), 4), indexing="ij"))
    beyond = grid[:, np.tensordot(_NORMAL, grid, 1) > _BEYOND]
    before, after = tissue(volume, found.to_patient(beyond))
    return float((before & after).sum() / before.sum()) if before.sum() else 0.0


def _brain_changed(volume: Volume, found: Registered) -> float:
    """The share of places deep in the brain where the output differs."""
    average = average_head()
    deep = np.argwhere(ndimage.binary_erosion(average.brain, iterations=_DEEP))
    points = average.origin[:, None] + 4.0 * deep.T
    _, _, changed, scanned = volume.at(found.to_patient(points))
    return float((changed[scanned] > 0.01).mean()) if scanned.any() else 0.0


def shows_face(volume: Volume) -> bool:
    """Whether a volume nobody removed anything from has skin where a face lies, as an average head tells."""
    found = register(volume)
    if not _fits(found):
        return False
    average = average_head()
    grid = np.stack(np.meshgrid(_axis(_ACROSS), _axis(_ALONG), _axis(_UP), indexing="ij"))
    _, after = tissue(volume, found.to_patient(grid))
    model = average.at(average.image, grid) > _SKIN
    there = model.any(axis=1) & after.any(axis=1)
    close = abs(_from_front(after) - _from_front(model)) * _STEP < 12
    return bool((there & close).sum() > 0.6 * model.any(axis=1).sum())


