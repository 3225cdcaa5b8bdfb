"""What a person needs to see of a proof: a head from the front, before and after, in its own frame."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from deid_platform.audit.heads.average import Registered
from deid_platform.audit.heads.proof import tissue
from deid_platform.audit.heads.volumes import Volume

_STEP = 2.0
_ACROSS, _ALONG, _UP = (-90.0, 90.0), (-60.0, 145.0), (-135.0, 95.0)


def picture(volume: Volume, found: Registered) -> bytes:
    """A PNG file: at the left the original, at the right the output. The left half shows a person."""
    axes = [np.arange(low, high, _STEP) for low, high in (_ACROSS, _ALONG, _UP)]
    sides = tissue(volume, found.to_patient(np.stack(np.meshgrid(*axes, indexing="ij"))))
    sink = io.BytesIO()
    Image.fromarray(np.concatenate([_shaded(side) for side in sides], axis=1)).save(sink, "PNG")
    return sink.getvalue()


def _shaded(solid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The surface seen from the front, lit from above and one side."""
    from_front = ndimage.binary_opening(solid)[:, ::-1]
    seen = from_front.any(axis=1)
    depth = np.where(seen, from_front.argmax(axis=1), from_front.shape[1]).astype(np.float64)
    across, up = np.gradient(ndimage.gaussian_filter(depth, 0.8))
    lit = np.clip((0.3 * across - 0.3 * up + 1) / np.sqrt(across**2 + up**2 + 1), 0, 1.3)
    shade = (0.2 + 0.6 * lit) * seen * (1 - 0.5 * depth / depth.max())
    return np.asarray(np.rot90(np.clip(shade, 0, 1) * 255), np.uint8)
