"""What both trainings do step by step: a learning rate that falls, averaged weights, scenes from other processes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from queue import Empty
from typing import TypeVar

import torch
from torch import nn

T = TypeVar("T")


def falling(rate: float, step: int, progress: float, *, warm_up: int, least: float) -> float:
    """Rise over ``warm_up`` steps, then fall along a cosine; ``progress`` goes from 0 to 1, ``least`` is a share."""
    return rate * min(1.0, (step + 1) / warm_up) * (0.5 * (1 + math.cos(math.pi * progress)) + least)


def follow(average: nn.Module, net: nn.Module, keep: float) -> None:
    """Move the averaged weights a step toward the present ones; counters are copied."""
    with torch.no_grad():
        for mean, now in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(now, 1 - keep)
            else:
                mean.copy_(now)


def next_of(ready: Queue[T], workers: Sequence[BaseProcess]) -> T:
    """What the next of the workers has drawn. Raises RuntimeError when none is left."""
    while True:
        try:
            return ready.get(timeout=5)
        except Empty:
            if not any(worker.is_alive() for worker in workers):
                raise RuntimeError("The processes that draw scenes have stopped: see what they printed.") from None
