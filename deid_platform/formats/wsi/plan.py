"""What of a slide stays: images in their new order, and texts written anew. Those who know a maker say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deid_platform.errors import MalformedFile
from deid_platform.formats.wsi.tiff import ASCII, Directory

DESCRIPTION, SOFTWARE, XMP = 270, 305, 700
TEXTS = (DESCRIPTION, SOFTWARE, XMP)
_TEXT_KINDS = (1, ASCII, 7)

Texts = Mapping[tuple[int, int], bytes]
"""New values by the place of a directory and the number of a tag, as long as the old ones."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """An image drawn anew in the place of another: entries of its directory, its only strip, and its description."""

    entries: tuple[bytes, ...]
    at: int
    samples: bytes
    text: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What stays. ``texts`` is None where tags are told by one rule for all makers."""

    images: tuple[Directory, ...]
    texts: Texts | None = None
    suffix: str = ".tiff"
    black: Directory | None = None
    """One of the images that readers ask for although it is no level: a black one takes its place."""
    drawn: Mapping[int, Drawn] = field(default_factory=dict)
    """Images that are drawn anew, by the places of their directories."""

    @property
    def levels(self) -> tuple[Directory, ...]:
        """The images whose tiles stay."""
        return tuple(one for one in self.images if one is not self.black and one.at not in self.drawn)


def filled(directory: Directory, number: int, text: str) -> Texts:
    """A new text for a tag, filled up with zeros to the length of the old one.

    Raises
    ------
    MalformedFile
        The tag is not there, no text, or too short.
    """
    tag = directory.tags.get(number)
    new = text.encode("ascii", "replace")
    if tag is None or tag.kind not in _TEXT_KINDS or len(new) >= tag.size:
        raise MalformedFile("A text of the slide has no room for what stays of it.")
    return {(directory.at, number): new.ljust(tag.size, b"\0")}
