"""Images drawn anew in slides of Aperio: a black thumbnail, and a label with nothing on it but a pseudonym.

Source: how OpenSlide and tifffile read Aperio files. The second image is the thumbnail, whatever it is called; the
second line of a description begins with what an image shows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.plan import DESCRIPTION, Drawn, Plan
from deid_platform.formats.wsi.slide import segments
from deid_platform.formats.wsi.tiff import ASCII, Directory, Tiff

_WIDTH, _HEIGHT, _SIDE = 256, 64, 32
_TEXT = f"Aperio Image Library\nlabel {_WIDTH}x{_HEIGHT}"
_MARGIN, _LINE, _LONGEST, _LINES = 6, 26, 20, 2
_LETTERS = 18.0
_BLACK, _WHITE = 0, 255
_TILES, _OFFSETS, _LONG, _LONG8 = 324, 273, 4, 16


def with_thumbnail(tiff: Tiff, plan: Plan) -> Plan:
    """The plan with a small black image in the place of the thumbnail; as it was where that has no room.

    Without one, readers take the second level for it, and show one level fewer.
    """
    if len(tiff.chain) < 2 or _TILES in tiff.chain[1].tags:
        return plan
    return _with(tiff, plan, tiff.chain[1], np.zeros((_SIDE, _SIDE), np.uint8))


def with_label(tiff: Tiff, plan: Plan, pseudonym: str) -> Plan:
    """The plan with a label that shows ``pseudonym``; as it was where the slide has none, or the text has no room."""
    lines = [pseudonym[at : at + _LONGEST] for at in range(0, len(pseudonym), _LONGEST)]
    if not pseudonym.isascii() or not pseudonym.isprintable() or not 0 < len(lines) <= _LINES or len(plan.images) < 2:
        return plan
    label = next((one for one in tiff.chain[2:] if _is_label(tiff, one)), None)
    return plan if label is None else _with(tiff, plan, label, _picture(lines), _TEXT)


def shows_label(plan: Plan) -> bool:
    """Whether a new label is among what is drawn."""
    return any(one.text for one in plan.drawn.values())


def _with(tiff: Tiff, plan: Plan, directory: Directory, picture: NDArray[np.uint8], text: str = "") -> Plan:
    rows, columns = picture.shape
    numbers = {254: 1, 256: columns, 257: rows, 258: 8, 259: 1, 262: 1, 277: 1, 278: rows, 279: rows * columns}
    at = _room(tiff, directory, picture.size)
    if at is None or len(directory.tags) < len(numbers) + 1 + bool(text):
        return plan
    drawn = Drawn(tuple(_entries(tiff, directory, {**numbers, _OFFSETS: at}, text)), at, picture.tobytes(), text)
    images = (one for one in tiff.chain if one in plan.images or one is directory)
    return replace(plan, images=tuple(images), drawn={**plan.drawn, directory.at: drawn})


def _is_label(tiff: Tiff, directory: Directory) -> bool:
    """Whether an image is described as Aperio's label, in a text that has room for that of a new one."""
    tag, text = directory.tags.get(DESCRIPTION), tiff.text(directory, DESCRIPTION)
    described = text.startswith("Aperio") and text.partition("\n")[2].startswith("label")
    striped = described and _TILES not in directory.tags
    return striped and tag is not None and tag.kind == ASCII and not tag.inline and tag.size > len(_TEXT)


def _room(tiff: Tiff, directory: Directory, size: int) -> int | None:
    """Where enough strips of an image follow each other; None where they do not, or cannot be found."""
    try:
        strips = zip(*segments(tiff, directory), strict=True)
    except MalformedFile:
        return None
    begin = end = 0
    for at, length in sorted((int(at), int(length)) for at, length in strips):
        begin, end = (begin if at == end else at), at + length
        if end - begin >= size:
            return begin
    return None


def _entries(tiff: Tiff, directory: Directory, numbers: Mapping[int, int], text: str) -> Iterator[bytes]:
    """Entries of a directory in their order; a description stays where it was."""
    form, room, size = ("Q", 8, 20) if tiff.big else ("I", 4, 12)
    for number in sorted((*numbers, *([DESCRIPTION] if text else []))):
        if number not in numbers:
            tag = directory.tags[number]
            yield tiff.data[tag.at : tag.at + size]
            continue
        kind = _LONG8 if tiff.big and number == _OFFSETS else _LONG
        value = struct.pack(tiff.order + ("Q" if kind == _LONG8 else "I"), numbers[number]).ljust(room, b"\0")
        yield struct.pack(tiff.order + "HH" + form, number, kind, 1) + value


def _picture(lines: Iterable[str]) -> NDArray[np.uint8]:
    """Shape (64, 256): the lines in black on white, in the letters that come with the library."""
    image = Image.new("L", (_WIDTH, _HEIGHT), _WHITE)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(_LETTERS)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, _MARGIN + number * _LINE), line, _BLACK, font)
    return np.asarray(image)
