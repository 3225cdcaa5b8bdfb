"""A line of text, a barcode or a scribble as ink: how much of each pixel it covers, and the box it stands in."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from deid_platform.training.text.phrases import phrase
from deid_platform.training.text.typefaces import JOINED, Font, Script, Typeface

Coverage = NDArray[np.float32]
_LEAST_INK = 0.1


@dataclass(frozen=True, slots=True)
class Ink:
    """``coverage``: 0 to 1, shape (rows, columns). ``box``: the filled line box, same shape. ``glyphs``: number of the
    character (from 1) that inks a pixel most, 0 elsewhere; None unless asked for. ``size``: font size in pixels.
    """

    coverage: Coverage
    box: NDArray[np.bool_]
    size: int
    glyphs: NDArray[np.int16] | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How a line is set: size in pixels, angle in degrees (counter-clockwise), smooth or bitmap edges."""

    size: int
    angle: float = 0.0
    smooth: bool = True
    spacing: int = 0
    script: Script = Script.LATIN


def line(text: str, face: Typeface, style: Style, *, glyphs: bool = False) -> Ink | None:
    """Set a line of text; None when the font leaves no ink.

    With ``glyphs``, letters that join cannot be told apart; stretches of about a letter's width count instead.
    """
    font = face.at(style.size, style.script)
    numbers: NDArray[np.int16] | None = None
    if style.spacing or (glyphs and style.script not in JOINED):
        coverage, numbers = _one_by_one(text, font, style)
    else:
        coverage = _drawn(text, font, style.smooth)
        if glyphs:
            stretches = np.arange(coverage.shape[1]) * 2 // style.size + 1
            numbers = np.where(coverage > 0.35, stretches, 0).astype(np.int16)
    if not (coverage > _LEAST_INK).any():
        return None
    rows, columns = _extent(coverage > _LEAST_INK)
    coverage, numbers = coverage[rows, columns], None if numbers is None else numbers[rows, columns]
    box = np.ones(coverage.shape, np.bool_)
    if style.angle:
        coverage, box, numbers = _turned(coverage, box, numbers, style.angle)
    return _cropped(coverage, box, style.size, numbers if glyphs else None)


