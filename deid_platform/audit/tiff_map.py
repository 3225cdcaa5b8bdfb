"""The judge's own map of a TIFF file: which bytes its directories, values and tiles take. Shares no code with cleaning.

Sources: TIFF 6.0 section 2; BigTIFF; NDPI has the high halves of its offsets behind each directory.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LENGTHS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {3: "u2", 4: "u4", 13: "u4", 16: "u8"}
_NDPI, _BELOW, _OFFSETS, _COUNTS, _COMPRESSION = 65420, 330, (324, 273), (325, 279), 259
_MOST_IMAGES, _MOST_ENTRIES = 4096, 512


@dataclass(frozen=True, slots=True)
class Value:
    """One tag: its type, how many values it has, their bytes, and those of its entry that none of them takes."""

    kind: int
    count: int
    data: bytes
    slack: bytes = b""


@dataclass(frozen=True, slots=True)
class Image:
    """One directory: its tags, and the places of its tiles or strips, shape (tiles, 2): offset and length in bytes.

    ``unpacked`` is how many bytes the pixels of a tile are, 0 of a strip; ``order`` is that of bytes in numbers.
    """

    tags: dict[int, Value]
    tiles: NDArray[np.int64]
    compression: int
    unpacked: int
    order: str


@dataclass(slots=True)
class TiffMap:
    """Images of a file, in the order met, and the stretches (begin, end) its structure takes.

    Raises ValueError, IndexError, struct.error or KeyError for a file that is no sound TIFF.
    """

    data: Any
    images: list[Image] = field(default_factory=list)
    taken: list[tuple[int, int]] = field(default_factory=list)
    _order: str = "<"
    _big: bool = False
    _far: bool = False

    def __post_init__(self) -> None:
        """Walk all directories."""
        self._order = {b"II": "<", b"MM": ">"}[bytes(self.data[:2])]
        self._big = self._at("H", 2) == 43
        link, start = (8, self._at("Q", 8)) if self._big else (4, self._at("I", 4))
        if not self._big:
            starts = [start, self._at("Q", 4)]
            far = [one for one in starts if self._says_ndpi(one)]
            self._far, start = bool(far), starts[1] if far else start
        self.taken.append((0, link + (8 if self._wide else 4)))
        seen: set[int] = set()
        waiting = [start]
        while waiting:
            at = waiting.pop()
            if not at:
                continue
            if at in seen or len(seen) >= _MOST_IMAGES:
                raise ValueError("Directories lead in a circle, or are too many.")
            seen.add(at)
            following, below = self._image(at)
            waiting += [*below, following]

    @property
    def _wide(self) -> bool:
        return self._big or self._far

    def free(self) -> Iterator[tuple[int, int]]:
        """Stretches that neither structure nor tiles take, each begin and end."""
        tiles = (image.tiles for image in self.images)
        parts = [np.array(self.taken, np.int64), *(np.stack([one[:, 0], one.sum(axis=1)], axis=1) for one in tiles)]
        every = np.concatenate(parts)
        every = every[np.argsort(every[:, 0], kind="stable")]
        reached = np.concatenate([[0], np.maximum.accumulate(every[:, 1])])
        begins = np.concatenate([every[:, 0], [len(self.data)]])
        for number in np.flatnonzero(begins > reached).tolist():
            yield int(reached[number]), int(begins[number])

    def _at(self, form: str, place: int) -> int:
        return int(struct.unpack_from(self._order + form, self.data, place)[0])

    def _says_ndpi(self, start: int) -> bool:
        if not 0 < start < len(self.data) - 2:
            return False
        places = (start + 2 + 12 * number for number in range(self._at("H", start)))
        return any(self._at("H", place) == _NDPI for place in places if place + 2 <= len(self.data))

    def _image(self, at: int) -> tuple[int, list[int]]:
        """Take a directory in; gives where the next one is, and those below."""
        count, first, step = (self._at("Q", at), at + 8, 20) if self._big else (self._at("H", at), at + 2, 12)
        if count > _MOST_ENTRIES:
            raise ValueError("A directory has too many tags.")
        link = first + count * step
        highs = link + 8
        self.taken.append((at, highs + 4 * count if self._far else link + (8 if self._big else 4)))
        tags: dict[int, Value] = {}
        far: dict[int, int] = {}
        for number in range(count):
            high = self._at("I", highs + 4 * number) << 32 if self._far else 0
            place = first + number * step
            tags[self._at("H", place)] = self._value(place, high)
            far[self._at("H", place)] = high
        self._take(tags, far)
        return self._at("Q" if self._wide else "I", link), self._numbers(tags.get(_BELOW)).tolist()

    def _value(self, place: int, high: int) -> Value:
        kind, count = self._at("H", place + 2), self._at("Q" if self._big else "I", place + 4)
        size, at, room = _LENGTHS[kind] * count, place + (12 if self._big else 8), 8 if self._big else 4
        if size > room:
            at = self._at("Q" if self._big else "I", at) + high
            self.taken.append((at, at + size))
        if at + size > len(self.data):
            raise ValueError("A value lies outside of the file.")
        if size > room:
            return Value(kind, count, bytes(self.data[at : at + size]))
        half = b"" if self._at("H", place) in _OFFSETS else high.to_bytes(8, "big")
        return Value(kind, count, bytes(self.data[at : at + size]), bytes(self.data[at + size : at + room]) + half)

    def _take(self, tags: dict[int, Value], far: dict[int, int]) -> None:
        which = 0 if _OFFSETS[0] in tags else 1
        offsets, lengths = (self._numbers(tags.get(pair[which])) for pair in (_OFFSETS, _COUNTS))
        if len(offsets) == 1:
            offsets = offsets + far.get(_OFFSETS[which], 0)
        tiles = np.stack([offsets, lengths], axis=1)
        expected = self._expected(tags, tiled=which == 0)
        if set(_OFFSETS) <= set(tags) or len(tiles) != expected or offsets[lengths == 0].any():
            raise ValueError("An image has other tiles than its size asks for.")
        if (tiles.sum(axis=1) > len(self.data)).any():
            raise ValueError("A tile lies outside of the file.")
        kind = self._numbers(tags.get(_COMPRESSION))
        compression = int(kind[0]) if len(kind) else 1
        if which and compression == 1 and lengths.tolist() != self._strips(tags):
            raise ValueError("A strip is longer or shorter than its rows.")
        self.images.append(Image(tags, tiles[lengths > 0], compression, self._unpacked(tags), self._order))

    def _unpacked(self, tags: dict[int, Value]) -> int:
        """Bytes of the pixels of a tile, whose rows begin with a byte each."""
        across, down, depth, samples, planes = (
            int(next(iter(self._numbers(tags.get(tag))), default))
            for tag, default in ((322, 0), (323, 0), (258, 1), (277, 1), (284, 1))
        )
        return math.ceil(across * depth * (samples if planes == 1 else 1) / 8) * down

    def _strips(self, tags: dict[int, Value]) -> list[int]:
        """Bytes of each strip of an image that is not packed (TIFF 6.0 sections 4 and 8)."""
        width, height, depth, samples, rows, planes = (
            int(next(iter(self._numbers(tags.get(tag))), default))
            for tag, default in ((256, 0), (257, 0), (258, 1), (277, 1), (278, 1 << 32), (284, 1))
        )
        row = math.ceil(width * depth * (samples if planes == 1 else 1) / 8)
        whole, rest = divmod(height, min(max(rows, 1), height))
        lengths = [row * min(rows, height)] * whole + [row * rest] * bool(rest)
        return lengths * (samples if planes == 2 else 1)

    def _expected(self, tags: dict[int, Value], *, tiled: bool) -> int:
        """Tiles or strips of an image of its size (TIFF 6.0 sections 8 and 15)."""
        first = {tag: int(self._numbers(tags[tag])[0]) for tag in (256, 257, 277, 278, 284, 322, 323) if tag in tags}
        width, height = first[256], first[257]
        step = (first[322], first[323]) if tiled else (width, min(height, first.get(278, height)))
        planes = first.get(277, 1) if first.get(284) == 2 else 1
        return math.ceil(width / step[0]) * math.ceil(height / step[1]) * planes

    def _numbers(self, value: Value | None) -> NDArray[np.int64]:
        if value is None:
            return np.empty(0, np.int64)
        return np.frombuffer(value.data, self._order + _INTEGERS[value.kind]).astype(np.int64)
