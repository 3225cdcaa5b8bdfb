"""Train the net that finds heads, or the one that cuts out brains, from a folder of labelled heads.

    python -m deid_platform.training.heads.train --heads DIR --out head.pt --minutes 90
    python -m deid_platform.training.heads.train --heads DIR --out brain.pt --minutes 60 --brain

Scenes are drawn in processes of their own and each is seen once. The weights kept are the moving average of all steps.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from deid_platform.training.heads.labels import LabelledHead
from deid_platform.training.heads.net import BrainNet, HeadNet
from deid_platform.training.heads.scene import Scene, Scenes, Shares
from deid_platform.training.steps import drawn, falling, follow

_LOG = logging.getLogger(__name__)
_REPORT_EVERY, _SAVE_EVERY = 50, 200


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights. ``steps`` or ``minutes`` ends the training, whichever is reached first."""

    heads: Path
    out: Path
    steps: int = 5000
    minutes: float = 0.0
    rate: float = 3e-3
    seed: int = 1
    threads: int = 1
    device: str = "cpu"
    start: Path | None = None
    batch: int = 1
    """Scenes in a step."""
    brain: bool = False
    """Whether the net of the second look is trained, which cuts out the brain."""
    workers: int = 1
    """Processes that draw scenes; they take turns, so that the order does not depend on which is faster."""


def train(recipe: Recipe) -> HeadNet | BrainNet:
    """Train and return the averaged net, writing it to ``recipe.out`` from time to time."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    net = BrainNet() if recipe.brain else HeadNet()
    if recipe.start:
        net.load_state_dict(torch.load(recipe.start, map_location="cpu", weights_only=True))
    net.to(recipe.device, memory_format=torch.channels_last_3d)  # twice as fast on a CPU
    average = copy.deepcopy(net)
    with drawn(partial(_draw, recipe), recipe.seed, recipe.workers) as scenes:
        _learn(recipe, net, average, scenes)
    torch.save(average.state_dict(), recipe.out)
    average.cpu().eval()
    return average


def heads_in(folder: Path) -> list[LabelledHead]:
    """All labelled heads of a folder. Raises FileNotFoundError when there are none."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise FileNotFoundError(f"No labelled heads (*.npz) in {folder}: make them with training.heads.labels.")
    return [LabelledHead.load(path) for path in paths]


def _draw(recipe: Recipe, seed: int, ready: Queue[Scene]) -> None:
    torch.set_num_threads(1)
    scenes = Scenes(heads_in(recipe.heads), seed, Shares(fine=float(recipe.brain)))
    while True:
        ready.put(scenes.batch(recipe.batch))


def _learn(recipe: Recipe, net: HeadNet | BrainNet, average: nn.Module, scenes: Iterator[Scene]) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=1e-2)
    smooth, began = 0.0, time.monotonic()
    for step, scene in zip(range(recipe.steps), scenes, strict=False):
        spent = (time.monotonic() - began) / 60 / recipe.minutes if recipe.minutes else 0.0
        progress = max(step / recipe.steps, spent)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = falling(recipe.rate, step, progress, warm_up=60, least=0.005)
        loss = net.loss(*_tensors(scene, recipe.device))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        follow(average, net, min(0.997, step / (step + 10)))
        smooth = loss.item() if step == 0 else 0.98 * smooth + 0.02 * loss.item()
        if (step + 1) % _REPORT_EVERY == 0:
            _LOG.info(json.dumps({"step": step + 1, "loss": round(smooth, 4), "progress": round(progress, 3)}))
        if (step + 1) % _SAVE_EVERY == 0:
            torch.save(average.state_dict(), recipe.out)


def _tensors(scene: Scene, device: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    arrays = (scene.volume, scene.labels, scene.where, scene.seen)
    volume, labels, where, seen = (
        torch.from_numpy(np.ascontiguousarray(array)).to(device).contiguous(memory_format=torch.channels_last_3d)
        for array in arrays
    )
    return volume, labels.float(), where, seen.float()


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the net that finds heads.")
    for name in ("heads", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=0.0, help="let the learning rate fall with the clock")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1, help="scenes in a step")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes")
    parser.add_argument("--brain", action="store_true", help="train the net that cuts out brains")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(Recipe(**vars(parser.parse_args(arguments))))


if __name__ == "__main__":
    main()
