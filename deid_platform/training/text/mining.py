"""Where a half-trained detector sees text on backgrounds that have none: places to practise on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from deid_platform.training.text.backgrounds import Background
from deid_platform.training.text.net import TextNet

Spot = tuple[int, int, int, float]
"""Number of a background, row and column in it, and the scale it was looked at."""

_SCALES = (1.0, 0.5, 0.25, 2.0)
_LARGEST = 1024
_PER_IMAGE = 4
_ALARM = -1.5  # logits


def false_alarms(net: TextNet, backgrounds: Sequence[Background]) -> list[Spot]:
    """The places of the strongest false alarms, a few per background and scale."""
    was_training = net.training
    net.eval()
    spots: list[Spot] = []
    with torch.no_grad():
        for number, background in enumerate(backgrounds):
            for scale in _SCALES:
                view = _view(background, scale)
                if view is not None:
                    logits = net(torch.from_numpy(np.stack([view, view])[None]))[0, 0].numpy()
                    spots += [(number, row, column, scale) for row, column in _peaks(logits, scale)]
    net.train(was_training)
    return spots


def _view(background: Background, scale: float) -> NDArray[np.float32] | None:
    """The background at a scale, 0 to 1, padded to multiples of 16; None where that is too large or too small."""
    rows, columns = (round(side * scale) for side in background.plane.shape)
    if max(rows, columns) > _LARGEST or min(rows, columns) < 80:
        return None
    plane = np.clip(background.plane.astype(np.float32), 0, 1)
    resized = np.asarray(Image.fromarray(plane).resize((columns, rows), Image.Resampling.BILINEAR))
    return np.pad(resized, ((0, -rows % 16), (0, -columns % 16)), mode="edge")


def _peaks(logits: NDArray[np.float32], scale: float) -> Iterator[tuple[int, int]]:
    left = logits.copy()
    for _ in range(_PER_IMAGE):
        row, column = np.unravel_index(int(left.argmax()), left.shape)
        if left[row, column] < _ALARM:
            return
        yield int(row * 4 / scale), int(column * 4 / scale)
        left[max(row - 12, 0) : row + 12, max(column - 12, 0) : column + 12] = -100
