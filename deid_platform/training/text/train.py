"""Train the text detector from a folder of backgrounds and a folder of fonts.

    python -m deid_platform.training.text.train --backgrounds DIR --fonts DIR --out text.pt --steps 30000

Scenes are drawn in processes of their own and each is seen a few times, because drawing one costs as much as learning
from it. The weights kept are the moving average of all steps.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import multiprocessing
import os
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deid_platform.training.steps import falling, follow, next_of
from deid_platform.training.text.backgrounds import Background, load
from deid_platform.training.text.mining import Spot, false_alarms
from deid_platform.training.text.net import TextNet, loss_of
from deid_platform.training.text.scene import Scenes
from deid_platform.training.text.typefaces import by_script, typefaces

_LOG = logging.getLogger(__name__)
_REPEATS = 3
_KEPT = 240  # batches in the pool that repeats are drawn from


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, but for the order in which processes deliver scenes."""

    backgrounds: Path
    fonts: Path
    out: Path
    steps: int
    minutes: float = 0.0
    """When given, the learning rate falls with the clock, and training ends then if the steps are not done before."""
    batch: int = 16
    seed: int = 1
    processes: int = 1
    rate: float = 3e-3
    mine_every: int = 1500
    threads: int = 1
    start: Path | None = None


Batch = tuple[NDArray[np.uint8], NDArray[np.bool_]]


def _draw(recipe: Recipe, number: int, ready: Queue[Batch], spots: Queue[list[Spot]]) -> None:
    """Run in a process: draw batches for ever."""
    faces = by_script([face for face in typefaces(recipe.fonts) if not face.held_out])
    rng = random.Random(f"{recipe.seed} {number}")
    scenes = Scenes(load(recipe.backgrounds), faces, rng)
    while True:
        while not spots.empty():
            scenes.hard = spots.get()
        drawn = [scenes.next() for _ in range(recipe.batch)]
        ready.put((np.stack([scene.views for scene in drawn]), np.stack([scene.text for scene in drawn])))


def _batches(ready: Queue[Batch], workers: Sequence[BaseProcess], rng: random.Random) -> Iterator[Batch]:
    """New batches and older ones again, in turns."""
    pool: list[Batch] = []
    while True:
        fresh = next_of(ready, workers)
        pool.append(fresh)
        yield fresh
        for _ in range(_REPEATS - 1):
            yield rng.choice(pool)
        if len(pool) > _KEPT:
            pool.pop(rng.randrange(len(pool)))


def _tensors(batch: Batch, rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Views from 0 to 1 and text, at times as a negative or with another gamma."""
    views = torch.from_numpy(batch[0]).float() / 255
    if rng.random() < 0.2:
        views = 1 - views
    if rng.random() < 0.3:
        views = views ** rng.uniform(0.7, 1.4)
    return views.contiguous(memory_format=torch.channels_last), torch.from_numpy(batch[1]).float()[:, None]


def train(recipe: Recipe) -> TextNet:
    """Train and return the averaged net, writing it to ``recipe.out`` from time to time."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(recipe.threads)
    net = TextNet()
    if recipe.start:
        net.load_state_dict(torch.load(recipe.start, weights_only=True))
    net.to(memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    context = multiprocessing.get_context("spawn")
    ready: Queue[Batch] = context.Queue(12)
    orders: list[Queue[list[Spot]]] = [context.Queue() for _ in range(recipe.processes)]
    workers = [
        context.Process(target=_draw, args=(recipe, number, ready, order), daemon=True)
        for number, order in enumerate(orders)
    ]
    for worker in workers:
        worker.start()
    try:
        _learn(recipe, net, average, _batches(ready, workers, random.Random(recipe.seed)), orders)
    finally:
        for worker in workers:
            worker.terminate()
    average.eval()
    return average


def _learn(
    recipe: Recipe, net: TextNet, average: TextNet, batches: Iterator[Batch], orders: Sequence[Queue[list[Spot]]]
) -> None:
    rng = random.Random(recipe.seed)
    optimizer = torch.optim.AdamW(net.parameters(), recipe.rate, weight_decay=1e-2)
    backgrounds = load(recipe.backgrounds)
    smooth, began = 0.0, time.monotonic()
    for step, batch in zip(range(recipe.steps), batches, strict=False):
        spent = (time.monotonic() - began) / 60 / recipe.minutes if recipe.minutes else 0.0
        progress = max(step / recipe.steps, spent)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = falling(recipe.rate, step, progress, warm_up=200, least=0.003)
        loss = loss_of(*_forward(net, batch, rng))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        follow(average, net, min(0.999, step / (step + 20)))
        smooth = loss.item() if step == 0 else 0.98 * smooth + 0.02 * loss.item()
        if (step + 1) % 200 == 0:
            _LOG.info(json.dumps({"step": step + 1, "loss": round(smooth, 4)}))
        if (step + 1) % recipe.mine_every == 0:
            torch.save(average.state_dict(), recipe.out)
            _mine(average, backgrounds, orders)
    torch.save(average.state_dict(), recipe.out)


def _forward(net: TextNet, batch: Batch, rng: random.Random) -> tuple[torch.Tensor, torch.Tensor]:
    views, text = _tensors(batch, rng)
    return net(views), text


def _mine(net: TextNet, backgrounds: Sequence[Background], orders: Sequence[Queue[list[Spot]]]) -> None:
    spots = false_alarms(net, backgrounds)
    _LOG.info(json.dumps({"false_alarms": len(spots)}))
    for order in orders:
        order.put(spots)


def _recipe(arguments: Sequence[str] | None) -> Recipe:
    parser = argparse.ArgumentParser(description="Train the text detector.")
    for name in ("backgrounds", "fonts", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to go on from")
    parser.add_argument("--steps", type=int, default=30000)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    given: dict[str, Any] = vars(parser.parse_args(arguments))
    return Recipe(**given)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(_recipe(arguments))


if __name__ == "__main__":
    main()
