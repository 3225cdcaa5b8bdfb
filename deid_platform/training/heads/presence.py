"""A second, tiny net that says whether a volume holds a head at all, and whether that head has a face.

    python -m deid_platform.training.heads.presence --heads DIR --out MODELS --minutes 15

The first net normalises each volume by itself, so it finds something of a head in anything. This one has no such layer
and sees the volume coarsely, as a whole. Half of what it learns from is no head: bodies, noise, and heads in pieces.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deid_platform.training.heads.export import register, written
from deid_platform.training.heads.labels import COARSE_STEP, STRUCTURES
from deid_platform.training.heads.scene import COARSE, Scene, Scenes, Shares
from deid_platform.training.heads.train import heads_in
from deid_platform.training.steps import falling

_LOG = logging.getLogger(__name__)
FILE = "presence.onnx"
SHARES = Shares(fine=0.0, other=0.5, stripped=0.06, defaced=0.3)
_BATCH, _CHANNELS = 8, (12, 24, 48)
_PIECES = 0.2  # of the heads that are cut up and put together at random
_BRAIN, _FACE, _ORBITS, _EARS, _HEAD = range(len(STRUCTURES))
_LEAST_BRAIN, _LEAST_FACE = 100.0, 15.0  # ml in the field of view
_TISSUE = 0.12


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(before, after, 3, 2, 1, bias=False), nn.BatchNorm3d(after), nn.ReLU(inplace=True))


class PresenceNet(nn.Module):
    """Input: a volume on the coarse grid, shape (n, 1, x, y, z). Output: logits that it holds a head, and a face."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = _CHANNELS
        self.look = nn.Sequential(_block(1, first), _block(first, second), _block(second, third), _block(third, third))
        self.tell = nn.Linear(2 * third, 2)

    def forward(self, x: Tensor) -> Tensor:
        """The logits, shape (n, 2)."""
        seen = self.look(functional.avg_pool3d(x, 2)).flatten(2)
        return self.tell(torch.cat([seen.mean(2), seen.amax(2)], 1))


def truth(scene: Scene) -> tuple[float, float]:
    """Whether a scene holds a head, and a face, 0 or 1: what lies outside of the field of view does not count."""
    ml = COARSE_STEP**3 / 1000
    shown = (scene.labels > 0) & (scene.seen > 0)
    face = float(((shown[_FACE] | shown[_ORBITS]) & (scene.volume[0] > _TISSUE)).sum() * ml)
    brain = float(shown[_BRAIN].sum() * ml)
    return float(brain >= _LEAST_BRAIN or face >= _LEAST_FACE), float(face >= _LEAST_FACE)


def drawn(scenes: Scenes, rng: np.random.Generator) -> tuple[np.ndarray, tuple[float, float]]:
    """A volume and the truth about it."""
    scene = scenes.next()
    if scene.labels.any() and rng.random() < _PIECES:
        return _in_pieces(scene.volume, rng), (0.0, 0.0)
    return scene.volume, truth(scene)


def _in_pieces(volume: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The blocks of a volume in another order: the same tissues, but no head."""
    size = 16
    counts = [count // size for count in COARSE]
    blocks = volume[0].reshape(counts[0], size, counts[1], size, counts[2], size).transpose(0, 2, 4, 1, 3, 5)
    mixed = rng.permutation(blocks.reshape(-1, size, size, size)).reshape(*counts, size, size, size)
    return mixed.transpose(0, 3, 1, 4, 2, 5).reshape(1, *COARSE)


def train(scenes: Scenes, seed: int, steps: int, minutes: float = 0.0, rate: float = 3e-3) -> PresenceNet:
    """Train a net; ``steps`` or ``minutes`` ends it, whichever is reached first."""
    torch.manual_seed(seed)
    net, rng = PresenceNet(), np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(net.parameters(), rate, weight_decay=1e-2)
    began, smooth = time.monotonic(), 0.0
    for step in range(steps):
        progress = max(step / steps, (time.monotonic() - began) / 60 / minutes if minutes else 0.0)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = falling(rate, step, progress, warm_up=30, least=0.01)
        pairs = [drawn(scenes, rng) for _ in range(_BATCH)]
        volumes = torch.from_numpy(np.stack([volume for volume, _ in pairs]))
        targets = torch.tensor([told for _, told in pairs])
        loss = functional.binary_cross_entropy_with_logits(net(volumes), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        smooth = loss.item() if step == 0 else 0.97 * smooth + 0.03 * loss.item()
        if (step + 1) % 20 == 0:
            _LOG.info(json.dumps({"step": step + 1, "loss": round(smooth, 4)}))
    net.eval()
    return net


def export(net: PresenceNet, folder: Path) -> str:
    """Write ``presence.onnx``; return its sha-256."""
    return written(net, folder / FILE, COARSE, ["p"], {})


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the net that tells whether there is a head.")
    for name in ("heads", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    scenes = Scenes(heads_in(given.heads), given.seed, SHARES)
    digest = export(train(scenes, given.seed, given.steps, given.minutes), given.out)
    register(given.out, digest, "presence")


if __name__ == "__main__":
    main()
