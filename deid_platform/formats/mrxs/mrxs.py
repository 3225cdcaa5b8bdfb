"""3DHISTECH slides as a format of the platform: images stay, everything that tells of a person or device goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deid_platform import tar
from deid_platform.audit import mrxs
from deid_platform.formats.mrxs.slide import SUFFIX, opened
from deid_platform.formats.mrxs.writing import write
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.slides import Judge, Slides, alone, description
from deid_platform.formats.whose import crossing_of_name, refuse_unnamed
from deid_platform.identity import Identity
from deid_platform.model import Change, Outcome
from deid_platform.policy import Policy


@dataclass(frozen=True, slots=True)
class Mrxs(Slides):
    """A tar archive of ``X.mrxs`` and its folder, as the landing zone shows such slides; each stands alone.

    A file called ``.mrxs`` that came without its folder is taken, too, so that it is refused with that reason.
    """

    judge: ClassVar[Judge] = mrxs
    name: str = "mrxs"
    suffix: str = ".mrxs.tar"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        first = tar.first_name(head)
        if first is None:
            return name.lower().endswith(SUFFIX) and len(head) > 0
        return first.lower().endswith(SUFFIX)

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with opened(source):
            pass
        return description(name, identity, self.suffix)

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        refuse_unnamed(name, identity, alone(name))
        with opened(source) as slide, output.open("wb") as sink:
            new = _identifier(slide.layout.identifier, identity)
            counted = write(slide, sink, identity.keyed_uid(f"slide\0{name}"), new)
        changes = (
            Change("SLIDE_ID", "U", "the slide's identifier is replaced", 1),
            Change("overview", "X", "the picture of the slide with its label is replaced by a grey one", 1),
            Change("bytes", "X", "bytes that no level needs are zero: labels, macros, previews", counted.unneeded),
            Change("images", "X", "notes in images are removed", counted.notes),
        )
        return Outcome(tuple(change for change in changes if change.count))

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """The slide's identifier, and what its name tells."""
        yield from crossing_of_name(name, identity, alone(name))
        with opened(source) as slide:
            old = slide.layout.identifier
        yield Crossing("uid", old, _identifier(old, identity))


def _identifier(old: str, identity: Identity) -> str:
    """A SLIDE_ID as long as the old one: hexadecimal, as the scanners write it."""
    return identity.mac("slide-id", old).hex()[: len(old)].upper()
