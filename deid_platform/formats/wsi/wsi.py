"""Whole-slide images in TIFF as a format of the platform: levels stay as they are, label and macro go."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deid_platform.audit.risk import TextRisk
from deid_platform.audit.wsi import altered_levels, audit_file, text_left
from deid_platform.formats.pixelless import Pixelless
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.whose import crossing_of_name, refuse_unnamed, subject_by_name
from deid_platform.formats.wsi.copying import Copy
from deid_platform.formats.wsi.makers import plan_of
from deid_platform.formats.wsi.packed import form_of
from deid_platform.formats.wsi.slide import segments
from deid_platform.formats.wsi.tiff import Tiff, is_tiff, read_tiff
from deid_platform.identity import Identity
from deid_platform.model import Change, Finding, Masking, Outcome, PixelOutcome, PixelRule
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.policy import Policy


@dataclass(frozen=True, slots=True)
class Slide(Pixelless):
    """Aperio SVS, Hamamatsu NDPI, OME-TIFF and other tiled TIFF. Nothing in them tells the patient but their name.

    Pixels of the levels are not searched for text one by one: a slide shows tissue, and what is printed on its label
    is gone. The gate reads an overview of it.
    """

    name: str = "wsi"
    suffix: str = ".tiff"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return is_tiff(head)

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return identity.token("study", "slide", name)

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with _opened(source) as tiff:
            plan = plan_of(tiff)
            for directory in plan.levels:
                segments(tiff, directory)
                form_of(tiff, directory)
        subject = subject_by_name(name, identity, f"slide\0{name}")
        study, series, instance = (identity.keyed_uid(f"{kind}\0{name}") for kind in ("study", "series", "slide"))
        path = f"{subject}/{study}/{series}/{instance}{plan.suffix}"
        return Description(subject, study, series, instance, modality="SM", path=path)

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        refuse_unnamed(name, identity, f"slide\0{name}")
        with _opened(source) as tiff, source.open("rb") as file, output.open("wb") as sink:
            counted = Copy(tiff, plan_of(tiff), file, sink).run()
        changes = (
            Change("images", "X", "labels, macros and overviews are removed", counted.images),
            Change("tags", "X", "tags that no list knows are removed", counted.tags),
            Change("tiles", "X", "notes in headers of tiles are removed", counted.notes),
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
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return crossing_of_name(name, identity)


@contextmanager
def _opened(path: Path) -> Iterator[Tiff]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield read_tiff(data)
