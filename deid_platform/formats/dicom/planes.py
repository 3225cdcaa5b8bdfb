"""Where the frames of a DICOM object lie in the patient: read from its header, in the RAS millimetres of heads.

Source: PS3.3 2026c C.7.6.2 (Image Plane), C.7.6.16 (functional groups of multi-frame objects), C.7.6.1.1.2 (Image
Type).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deid_platform.formats.dicom.elements import DataSet
from deid_platform.formats.dicom.source import open_source
from deid_platform.formats.dicom.uids import uid_in
from deid_platform.heads.plans import ItemPlanes

_SERIES, _FRAME_OF_REFERENCE, _MODALITY, _IMAGE_TYPE = 0x0020000E, 0x00200052, 0x00080060, 0x00080008
_ROWS, _COLUMNS, _FRAMES = 0x00280010, 0x00280011, 0x00280008
_POSITION, _ORIENTATION, _SPACING, _THICKNESS = 0x00200032, 0x00200037, 0x00280030, 0x00180050
_INTERCEPT, _SLOPE = 0x00281052, 0x00281053
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_PLANE_POSITION, _PLANE_ORIENTATION, _MEASURES, _TRANSFORM = 0x00209113, 0x00209116, 0x00289110, 0x00289145
_TO_RAS = np.array([-1.0, -1.0, 1.0])
_NOT_SQUARE = 0.02  # how far row and column directions may be from unit vectors at right angles
# Words of Image Type behind the first two that tell a picture of a surface or a projection of a volume.
# Source: PS3.3 C.8.16.1.1, C.8.15.3.2 and the words vendors write.
_RENDERED = frozenset({
    "VOLUME RENDERING", "VOLUME_RENDERING", "VOLREN", "VRT", "SSD", "SURFACE", "3D", "3D RENDERING", "RENDERED", "VR",
    "CSA 3D EDITOR", "3DVR",
})  # fmt: skip
_PROJECTED = frozenset({"PROJECTION IMAGE", "MIP", "MAX_IP", "MAXIMUM", "MINIP", "MIN_IP", "MPR_THICK"})


def planes_of(path: Path) -> ItemPlanes | None:
    """Read where the frames of an object lie; None when it has no pixels.

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
        words = [word.strip().upper() for word in uid_in(data, _IMAGE_TYPE).split("\\")]
        places = _places(data, frames)
        empty = np.empty((0, 3))
        return ItemPlanes(
            series=uid_in(data, _SERIES),
            frame_of_reference=uid_in(data, _FRAME_OF_REFERENCE),
            modality=uid_in(data, _MODALITY),
            rows=rows,
            columns=columns,
            frames=frames,
            thickness=abs(_first(_numbers(_measures(data), _THICKNESS), 0.0)),
            origins=empty if places is None else places[0],
            row_steps=empty if places is None else places[1],
            column_steps=empty if places is None else places[2],
            slopes=_scale(data, frames, _SLOPE, 1.0),
            intercepts=_scale(data, frames, _INTERCEPT, 0.0),
            tiled="MOSAIC" in words,
            rendered=any(word in _RENDERED for word in words[2:]),
            projected=any(word in _PROJECTED for word in words[2:]),
        )


def _places(data: DataSet, frames: int) -> tuple[NDArray[np.float64], ...] | None:
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
