"""Where writing is known to be before anything is looked at: screens of known devices, and what surrounds an image.

What a sender says of Burned In Annotation (0028,0301) is not asked: NO is often wrong.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from pydicom.dataset import Dataset

from deid_platform.pixels.layout import Layout, value_of
from deid_platform.pixels.masks import CELL, Cells

_CORNERS = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of a frame: left and top are the first column and row, right and bottom the ones after the last."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Screen:
    """What a header tells about the frames: ``labelled`` is to be masked whatever it shows, ``imaged`` is calibrated.

    Where there are calibrated regions, anything outside is furniture of the screen.
    """

    labelled: tuple[Box, ...] = ()
    imaged: tuple[Box, ...] = ()

    def labels(self, rows: int, columns: int) -> Cells:
        """Cells that hold a pixel to be masked in any case, of a frame of so many pixels."""
        cells = np.zeros((-(-rows // CELL), -(-columns // CELL)), np.bool_)
        for box in self.labelled:
            cells[box.top // CELL : -(-box.bottom // CELL), box.left // CELL : -(-box.right // CELL)] = True
        return cells

    def furniture(self, rows: int, columns: int) -> Cells | None:
        """Cells that hold nothing of a calibrated region; None where no region is known."""
        if not self.imaged:
            return None
        cells = np.ones((-(-rows // CELL), -(-columns // CELL)), np.bool_)
        for box in self.imaged:
            cells[box.top // CELL : -(-box.bottom // CELL), box.left // CELL : -(-box.right // CELL)] = False
        return cells


@dataclass(frozen=True, slots=True)
class _Rule:
    """A row of ``data/labelled_screens.csv``."""

    modality: str
    manufacturer: str
    model: str
    size: tuple[int, int]
    box: Box

    def fits(self, layout: Layout) -> bool:
        return (
            (layout.rows, layout.columns) == self.size
            and self.modality in ("", value_of(layout.header, "Modality"))
            and self.manufacturer in _text(layout.header, "Manufacturer")
            and self.model in _text(layout.header, "ManufacturerModelName")
        )


def screen_of(layout: Layout) -> Screen:
    """What the header of a file tells about where its frames carry writing.

    A profile that removes Manufacturer or its model name leaves the table nothing to go by: then only calibrated
    regions, and what the detector finds, count.
    """
    return Screen(tuple(rule.box for rule in _rules() if rule.fits(layout)), tuple(_imaged(layout.header)))


def _imaged(header: Dataset) -> Iterable[Box]:
    """The calibrated regions of an ultrasound image, the pixels of their corners included. Source: PS3.3 C.8.5.5.1."""
    items = value_of(header, "SequenceOfUltrasoundRegions")
    for item in items if isinstance(items, Iterable) else ():
        corners = [value_of(item, keyword) for keyword in _CORNERS]
        if all(isinstance(corner, int) and corner >= 0 for corner in corners):
            left, top, right, bottom = corners
            if left < right and top < bottom:
                yield Box(left, top, right + 1, bottom + 1)


def _text(header: Dataset, keyword: str) -> str:
    return str(value_of(header, keyword) or "").casefold()


@cache
def _rules() -> tuple[_Rule, ...]:
    text = resources.files("deid_platform").joinpath("data/labelled_screens.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(map(_rule, rows))


def _rule(row: dict[str, str]) -> _Rule:
    left, top, width, height, rows, columns = (
        int(row[name]) for name in ("left", "top", "width", "height", "rows", "columns")
    )
    box = Box(left, top, min(left + width, columns), min(top + height, rows))
    return _Rule(row["modality"], row["manufacturer"].casefold(), row["model"].casefold(), (rows, columns), box)
