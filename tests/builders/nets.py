"""A stand-in for the text detector that finds what is white, so that a test knows exactly what must be found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deid_platform.pixels.inference import Thresholds
from deid_platform.pixels.masks import CELL

SURE, NOTHING = 5.0, -5.0
THRESHOLDS = Thresholds(seed=1.0, grow=-1.0, plain_seed=1.0)


def white(views: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels that are white in the second view, which people see; shape (frames, rows, columns)."""
    return np.asarray(views[:, 1] > 0.95)


def solid(views: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels of cells that are white altogether, as noise never is."""
    frames, _, rows, columns = views.shape
    cells = white(views).reshape(frames, rows // CELL, CELL, columns // CELL, CELL).all(axis=(2, 4))
    return np.asarray(cells.repeat(CELL, axis=1).repeat(CELL, axis=2))


@dataclass(frozen=True)
class WhiteNet:
    """Is sure of each cell that holds a pixel ``text`` is true of; ``shapes`` are those of what it was shown."""

    text: Callable[[NDArray[np.float32]], NDArray[np.bool_]] = white
    batch: int = 1
    thresholds: Thresholds = THRESHOLDS
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def logits(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """See :meth:`deid_platform.pixels.inference.Detector.logits`."""
        self.shapes.append(views.shape)
        frames, channels, rows, columns = views.shape
        assert channels == 2
        assert rows % 16 == columns % 16 == 0
        assert 0 <= views.min() <= views.max() <= 1
        cells = self.text(views).reshape(frames, rows // CELL, CELL, columns // CELL, CELL).any(axis=(2, 4))
        return np.where(cells, SURE, NOTHING).astype(np.float32)
