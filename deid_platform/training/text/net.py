"""The text detector as a net: fully convolutional, one logit for each cell of 4 x 4 pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = (24, 40, 64)
"""Channels at a fourth, an eighth and a sixteenth of the resolution."""


def _block(before: int, after: int, size: int = 3, step: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, size, step, (size - step + 1) // 2 if step > 2 else size // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _block(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


class TextNet(nn.Module):
    """Input: two views of a frame, 0 to 1, shape (n, 2, rows, columns), both multiples of 16. Output: logits, shape
    (n, 1, rows / 4, columns / 4). Most of the work is done at an eighth and a sixteenth of the resolution, and the
    last layer gives four logits per place, because convolutions at a fourth would cost more than all the rest.
    """

    def __init__(self, channels: tuple[int, int, int] = CHANNELS) -> None:
        super().__init__()
        fourth, eighth, sixteenth = channels
        self.stem = nn.Sequential(_block(2, fourth, 6, 4), _block(fourth, fourth))
        self.down8 = nn.Sequential(_block(fourth, eighth, 3, 2), _block(eighth, eighth))
        self.down16 = nn.Sequential(_block(eighth, sixteenth, 3, 2), _Residual(sixteenth), _Residual(sixteenth))
        self.lateral = nn.Conv2d(sixteenth, eighth, 1)
        self.merge = _block(eighth, eighth)
        self.head = nn.Conv2d(eighth, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        at8 = self.down8(self.stem(x))
        at16 = functional.interpolate(self.lateral(self.down16(at8)), scale_factor=2.0, mode="nearest")
        return functional.pixel_shuffle(self.head(self.merge(at8 + at16)), 2)


def loss_of(logits: Tensor, text: Tensor) -> Tensor:
    """Focal-like cross-entropy plus Dice.

    Parameters
    ----------
    logits
        Shape (n, 1, rows / 4, columns / 4).
    text
        1 in line boxes, 0 elsewhere, shape (n, 1, rows, columns). Cells only grazed by a box count little, so that
        the exact edge does not matter, and missed text costs more than a false alarm.
    """
    share = functional.avg_pool2d(text, 4)
    target = (share > 0.35).float()
    weight = ((share <= 0) | (share > 0.35)).float()
    weight = weight * (1 - 0.8 * functional.max_pool2d(target, 3, 1, 1) * (1 - target))
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    chance = torch.sigmoid(logits)
    focal = entropy * (0.15 + (chance - target).abs())
    weighted = weight * (1 + 2 * target)
    dice = 1 - (2 * (chance * target * weight).sum() + 1) / ((chance * weight).sum() + (target * weight).sum() + 1)
    return 4 * (focal * weighted).sum() / weighted.sum() + 0.5 * dice
