"""Endless views of heads to learn what a face looks like: whole, in part, taken out, and what was never one.

What the gate sees of a head is how deep its surface lies (:mod:`deid_platform.audit.heads.surface`); the same is drawn
here from labelled heads, bent so that no two faces are alike. Whether a view shows a face is measured, not drawn by
lot: it is the share of the skin between brow and upper lip that is still where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from deid_platform.training.heads.labels import BONE, CAVITY, CLASSES, STRUCTURES, LabelledHead
from deid_platform.training.heads.scanner import thick
from deid_platform.training.heads.scene import rotation

SIDE, STEP = 96, 2.0
"""Points along both edges of a view, and millimetres between them."""
DEEP = 106
"""Points of :data:`STEP` from the front of the box to its back."""
FAR = DEEP * STEP
"""The depth, in mm, of a place where nothing is."""
_LEFT, _FRONT, _LOW, _TURN = -96.0, 152.0, -138.0, 20.0  # edges of the box and axis of the views, mm of the head frame
_BOX = (52.0, 10.0, (-92.0, -16.0))  # of the skin of a face: |x| at most, y at least, z between
_SKIN = 560  # points of it that make a face at least: those of a head cut at the nose
_DISTANCE = 10.0
_FACE_FROM, _NONE_BELOW = 0.5, 0.05
"""Shares of skin still in place from which on a view shows a face, and below which it shows none."""
_BRAIN, _FACE, _ORBITS, _EARS, _HEAD = range(len(STRUCTURES))
_KINDS = ("whole", "marked", "plane", "part", "stripped", "elsewhere", "other")
_CHANCES = (0.3, 0.3, 0.14, 0.1, 0.04, 0.07, 0.05)


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    image: Tensor
    layers: Tensor
    frame: Tensor


class Portraits:
    """Draws views. The same heads, seed and device give the same views."""

    def __init__(self, heads: Sequence[LabelledHead], seed: int, device: str = "cpu") -> None:
        self._sources = [
            _Source(torch.from_numpy(head.image).float().to(device) / 170,
                    torch.from_numpy(np.stack([head.labels, head.tissues]).astype(np.float32)).to(device),
                    torch.from_numpy(np.linalg.inv(head.frame)).float().to(device)) for head in heads
        ]  # fmt: skip
        self._rng = np.random.default_rng(seed)
        self._torch = torch.Generator(device).manual_seed(seed)
        axes = [_LEFT + STEP * (torch.arange(SIDE) + 0.5), _FRONT - STEP * (torch.arange(DEEP) + 0.5),
                _LOW + STEP * (torch.arange(SIDE) + 0.5)]  # fmt: skip
        self._box = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).to(device)
        self._device = device

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Depths in mm, shape (count, 1, x, z), and whether each shows a face, 0 or 1."""
        drawn: list[tuple[Tensor, float]] = []
        while len(drawn) < count:
            view, share = self.next()
            if share >= _FACE_FROM or share < _NONE_BELOW:
                drawn.append((view, float(share >= _FACE_FROM)))
        told = torch.tensor([truth for _, truth in drawn], device=self._device)
        return torch.stack([view for view, _ in drawn])[:, None], told

    def next(self) -> tuple[Tensor, float]:
        """A view, and which share of a face's skin it shows."""
        kind = str(self._rng.choice(_KINDS, p=_CHANCES))
        if kind == "other":
            return self._depth(self._bodies()), 0.0
        source = self._sources[self._rng.integers(len(self._sources))]
        where = self._where(kind)
        values, layers = self._sampled(source, where)
        level = float(self._rng.uniform(0.06, 0.26))
        bits = layers[0].round().long()
        tissue = self._tissue(values, layers[1].round().long()) - level
        whole = self._depth(tissue)
        gone = self._gone(kind, bits, where) | self._outside(where)
        left = self._speckled(torch.where(gone, torch.full_like(tissue, -level), tissue))
        now = self._depth(left)
        if kind == "elsewhere":
            return now, 0.0
        return now, _share(whole, now, where)

    def _where(self, kind: str) -> Tensor:
        """Head-frame coordinates of the points of a view, shape (x, depth, z, 3).

        They miss by some degrees and millimetres: no average head is laid over another one exactly.
        """
        rng = self._rng
        turn = rng.normal(0, (9, 6, 6))
        turn[2] += rng.uniform(-48, 48)
        if kind == "elsewhere" and rng.random() < 0.5:  # its back
            turn[2] += rng.uniform(110, 250)
        elif kind == "elsewhere":  # its crown, its throat
            turn[0] += rng.choice([-1, 1]) * rng.uniform(70, 110)
        size = rng.uniform(0.88, 1.14) * rng.uniform(0.94, 1.06, 3)
        # Turned about its own axes first and about the vertical one last, as who looks at a head walks around it.
        matrix = torch.from_numpy(rotation(-np.deg2rad(turn)).T @ np.diag(1 / size)).float().to(self._device)
        shift = torch.tensor(rng.normal(0, (4, 7, 9)), dtype=torch.float32, device=self._device)
        nodes = torch.randn(1, 3, 6, 6, 6, generator=self._torch, device=self._device) * float(rng.uniform(0, 5))
        bent = functional.interpolate(nodes, size=self._box.shape[:3], mode="trilinear", align_corners=True)
        axis = torch.tensor([0.0, _TURN, -40.0], device=self._device)
        return (self._box - axis) @ matrix.T + axis + shift + bent[0].permute(1, 2, 3, 0)

    def _sampled(self, source: _Source, where: Tensor) -> tuple[Tensor, Tensor]:
        """Brightness, labels and tissues at points of the head frame, mirrored by lot."""
        if self._rng.random() < 0.5:
            where = where * torch.tensor([-1.0, 1.0, 1.0], device=self._device)
        voxels = where @ source.frame[:3, :3].T + source.frame[:3, 3]
        size = torch.tensor(source.image.shape, dtype=torch.float32, device=self._device)
        grid = (2 * voxels / (size - 1) - 1).flip(-1)[None]
        image = functional.grid_sample(source.image[None, None], grid, mode="bilinear", align_corners=True)
        layers = functional.grid_sample(source.layers[None], grid, mode="nearest", align_corners=True)
        return image[0, 0], layers[0]

    def _tissue(self, image: Tensor, tissues: Tensor) -> Tensor:
        """Brightness as scanned: real, or drawn for classes of tissue; bone and cavities are dark, or bone is not."""
        rng = self._rng
        if rng.random() < 0.4:
            volume = image.clamp(0, 1.5) ** float(rng.uniform(0.6, 1.5))
        else:
            means = rng.uniform(0.25, 1.0, CLASSES)
            means[0], means[CAVITY] = 0.0, rng.choice([0.0, rng.uniform(0, 0.25)])
            means[BONE] = rng.choice([rng.uniform(0, 0.2), rng.uniform(0.6, 1.4)])
            drawn = torch.from_numpy(means).float().to(self._device)[tissues]
            volume = functional.avg_pool3d(drawn[None, None], 3, 1, 1)[0, 0]
        if rng.random() < 0.3:  # thick slices, mostly axial
            volume = thick(volume, int(rng.choice([0, 1, 2], p=[0.2, 0.2, 0.6])), int(rng.integers(2, 4)))
        noise = torch.randn(volume.shape, generator=self._torch, device=self._device).abs()
        return volume + noise * float(rng.uniform(0, 0.05))

    def _gone(self, kind: str, bits: Tensor, where: Tensor) -> Tensor:
        """What was taken out."""
        rng = self._rng
        nothing = torch.zeros_like(bits, dtype=torch.bool)
        brain = (bits >> _BRAIN) & 1 > 0
        if kind == "stripped":
            return ~_grown(brain, int(rng.integers(0, 4)))
        if kind == "plane":
            return self._before_plane(where, rng.uniform(15, 65), rng.uniform(30, 105)) & ~_grown(brain, 2)
        if kind not in ("marked", "part"):
            return nothing
        marked = ((bits >> _FACE) | (bits >> _ORBITS) | ((bits >> _EARS) if rng.random() < 0.7 else 0)) & 1 > 0
        marked = _grown(marked, int(rng.integers(0, 4)))
        if rng.random() < 0.8:
            marked |= self._before_plane(where, rng.uniform(32, 44), rng.uniform(52, 72))
        marked &= ~_grown(brain, 2)
        if kind == "part":
            axis = int(rng.choice([0, 2], p=[0.3, 0.7]))
            edge = rng.uniform(-45, 45) if axis == 0 else rng.uniform(-85, -25)
            marked &= (where[..., axis] > edge) == bool(rng.random() < 0.5)
        return marked

    def _before_plane(self, where: Tensor, pitch: float, offset: float) -> Tensor:
        angle = np.deg2rad(pitch)
        return float(np.cos(angle)) * where[..., 1] - float(np.sin(angle)) * where[..., 2] > offset

    def _outside(self, where: Tensor) -> Tensor:
        """What lies outside of the field of view: at times the throat, the crown, a side or the tip of the nose."""
        rng = self._rng
        outside = torch.zeros(where.shape[:3], dtype=torch.bool, device=self._device)
        for axis, sign, low, high, chance in ((2, -1, 70, 140, 0.3), (2, 1, 30, 90, 0.15), (0, 1, 45, 90, 0.05),
                                              (0, -1, 45, 90, 0.05), (1, 1, 75, 120, 0.08)):  # fmt: skip
            if rng.random() < chance:
                lean = torch.from_numpy(rng.normal(0, 0.15, 3)).float().to(self._device)
                lean[axis] = sign
                outside |= where @ lean > float(rng.uniform(low, high))
        return outside

    def _speckled(self, tissue: Tensor) -> Tensor:
        """Specks of noise, or of what a fill of noise looks like."""
        if self._rng.random() > 0.3:
            return tissue
        share = float(self._rng.uniform(0, 0.004))
        lot = torch.rand(tissue.shape, generator=self._torch, device=self._device) < share
        return torch.where(lot, torch.full_like(tissue, 0.1), tissue)

    def _bodies(self) -> Tensor:
        """Bodies that are no head: ellipsoids and rods with others in them, or nothing."""
        rng = self._rng
        points = self._box
        tissue = torch.full(points.shape[:3], -0.1, device=self._device)
        for _ in range(int(rng.integers(0, 7))):
            turn = torch.from_numpy(rotation(rng.normal(0, 1.0, 3))).float().to(self._device)
            radii = torch.from_numpy(rng.uniform(8, 110, 3) * (1, 1, rng.choice([1, 3]))).float().to(self._device)
            centre = torch.from_numpy(rng.uniform((-70, -60, -120), (70, 90, 60))).float().to(self._device)
            apart = ((((points - centre) @ turn) / radii) ** 2).sum(-1)
            inside = 0.2 if rng.random() < 0.7 else -0.1  # at times a hole
            tissue = torch.where(apart < 1, torch.full_like(tissue, inside), tissue)
        return self._speckled(tissue)

    def _depth(self, tissue: Tensor) -> Tensor:
        """Where tissue begins, in mm, shape (x, z); see :mod:`deid_platform.audit.heads.surface`."""
        solid = _opened(tissue > 0)
        first = solid.to(torch.uint8).argmax(1, keepdim=True).clamp(min=1)
        inside, outside = tissue.gather(1, first), tissue.gather(1, first - 1)
        share = (inside / (inside - outside).clamp(min=1e-6)).clamp(0, 1)
        depth = (first - share)[:, 0] * STEP
        return torch.where(solid.any(1), depth, torch.full_like(depth, FAR))


