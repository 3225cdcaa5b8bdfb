"""Test images for finding text: held-out real frames, held-out fonts, strings of known place, all at fixed seeds.

Text is written into stored values, before any window is chosen. A character counts as hidden when at least 80 % of
its ink is masked.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from deid_platform.training.text.collect import HELD_OUT, listed, read
from deid_platform.training.text.ink import Ink, Style, bars, line, matrix, scribble
from deid_platform.training.text.phrases import phrase
from deid_platform.training.text.typefaces import Script, Typeface, by_script, typefaces

SIZES = ((6, 8), (9, 11), (12, 16), (17, 28), (29, 60), (61, 140))
"""Font sizes in pixels, by group."""

HIDDEN = 0.8
_LINES = 7
_LEAST_SIDE = 96
_CODES = "codes and handwriting"
# Shares of the range of nearly all values that ink differs from its ground by, and, in deviations of the ground, what
# is needed to read letters; strokes of the smallest letters are too thin to be read when faint.
_LOW, _CLEAR = (0.12, 0.2), 0.35
_READABLE, _SMALLEST_FAINT = 2.0, 9


@dataclass(frozen=True, slots=True)
class Character:
    """Where its ink is, as flat indices into the frame, and the groups it counts in."""

    ink: NDArray[np.int64]
    groups: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Image:
    """Stored values with text, the same without, and the characters."""

    name: str
    samples: NDArray[Any]
    clean: NDArray[Any]
    characters: tuple[Character, ...]


def frames(root: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """The held-out, text-free real frames under ``root``."""
    for number, row in enumerate(listed()):
        frame = read(root, row) if row.split == HELD_OUT else None
        if frame is not None and frame.dtype.kind in "iu" and min(frame.shape[:2]) >= _LEAST_SIDE:
            yield f"{number:04}", frame


def write(samples: NDArray[Any], path: Path, modality: str = "OT") -> Path:
    """A minimal DICOM file with the samples as its pixels."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    sop_class = CTImageStorage if modality == "CT" else SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = sop_class
    data.Modality = modality
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "2.25.1"
    bits = samples.dtype.itemsize * 8
    data.Rows, data.Columns = samples.shape[:2]
    data.SamplesPerPixel, data.PhotometricInterpretation = (1, "MONOCHROME2") if samples.ndim == 2 else (3, "RGB")
    if samples.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit, data.PixelRepresentation = bits - 1, int(samples.dtype.kind == "i")
    cells = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
    data.add_new(0x7FE00010, "OB" if bits == 8 else "OW", cells + bytes(len(cells) % 2))
    data.save_as(path, enforce_file_format=True)
    return path


def images(root: Path, fonts: Path, seed: int) -> Iterator[Image]:
    """Every held-out frame with lines of text on it."""
    faces = by_script([face for face in typefaces(fonts) if face.held_out])
    for name, frame in frames(root):
        rng = random.Random(f"{seed} {name}")
        yield _written(name, frame, faces, rng)


def _written(name: str, clean: NDArray[Any], faces: dict[Script, list[Typeface]], rng: random.Random) -> Image:
    samples = clean.copy()
    taken = np.zeros(clean.shape[:2], np.bool_)
    characters: list[Character] = []
    for _ in range(_LINES):
        ink, groups = _line(rng, faces, min(clean.shape[:2]))
        place = None if ink is None else _place(rng, taken, ink)
        if ink is not None and place is not None:
            contrast = _draw(rng, samples, ink, place)
            taken[place[0] : place[0] + ink.box.shape[0], place[1] : place[1] + ink.box.shape[1]] = True
            characters += _characters(ink, place, clean.shape[1], (*groups, ("contrast", contrast)))
    return Image(name, samples, clean, tuple(characters))


def _line(
    rng: random.Random, faces: dict[Script, list[Typeface]], side: int
) -> tuple[Ink | None, tuple[tuple[str, str], ...]]:
    """One line in a group of sizes, angles and scripts drawn at random."""
    group = rng.choice([group for group in SIZES if group[0] * 3 < side])
    size = rng.randint(*group)
    turn = rng.random()
    angle = 0.0 if turn < 0.6 else rng.choice([90.0, 180.0, 270.0]) if turn < 0.8 else rng.uniform(-180, 180)
    kind = "upright" if angle == 0 else "quarter turns" if angle % 90 == 0 else "any angle"
    if rng.random() < 0.06:
        ink = rng.choice([bars(rng), matrix(rng), scribble(rng, max(size, 10))])
        return ink, (("script", _CODES),)
    script = Script.LATIN if rng.random() < 0.7 else rng.choice(list(faces))
    text = phrase(rng, script)[: max(2, side // size)]
    style = Style(size, angle, rng.random() < 0.75, 0, script)
    ink = line(text, rng.choice(faces[script]), style, glyphs=True)
    return ink, (("size", f"{group[0]}-{group[1]}"), ("angle", kind), ("script", str(script)))


def _place(rng: random.Random, taken: NDArray[np.bool_], ink: Ink) -> tuple[int, int] | None:
    rows, columns = taken.shape[0] - ink.box.shape[0], taken.shape[1] - ink.box.shape[1]
    for _ in range(20 if rows >= 0 and columns >= 0 else 0):
        top, left = rng.randint(0, rows), rng.randint(0, columns)
        bottom, right = top + ink.box.shape[0], left + ink.box.shape[1]
        if not taken[max(top - 3, 0) : bottom + 3, max(left - 3, 0) : right + 3].any():
            return top, left
    return None


def _draw(rng: random.Random, samples: NDArray[Any], ink: Ink, place: tuple[int, int]) -> str:
    """Write the ink; return its group of contrast. Text without contrast gets an outline, as on films."""
    part = samples[place[0] : place[0] + ink.box.shape[0], place[1] : place[1] + ink.box.shape[1]]
    low, high = np.percentile(samples, (0.5, 99.5)).tolist()
    low, high = (low, high) if high - low >= 8 else (float(samples.min()), float(samples.max()))
    ground = np.asarray(part, np.float64)
    middle = float(ground[ink.box].mean())
    noise = float(ground[ink.box].std())
    faint = rng.random() < 0.25 and _LOW[0] * (high - low) > _READABLE * noise and ink.size >= _SMALLEST_FAINT
    if faint:
        change = rng.choice([-1, 1]) * rng.uniform(*_LOW) * (high - low)
        level = middle + change if low <= middle + change <= high else middle - change
    else:
        level = rng.choice([high, high, float(samples.max()), low, low + 0.7 * (high - low)])
        if abs(level - middle) < max(_CLEAR * (high - low), _READABLE * noise):
            level = high if middle - low < (high - low) / 2 else low
    coverage = ink.coverage if samples.ndim == 2 else ink.coverage[:, :, None]
    written = ground * (1 - coverage) + level * coverage
    part[...] = np.clip(np.rint(written), np.iinfo(samples.dtype).min, np.iinfo(samples.dtype).max)
    return "low" if faint else "clear"


def _characters(
    ink: Ink, place: tuple[int, int], columns: int, groups: tuple[tuple[str, str], ...]
) -> Iterator[Character]:
    numbers = (ink.coverage > 0.35).astype(np.int16) if ink.glyphs is None else ink.glyphs
    for number in np.unique(numbers[numbers > 0]):
        rows, cols = np.nonzero(numbers == number)
        if len(rows) >= 3:
            yield Character((rows + place[0]) * columns + cols + place[1], groups)
