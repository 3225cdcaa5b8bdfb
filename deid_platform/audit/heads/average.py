"""An average head to find a head by, and the registration that does: another way than the net's, so that it can judge.

``data/average-head.npz`` is the template of pydeface 2.1.0 (mean_reg2mean.nii.gz, MIT licence, sha-256
fdc13571d66293f9919648cd8de9a7b3491b12175e09336353d2c9ce0466ecb6), resampled to 4 mm in the head frame by
:mod:`deid_platform.training.heads.average`: millimetres, x to the right, y to the front, z to the top, origin at the
anterior commissure.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.audit.heads.volumes import Volume

_FILE = Path(__file__).parent / "data" / "average-head.npz"
_STEP = 4.0
_PITCHES = (-20.0, 0.0, 20.0)
_CROWN = 30  # mm of a head from its top by which it is centred
_SKIN = 0.12
_MIDDLE = 75.0  # mm below the top: about where a head turns
_SIMILAR, _AFFINE = (2.0, 0.05, 40), (1.0, 0.02, 40)  # longest and shortest step in mm, and the number of steps
_BINS, _SHARE = 24, 0.35
_SEED = 1  # the library takes the clock for one unless told


@dataclass(frozen=True, slots=True, eq=False)
class AverageHead:
    """Brightness from 0 to 1, and brain, of shape (x, y, z) from ``origin`` in steps of 4 mm."""

    image: NDArray[np.float32]
    brain: NDArray[np.bool_]
    origin: NDArray[np.float64]

    def at(self, what: NDArray[Any], points: NDArray[np.float64]) -> NDArray[np.float32]:
        """One of its arrays at points of the head frame, shape (3, ...); 0 outside."""
        index = (points - self.origin.reshape(3, *[1] * (points.ndim - 1))) / _STEP
        return np.asarray(ndimage.map_coordinates(what.astype(np.float32), index, order=1, cval=0.0))


@cache
def average_head() -> AverageHead:
    """Read the template."""
    with np.load(_FILE) as file:
        return AverageHead(file["image"].astype(np.float32) / 255, file["brain"], file["origin"])


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """The affine way from the head frame to RAS mm of the patient; ``score`` is the mutual information reached."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]
    score: float

    def to_patient(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """RAS mm of points of the head frame, shape (3, ...)."""
        return np.asarray(np.tensordot(self.matrix, points, 1) + self.offset.reshape(3, *[1] * (points.ndim - 1)))

    @property
    def scales(self) -> NDArray[np.float64]:
        """How much larger the patient is than the average, along three directions."""
        return np.asarray(np.linalg.svd(self.matrix, compute_uv=False))


def register(volume: Volume) -> Registered:
    """Lay the average head over the original: from three pitches, first alike, then affine, by mutual information."""
    sitk = _itk()
    low, high = volume.corners().min(axis=0), volume.corners().max(axis=0)
    axes = [np.arange(low[axis], high[axis] + _STEP, _STEP) for axis in range(3)]
    fixed = bright(volume.at(np.stack(np.meshgrid(*axes, indexing="ij")))[0])
    average = average_head()
    starts = [_start(sitk, fixed, low, average, pitch) for pitch in _PITCHES]
    method = _method(sitk)
    images = _image(sitk, fixed, low), _image(sitk, average.image, average.origin)
    found = [(_run(method, images, start, _SIMILAR), number) for number, start in enumerate(starts)]
    best = starts[min(found)[1]]
    affine = sitk.AffineTransform(3)
    affine.SetCenter(best.GetCenter())
    affine.SetMatrix(best.GetMatrix())
    affine.SetTranslation(best.GetTranslation())
    score = -_run(method, images, affine, _AFFINE)
    back = affine.GetInverse()
    zero = np.array(back.TransformPoint((0.0, 0.0, 0.0)))
    columns = [np.array(back.TransformPoint(tuple(100.0 * unit))) - zero for unit in np.eye(3)]
    return Registered(np.column_stack(columns) / 100, zero, score)


def bright(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Values from 0 to 1 between percentiles; of Hounsfield units first those that padding and metal have are cut."""
    cut = np.clip(samples, -1000, 2000) if samples.min() < -500 else samples
    low, high = np.percentile(cut, [1, 99.5])
    return np.asarray(np.clip((cut - low) / max(float(high - low), 1e-6), 0, 1), np.float32)


def _itk() -> Any:
    """SimpleITK, loaded when it is first needed: it is large."""
    import SimpleITK

    return SimpleITK


def _start(sitk: Any, fixed: Any, low: Any, average: AverageHead, pitch: float) -> Any:
    """Top on top, middle on middle, and tilted."""
    here, there = _crown(fixed, low), _crown(average.image, average.origin)
    start = sitk.Similarity3DTransform()
    start.SetCenter((float(here[0]), float(here[1]), float(here[2] - _MIDDLE)))
    start.SetRotation((1, 0, 0), float(np.deg2rad(pitch)))
    start.SetTranslation([float(value) for value in there - here])
    return start


def _crown(values: NDArray[Any], origin: NDArray[Any]) -> NDArray[np.float64]:
    """The highest point of what is solid, above its middle."""
    solid = ndimage.binary_opening(values > _SKIN)
    if not solid.any():
        solid = np.ones_like(values, dtype=np.bool_)
    heights = np.flatnonzero(solid.sum(axis=(0, 1)) > 10)
    top = int(heights[-1]) if len(heights) else solid.shape[2] - 1
    places = np.argwhere(solid[:, :, max(top - _CROWN, 0) :])
    middle = np.median(places, axis=0)
    return np.array([*(origin[:2] + _STEP * middle[:2]), origin[2] + _STEP * top])


def _image(sitk: Any, values: NDArray[np.float32], origin: NDArray[Any]) -> Any:
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    image.SetSpacing((_STEP,) * 3)
    image.SetOrigin([float(value) for value in origin])
    return image


def _method(sitk: Any) -> Any:
    """One thread, and points chosen from a fixed seed, so that the same volumes give the same numbers."""
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(_SHARE, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _run(method: Any, images: tuple[Any, Any], transform: Any, steps: tuple[float, float, int]) -> float:
    """Improve ``transform`` in place; the metric reached, smaller is better, infinite where nothing overlaps."""
    longest, shortest, count = steps
    method.SetOptimizerAsRegularStepGradientDescent(longest, shortest, count, gradientMagnitudeTolerance=1e-5)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, True)
    try:
        method.Execute(*images)
    except RuntimeError:
        return float("inf")
    return float(method.GetMetricValue())
