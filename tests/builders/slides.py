"""Small slides in TIFF with planted identifiers, written tag by tag."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

NAME = b"DOE JANE S20-4711"
APERIO = (
    b"Aperio Image Library v11.2.1 \r\n512x512 [0,0 512x512] (256x256) JPEG/RGB Q=70|AppMag = 20|MPP = 0.4990|"
    b"User = Dr Roe|Date = 12/29/09|Barcode = S20-4711|ScanScope ID = SS7347|Filename = Doe Jane"
)


Alter = Callable[[bytes], bytes]


@dataclass
class Page:
    """One image: its tags as (number, type, values or bytes), and its encoded tiles or strips."""

    tags: list[tuple[int, int, Sequence[int] | bytes]]
    pieces: list[bytes]
    tiled: bool = True
    below: list[Page] = field(default_factory=list)


def jpeg(grey: int, *, comment: bytes = b"", size: int = 256) -> bytes:
    """An encoded tile of noise, so that tiles differ, with a comment behind its first marker."""
    noise = np.random.default_rng(grey).integers(0, 32, (size, size, 3), np.uint8) + np.uint8(grey)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "JPEG")
    data = stream.getvalue()
    note = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment if comment else b""
    return data[:2] + note + data[2:]


def level(
    size: int, grey: int, description: bytes = b"", *, comment: bytes = b"", reduced: bool = False, alter: Alter = bytes
) -> Page:
    """A tiled image of size x size pixels, ``reduced`` from a larger one; ``alter`` changes its encoded tiles."""
    tiles = [alter(jpeg(grey + n, comment=comment)) for n in range((size // 256) ** 2)]
    texts: list[tuple[int, int, Sequence[int] | bytes]] = [
        (270, 2, description + b"\0"), (306, 2, b"2009:12:29 09:59:15\0"), (305, 2, NAME + b"\0"),
        (315, 2, NAME + b"\0"), (65000, 2, NAME + b"\0"), (700, 1, b"<xmp>" + NAME + b"</xmp>"),
    ]  # fmt: skip
    return Page([(254, 4, [int(reduced)]), *_plain(size), (322, 3, [256]), (323, 3, [256]), *texts], tiles)


def picture(description: bytes) -> Page:
    """A striped image, as labels are."""
    tags = [(254, 4, [1]), *_plain(64), (278, 3, [64]), (270, 2, description + b"\0")]
    return Page(tags, [jpeg(7, comment=NAME, size=64)], False)


def _plain(size: int) -> list[tuple[int, int, Sequence[int] | bytes]]:
    return [(256, 3, [size]), (257, 3, [size]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]),
            (277, 3, [3]), (530, 3, [2, 2])]  # fmt: skip


def aperio() -> list[Page]:
    """A level, a thumbnail, a second level, label and macro."""
    return [level(512, 20, APERIO), picture(b"Aperio thumbnail"), level(256, 50, APERIO),
            picture(b"Aperio Image Library v11\nlabel 64x64"),
            picture(b"Aperio Image Library v11\nmacro 64x64")]  # fmt: skip


def tiff_bytes(pages: list[Page], *, big: bool = False, order: str = "<", gap: bytes = NAME) -> bytes:
    """The file, with old bytes between its parts and behind the last."""
    body = bytearray(_start(big, order))
    link_at = 8 if big else 4
    for page in pages:
        below = [_write(body, inner, big, order, gap, [])[0] for inner in page.below]
        at, next_link = _write(body, page, big, order, gap, below)
        struct.pack_into(order + ("Q" if big else "I"), body, link_at, at)
        link_at = next_link
    return bytes(body + gap)


def _start(big: bool, order: str) -> bytes:
    mark = b"II" if order == "<" else b"MM"
    return mark + (struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0))


def _write(body: bytearray, page: Page, big: bool, order: str, gap: bytes, below: list[int]) -> tuple[int, int]:
    """Append a page; gives where its directory is and where the link to the next one stands."""
    offsets, lengths = [], []
    for piece in page.pieces:
        body += gap
        offsets.append(len(body))
        lengths.append(len(piece))
        body += piece
    first, second = (324, 325) if page.tiled else (273, 279)
    tags = [*page.tags, (first, 16 if big else 4, offsets), (second, 4, lengths)]
    tags += [(330, 16 if big else 4, below)] if below else []
    body += gap + b"\0" * ((len(body) + len(gap)) % 2)
    form, room = ("Q", 8) if big else ("I", 4)
    entries = b""
    for number, kind, values in sorted(tags, key=lambda tag: tag[0]):
        data = values if isinstance(values, bytes) else struct.pack(f"{order}{len(values)}{_FORMS[kind]}", *values)
        entries += struct.pack(order + "HH" + form, number, kind, len(values) // _BYTES_EACH.get(kind, 1))
        if len(data) > room:
            entries += struct.pack(order + form, len(body))
            body += data + b"\0" * (len(data) % 2)
        else:
            entries += data.ljust(room, b"\0")
    at = len(body)
    body += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + bytes(room)
    return at, len(body) - room


_FORMS = {3: "H", 4: "I", 16: "Q"}
_BYTES_EACH = {5: 8, 9: 4}
"""Of the types whose values are given as bytes."""
