"""A training image: text on a background, as the two views the detector is given, and where the text is."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deid_platform.training.text.backgrounds import Background, Plane, made_up, window
from deid_platform.training.text.clutter import clutter
from deid_platform.training.text.ink import Ink, some_ink
from deid_platform.training.text.typefaces import Script, Typeface

# Under this share of the range shown, or of the deviation of the ground, nobody reads letters.
_LEAST_CONTRAST, _LEAST_OVER_NOISE = 0.1, 1.5
_TAIL = 32 / 255


@dataclass(frozen=True, slots=True)
class Scene:
    """``views``: uint8, shape (2, side, side). ``text``: True in line boxes, shape (side, side)."""

    views: NDArray[np.uint8]
    text: NDArray[np.bool_]


@dataclass(slots=True)
class _Canvas:
    """What is drawn on: two planes, alike but for colour images, and the boxes of the text so far.

    ``low`` and ``high`` are the extremes of all values, ``window`` is what the second view shows of them, None for the
    usual values.
    """

    planes: list[Plane]
    text: NDArray[np.bool_]
    low: float
    high: float
    eight_bit: bool
    window: tuple[float, float] | None


@dataclass(slots=True)
class Scenes:
    """An endless source of scenes. ``hard``: (background, row, column, scale) of false alarms to practise on."""

    backgrounds: Sequence[Background]
    faces: dict[Script, list[Typeface]]
    rng: random.Random
    side: int = 256
    hard: list[tuple[int, int, int, float]] = field(default_factory=list)

    def next(self) -> Scene:
        """Draw one scene."""
        rng = self.rng
        canvas = self._canvas()
        if rng.random() < 0.5:
            canvas.planes = _same(clutter(rng, canvas.planes[0]))
        if rng.random() < 0.12:
            _tint(rng, canvas)
        for _ in range(0 if rng.random() < 0.25 else rng.randint(1, 8)):
            ink = some_ink(rng, self.faces)
            if ink is not None:
                _write(rng, canvas, _enlarged(rng, ink))
        views = [_degraded(rng, view) for view in _views(rng, canvas)]
        return Scene(np.stack(views), canvas.text)

    def _canvas(self) -> _Canvas:
        rng, side = self.rng, self.side
        if rng.random() < 0.25:
            plane, low, high, eight_bit = made_up(rng, side), 0.0, 1.0, rng.random() < 0.5
        else:
            number, spot = rng.randrange(len(self.backgrounds)), None
            if self.hard and rng.random() < 0.35:
                number, *place = rng.choice(self.hard)
                spot = (int(place[0]), int(place[1]), float(place[2]))
            background = self.backgrounds[number]
            plane, eight_bit = window(rng, background, side, spot), background.eight_bit
            low, high = background.lowest, background.highest
        if rng.random() < 0.15:
            plane, low, high = 1 - plane, 1 - high, 1 - low
        if rng.random() < 0.25:
            plane = np.sign(plane) * np.abs(plane) ** np.float32(rng.uniform(0.5, 2))
        if rng.random() < 0.2:
            plane = plane * np.float32(rng.uniform(0.3, 1)) + np.float32(rng.uniform(0, 0.3))
        if rng.random() < 0.15:
            grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0.005, 0.07), plane.shape)
            plane = plane + grain.astype(np.float32)
        text = np.zeros((side, side), np.bool_)
        return _Canvas(_same(plane), text, min(low, 0.0), max(high, 1.0), eight_bit, _some_window(rng))


def _same(plane: Plane) -> list[Plane]:
    return [plane, plane.copy()]


def _enlarged(rng: random.Random, ink: Ink) -> Ink:
    """Now and then the blocky letters of old consoles: each pixel doubled."""
    if rng.random() > 0.06 or max(ink.coverage.shape) > 120:
        return ink
    coverage = ink.coverage.repeat(2, axis=0).repeat(2, axis=1)
    return Ink((coverage > 0.5).astype(np.float32), ink.box.repeat(2, axis=0).repeat(2, axis=1), ink.size * 2)


def _tint(rng: random.Random, canvas: _Canvas) -> None:
    """Make the second plane differ, as luma and the strongest or weakest channel of a colour image do."""
    side = canvas.text.shape[0]
    mask = window(rng, Background(canvas.planes[0].astype(np.float16), 0, 1, True), side) > rng.random()
    canvas.planes[1] = np.where(mask, np.float32(rng.random()), canvas.planes[1]).astype(np.float32)


def _write(rng: random.Random, canvas: _Canvas, ink: Ink) -> None:
    side = canvas.text.shape[0]
    coverage, box = ink.coverage[:side, :side], ink.box[:side, :side]
    place = _place(rng, canvas.text, box) if box.any() else None
    if place is None:
        return
    rows, columns = slice(place[0], place[0] + box.shape[0]), slice(place[1], place[1] + box.shape[1])
    colour = rng.random() < 0.08 and canvas.planes[1] is not canvas.planes[0]
    level = None
    frame = rng.random()
    for plane in canvas.planes:
        part = plane[rows, columns]
        if level is None or colour:
            ground = float(part[box].mean())
            level = _level(rng, canvas, ground)
            least = max(_LEAST_CONTRAST, _LEAST_OVER_NOISE * float(part[box].std()))
            if frame >= 0.3 and abs(level - ground) < least:
                level = _far_from(ground, canvas)
                if abs(level - ground) < least:
                    return
        if frame < 0.16:
            _outline(plane, coverage, place, 0.0 if level > 0.45 else 1.0)
        elif frame < 0.3:
            _bar(rng, plane, place, box.shape, 0.0 if level > 0.45 else 1.0)
        plane[rows, columns] = plane[rows, columns] * (1 - coverage) + np.float32(level) * coverage
    canvas.text[rows, columns] |= box


def _place(rng: random.Random, taken: NDArray[np.bool_], box: NDArray[np.bool_]) -> tuple[int, int] | None:
    """A free place, often at the border, often under the line before."""
    rows, columns = taken.shape[0] - box.shape[0], taken.shape[1] - box.shape[1]
    for _ in range(4):
        top, left = rng.randint(0, rows), rng.randint(0, columns)
        if rng.random() < 0.25:
            left = min(rng.choice([0, 1, 2, 4, columns, columns - 2]), columns)
        if rng.random() < 0.2:
            top = min(rng.choice([0, 1, 2, 4, rows, rows - 2]), rows)
        top, left = max(top, 0), max(left, 0)
        if not taken[max(top - 2, 0) : top + box.shape[0] + 2, max(left - 2, 0) : left + box.shape[1] + 2].any():
            return top, left
    return None


def _far_from(ground: float, canvas: _Canvas) -> float:
    """The end of the usual range, or of all values, that is farthest from the ground."""
    ends = (0.0, 1.0) if canvas.eight_bit or 0 <= ground <= 1 else (0.0, 1.0, canvas.low, canvas.high)
    return max(ends, key=lambda end: abs(end - ground))


def _level(rng: random.Random, canvas: _Canvas, ground: float) -> float:
    """The level of the ink: mostly the brightest, at times the darkest, any, barely visible, or beyond all tissue."""
    kind = rng.random()
    if kind < 0.45:
        level = rng.choice([1.0, 1.0, 0.9, 0.8, 0.7, 0.6])
    elif kind < 0.6:
        level = rng.choice([0.0, 0.0, 0.05, 0.15])
    elif kind < 0.75 and not canvas.eight_bit:
        level = rng.choice([canvas.high, canvas.high, canvas.low, rng.uniform(1.1, 2.5), *(canvas.window or ())])
    elif kind < 0.88:
        level = ground + rng.choice([-1, 1]) * rng.uniform(_LEAST_CONTRAST, 0.22)
    else:
        level = rng.random()
    return float(np.clip(level, 0, 1)) if canvas.eight_bit else level


def _outline(plane: Plane, coverage: Plane, place: tuple[int, int], level: float) -> None:
    """A rim of one pixel of the other colour around the letters."""
    padded = np.pad(coverage, 1)
    rim = padded.copy()
    for shift in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1)):
        rim = np.maximum(rim, np.roll(padded, shift, (0, 1)))
    top, left = max(place[0] - 1, 0), max(place[1] - 1, 0)
    rim = rim[1 if place[0] == 0 else 0 :, 1 if place[1] == 0 else 0 :]
    part = plane[top : top + rim.shape[0], left : left + rim.shape[1]]
    rim = rim[: part.shape[0], : part.shape[1]]
    part[...] = part * (1 - rim) + np.float32(level) * rim


def _bar(rng: random.Random, plane: Plane, place: tuple[int, int], shape: tuple[int, ...], level: float) -> None:
    """A filled box behind the letters."""
    margin = rng.randint(1, 6)
    level = level if rng.random() < 0.7 else 0.5 + (level - 0.5) * rng.uniform(0.5, 1)
    top, left = max(place[0] - margin, 0), max(place[1] - margin, 0)
    plane[top : place[0] + shape[0] + margin, left : place[1] + shape[1] + margin] = level


def _views(rng: random.Random, canvas: _Canvas) -> list[Plane]:
    """The planes as they are shown, 0 to 1: the whole range with squeezed tails, and a window."""
    first, second = canvas.planes
    if canvas.eight_bit:
        stretch = rng.random() < 0.5
        return [np.clip(first, 0, 1), _windowed(second, canvas.window) if stretch else np.clip(second, 0, 1)]
    return [_squeezed(first, canvas), _windowed(second, canvas.window)]


def _squeezed(plane: Plane, canvas: _Canvas) -> Plane:
    low, high = min(canvas.low, float(plane.min()), -1e-3), max(canvas.high, float(plane.max()), 1 + 1e-3)
    below, above = np.minimum(plane, 0) * (_TAIL / -low), np.maximum(plane - 1, 0) * (_TAIL / (high - 1))
    return np.asarray(_TAIL + np.clip(plane, 0, 1) * (1 - 2 * _TAIL) + below + above, np.float32)


def _some_window(rng: random.Random) -> tuple[float, float] | None:
    """A display window: on a slice of body in air it may be as narrow as a tenth of what occurs."""
    if rng.random() < 0.45:
        return None
    centre, width = rng.uniform(0.1, 0.9), 0.08 * (1.3 / 0.08) ** rng.random()
    return centre - width / 2, centre + width / 2


def _windowed(plane: Plane, window: tuple[float, float] | None) -> Plane:
    low, high = np.percentile(plane[::2, ::2], (0.5, 99.5)).tolist() if window is None else window
    return np.asarray(np.clip((plane - low) / max(high - low, 0.02), 0, 1), np.float32)


def _degraded(rng: random.Random, plane: Plane) -> NDArray[np.uint8]:
    """Rounded to 8 bits, and at times compressed, noisy or resampled as by a video grabber."""
    kind = rng.random()
    if kind < 0.06:
        grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0.004, 0.04), plane.shape)
        plane = plane + grain.astype(np.float32)
    image = np.asarray(np.clip(plane * 255 + 0.5, 0, 255), np.uint8)
    if kind < 0.06 or kind > 0.25:
        return image
    if kind < 0.19:
        buffer = io.BytesIO()
        options = {"quality": rng.randint(20, 90)} if kind < 0.16 else {"quality_layers": [rng.randint(8, 40)]}
        Image.fromarray(image).save(buffer, "JPEG" if kind < 0.16 else "JPEG2000", **options)
        return np.asarray(Image.open(buffer).convert("L"))
    side = round(image.shape[0] * rng.uniform(0.7, 1.5))
    smaller = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(smaller.resize((image.shape[1], image.shape[0]), Image.Resampling.BILINEAR))
