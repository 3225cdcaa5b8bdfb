"""The average head that the gate judges by, from a labelled head that is an average of many.

    python -m deid_platform.training.heads.average --head average.npz --out average-head.npz

Its brain should rather be too small than too large: what lies in it may not differ after defacing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from deid_platform.training.heads.labels import STRUCTURES, LabelledHead

STEP = 4.0
LOW, HIGH = np.array([-100.0, -140.0, -160.0]), np.array([100.0, 128.0, 104.0])
"""Opposite corners of the grid, mm of the head frame."""
_BLUR = 0.8  # voxels: what is averaged before it is sampled more coarsely


def average_of(head: LabelledHead) -> dict[str, NDArray[Any]]:
    """Brightness (bytes) and brain (bools) of shape (x, y, z), and the first point of the grid, in the head frame."""
    axes = [np.arange(low, high + STEP / 2, STEP) for low, high in zip(LOW, HIGH, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"))
    back = np.linalg.inv(head.frame)
    voxels = np.tensordot(back[:3, :3], points, 1) + back[:3, 3, None, None, None]

    def sampled(layer: NDArray[Any]) -> NDArray[Any]:
        smooth = ndimage.gaussian_filter(layer.astype(np.float32), _BLUR)
        return np.asarray(ndimage.map_coordinates(smooth, voxels, order=1, cval=0.0))

    brain = head.labels >> STRUCTURES.index("brain") & 1
    image = np.rint(np.clip(sampled(head.image) * 1.5, 0, 255)).astype(np.uint8)
    return {"image": image, "brain": sampled(brain) > 0.5, "origin": LOW}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make the average head that the gate judges by.")
    for name in ("head", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args(arguments)
    made = average_of(LabelledHead.load(given.head))
    np.savez_compressed(given.out, image=made["image"], brain=made["brain"], origin=made["origin"])


if __name__ == "__main__":
    main()
