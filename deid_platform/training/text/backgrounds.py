"""Images without text to write on: real frames from a folder, and made-up tissue, speckle and noise."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]
"""Shape (rows, columns). 0 and 1 are the ends of the range that holds nearly all stored values of the frame."""

_PERCENTILES = (0.5, 99.5)
_FARTHEST = 50.0  # metal in a slice of air; more is of no use and would not fit half precision
_PICTURES = frozenset({".png", ".jpg", ".tif", ".tiff"})


@dataclass(frozen=True, slots=True)
class Background:
    """A frame as float32, ``lowest`` and ``highest`` its extremes; ``eight_bit`` when it was stored so."""

    plane: NDArray[np.float16]
    lowest: float
    highest: float
    eight_bit: bool


def load(folder: Path) -> list[Background]:
    """All frames of a folder: ``*.npy`` of stored values, shape (rows, columns) or RGB, or pictures; by path.

    Raises
    ------
    ValueError
        The folder holds none.
    """
    found = [_background(_read(path)) for path in sorted(folder.iterdir()) if path.suffix in _PICTURES | {".npy"}]
    usable = [background for background in found if background is not None]
    if not usable:
        raise ValueError("The folder of backgrounds holds no .npy file and no picture.")
    return usable


def _read(path: Path) -> NDArray[Any]:
    return np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path).convert("RGB"))


def _background(samples: NDArray[Any]) -> Background | None:
    plane = samples.astype(np.float32)
    if plane.ndim == 3:
        plane = plane[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    low, high = (0.0, 255.0) if samples.dtype == np.uint8 else np.percentile(plane, _PERCENTILES)
    if not high > low or min(plane.shape) < 32:
        return None
    plane = np.clip((plane - low) / (high - low), -_FARTHEST, _FARTHEST)
    return Background(plane.astype(np.float16), float(plane.min()), float(plane.max()), samples.dtype == np.uint8)


def window(rng: random.Random, background: Background, side: int, spot: tuple[int, int, float] | None = None) -> Plane:
    """A square of ``side`` pixels at random place, size, orientation and brightness, or around ``spot``.

    ``spot`` is (row, column, scale): where the detector last saw text that is not there.
    """
    rows, columns = background.plane.shape
    scale = spot[2] if spot else rng.choice([0.25, 0.5, 0.5, 0.75, 1, 1, 1, 1, 1.4, 2])
    span = max(16, round(side / scale))
    if spot:
        top, left = spot[0] - rng.randint(span // 4, 3 * span // 4), spot[1] - rng.randint(span // 4, 3 * span // 4)
    else:
        top, left = rng.randint(-20, max(0, rows - span) + 20), rng.randint(-20, max(0, columns - span) + 20)
    top, left = max(0, min(top, rows - span)), max(0, min(left, columns - span))
    plane = background.plane[top : top + span, left : left + span].astype(np.float32)
    if plane.shape != (span, span):
        missing = ((0, span - plane.shape[0]), (0, span - plane.shape[1]))
        plane = np.pad(plane, missing, mode="edge" if rng.random() < 0.5 else "constant")
    if span != side:
        how = rng.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.NEAREST])
        how = Image.Resampling.BOX if span > 2 * side else how
        plane = np.asarray(Image.fromarray(plane).resize((side, side), how))
    plane = np.rot90(plane, rng.choice([0, 0, 0, 1, 2, 3]))
    return np.array(plane[:, ::-1] if rng.random() < 0.5 else plane, np.float32)


def made_up(rng: random.Random, side: int) -> Plane:
    """A square of flat colour, clouds, bone-like texture, ultrasound speckle or a sector of it."""
    noise = np.random.default_rng(rng.getrandbits(32))
    kind = rng.random()
    if kind < 0.2:
        return _sector(rng, noise, side)
    if kind < 0.4:
        level = rng.choice([0.0, 0.0, 0.0, 1.0, rng.random()])
        return np.asarray(level + noise.normal(0, rng.choice([0, 0, 0.004, 0.02]), (side, side)), np.float32)
    if kind < 0.55:
        return _speckle(rng, noise, side)
    if kind < 0.7:
        return _trabeculae(rng, noise, side)
    clouds = [_clouds(noise, side, cells) * rng.random() for cells in (4, 8, 16, 32, 64) if rng.random() < 0.6]
    grain = noise.normal(0, rng.uniform(0, 0.5), (side, side))
    return _between(np.asarray(sum(clouds, grain), np.float32), rng)


def _clouds(noise: np.random.Generator, side: int, cells: int) -> Plane:
    grid = noise.normal(0, 1, (cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC))


def _speckle(rng: random.Random, noise: np.random.Generator, side: int) -> Plane:
    """Log-compressed Rayleigh speckle, drawn out along one axis as in a sector far from the probe."""
    grain = (max(8, side // rng.choice([1, 2, 2, 3])), max(8, side // rng.choice([2, 3, 5, 7])))
    cells = noise.rayleigh(1, grain).astype(np.float32)
    speckle = np.asarray(Image.fromarray(cells).resize((side, side), Image.Resampling.BICUBIC))
    echoes = 0.4 + np.exp(_clouds(noise, side, rng.choice([4, 8, 16])))
    plane = np.log1p(np.abs(speckle) * rng.uniform(1, 20)) * echoes
    return _between(np.rot90(plane, rng.choice([0, 1])), rng)


def _sector(rng: random.Random, noise: np.random.Generator, side: int) -> Plane:
    """Speckle in the fan, the bowl or the box of a probe, with the dark screen around it."""
    speckle = _speckle(rng, noise, side)
    if rng.random() < 0.5:
        grain = noise.rayleigh(1, (side, side)).astype(np.float32)
        speckle = np.clip(grain * np.float32(rng.uniform(0.1, 0.4)), 0, 1)
    down, across = np.mgrid[0:side, 0:side].astype(np.float32)
    row, column = rng.uniform(-0.6, 0.4) * side, rng.uniform(-0.2, 1.2) * side
    distance, angle = np.hypot(down - row, across - column), np.arctan2(across - column, down - row)
    reach, opening = rng.uniform(0.4, 1.5) * side, rng.uniform(0.3, 1.2)
    inside = (distance < reach) & (np.abs(angle) < opening) & (distance > rng.choice([0, 0.1, 0.3]) * side)
    gain = np.interp(distance / reach, [0, 0.3, 0.7, 1], [rng.random(), rng.random(), rng.random(), rng.random()])
    return np.where(inside, speckle * (0.2 + 0.8 * gain), rng.choice([0.0, 0.0, 0.0, 0.08])).astype(np.float32)


def _trabeculae(rng: random.Random, noise: np.random.Generator, side: int) -> Plane:
    """Thin bright struts: ridges of band-limited noise."""
    field = _clouds(noise, side, max(4, side // rng.choice([4, 6, 8, 12])))
    plane = np.exp(-np.abs(field) * rng.uniform(2, 6)) + 0.4 * _clouds(noise, side, 6)
    return _between(np.asarray(plane, np.float32), rng)


def _between(plane: Plane, rng: random.Random) -> Plane:
    low, high = np.percentile(plane, (1, 99))
    ends = sorted((rng.uniform(0, 1), rng.uniform(0, 1)))
    shares = np.clip((plane - low) / (high - low + 1e-6), -0.1, 1.2)
    return np.asarray(shares * (ends[1] - ends[0]) + ends[0], np.float32)
