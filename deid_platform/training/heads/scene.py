"""Endless volumes to learn from: few heads in every pose, contrast, resolution and field of view, and other bodies.

Contrasts are drawn for classes of tissue, not taken from scanners (Billot et al., SynthSeg, Medical Image Analysis 86
(2023) 102789), so that the net does not depend on how a head was imaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from deid_platform.training.heads.labels import (
    BONE,
    CAVITY,
    CLASSES,
    COARSE_STEP,
    SPACING,
    STRUCTURES,
    LabelledHead,
)
from deid_platform.training.heads.scanner import scanned

COARSE = (64, 80, 80)
"""Grid of the first pass; its points are :data:`~deid_platform.training.heads.labels.COARSE_STEP` apart."""
FINE, FINE_STEP = (80, 96, 80), 2.2
"""Grid of the second pass, which holds a brain."""
_ANCHOR = (0.0, 0.0, -20.0)
_BRAIN, _FACE, _ORBITS, _EARS, _HEAD = range(len(STRUCTURES))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One volume to learn from, as :func:`~deid_platform.training.heads.net.loss_of` wants it, without the batch axis,
    or a batch of them, with it.

    ``labels`` and ``seen`` are bytes, 0 or 1; ``where`` holds head-frame coordinates in units of 100 mm, no numbers in
    scenes of the second pass, which does not ask for them.
    """

    volume: NDArray[np.float32]
    labels: NDArray[np.uint8]
    where: NDArray[np.float32]
    seen: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Shares:
    """How many scenes are of the second pass, show something else, and of heads, lack all but the brain or the face."""

    fine: float = 0.0
    other: float = 0.1
    stripped: float = 0.04
    defaced: float = 0.08


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """A labelled head as tensors: ``layers`` are labels and tissues, shape (2, x, y, z)."""

    image: Tensor
    layers: Tensor
    frame: Tensor
    anchor: Tensor

    @classmethod
    def of(cls, head: LabelledHead) -> _Source:
        """Prepare a head for sampling."""
        anchor = (np.linalg.inv(head.frame) @ (*_ANCHOR, 1.0))[:3]
        layers = np.stack([head.labels, head.tissues]).astype(np.float32)
        return cls(torch.from_numpy(head.image).float() / 255 * 1.5, torch.from_numpy(layers),
                   torch.from_numpy(head.frame).float(), torch.from_numpy(anchor).float())  # fmt: skip


