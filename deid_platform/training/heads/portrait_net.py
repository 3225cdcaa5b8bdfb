"""The net that sees faces: a small convolutional one that looks at how deep a surface lies."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from deid_platform.training.heads.portraits import FAR

_CHANNELS = (16, 24, 40, 64, 64)
_RANGE, _STEEPEST = 100.0, 6.0  # mm from the nearest place that are told apart, and mm between neighbours


def _block(before: int, after: int, step: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, step, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True))


class PortraitNet(nn.Module):
    """Input: depths in mm, shape (n, 1, 96, 96), as of :mod:`deid_platform.training.heads.portraits`, FAR where nothing
    is. Output: logits that a view shows a face, shape (n,)."""

    def __init__(self) -> None:
        super().__init__()
        steps = (1, 2, 2, 2, 2)
        before = (4, *_CHANNELS)
        self.look = nn.Sequential(*(_block(*three) for three in zip(before, _CHANNELS, steps, strict=False)))
        self.tell = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * _CHANNELS[-1], 1))

    def forward(self, depth: Tensor) -> Tensor:
        """The logits."""
        seen = self.look(shape_of(depth)).flatten(2)
        return self.tell(torch.cat([seen.mean(2), seen.amax(2)], 1))[:, 0]


def shape_of(depth: Tensor) -> Tensor:
    """Distance from the nearest place, slope across and up, and where anything is: what does not depend on light."""
    nearest = depth.amin((2, 3), keepdim=True)
    there = (depth < FAR).float()
    away = ((depth - nearest) / _RANGE).clamp(0, 1)
    across = functional.pad(depth[:, :, 1:] - depth[:, :, :-1], (0, 0, 0, 1))
    up = functional.pad(depth[:, :, :, 1:] - depth[:, :, :, :-1], (0, 1))
    slopes = [(one / _STEEPEST).clamp(-1, 1) * there for one in (across, up)]
    return torch.cat([away, *slopes, there], 1)
