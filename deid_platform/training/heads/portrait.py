"""Train the net that sees faces in what the gate sees of a head.

    python -m deid_platform.training.heads.portrait --heads DIR --out MODELS --minutes 40 --workers 2

It judges what the other nets of heads have done, so it shares nothing with them but labelled heads.
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
from numpy.typing import NDArray
from torch.nn import functional

from deid_platform.training.heads.export import register, written
from deid_platform.training.heads.portrait_net import PortraitNet
from deid_platform.training.heads.portraits import SIDE, Portraits
from deid_platform.training.heads.train import heads_in
from deid_platform.training.steps import drawn, falling, follow

_LOG = logging.getLogger(__name__)
FILE, MODEL = "portrait.onnx", "portrait"
Views = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights. ``steps`` or ``minutes`` ends the training, whichever is reached first."""

    heads: Path
    steps: int = 4000
    minutes: float = 0.0
    rate: float = 2e-3
    seed: int = 1
    workers: int = 1
    device: str = "cpu"
    batch: int = 32


def train(recipe: Recipe) -> PortraitNet:
    """Train and return the averaged net."""
    torch.manual_seed(recipe.seed)
    net = PortraitNet()
    net.to(recipe.device)
    average = copy.deepcopy(net)
    with drawn(partial(_draw, recipe), recipe.seed, recipe.workers) as views:
        _learn(recipe, net, average, views)
    average.cpu().eval()
    return average


def _draw(recipe: Recipe, seed: int, ready: Queue[Views]) -> None:
    torch.set_num_threads(1)
    portraits = Portraits(heads_in(recipe.heads), seed, recipe.device)
    while True:
        depths, truth = portraits.batch(recipe.batch)
        ready.put((depths.cpu().numpy(), truth.cpu().numpy()))


def _learn(recipe: Recipe, net: PortraitNet, average: PortraitNet, views: Iterator[Views]) -> None:
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=2e-2)
    began, smooth = time.monotonic(), 0.0
    for step, (depths, truth) in zip(range(recipe.steps), views, strict=False):
        spent = (time.monotonic() - began) / 60 / recipe.minutes if recipe.minutes else 0.0
        progress = max(step / recipe.steps, spent)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = falling(recipe.rate, step, progress, warm_up=30, least=0.01)
        told = torch.from_numpy(truth).to(recipe.device)
        loss = functional.binary_cross_entropy_with_logits(net(torch.from_numpy(depths).to(recipe.device)), told)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        follow(average, net, min(0.99, step / (step + 10)))
        smooth = loss.item() if step == 0 else 0.97 * smooth + 0.03 * loss.item()
        if (step + 1) % 20 == 0:
            _LOG.info(json.dumps({"step": step + 1, "loss": round(smooth, 4), "progress": round(progress, 3)}))


def export(net: PortraitNet, folder: Path) -> str:
    """Write ``portrait.onnx``; return its sha-256."""
    return written(net, folder / FILE, (SIDE, SIDE), ["p"], {"x": {0: "n"}, "p": {0: "n"}})


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the net that sees faces.")
    for name in ("heads", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=0.0, help="let the learning rate fall with the clock")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw views")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    given = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    out = given.pop("out")
    register(out, export(train(Recipe(**given)), out), MODEL)


if __name__ == "__main__":
    main()
