"""Whole-slide images in TIFF as a format of the platform: levels stay as they are, label and macro go."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from deid_platform.audit import wsi
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.slides import Judge, Slides, alone, description, pseudonym_by_name
from deid_platform.formats.whose import crossing_of_name, refuse_unnamed
from deid_platform.formats.wsi.copying import Copy
from deid_platform.formats.wsi.label import shows_label, with_label
from deid_platform.formats.wsi.makers import plan_of
from deid_platform.formats.wsi.packed import form_of
from deid_platform.formats.wsi.slide import segments
from deid_platform.formats.wsi.tiff import Tiff, is_tiff, read_tiff
from deid_platform.identity import Identity
from deid_platform.model import Change, Finding, Outcome
from deid_platform.policy import Policy


@dataclass(frozen=True, slots=True)
class Slide(Slides):
    """Aperio SVS, Hamamatsu NDPI, OME-TIFF and other tiled TIFF."""

    judge: ClassVar[Judge] = wsi
    name: str = "wsi"
    suffix: str = ".tiff"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return is_tiff(head)

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with _opened(source) as tiff:
            plan = plan_of(tiff)
            for directory in plan.levels:
                segments(tiff, directory)
                form_of(tiff, directory)
        return description(name, identity, plan.suffix)

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        refuse_unnamed(name, identity, alone(name))
        with _opened(source) as tiff, source.open("rb") as file, output.open("wb") as sink:
            plan = plan_of(tiff)
            if policy.slides.draws_label:
                plan = with_label(tiff, plan, pseudonym_by_name(name, identity))
            counted = Copy(tiff, plan, file, sink).run()
        changes = (
            Change("images", "X", "labels, macros and overviews are removed", counted.images),
            Change("label", "D", "a new label shows the pseudonym", int(shows_label(plan))),
            Change("tags", "X", "tags that no list knows are removed", counted.tags),
            Change("tiles", "X", "notes in headers of tiles are removed", counted.notes),
        )
        return Outcome(tuple(change for change in changes if change.count))

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        label = pseudonym_by_name(name, identity) if policy.slides.draws_label else ""
        return wsi.audit_file(item, source, output, name, label)

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return crossing_of_name(name, identity, alone(name))


@contextmanager
def _opened(path: Path) -> Iterator[Tiff]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield read_tiff(data)