def _drawn(text: str, font: Font, smooth: bool) -> Coverage:
    """The ink of a text with some margin, shape (rows, columns)."""
    # A frame that is large enough for every script is cheaper than asking the font how large it has to be.
    size = int(font.size)
    image = Image.new("L" if smooth else "1", (round(size * (len(text) * 1.2 + 2)), 3 * size), 0)
    ImageDraw.Draw(image).text((size, size // 2), text, fill=255 if smooth else 1, font=font)
    return np.asarray(np.asarray(image, np.float32) / (255 if smooth else 1), np.float32)


def _one_by_one(text: str, font: Font, style: Style) -> tuple[Coverage, NDArray[np.int16]]:
    """Draw character by character, to know which pixel belongs to which, or to set them apart."""
    width = round(font.getlength(text)) + (style.spacing + 1) * len(text) + 2 * style.size
    frame = Image.new("L" if style.smooth else "1", (width, 3 * style.size), 0)
    at, full = float(style.size), 255 if style.smooth else 1
    coverage = np.zeros((frame.height, frame.width), np.float32)
    numbers = np.zeros(coverage.shape, np.int16)
    for number, character in enumerate(text, start=1):
        if not character.isspace():
            image = frame.copy()
            ImageDraw.Draw(image).text((round(at), style.size // 2), character, fill=full, font=font)
            drawn = np.asarray(image, np.float32) / full
            numbers[drawn > np.maximum(coverage, 0.35)] = number
            coverage = np.maximum(coverage, drawn)
        at += font.getlength(character) + style.spacing
    return coverage, numbers


def _extent(marked: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _turned(
    coverage: Coverage, box: NDArray[np.bool_], numbers: NDArray[np.int16] | None, angle: float
) -> tuple[Coverage, NDArray[np.bool_], NDArray[np.int16] | None]:
    if angle % 90 == 0:
        quarter = int(angle // 90)
        turned = None if numbers is None else np.rot90(numbers, quarter)
        return np.rot90(coverage, quarter), np.rot90(box, quarter), turned
    ink = _rotate(coverage, angle, Image.Resampling.BILINEAR)
    area = _rotate(box.astype(np.float32), angle, Image.Resampling.BILINEAR) > 0.5
    turned = None
    if numbers is not None:
        turned = _rotate(numbers.astype(np.float32), angle, Image.Resampling.NEAREST).astype(np.int16)
        turned[ink < 0.35] = 0
    return ink, area | (ink > 0.3), turned


def _rotate(plane: Coverage, angle: float, how: Image.Resampling) -> Coverage:
    return np.asarray(Image.fromarray(plane).rotate(angle, how, expand=True), np.float32)


def _cropped(coverage: Coverage, box: NDArray[np.bool_], size: int, numbers: NDArray[np.int16] | None) -> Ink:
    part = _extent(box)
    return Ink(coverage[part], box[part], size, None if numbers is None else numbers[part])


def bars(rng: random.Random) -> Ink:
    """A barcode of one dimension: bars of one to four modules, as Code 128 and its kin have."""
    module, height = rng.choice([1, 1, 2, 2, 3]), rng.randint(12, 70)
    widths = [rng.randint(1, 4) * module for _ in range(rng.randint(24, 70))]
    row = np.concatenate([np.full(width, number % 2 == 0, np.float32) for number, width in enumerate(widths)])
    return _solid(np.tile(row, (height, 1)), rng)


def matrix(rng: random.Random) -> Ink:
    """A barcode of two dimensions: random modules, with or without the finder patterns of a QR code."""
    count, module = rng.choice([10, 14, 21, 25, 29, 33]), rng.choice([2, 2, 3, 4, 5])
    modules = np.array([[rng.random() < 0.5 for _ in range(count)] for _ in range(count)], np.float32)
    if count >= 21:
        finder = np.pad(np.pad(np.ones((3, 3), np.float32), 1), 1, constant_values=1)
        for corner in ((slice(0, 7), slice(0, 7)), (slice(0, 7), slice(-7, None)), (slice(-7, None), slice(0, 7))):
            modules[corner] = finder
    return _solid(modules.repeat(module, axis=0).repeat(module, axis=1), rng)


def _solid(coverage: Coverage, rng: random.Random) -> Ink:
    coverage = np.rot90(coverage, rng.choice([0, 0, 0, 1]))
    return Ink(coverage, np.ones(coverage.shape, np.bool_), max(coverage.shape[0] // 3, 6))


def scribble(rng: random.Random, size: int) -> Ink | None:
    """Something that looks handwritten: one pen stroke of loops, slanted, of changing height."""
    letters, height = rng.randint(2, 9), size
    width = int(letters * size * 0.6) + 8
    image = Image.new("L", (width * 2, height * 4), 0)
    points = [(8.0, height * 2.0)]
    slant = rng.uniform(-0.1, 0.5)
    for number in range(letters * 4):
        up = rng.uniform(0.2, 1.0) * height * (1 if number % 2 else -1)
        x = 8 + (number + 1) * (width * 2 - 20) / (letters * 4) + rng.uniform(-0.25, 0.25) * size
        points.append((x + slant * up, height * 2 - up * 0.9))
    ImageDraw.Draw(image).line(_smooth(points), fill=255, width=max(2, size // rng.choice([5, 7, 9])), joint="curve")
    drawn = np.asarray(image.resize((width, height * 2), Image.Resampling.BOX), np.float32)
    coverage = np.asarray(drawn / 255, np.float32)
    if not (coverage > _LEAST_INK).any():
        return None
    part = _extent(coverage > _LEAST_INK)
    return Ink(coverage[part], np.ones(coverage[part].shape, np.bool_), size)


def _smooth(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Round the corners of a line, twice, by cutting them (Chaikin)."""
    for _ in range(2):
        cut = [points[0]]
        for (x0, y0), (x1, y1) in pairwise(points):
            cut += [(0.75 * x0 + 0.25 * x1, 0.75 * y0 + 0.25 * y1), (0.25 * x0 + 0.75 * x1, 0.25 * y0 + 0.75 * y1)]
        points = [*cut, points[-1]]
    return points


def some_ink(rng: random.Random, faces: dict[Script, list[Typeface]]) -> Ink | None:
    """Any ink the detector has to find, in the mix it is trained with."""
    kind = rng.random()
    if kind < 0.02:
        return bars(rng)
    if kind < 0.035:
        return matrix(rng)
    size = rng.randint(60, 120) if rng.random() < 0.1 else round(6 * (64 / 6) ** rng.random())
    if kind < 0.05:
        return scribble(rng, max(size, 10))
    script = Script.LATIN if rng.random() < 0.72 else rng.choice(list(faces))
    face = rng.choice(faces[script])
    # No line needs to be much longer than the image.
    return line(phrase(rng, script)[: max(3, 700 // size)], face, style(rng, size, script))


def style(rng: random.Random, size: int, script: Script = Script.LATIN) -> Style:
    """Mostly upright, sometimes turned by quarters, sometimes by any angle."""
    turn = rng.random()
    quarters = rng.choice([90.0, 270.0, 90.0, 270.0, 180.0])
    angle = 0.0 if turn < 0.7 else quarters if turn < 0.84 else rng.uniform(-180, 180)
    spacing = rng.choice([1, 2, 3]) if script is Script.LATIN and rng.random() < 0.05 else 0
    return Style(size, angle, rng.random() < 0.72, spacing, script)
