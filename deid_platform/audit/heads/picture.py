"""What a person needs to see of a proof: a head from the front and obliquely, before and after, in its own frame."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from deid_platform.audit.heads.average import Registered
from deid_platform.audit.heads.proof import tissue
from deid_platform.audit.heads.volumes import Volume

_STEP = 2.0
_ACROSS, _ALONG, _UP = (-90.0, 90.0), (-60.0, 145.0), (-135.0, 95.0)
_ANGLES = (0.0, 40.0)
_TURN = 20.0  # mm in front of the origin: about which a head is turned to be seen obliquely


@dataclass(frozen=True, slots=True)
class Pictures:
    """PNG files of a head from the front and from its right: before beside after, and after alone.

    The left half of ``both`` shows a person.
    """

    both: bytes
    after: bytes


def pictures(volume: Volume, found: Registered) -> Pictures:
    """Show a head on both sides of its cleaning."""
    views = [_views(volume, found, angle) for angle in _ANGLES]
    before, after = (np.concatenate(sides, axis=1) for sides in zip(*views, strict=True))
    return Pictures(_png(np.concatenate([before, after], axis=1)), _png(after))


def _views(volume: Volume, found: Registered, angle: float) -> list[NDArray[np.uint8]]:
    """Before and after, seen by who stands ``angle`` degrees to the right of the front."""
    axes = [np.arange(low, high, _STEP) for low, high in (_ACROSS, _ALONG, _UP)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    ahead = y - _TURN
    points = np.stack([cosine * x + sine * ahead, cosine * ahead - sine * x + _TURN, z])
    return [_shaded(side) for side in tissue(volume, found.to_patient(points))]


def _png(shades: NDArray[np.uint8]) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(shades).save(sink, "PNG")
    return sink.getvalue()


def _shaded(solid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The surface seen from the front, lit from above and one side."""
    from_front = ndimage.binary_opening(solid)[:, ::-1]
    seen = from_front.any(axis=1)
    depth = np.where(seen, from_front.argmax(axis=1), from_front.shape[1]).astype(np.float64)
    across, up = np.gradient(ndimage.gaussian_filter(depth, 0.8))
    lit = np.clip((0.3 * across - 0.3 * up + 1) / np.sqrt(across**2 + up**2 + 1), 0, 1.3)
    shade = (0.2 + 0.6 * lit) * seen * (1 - 0.5 * depth / depth.max())
    # Who stands in front of a person sees the right of that person at the left.
    return np.asarray(np.rot90(np.clip(shade, 0, 1) * 255)[:, ::-1], np.uint8)
