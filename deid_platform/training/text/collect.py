"""Gather text-free frames of public DICOM files as backgrounds; ``data/frames.csv`` lists them.

    python -m deid_platform.training.text.collect --root DATA --out BACKGROUNDS [--split held_out]

Each row of the table names a file under the root, a frame, ``train`` or ``held_out``, and, where only a part of the
frame is free of text, that part: top, bottom, left and right as shares of rows and columns. Frames in which an early
detector saw most were looked at, and those with text left out.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_platform.pixels.frames import open_pixels

TRAIN, HELD_OUT = "train", "held_out"


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the table."""

    path: str
    frame: int
    split: str
    part: tuple[float, ...]


def listed() -> Iterator[Listed]:
    """The rows of the table."""
    text = resources.files(__package__).joinpath("data/frames.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        yield Listed(row["path"], int(row["frame"]), row["split"], tuple(map(float, row["part"].split())))


def read(root: Path, row: Listed) -> NDArray[Any] | None:
    """The stored values of a listed frame, or of its part; None when the file is not there."""
    place = root / row.path
    if not place.is_file():
        return None
    with open_pixels(place) as source:
        if source is None:
            return None
        frame: NDArray[Any] = next(islice(source.frames(), row.frame, None))
    if row.part:
        rows, columns = frame.shape[:2]
        top, bottom, left, right = row.part
        frame = frame[int(top * rows) : int(bottom * rows), int(left * columns) : int(right * columns)]
    return frame


def collect(root: Path, out: Path, split: str) -> int:
    """Write the frames of one split as ``.npy`` files; return how many were there."""
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    for number, row in enumerate(listed()):
        frame = read(root, row) if row.split == split else None
        if frame is not None:
            np.save(out / f"{number:04}.npy", frame)
            count += 1
    return count


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Gather backgrounds.")
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", choices=(TRAIN, HELD_OUT), default=TRAIN)
    given = parser.parse_args(arguments)
    if not collect(given.root, given.out, given.split):
        parser.error("None of the listed files is under the root.")


if __name__ == "__main__":
    main()
