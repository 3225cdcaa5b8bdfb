"""What a person needs to see of a proof: a head from the front and obliquely, before and after, in its own frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from deid_platform.audit.heads.surface import DEEPEST, STEP, View


@dataclass(frozen=True, slots=True)
class Pictures:
    """PNG files of a head from the front and from its right: before beside after, and after alone.

    The left half of ``both`` shows a person.
    """

    both: bytes
    after: bytes


def pictures(seen: Sequence[View]) -> Pictures:
    """Show a head on both sides of its cleaning."""
    shown = [view for view in seen if view.angle >= 0]
    before, after = (
        np.concatenate([_shaded(depth) for depth in side], axis=1)
        for side in ([view.before for view in shown], [view.after for view in shown])
    )
    return Pictures(_png(np.concatenate([before, after], axis=1)), _png(after))


def _png(shades: NDArray[np.uint8]) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(shades).save(sink, "PNG")
    return sink.getvalue()


def _shaded(depth: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The surface lit from above and one side, the deeper the darker."""
    seen = np.isfinite(depth)
    filled = np.where(seen, depth, DEEPEST).astype(np.float64)
    across, up = np.gradient(ndimage.gaussian_filter(filled, 0.6) / STEP)
    lit = np.clip((0.3 * across - 0.3 * up + 1) / np.sqrt(across**2 + up**2 + 1), 0, 1.3)
    shade = (0.2 + 0.6 * lit) * seen * (1 - 0.5 * np.clip(filled / DEEPEST, 0, 1))
    # Who stands in front of a person sees the right of that person at the left.
    return np.asarray(np.rot90(np.clip(shade, 0, 1) * 255)[:, ::-1], np.uint8)
