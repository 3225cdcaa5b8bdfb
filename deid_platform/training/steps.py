"""What both trainings do step by step: a learning rate that falls, averaged weights, scenes from other processes."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
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


@contextmanager
def drawn(draw: Callable[[int, Queue[T]], None], seed: int, workers: int) -> Iterator[Iterator[T]]:
    """What ``draw(seed, ready)`` puts into its queue in processes of its own, for as long as it is wanted.

    The processes take turns, so that the order does not depend on which is faster.
    """
    context = multiprocessing.get_context("spawn")
    queues: list[Queue[T]] = [context.Queue(6) for _ in range(workers)]
    processes = [context.Process(target=draw, args=(seed + 1000 * number, ready), daemon=True)
                 for number, ready in enumerate(queues)]  # fmt: skip
    for process in processes:
        process.start()
    try:
        yield (next_of(ready, [process]) for ready, process in cycle(zip(queues, processes, strict=True)))
    finally:
        for process in processes:
            process.terminate()
