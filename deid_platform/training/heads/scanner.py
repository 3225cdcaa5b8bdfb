"""What scanners do to a volume: uneven sensitivity, thick slices, a narrow field of view, metal, tables and noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_LOW, _HIGH = 0.01, 0.995
"""Shares of all values that become 0 and 1."""


def normalised(volume: Tensor) -> Tensor:
    """Values between two percentiles of the volume become 0 to 1; nothing exceeds 1.5."""
    low, high = torch.quantile(volume[::2, ::2, ::2].flatten(), torch.tensor([_LOW, _HIGH]))
    return ((volume - low) / (high - low + 1e-6)).clamp(0, 1.5)


def scanned(
    volume: Tensor, inside: Tensor, rng: np.random.Generator, lot: torch.Generator, *, fine: bool
) -> tuple[Tensor, Tensor]:
    """A volume of shape (x, y, z) as a scanner gives it, normalised; and where it was scanned.

    ``inside`` is where the source of the volume had anything to show.
    """
    if rng.random() < 0.6:
        nodes = torch.randn(1, 1, 3, 3, 3, generator=lot) * float(rng.uniform(0.1, 0.45))
        volume = volume * torch.exp(_enlarged(nodes, volume.shape))
    if rng.random() < 0.1:
        volume = _with_table(volume, rng)
    if rng.random() < 0.08:
        volume = _with_metal(volume, rng)
    if rng.random() < 0.35:
        volume = thick(volume, int(rng.integers(3)), int(rng.integers(2, 4)))
    seen = inside.clone()
    if rng.random() < (0.2 if fine else 0.5):
        _narrowed(seen, rng, fine=fine)
    volume = volume * seen
    noise = torch.randn(volume.shape, generator=lot).abs() * float(rng.uniform(0, 0.06))
    volume = volume + noise * (seen if rng.random() < 0.5 else 1)
    return normalised(volume), seen


def _enlarged(nodes: Tensor, shape: torch.Size) -> Tensor:
    return functional.interpolate(nodes, size=shape, mode="trilinear", align_corners=True)[0, 0]


def thick(volume: Tensor, axis: int, count: int) -> Tensor:
    """Slices ``count`` times as thick along an axis."""
    moved = volume.movedim(axis, -1)
    flat = moved.reshape(1, -1, moved.shape[-1])
    averaged = functional.interpolate(functional.avg_pool1d(flat, count, count), size=moved.shape[-1], mode="linear")
    return averaged.reshape(moved.shape).movedim(-1, axis)


def _narrowed(seen: Tensor, rng: np.random.Generator, *, fine: bool) -> None:
    """Cut the field of view at one or two sides, most of all below and in front."""
    most = 0.12 if fine else 0.42
    for _ in range(int(rng.integers(1, 4))):
        axis = int(rng.choice([0, 1, 2], p=[0.2, 0.3, 0.5]))
        cut = int(rng.uniform(0, most) * seen.shape[axis])
        if not cut:
            continue
        below = rng.random() < 0.65
        index = [slice(None)] * 3
        index[axis] = slice(0, cut) if below else slice(seen.shape[axis] - cut, None)
        if axis == 1:  # a short field of view lacks the nose more often than the back of the head
            index[axis] = slice(seen.shape[axis] - cut, None) if below else slice(0, cut)
        seen[tuple(index)] = False


def _with_table(volume: Tensor, rng: np.random.Generator) -> Tensor:
    """A table or a head holder behind the head, flat or bent."""
    count_x, count_y, _ = volume.shape
    x = torch.linspace(-1, 1, count_x)[:, None]
    y = torch.arange(count_y, dtype=torch.float32)[None]
    line = float(rng.uniform(2, 14)) + float(rng.choice([0, rng.uniform(0, 25)])) * x**2
    table = (y - line).abs() < float(rng.uniform(0.7, 2))
    return torch.where(table[:, :, None], torch.tensor(float(rng.uniform(0.2, 1.0))), volume)


def _with_metal(volume: Tensor, rng: np.random.Generator) -> Tensor:
    """A few very bright or black spots, with streaks in their axial plane."""
    volume = volume.clone()
    spots = torch.nonzero(volume > 0.1)
    for _ in range(int(rng.integers(1, 4)) if len(spots) else 0):
        x, y, z = spots[int(rng.integers(len(spots)))].tolist()
        size = int(rng.integers(1, 4))
        part = (slice(max(x - size, 0), x + size), slice(max(y - size, 0), y + size), slice(max(z - size, 0), z + size))
        volume[part] = float(rng.choice([0.0, rng.uniform(1.5, 4)]))
        across = torch.arange(volume.shape[0])[:, None] - x
        along = torch.arange(volume.shape[1])[None] - y
        turn = torch.atan2(along.float(), across.float()) * int(rng.integers(3, 9))
        fading = torch.exp(-torch.hypot(across.float(), along.float()) / 20)
        volume[:, :, z] += float(rng.uniform(0.1, 0.7)) * torch.cos(turn) * fading
    return volume.clamp(min=0)