class Scenes:
    """Draws scenes. The same heads and seed give the same scenes."""

    def __init__(self, heads: Sequence[LabelledHead], seed: int, shares: Shares = Shares()) -> None:
        self._shares = shares
        self._sources = [_Source.of(head) for head in heads]
        self._rng = np.random.default_rng(seed)
        self._torch = torch.Generator().manual_seed(seed)

    def batch(self, count: int) -> Scene:
        """The next ``count`` scenes of one pass, stacked."""
        fine = bool(self._rng.random() < self._shares.fine)
        drawn = [self.next(fine=fine) for _ in range(count)]
        return Scene(*(np.stack([getattr(one, field.name) for one in drawn]) for field in fields(Scene)))

    def next(self, *, fine: bool | None = None) -> Scene:
        """The next scene, of the grid of the first or the second pass, by lot where nobody says."""
        rng = self._rng
        fine = rng.random() < self._shares.fine if fine is None else fine
        shape, step = (FINE, FINE_STEP * rng.uniform(0.9, 1.1)) if fine else (COARSE, COARSE_STEP)
        if not fine and rng.random() < self._shares.other:
            return self._something_else(shape)
        source = self._sources[rng.integers(len(self._sources))]
        flipped = bool(rng.random() < 0.5)
        voxels = self._voxels(source, shape, step, fine=fine)
        grid = _normalised(voxels, source.image.shape, flipped=flipped)
        layers = functional.grid_sample(source.layers[None], grid, mode="nearest", align_corners=True)[0]
        bits, tissues = layers[0].round().to(torch.uint8), layers[1].round().long()
        labels = torch.stack([(bits >> number) & 1 for number in range(len(STRUCTURES))])
        image = functional.grid_sample(source.image[None, None], grid, mode="bilinear", align_corners=True)[0, 0]
        lacking = self._lacking(labels)
        volume = self._contrast(image, tissues)
        if lacking is not None:
            volume = torch.where(lacking, torch.zeros(()), volume)
            labels = labels * ~lacking
        inside = (grid[0].abs() <= 1).all(-1)
        volume, seen = scanned(volume, inside, rng, self._torch, fine=fine)
        where = self._where(source, voxels, flipped=flipped)
        return Scene(volume.numpy()[None], labels.numpy(), np.full_like(where, np.nan) if fine else where,
                     seen.numpy().astype(np.uint8)[None])  # fmt: skip

    def _voxels(self, source: _Source, shape: tuple[int, ...], step: float, *, fine: bool) -> Tensor:
        """The voxel of the source for each point of the grid, shape (x, y, z, 3)."""
        rng = self._rng
        axes = [(torch.arange(count, dtype=torch.float32) - (count - 1) / 2) * step for count in shape]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        nodes = torch.randn(1, 3, 5, 6, 6, generator=self._torch) * float(rng.uniform(0, 6))
        bent = functional.interpolate(nodes, size=shape, mode="trilinear", align_corners=True)[0].permute(1, 2, 3, 0)
        matrix = torch.from_numpy(_pose(rng)).float()
        if fine:
            offset = rng.normal((0, -15, 28), (8, 11, 13))
        else:
            offset = rng.normal((0, 0, -4), (12, 15, 18)) + (rng.random() < 0.2) * rng.normal(0, (15, 25, 45))
        shift = torch.tensor(offset, dtype=torch.float32)
        return ((points + bent) @ matrix.T + shift) / SPACING + source.anchor

    def _lacking(self, labels: Tensor) -> Tensor | None:
        """What was taken away before: all but the brain, or the face."""
        lot = self._rng.random()
        if lot < self._shares.stripped:
            return labels[_BRAIN] == 0
        if lot < self._shares.stripped + self._shares.defaced:
            return (labels[_FACE] | labels[_ORBITS] | labels[_EARS]) > 0
        return None

    def _contrast(self, image: Tensor, tissues: Tensor) -> Tensor:
        """The head as it was imaged, or in a contrast nobody has seen."""
        rng = self._rng
        if rng.random() < 0.35:
            real = image.clamp(0, 1.5) ** float(rng.uniform(0.5, 1.8))
            return (1 - real.clamp(0, 1)) * (tissues > 0) if rng.random() < 0.2 else real
        drawn = torch.from_numpy(_means(rng)).float()[tissues]
        spread = torch.from_numpy(rng.uniform(0, 0.12, CLASSES) * (np.arange(CLASSES) > 0)).float()[tissues]
        volume = drawn + spread * torch.randn(tissues.shape, generator=self._torch)
        if rng.random() < 0.6:
            volume = functional.avg_pool3d(volume[None, None], 3, 1, 1)[0, 0]
        if rng.random() < 0.4:
            share = float(rng.uniform(0.2, 0.7))
            volume = (1 - share) * volume + share * image
        return volume

    def _where(self, source: _Source, voxels: Tensor, *, flipped: bool) -> NDArray[np.float32]:
        if flipped:  # what is shown is the mirror image, in which left and right have changed places
            last = torch.tensor([source.image.shape[0] - 1.0, 0, 0])
            voxels = last + voxels * torch.tensor([-1.0, 1, 1])
        halved = functional.avg_pool3d(voxels.permute(3, 0, 1, 2), 2)
        where = torch.einsum("ij,jxyz->ixyz", source.frame[:3, :3], halved) + source.frame[:3, 3, None, None, None]
        if flipped:
            where[0] = -where[0]
        return np.asarray((where / 100).numpy(), np.float32)

    def _something_else(self, shape: tuple[int, ...]) -> Scene:
        """Bodies that are no head: a few ellipsoids and rods of any brightness, or nothing but noise."""
        rng = self._rng
        axes = [torch.linspace(-1, 1, count) for count in shape]
        points = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1)
        volume = torch.zeros(shape)
        for _ in range(int(rng.integers(0, 9))):
            turn = torch.from_numpy(rotation(rng.normal(0, 1.2, 3))).float()
            radii = torch.from_numpy(rng.uniform(0.06, 0.75, 3) * (1, 1, rng.choice([1, 4]))).float()
            centre = torch.from_numpy(rng.uniform(-0.6, 0.6, 3)).float()
            apart = ((((points - centre) @ turn) / radii) ** 2).sum(-1)
            # At times a body in layers, as limbs are: skin, fat, muscle.
            for size in (1.0, 0.85, 0.6)[: int(rng.choice([1, 1, 2, 3]))]:
                volume = torch.where(apart < size, torch.tensor(float(rng.uniform(0, 1))), volume)
        volume, seen = scanned(volume, torch.ones(shape, dtype=torch.bool), rng, self._torch, fine=False)
        return Scene(volume.numpy()[None], np.zeros((len(STRUCTURES), *shape), np.uint8),
                     np.zeros((3, *(count // 2 for count in shape)), np.float32),
                     seen.numpy().astype(np.uint8)[None])  # fmt: skip


def _normalised(voxels: Tensor, shape: Sequence[int], *, flipped: bool) -> Tensor:
    """Voxels as :func:`torch.nn.functional.grid_sample` wants them, mirrored about the middle where asked."""
    grid = 2 * voxels / (torch.tensor(shape, dtype=torch.float32) - 1) - 1
    if flipped:
        grid = grid * torch.tensor([-1.0, 1.0, 1.0])
    return grid.flip(-1)[None]


def rotation(angles: NDArray[Any]) -> NDArray[np.float64]:
    """Rotations about x, y and z, radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_x @ about_y @ about_z)


def _pose(rng: np.random.Generator) -> NDArray[np.float64]:
    """From points of the grid to those of the source: tilted up to some 40 degrees, children and large heads."""
    spread = np.deg2rad((17, 9, 9) if rng.random() < 0.8 else (25, 18, 18))
    size = rng.uniform(0.72, 1.15) * rng.uniform(0.92, 1.08, 3)
    return np.asarray(rotation(rng.normal(0, spread)) @ np.diag(1 / size) + rng.normal(0, 0.03, (3, 3)))


def _means(rng: np.random.Generator) -> NDArray[np.float64]:
    """Brightness by class of tissue: at times ordered within brain and soft tissue, at times as in CT or PET."""
    means = rng.uniform(0.05, 1, CLASSES)
    means[0] = rng.choice([0, 0, 0, rng.uniform(0, 0.2)])
    for first, last, chance in ((1, BONE, 0.4), (CAVITY + 1, CLASSES, 0.5)):
        if rng.random() < chance:
            means[first:last] = np.sort(means[first:last])[:: rng.choice([1, -1])]
    lot = rng.random()
    if lot < 0.3:  # CT: bone is bright, cavities are air, soft tissues are alike
        means[1:BONE] = rng.uniform(0.3, 0.8) + rng.normal(0, 0.03, BONE - 1)
        means[CAVITY + 1 :] = means[1] + rng.normal(0, 0.08, CLASSES - CAVITY - 1)
        means[BONE], means[CAVITY] = rng.uniform(0.7, 1.5), means[0] + rng.uniform(0, 0.1)
    elif lot < 0.4:  # PET: the brain shines, the rest hardly does
        means[1:BONE] = np.sort(rng.uniform(0.4, 1.2, BONE - 1))
        means[BONE:] *= rng.uniform(0.1, 0.5)
    elif lot < 0.8:  # MR: bone and cavities are dark
        means[[BONE, CAVITY]] = means[0] + rng.uniform(0, 0.15, 2)
    return means
