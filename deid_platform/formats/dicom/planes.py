"""Where the frames of a DICOM object lie in the patient: read from its header, in the RAS millimetres of heads.

Source: PS3.3 2026c C.7.6.2 (Image Plane), C.7.6.16 (functional groups of multi-frame objects), C.7.6.1.1.2 (Image
Type), C.8.6 (Secondary Capture).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deid_platform.formats.dicom.elements import DataSet
from deid_platform.formats.dicom.mosaics import Tiles, is_mosaic, tiles_of, unfolded
from deid_platform.formats.dicom.patient import declared_charset, text_in
from deid_platform.formats.dicom.source import Source, open_source
from deid_platform.formats.dicom.uids import uid_in
from deid_platform.heads.plans import ItemPlanes

_SOP_CLASS, _BODY_PART = 0x00080016, 0x00180015
_DESCRIPTIONS = (_BODY_PART, 0x00081030, 0x0008103E, 0x00181030)
_SERIES, _FRAME_OF_REFERENCE, _MODALITY, _IMAGE_TYPE = 0x0020000E, 0x00200052, 0x00080060, 0x00080008
_ROWS, _COLUMNS, _FRAMES = 0x00280010, 0x00280011, 0x00280008
_POSITION, _ORIENTATION, _SPACING, _THICKNESS = 0x00200032, 0x00200037, 0x00280030, 0x00180050
_INTERCEPT, _SLOPE = 0x00281052, 0x00281053
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_PLANE_POSITION, _PLANE_ORIENTATION, _MEASURES, _TRANSFORM = 0x00209113, 0x00209116, 0x00289110, 0x00289145
Places = tuple[NDArray[np.float64], ...]
_TO_RAS = np.array([-1.0, -1.0, 1.0])
_NOT_SQUARE = 0.02  # how far row and column directions may be from unit vectors at right angles
# Secondary Capture images, of one and of several frames. Source: PS3.4 B.5.
_CAPTURE = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.7(\.[1-4])?")
_OF_BODIES = frozenset(("CT", "MR", "PT", "NM"))
"""Modalities whose captures may show a surface."""
_OF_ANYTHING = frozenset(("", "OT", "SC"))
"""Modalities whose captures are documents as often as surfaces; those of others are pictures as they were taken."""


def planes_of(path: Path, original: Path | None = None) -> ItemPlanes | None:
    """Read where the frames of an object lie; None when it has no pixels.

    How a mosaic is unfolded is read from ``original`` where that is given: a scrubbed copy may have lost it.

    Raises
    ------
    MalformedFile
        The file cannot be read as DICOM.
    """
    with open_source(path) as opened:
        data = opened.data
        rows, columns = (_whole(data, tag, opened.encoding.little) for tag in (_ROWS, _COLUMNS))
        if not rows or not columns:
            return None
        frames = max(int(_first(_numbers(data, _FRAMES), 1)), 1)
        kinds = _kinds(uid_in(data, _IMAGE_TYPE))
        modality = uid_in(data, _MODALITY)
        capture = _CAPTURE.fullmatch(uid_in(data, _SOP_CLASS)) is not None
        headed = _tells_of_a_head(data)
        places = _places(data, frames)
        tiled = "tiled" in kinds or is_mosaic(data, little=opened.encoding.little)
        tiles = _tiles(opened, original, places, (rows, columns)) if tiled and frames == 1 else None
        if places is not None and tiles is not None:
            places = _unfolded(tiles, places, (rows, columns))
            rows, columns = rows // tiles.side, columns // tiles.side
        elif tiled:
            places = None
        count = len(places[0]) if places is not None and tiles is not None else frames
        empty = np.empty((0, 3))
        return ItemPlanes(
            series=uid_in(data, _SERIES),
            frame_of_reference=uid_in(data, _FRAME_OF_REFERENCE),
            modality=modality,
            rows=rows,
            columns=columns,
            frames=frames,
            thickness=abs(_first(_numbers(_measures(data), _THICKNESS), 0.0)),
            origins=empty if places is None else places[0],
            row_steps=empty if places is None else places[1],
            column_steps=empty if places is None else places[2],
            slopes=_scale(data, count, _SLOPE, 1.0),
            intercepts=_scale(data, count, _INTERCEPT, 0.0),
            tiled=tiled,
            side=tiles.side if tiles is not None else 0,
            rendered="rendered" in kinds,
            projected="projected" in kinds,
            captured=capture and modality in _OF_BODIES,
            loose=capture and modality in _OF_ANYTHING,
            headed=headed,
            elsewhere=not headed and uid_in(data, _BODY_PART).upper() in _listed("parts_without_face.csv"),
        )


def _tiles(
    opened: Source, original: Path | None, places: Places | None, size: tuple[int, int]
) -> Tiles | None:
    """How a mosaic is unfolded, by its own header or by that of its original; None unless it is sure."""
    if places is None:
        return None
    place = np.array([part[0] for part in places]) * _TO_RAS
    if original is None:
        return tiles_of(opened, place, *size)
    with open_source(original) as source:
        return tiles_of(source, place, *size)


def _unfolded(tiles: Tiles, places: Places, size: tuple[int, int]) -> Places:
    """Origins, row steps and column steps of the slices of a mosaic."""
    lps = unfolded(tiles, np.array([part[0] for part in places]) * _TO_RAS, *size) * _TO_RAS
    return lps[:, 0], lps[:, 1], lps[:, 2]


def _kinds(image_type: str) -> set[str]:
    """What the words of Image Type say."""
    known = _listed("image_types.csv")
    return {known[word] for word in map(str.strip, image_type.upper().split("\\")) if word in known}


def _tells_of_a_head(data: DataSet) -> bool:
    """Whether part of the body or descriptions, as far as they are left, have a word of heads or necks."""
    known = _listed("words_of_heads.csv")
    beginnings = tuple(word for word, how in known.items() if how == "begins")
    return any(word.startswith(beginnings) or known.get(word) == "is" for word in _words(data))


def _words(data: DataSet) -> Iterator[str]:
    """The words of part of the body and descriptions, without accents; a letter joins the word behind it (C-SPINE)."""
    charset = declared_charset(data)
    texts = [unicodedata.normalize("NFKD", text_in(data, tag, charset).upper()) for tag in _DESCRIPTIONS]
    texts = ["".join(letter for letter in text if not unicodedata.combining(letter)) for text in texts]
    yield "".join(filter(str.isalnum, texts[0]))
    for text in texts:
        words = re.findall(r"[^\W\d_]+", text)
        yield from words
        yield from (letter + word for letter, word in pairwise(words) if len(letter) == 1)


@cache
def _listed(name: str) -> dict[str, str]:
    """First and last column of a table; comments begin with a hash."""
    text = resources.files(__package__).joinpath(f"data/{name}").read_text("utf-8")
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    return {row[0]: row[-1] for row in rows}


def _places(data: DataSet, frames: int) -> Places | None:
    """Origins, row steps and column steps of all frames; None unless all of them are told and make sense."""
    found = [_place(data, frame) for frame in range(frames)]
    if not found or any(place is None for place in found):
        return None
    stacked = np.array(found)
    return stacked[:, 0], stacked[:, 1], stacked[:, 2]


def _place(data: DataSet, frame: int) -> NDArray[np.float64] | None:
    """Origin, row step and column step of a frame, shape (3, 3)."""
    position = _numbers(_group(data, frame, _PLANE_POSITION), _POSITION)
    directions = _numbers(_group(data, frame, _PLANE_ORIENTATION), _ORIENTATION)
    spacing = _numbers(_group(data, frame, _MEASURES), _SPACING)
    if len(position) != 3 or len(directions) != 6 or len(spacing) != 2 or min(spacing) <= 0:
        return None
    across, down = np.array(directions).reshape(2, 3)
    lengths = np.linalg.norm(across), np.linalg.norm(down)
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(across @ down)) > _NOT_SQUARE:
        return None
    # The first spacing is between rows. Source: PS3.3 10.7.1.3.
    place = np.array([position, down * spacing[0], across * spacing[1]]) * _TO_RAS
    return place if np.isfinite(place).all() else None


def _group(data: DataSet, frame: int, macro: int) -> DataSet:
    """Where a macro of a multi-frame object stands: with the frame, with all frames, or at the top of the object."""
    per_frame = _items(data, _PER_FRAME)
    for holder in (per_frame[frame] if frame < len(per_frame) else DataSet(), *_items(data, _SHARED)[:1]):
        inner = _items(holder, macro)
        if inner:
            return inner[0]
    return data


def _measures(data: DataSet) -> DataSet:
    return _group(data, 0, _MEASURES)


def _scale(data: DataSet, frames: int, tag: int, default: float) -> NDArray[np.float64]:
    return np.array([_first(_numbers(_group(data, frame, _TRANSFORM), tag), default) for frame in range(frames)])


def _items(data: DataSet, tag: int) -> list[DataSet]:
    element = data.get(tag)
    return element.value if element is not None and isinstance(element.value, list) else []


def _numbers(data: DataSet, tag: int) -> list[float]:
    """The numbers of an element of text; none where one of them is no number."""
    try:
        return [float(part) for part in uid_in(data, tag).split("\\") if part.strip()]
    except ValueError:
        return []


def _first(numbers: list[float], default: float) -> float:
    return numbers[0] if numbers and np.isfinite(numbers[0]) else default


def _whole(data: DataSet, tag: int, little: bool) -> int:
    element = data.get(tag)
    value = element.value if element is not None else b""
    return int.from_bytes(value[:2], "little" if little else "big") if isinstance(value, bytes) else 0
