"""What screens and films show besides text and must not be taken for it: rulers, grids, traces, wires, scales."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from deid_platform.training.text.backgrounds import Plane


def clutter(rng: random.Random, plane: Plane) -> Plane:
    """The plane with up to four things drawn over it, at any level between black and white."""
    side = plane.shape[0]
    for _ in range(rng.randint(1, 4)):
        drawing = Image.new("L", (side, side), 0)
        rng.choice(_KINDS)(rng, ImageDraw.Draw(drawing), side)
        ink = np.asarray(drawing, np.float32) / 255
        level = rng.choice([1.0, 1.0, 0.8, 0.5, 0.0, rng.random()])
        plane = np.asarray(plane * (1 - ink) + level * ink, np.float32)
    return plane


def _strokes(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    for _ in range(rng.randint(1, 6)):
        x, y, length = rng.randint(0, side), rng.randint(0, side), rng.randint(8, side)
        angle = rng.choice([0.0, math.pi / 2, rng.uniform(0, math.pi)])
        end = (x + length * math.cos(angle), y + length * math.sin(angle))
        draw.line([(x, y), end], fill=255, width=rng.randint(1, 4))


def _ruler(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    step, tick, every = rng.choice([3, 4, 5, 6, 8, 10, 12, 16, 24]), rng.randint(2, 9), rng.choice([2, 5, 10])
    x, y, length, upright = rng.randint(0, side), rng.randint(0, side), rng.randint(side // 4, side), rng.random() < 0.7
    sign = rng.choice([-1, 1])
    for number, at in enumerate(range(0, length, step)):
        reach = sign * tick * (2 if number % every == 0 else 1)
        draw.line([(x, y + at), (x + reach, y + at)] if upright else [(x + at, y), (x + at, y + reach)], fill=255)
    if rng.random() < 0.5:
        draw.line([(x, y), (x, y + length)] if upright else [(x, y), (x + length, y)], fill=255)


def _grid(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    step, width = rng.randint(4, 40), rng.choice([1, 1, 1, 2])
    for at in range(rng.randint(0, step), side, step):
        draw.line([(at, 0), (at, side)], fill=255, width=width)
        draw.line([(0, at), (side, at)], fill=255, width=width)


def _trace(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    """An electrocardiogram or a spectral envelope."""
    base, beat, height = rng.randint(20, side - 1), rng.randint(20, 90), rng.randint(6, 50)
    points = []
    for x in range(0, side, 2):
        phase = x % beat
        wave = -0.2 * height * math.exp(-((phase - beat * 0.4) ** 2) / 30)
        peak = -height if phase < 3 else height * 0.3 if phase < 7 else wave
        points.append((x, base + peak + rng.gauss(0, 1)))
    draw.line(points, fill=255, width=rng.choice([1, 1, 2]))


def _shapes(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    for _ in range(rng.randint(1, 5)):
        x, y = rng.randint(-10, side), rng.randint(-10, side)
        box = (x, y, x + rng.randint(4, side // 2), y + rng.randint(4, side // 2))
        width = rng.choice([1, 1, 2, 3])
        if rng.random() < 0.5:
            draw.ellipse(box, outline=255, width=width)
        else:
            draw.rectangle(box, outline=255, width=width)


def _fan(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    """The edges of a sector with its depth marks, or a filled sector."""
    x, y, radius = rng.randint(0, side), rng.randint(-side // 2, side // 4), rng.randint(side // 2, side * 2)
    box = (x - radius, y - radius, x + radius, y + radius)
    start = rng.randint(20, 70)
    if rng.random() < 0.5:
        draw.pieslice(box, start, 180 - start, fill=255)
    else:
        draw.arc(box, start, 180 - start, fill=255)


def _dots(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    """Isolated blobs: electrodes, markers, hot pixels, a row of focus marks."""
    row, size = rng.random() < 0.4, rng.randint(0, 4)
    y, step = rng.randint(0, side), rng.randint(6, 30)
    for number in range(rng.randint(3, 200)):
        at = (number * step, y) if row else (rng.randint(0, side), rng.randint(0, side))
        draw.rectangle((at[0], at[1], at[0] + size, at[1] + size), fill=rng.randint(60, 255))


def _wire(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    """A catheter, a lead, sutures or hair: long smooth curves."""
    for _ in range(rng.choice([1, 1, 2, 8])):
        x, y, angle = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(0, 2 * math.pi)
        bend, points = rng.uniform(-0.15, 0.15), []
        for _ in range(rng.randint(10, side // 2)):
            points.append((x, y))
            angle += bend + rng.gauss(0, 0.05)
            x, y = x + 3 * math.cos(angle), y + 3 * math.sin(angle)
        draw.line(points, fill=255, width=rng.choice([1, 1, 2, 3, 6]))


def _scale(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    """A grey or colour bar."""
    x, y, width, height = rng.randint(0, side - 10), rng.randint(0, side // 2), rng.randint(6, 30), rng.randint(40, 220)
    for row in range(height):
        draw.line([(x, y + row), (x + width, y + row)], fill=int(255 * (1 - row / height)))


def _arrows(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    """Arrows, callipers and triangles of the size of letters, alone rather than in lines."""
    for _ in range(rng.randint(1, 5)):
        x, y, size = rng.randint(0, side), rng.randint(0, side), rng.randint(4, 18)
        if rng.random() < 0.5:
            corners = [(x, y), (x + size, y + size * rng.uniform(-1, 1)), (x + size * rng.uniform(-1, 1), y + size)]
            draw.polygon(corners, fill=rng.choice([0, 255]), outline=255)
        else:
            draw.line([(x - size, y), (x + size, y)], fill=255)
            draw.line([(x, y - size), (x, y + size)], fill=255)


def _implants(rng: random.Random, draw: ImageDraw.ImageDraw, side: int) -> None:
    """Screws, staples and stents: rows of short parallel strokes with slanted ends."""
    x, y, length, step = rng.randint(0, side), rng.randint(0, side), rng.randint(20, 120), rng.randint(3, 9)
    width, lean = rng.randint(4, 16), rng.uniform(-0.6, 0.6)
    for at in range(0, length, step):
        draw.line([(x + at, y), (x + at + lean * width, y + width)], fill=255, width=rng.choice([1, 2]))
        if rng.random() < 0.4:
            draw.line([(x + at + step, y), (x + at + lean * width, y + width)], fill=255)


_KINDS: tuple[Callable[[random.Random, ImageDraw.ImageDraw, int], None], ...] = (
    _strokes, _ruler, _ruler, _grid, _trace, _shapes, _fan, _dots, _wire, _scale, _arrows, _implants,
)  # fmt: skip
