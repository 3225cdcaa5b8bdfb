"""Labelled heads: an image, its brain and its way into the head frame become what the net is to learn.

    python -m deid_platform.training.heads.labels --image t1.nii --brain brain.nii --frame frame.txt --out head.npz

The image and the mask of the brain share one grid; ``frame.txt`` holds the affine matrix (4 x 4, row by row) from its
RAS millimetres to the **head frame**, the coordinates of an average adult head: x to the right, y to the front, z to
the top, origin at the anterior commissure. Any registration to an MNI template gives one. Everything else follows from
these: face, orbits and ears are drawn once, in the head frame, and follow the skin of each head. Reading needs nibabel,
which no other part of the platform does.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STRUCTURES = ("brain", "face", "orbits", "ears", "head")
"""The outputs of the net, in order; bit ``n`` of a label map stands for structure ``n``."""
SPACING = 2.0
"""Millimetres between the voxels of a labelled head."""
COARSE_STEP = 3.6
"""Millimetres between the points of the grid on which heads are found."""

FACE_PITCH = 38.0
"""Degrees between the face's plane and the coronal plane of the head frame."""
FACE_OFFSET = 62.0
"""Millimetres from the origin to the face's plane, which passes just in front of the frontal lobes."""
_EYE, _EYE_RADII = (32.0, 66.0, -38.0), (24.0, 26.0, 20.0)
_EAR, _EAR_RADII = (82.0, -22.0, -55.0), (18.0, 30.0, 36.0)
_SHELL = 6.0  # mm of air in front of the skin that belong to the face
_NEAR_BRAIN = 4.0  # mm around the brain that never do
_BONE = 14.0  # mm around the brain in which what is dark is bone
_BRAIN_CLASSES, _SOFT_CLASSES = 4, 5
BONE, CAVITY = _BRAIN_CLASSES + 1, _BRAIN_CLASSES + 2
"""Classes of tissue that magnetic resonance shows alike and other modalities do not; 0 is air, 1 to 4 are brain."""
CLASSES = CAVITY + _SOFT_CLASSES + 1

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledHead:
    """A head on a RAS grid of :data:`SPACING`, all arrays of shape (x, y, z).

    ``image`` holds 0 to 255, ``labels`` bits of :data:`STRUCTURES`, ``tissues`` classes for synthetic contrasts;
    ``frame`` leads from voxels to millimetres of the head frame, shape (4, 4).
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    tissues: NDArray[np.uint8]
    frame: NDArray[np.float64]

    def save(self, path: Path) -> None:
        """Write a compressed file."""
        np.savez_compressed(
            path, image=self.image, labels=self.labels, tissues=self.tissues, frame=self.frame
        )

    @classmethod
    def load(cls, path: Path) -> LabelledHead:
        """Read what :meth:`save` wrote."""
        with np.load(path) as file:
            return cls(file["image"], file["labels"], file["tissues"], file["frame"])


def label(image: Array, brain: NDArray[np.bool_], frame: Array) -> LabelledHead:
    """Label a head.

    Parameters
    ----------
    image, brain
        Shape (x, y, z), voxels of :data:`SPACING`, axes right, front and top.
    frame
        From voxels to the head frame, shape (4, 4).
    """
    low, high = np.percentile(image, [1, 99.5])
    bright = np.clip((image - low) / max(high - low, 1e-6), 0, 1.5)
    head = _head(bright, brain)
    where = _head_frame(head.shape, frame)
    near_brain = _grown(brain, _NEAR_BRAIN)
    shell = _grown(head, _SHELL)
    angle = np.deg2rad(FACE_PITCH)
    in_front = np.cos(angle) * where[1] - np.sin(angle) * where[2] > FACE_OFFSET
    structures = {
        "brain": brain,
        "face": in_front & shell & ~near_brain,
        "orbits": _ellipsoids(where, _EYE, _EYE_RADII) & shell & ~near_brain,
        "ears": _ellipsoids(where, _EAR, _EAR_RADII) & shell & ~near_brain,
        "head": head,
    }
    bits = np.zeros(head.shape, np.uint8)
    for number, name in enumerate(STRUCTURES):
        bits |= structures[name].astype(np.uint8) << number
    shown = np.rint(np.clip(bright / 1.5, 0, 1) * 255).astype(np.uint8)
    return LabelledHead(shown, bits, _tissues(bright, brain, head), np.asarray(frame, np.float64))


def _head(bright: Array, brain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """All that is inside of the skin, cavities included."""
    smooth = ndimage.gaussian_filter(bright, 0.7)
    found = ndimage.binary_opening(smooth > 0.09) | brain
    parts, _ = ndimage.label(found)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    whole = np.pad(parts == sizes.argmax(), 8, mode="edge")
    whole = ndimage.binary_closing(whole, iterations=5)[8:-8, 8:-8, 8:-8]
    for axis in range(3):
        for layer in range(whole.shape[axis]):
            index = (slice(None),) * axis + (layer,)
            whole[index] = ndimage.binary_fill_holes(whole[index])
    return np.asarray(whole)


def _tissues(bright: Array, brain: NDArray[np.bool_], head: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Classes by brightness: inside the brain, and outside of it, where what is dark is bone near the brain."""
    tissues = np.zeros(head.shape, np.uint8)
    edges = np.quantile(bright[brain], np.linspace(0, 1, _BRAIN_CLASSES + 1)[1:-1])
    tissues[brain] = 1 + np.searchsorted(edges, bright[brain])
    outside = head & ~brain
    dark = outside & (bright < 0.25 * np.median(bright[brain]) + 0.05)
    bone = dark & _grown(brain, _BONE)
    tissues[bone], tissues[dark & ~bone] = BONE, CAVITY
    soft = outside & ~dark
    edges = np.quantile(bright[soft], np.linspace(0, 1, _SOFT_CLASSES + 1)[1:-1])
    tissues[soft] = CAVITY + 1 + np.searchsorted(edges, bright[soft])
    return tissues


