"""PNG, JPEG and plain TIFF as a format of the platform: pixels stay but for text, everything around them goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deid_platform.audit.picture import altered_pixels, audit_file, text_left
from deid_platform.audit.risk import TextRisk
from deid_platform.errors import MalformedFile
from deid_platform.formats.picture.decoding import STARTS, Picture, read_picture, write_picture
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.whose import crossing_of_name, refuse_unnamed, subject_by_name
from deid_platform.heads.plans import ItemPlanes, StackPlan
from deid_platform.heads.stack import Stack
from deid_platform.identity import Identity
from deid_platform.model import Change, Finding, Masking, Outcome, PixelOutcome, PixelRule
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.pixels.components import regions_of
from deid_platform.pixels.fill import fill
from deid_platform.pixels.identified import Known
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.scales import Net
from deid_platform.pixels.text import find_text
from deid_platform.policy import Policy

_PIXELS, SYNTAX = "pixels", "PNG"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """PNG, JPEG and TIFF that is no slide; each becomes a PNG. Nothing but their name tells the patient, if that.

    TIFF is not told by its first bytes, see :func:`~deid_platform.formats.registry.format_of_file`.
    """

    name: str = "picture"
    suffix: str = ".png"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return head.startswith(STARTS)

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return identity.token("study", _study(name, identity))

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        read_picture(source)
        told = _study(name, identity)
        subject = subject_by_name(name, identity, told)
        study, series = (identity.keyed_uid(f"{kind}\0{told}") for kind in ("study", "series"))
        return Description(subject, study, series, identity.keyed_uid(f"picture\0{name}"), modality="OT")

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        refuse_unnamed(name, identity, _study(name, identity))
        write_picture(read_picture(source), output)
        return Outcome((Change("metadata", "X", "all but pixels is removed"),))

    def series_text(self, scrubbed: Sequence[Path], net: Net) -> Mask | None:
        """Nothing: pictures of one folder have nothing in common."""
        return None

    def planes(self, scrubbed: Path, original: Path | None = None) -> ItemPlanes | None:
        """A picture has no place, and may be one of a face: nobody can judge it (``tiled``)."""
        rows, columns = read_picture(scrubbed).pixels.shape[:2]
        nowhere, nothing = np.empty((0, 3)), np.empty(0)
        return ItemPlanes("", "", "OT", rows, columns, 1, 0.0, nowhere, nowhere, nowhere, nothing, nothing, tiled=True)

    def open_stack(self, plan: StackPlan, paths: Mapping[str, Path]) -> AbstractContextManager[Stack]:
        """Raises MalformedFile: there are no slices."""
        raise MalformedFile("A picture has no slices.")

    def clean_pixels(self, scrubbed: Path, output: Path, work: PixelWork) -> PixelOutcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        picture = read_picture(scrubbed)
        (mask,) = find_text(picture, work.net)
        if not mask:
            return PixelOutcome(PixelRule.NO_TEXT_FOUND, Masking(frames=1, head=work.head.rule))
        masked = Picture(picture.pixels.copy())
        if not fill(masked.pixels, mask, masked.layout):
            return PixelOutcome(PixelRule.NO_TEXT_FOUND, Masking(frames=1, head=work.head.rule))
        write_picture(masked, output)
        share = float(mask.text_pixels().mean())
        masking = Masking(frames=1, masked=1, share=share, regions=regions_of([mask]), head=work.head.rule)
        return PixelOutcome(PixelRule.TEXT_MASKED, masking, (Change(_PIXELS, "C", "text is masked"),), SYNTAX)

    def known(self, source: Path, policy: Policy, name: str = "") -> Known:
        """Nothing: a picture tells of nobody."""
        return Known()

    def text_risk(self, output: Path, masking: Masking) -> TextRisk:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return TextRisk.LIKELY

    def text_left(self, output: Path, policy: Policy) -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return text_left(output)

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return altered_pixels(source, output, masking)

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return audit_file(item, output)

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return crossing_of_name(name, identity, _study(name, identity))


def _study(name: str, identity: Identity) -> str:
    """What all pictures of a subject in a folder have in common: of whom nobody tells are one subject."""
    number = identity.rules.number_in(name)
    return "\0".join(("pictures", name.rpartition("/")[0], *((number,) if number else ())))
