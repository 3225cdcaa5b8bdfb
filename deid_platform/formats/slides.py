"""What every format of whole-slide images answers alike, whatever its files look like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

from deid_platform.audit.risk import TextRisk
from deid_platform.formats.pixelless import Pixelless
from deid_platform.formats.protocol import Description
from deid_platform.formats.whose import subject_by_name
from deid_platform.identity import Identity
from deid_platform.model import Finding, Masking, PixelOutcome, PixelRule
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.policy import Policy


class Judge(Protocol):
    """A module of :mod:`deid_platform.audit` that judges copies of slides."""

    def audit_file(self, item: str, source: Path, output: Path, name: str = "") -> Iterator[Finding]:
        """What of the original, or of what it is called, is left in the copy."""
        ...

    def altered_levels(self, source: Path, output: Path) -> Iterator[tuple[str, str]]:
        """Where the levels of the copy differ: (place, kind)."""
        ...

    def text_left(self, output: Path) -> bool:
        """Whether text is found in an overview of the slide."""
        ...


class Slides(Pixelless):
    """Answers of :class:`~deid_platform.formats.protocol.Format` for slides. Their name alone tells the patient.

    Pixels of the levels are not searched for text one by one: a slide shows tissue, and what is printed on its label
    is gone. The gate reads an overview of it.
    """

    __slots__ = ()

    judge: ClassVar[Judge]

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """Each slide is a study."""
        return identity.token("study", "slide", name)

    def clean_pixels(self, scrubbed: Path, output: Path, work: PixelWork) -> PixelOutcome:
        """Nothing is masked."""
        return PixelOutcome(PixelRule.SLIDE_LEVELS)

    def text_risk(self, output: Path, masking: Masking) -> TextRisk:
        """Each is read."""
        return TextRisk.LIKELY

    def text_left(self, output: Path, policy: Policy) -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return self.judge.text_left(output)

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return self.judge.altered_levels(source, output)

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return self.judge.audit_file(item, source, output, name)


def alone(name: str) -> str:
    """What stands for the study of a slide whose name tells no patient."""
    return f"slide\0{name}"


def pseudonym_by_name(name: str, identity: Identity) -> str:
    """The pseudonym of the patient whose slide it is."""
    return identity.pseudonym(subject_by_name(name, identity, alone(name))).patient_id


def description(name: str, identity: Identity, suffix: str) -> Description:
    """The slide called ``name``, released as a file with that suffix."""
    subject = subject_by_name(name, identity, alone(name))
    study, series, instance = (identity.keyed_uid(f"{kind}\0{name}") for kind in ("study", "series", "slide"))
    path = f"{subject}/{study}/{series}/{instance}{suffix}"
    return Description(subject, study, series, instance, modality="SM", path=path)
