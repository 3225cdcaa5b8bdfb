"""3DHISTECH slides as a format of the platform: images stay, everything that tells of a person or device goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deid_platform import tar
from deid_platform.audit.mrxs import altered_levels, audit_file, text_left
from deid_platform.audit.risk import TextRisk
from deid_platform.formats.mrxs.slide import SUFFIX, opened
from deid_platform.formats.mrxs.writing import write
from deid_platform.formats.pixelless import Pixelless
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.whose import crossing_of_name, refuse_unnamed, subject_by_name
from deid_platform.identity import Identity
from deid_platform.model import Change, Finding, Masking, Outcome, PixelOutcome, PixelRule
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.policy import Policy


@dataclass(frozen=True, slots=True)
class Mrxs(Pixelless):
    """A tar archive of ``X.mrxs`` and its folder, as the landing zone shows such slides; each stands alone.

    A file called ``.mrxs`` that came without its folder is taken, too, so that it is refused with that reason.
    """

    name: str = "mrxs"
    suffix: str = ".mrxs.tar"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        first = tar.first_name(head)
        if first is None:
            return name.lower().endswith(SUFFIX) and len(head) > 0
        return first.lower().endswith(SUFFIX)

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return identity.token("study", "slide", name)

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with opened(source):
            pass
        subject = subject_by_name(name, identity, f"slide\0{name}")
        study, series, instance = (identity.keyed_uid(f"{kind}\0{name}") for kind in ("study", "series", "slide"))
        path = f"{subject}/{study}/{series}/{instance}{self.suffix}"
        return Description(subject, study, series, instance, modality="SM", path=path)

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        refuse_unnamed(name, identity, f"slide\0{name}")
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

    def clean_pixels(self, scrubbed: Path, output: Path, work: PixelWork) -> PixelOutcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return PixelOutcome(PixelRule.SLIDE_LEVELS)

    def text_risk(self, output: Path, masking: Masking) -> TextRisk:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return TextRisk.LIKELY

    def text_left(self, output: Path, policy: Policy) -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return text_left(output)

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return altered_levels(source, output)

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return audit_file(item, source, output, name)

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """The slide's identifier, and what its name tells."""
        yield from crossing_of_name(name, identity)
        with opened(source) as slide:
            old = slide.layout.identifier
        yield Crossing("uid", old, _identifier(old, identity))


def _identifier(old: str, identity: Identity) -> str:
    """A SLIDE_ID as long as the old one: hexadecimal, as the scanners write it."""
    return identity.mac("slide-id", old).hex()[: len(old)].upper()
