"""Shaded pictures of the skin of a volume, for people: from the front and from half left and right."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from deid_platform.heads.finding import Head, largest
from deid_platform.heads.grid import Grid, Reduced, normalised

_STEP, _SHAPE = 1.8, (128, 150, 160)
_ANGLES = (-35.0, 0.0, 35.0)
_SKIN = 0.12
_LIGHT = np.array([0.35, 0.35])

Grey = NDArray[np.uint8]


def rendered(reduced: Reduced, head: Head) -> Grey:
    """Three pictures side by side, shape (rows, columns)."""
    middle = head.grid.origin + head.grid.step * (np.array(head.grid.shape) - 1) / 2
    grid = Grid.around(middle, _STEP, _SHAPE)
    volume, inside = reduced.on(grid)
    smooth = ndimage.gaussian_filter(normalised(volume, inside), 0.7)
    skin = largest(smooth > _SKIN)
    return np.concatenate([_shaded(_turned(skin, angle)) for angle in _ANGLES], axis=1)


def png(picture: Grey) -> bytes:
    """A picture as a file."""
    sink = io.BytesIO()
    Image.fromarray(picture).save(sink, "PNG")
    return sink.getvalue()


def _turned(skin: NDArray[np.bool_], angle: float) -> NDArray[np.bool_]:
    if not angle:
        return skin
    turned = ndimage.rotate(skin.astype(np.float32), angle, axes=(0, 1), reshape=False, order=1)
    return np.asarray(turned > 0.5)


def _shaded(skin: NDArray[np.bool_]) -> Grey:
    """The surface as seen from the front, lit from above and one side."""
    from_front = skin[:, ::-1]
    seen = from_front.any(axis=1)
    depth = np.where(seen, from_front.argmax(axis=1), from_front.shape[1]).astype(np.float64)
    across, up = np.gradient(ndimage.gaussian_filter(depth, 0.8))
    lit = (_LIGHT[0] * across - _LIGHT[1] * up + 1) / np.sqrt(across**2 + up**2 + 1)
    shade = (0.2 + 0.6 * np.clip(lit, 0, 1.3)) * seen * (1 - 0.5 * depth / depth.max())
    return np.asarray(np.rot90(np.clip(shade, 0, 1) * 255), np.uint8)
