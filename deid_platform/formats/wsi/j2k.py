"""Places inside of JPEG 2000 codestreams that no decoder needs, and headers that hold no more than they have to.

Lengths of packets and of tile-parts, which decoders find by themselves, become comments of zeros.
Source: ITU-T T.800 A.4 to A.9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.streams import Patches, Read, segment
from deid_platform.formats.wsi.tables import Patch

_TILE_PART, _DATA, _FINISHED = 0xFF90, 0xFF93, 0xFFD9
_SIZE, _CODING, _COMPONENT, _REGION, _ORDER = 0xFF51, 0xFF52, 0xFF53, 0xFF5E, 0xFF5F
_STEPS, _STEPS_OF_COMPONENT = 0xFF5C, 0xFF5D
_LENGTHS = frozenset((0xFF55, 0xFF57, 0xFF58))
"""TLM, PLM and PLT."""
_PACKED_HEADERS = frozenset((0xFF60, 0xFF61))
"""PPM and PPT: headers of packets, of which only a decoder knows what belongs to them."""
_COMMENT = b"\x64"
_MOST_COMPONENTS, _MANY_COMPONENTS, _MOST_LEVELS, _MOST_CHANGES = 16_384, 257, 32, 64
_DERIVED, _EXPOUNDED = 1, 2


@dataclass(slots=True)
class _Header:
    """What a main header, or one of a tile-part, says of itself; ``levels`` are those of the main header too."""

    components: int = 0
    levels: set[int] = field(default_factory=set)
    _steps: set[int] = field(default_factory=set)
    _seen: set[tuple[int, bytes]] = field(default_factory=set)

    def take(self, marker: int, body: bytes) -> None:
        """Take in a segment. Raises MalformedFile where it is longer than its fields ask for, or stands twice."""
        try:
            good = (self.components > 0) != (marker == _SIZE) and _FIELDS[marker](self, body)
        except IndexError:
            good = False
        wide = self._wide if marker in _OF_ONE_COMPONENT else 0
        if not good or (marker, body[:wide]) in self._seen:
            raise _odd()
        self._seen.add((marker, body[:wide]))

    def close(self) -> None:
        """See that steps are as many as levels ask for. Raises MalformedFile where they are not."""
        if not self.levels or not self._steps <= {3 * levels + 1 for levels in self.levels}:
            raise _odd()

    @property
    def _wide(self) -> int:
        """Bytes that the number of a component takes."""
        return 2 if self.components >= _MANY_COMPONENTS else 1

    def size(self, body: bytes) -> bool:
        """SIZ."""
        self.components = int.from_bytes(body[34:36], "big")
        return 0 < self.components <= _MOST_COMPONENTS and len(body) == 36 + 3 * self.components

    def coding(self, body: bytes) -> bool:
        """COD."""
        return self._coded(body[0], body[5:])

    def component(self, body: bytes) -> bool:
        """COC."""
        return self._is_component(body) and self._coded(body[self._wide], body[self._wide + 1 :])

    def _coded(self, style: int, rest: bytes) -> bool:
        levels = rest[0]
        self.levels.add(levels)
        return levels <= _MOST_LEVELS and len(rest) == 5 + (levels + 1 if style & 1 else 0)

    def steps(self, body: bytes) -> bool:
        """QCD."""
        style, count = body[0] & 31, len(body) - 1
        if style == _DERIVED:
            return count == 2
        self._steps.add(count // 2 if style == _EXPOUNDED else count)
        return style <= _EXPOUNDED and (style != _EXPOUNDED or count % 2 == 0)

    def steps_of_component(self, body: bytes) -> bool:
        """QCC."""
        return self._is_component(body) and self.steps(body[self._wide :])

    def region(self, body: bytes) -> bool:
        """RGN."""
        return self._is_component(body) and len(body) == self._wide + 2

    def order(self, body: bytes) -> bool:
        """POC."""
        each = 5 + 2 * self._wide
        return len(body) % each == 0 and len(body) // each <= _MOST_CHANGES

    def _is_component(self, body: bytes) -> bool:
        return int.from_bytes(body[: self._wide], "big") < self.components


_FIELDS: Mapping[int, Callable[[_Header, bytes], bool]] = {
    _SIZE: _Header.size, _CODING: _Header.coding, _COMPONENT: _Header.component, _STEPS: _Header.steps,
    _STEPS_OF_COMPONENT: _Header.steps_of_component, _REGION: _Header.region, _ORDER: _Header.order,
}  # fmt: skip
_OF_ONE_COMPONENT = frozenset((_COMPONENT, _STEPS_OF_COMPONENT, _REGION))


def j2k_notes(read: Read, at: int, end: int) -> Patches:
    """What gives way in a JPEG 2000 codestream from ``at`` to before ``end``.

    Raises
    ------
    MalformedFile
        It is no codestream, torn, or has headers that hold more than they may.
    """
    if read(at, 2) != b"\xff\x4f":
        raise MalformedFile("A tile of the slide is no JPEG 2000 codestream, though its tags say so.")
    place, part_end, header = at + 2, end, _Header()
    while place + 2 <= end:
        marker = int.from_bytes(read(place, 2), "big")
        if marker == _FINISHED:
            place += 2
            break
        if marker == _DATA:
            header.close()
            place = part_end
            continue
        body = segment(read, place, end)
        if marker == _TILE_PART:
            header.close()
            part_end, header = _part_end(read, place, body, end), _Header(header.components, set(header.levels))
        else:
            yield from _given_way(header, marker, place, body)
        place += 4 + len(body)
    if place < end:
        yield Patch(place, end - place)


def _given_way(header: _Header, marker: int, place: int, body: bytes) -> Iterator[Patch]:
    """What of a segment gives way: nothing of one that decoders need."""
    if marker in _FIELDS:
        header.take(marker, body)
    elif marker in _PACKED_HEADERS:
        raise _odd()
    else:
        if marker in _LENGTHS:
            yield Patch(place + 1, 1, _COMMENT)
        yield Patch(place + 4, len(body))


def _part_end(read: Read, at: int, body: bytes, end: int) -> int:
    """Where a tile-part ends; a last one of unstated length before the marker of the end."""
    length = int.from_bytes(body[2:6], "big")
    found = at + length if length else end - 2 if read(end - 2, 2) == b"\xff\xd9" else end
    if len(body) != 8 or not at + 14 <= found <= end:
        raise MalformedFile("A part of a JPEG 2000 tile lies outside of it.")
    return found


def _odd() -> MalformedFile:
    return MalformedFile("A header of a JPEG 2000 tile holds more than it may.")