def _head_frame(shape: tuple[int, ...], frame: Array) -> Array:
    """Head-frame coordinates of all voxels, shape (3, x, y, z)."""
    voxels = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij")).astype(np.float32)
    turned = np.tensordot(np.asarray(frame, np.float32)[:3, :3], voxels, 1)
    return np.asarray(turned + np.asarray(frame, np.float32)[:3, 3, None, None, None])


def _ellipsoids(where: Array, centre: Sequence[float], radii: Sequence[float]) -> Array:
    """One on each side."""
    x, y, z = (np.float32(value) for value in centre)
    a, b, c = radii
    apart = ((abs(where[0]) - x) / a) ** 2 + ((where[1] - y) / b) ** 2 + ((where[2] - z) / c) ** 2
    return np.asarray(apart < 1)


def _grown(mask: NDArray[np.bool_], millimetres: float) -> NDArray[np.bool_]:
    return np.asarray(ndimage.distance_transform_edt(~mask) * SPACING <= millimetres)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    import nibabel  # for those who label heads, who are few
    from nibabel.processing import conform

    parser = argparse.ArgumentParser(description="Label a head for training.")
    for name in ("image", "brain", "frame", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args(arguments)
    image, brain = (nibabel.load(path) for path in (given.image, given.brain))
    size = [int(np.ceil(n * z / SPACING)) for n, z in zip(image.shape, image.header.get_zooms(), strict=True)]
    grids = [conform(one, size, (SPACING,) * 3, order=1, orientation="RAS") for one in (image, brain)]
    frame = np.loadtxt(given.frame).reshape(4, 4) @ grids[0].affine
    label(grids[0].get_fdata(), grids[1].get_fdata() > 0.5, frame).save(given.out)


if __name__ == "__main__":
    main()