def _share(whole: Tensor, now: Tensor, where: Tensor) -> float:
    """The share of the skin between brow and upper lip that is where it was."""
    there = whole < FAR
    index = (whole / STEP).long().clamp(0, DEEP - 1)[:, None, :, None].expand(-1, 1, -1, 3)
    skin = where.gather(1, index)[:, 0]
    wide, front, (low, high) = _BOX
    skin_of_face = there & (skin[..., 0].abs() < wide) & (skin[..., 1] > front)
    skin_of_face &= (skin[..., 2] > low) & (skin[..., 2] < high)
    stayed = skin_of_face & ((now - whole) < _DISTANCE) & (now < FAR)
    return float(stayed.sum()) / max(float(skin_of_face.sum()), _SKIN)


def _widest(mask: Tensor, radius: int) -> Tensor:
    """The largest value along each axis of its own: a dilation by a cross where ``radius`` is 1."""
    values = mask[None, None]
    size = 2 * radius + 1
    kernels = [(size, 1, 1), (1, size, 1), (1, 1, size)]
    pools = [functional.max_pool3d(values, one, 1, tuple(k // 2 for k in one)) for one in kernels]
    return torch.stack(pools).amax(0)[0, 0]


def _grown(mask: Tensor, radius: int) -> Tensor:
    return _widest(mask.float(), radius) > 0 if radius else mask


def _opened(mask: Tensor) -> Tensor:
    """What a cross of seven points fits into."""
    eroded = 1 - _widest(1 - mask.float(), 1)
    return _widest(eroded, 1) > 0
