"""The nets that find heads and cut out brains: small U-Nets in three dimensions, fully convolutional."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from deid_platform.training.heads.labels import COARSE_STEP, STRUCTURES

CHANNELS = (16, 24, 40, 64)
"""Channels at a half, a fourth, an eighth and a sixteenth of the resolution."""
BRAIN = STRUCTURES.index("brain")
_WEIGHTS = (2.0, 2.0, 6.0, 6.0, 1.0)  # what is small counts more where it is
_EDGE = 8  # channels of the brain's edge
_FULL = 7  # channels at full resolution, where a convolution costs eight times as much; with the input 8


def _block(before: int, after: int, step: int = 1) -> nn.Sequential:
    convolution = nn.Conv3d(before, after, 3, step, 1, bias=False)
    return nn.Sequential(convolution, nn.InstanceNorm3d(after, affine=True), nn.LeakyReLU(0.01, inplace=True))


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def _place(x: Tensor, step: int) -> Tensor:
    """Where voxels lie from the middle of the volume, in units of 100 mm on the grid of the first pass.

    Without it a convolution cannot tell left from right: heads are mirrored.
    """
    one = torch.ones_like(x[:, :1])
    places = [torch.cumsum(one, axis) for axis in (2, 3, 4)]
    return torch.cat([place - place.mean() for place in places], 1) * (step * COARSE_STEP / 100)


class _Body(nn.Module):
    """What both nets are made of: from a volume to channels at half its resolution."""

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        half, fourth, eighth, sixteenth = channels
        self.stem = nn.Conv3d(1, half, 4, 2, 1)
        self.at2 = _block(half, half)
        self.at4 = nn.Sequential(_block(half, fourth, 2), _block(fourth, fourth))
        self.at8 = nn.Sequential(_block(fourth, eighth, 2), _block(eighth, eighth))
        self.at16 = nn.Sequential(
            _block(eighth + 3, sixteenth, 2), _block(sixteenth, sixteenth), _block(sixteenth, sixteenth)
        )
        self.lateral8, self.up8 = nn.Conv3d(sixteenth, eighth, 1), _block(eighth, eighth)
        self.lateral4, self.up4 = nn.Conv3d(eighth, fourth, 1), _block(fourth, fourth)
        self.lateral2, self.up2 = nn.Conv3d(fourth, half, 1), _block(half, half)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, channels, x / 2, y / 2, z / 2)."""
        at2 = self.at2(self.stem(x))
        at4 = self.at4(at2)
        at8 = self.at8(at4)
        up8 = self.up8(at8 + _twice(self.lateral8(self.at16(torch.cat([at8, _place(at8, 8)], 1)))))
        up4 = self.up4(at4 + _twice(self.lateral4(up8)))
        return self.up2(at2 + _twice(self.lateral2(up4)))


class HeadNet(nn.Module):
    """Input: a volume, 0 to 1.5, shape (n, 1, x, y, z), multiples of 16.

    Output: logits of :data:`~deid_platform.training.heads.labels.STRUCTURES`, shape (n, 5, x, y, z), and coordinates in
    the head frame in units of 100 mm, shape (n, 3, x / 2, y / 2, z / 2): from these the pose of a head follows even
    where most of it lies outside of the volume.
    """

    def __init__(self, channels: tuple[int, int, int, int] = CHANNELS) -> None:
        super().__init__()
        self.body = _Body(channels)
        self.where = nn.Conv3d(channels[0], 3, 1)
        self.full = nn.Sequential(nn.ConvTranspose3d(channels[0], _FULL, 2, 2), nn.LeakyReLU(0.01, inplace=True))
        self.what = nn.Conv3d(_FULL + 1, len(STRUCTURES), 3, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and coordinates."""
        half = self.body(x)
        return self.what(torch.cat([self.full(half), x], 1)), self.where(half) + _place(half, 2)

    def loss(self, volume: Tensor, labels: Tensor, where: Tensor, seen: Tensor) -> Tensor:
        """How wrong the net is about scenes."""
        logits, found = self(volume)
        return loss_of(logits, found, labels, where, seen)


class BrainNet(nn.Module):
    """Input: as of :class:`HeadNet`, of the second look. Output: logits of the brain, shape (n, 1, x, y, z).

    The edge of a brain is drawn by it, so it has a layer more at full resolution.
    """

    def __init__(self, channels: tuple[int, int, int, int] = CHANNELS) -> None:
        super().__init__()
        self.body = _Body(channels)
        self.full = nn.ConvTranspose3d(channels[0], _EDGE - 1, 2, 2)
        self.what = nn.Sequential(
            nn.LeakyReLU(0.01), nn.Conv3d(_EDGE, _EDGE, 3, 1, 1), nn.LeakyReLU(0.01), nn.Conv3d(_EDGE, 1, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        return self.what(torch.cat([self.full(self.body(x)), x], 1))

    def loss(self, volume: Tensor, labels: Tensor, where: Tensor, seen: Tensor) -> Tensor:
        """How wrong the net is about scenes."""
        return overlap_loss(self(volume), labels[:, BRAIN : BRAIN + 1], seen)


def overlap_loss(logits: Tensor, labels: Tensor, seen: Tensor) -> Tensor:
    """Cross-entropy and Dice of structures, the first of which count as :data:`_WEIGHTS` say.

    ``labels`` has the shape of ``logits``; ``seen`` is 1 inside of the field of view, shape (n, 1, x, y, z): what lies
    outside counts little.
    """
    weight = 0.05 + 0.95 * seen
    entropy = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    present = torch.tensor(_WEIGHTS[: labels.shape[1]], device=labels.device)[:, None, None, None]
    entropy = (entropy * weight * (1 + present * labels)).mean()
    chance, truth = torch.sigmoid(logits) * seen, labels * seen
    both, either = (chance * truth).sum((2, 3, 4)), (chance + truth).sum((2, 3, 4))
    return 2 * entropy + 1 - ((2 * both + 60) / (either + 60)).mean()


def loss_of(logits: Tensor, where: Tensor, labels: Tensor, target: Tensor, seen: Tensor) -> Tensor:
    """Cross-entropy and Dice of the structures, and distance in the head frame.

    Parameters
    ----------
    logits, where
        What the net gave.
    labels, seen
        See :func:`overlap_loss`.
    target
        True coordinates in units of 100 mm, shape of ``where``; they count where there is a head.
    """
    inside = functional.max_pool3d((labels * seen)[:, -1:], 2)
    apart = functional.smooth_l1_loss(where, target, reduction="none", beta=0.05)
    distance = (apart * inside).sum() / (3 * inside.sum() + 1000)
    return overlap_loss(logits, labels, seen) + 4 * distance
