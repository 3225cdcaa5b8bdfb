"""NIfTI as a format of the platform: geometry and voxels stay, of NIfTI-MRS what a list knows, and nothing else.

Pairs of NIfTI and Analyze 7.5 become single files, which every reader of them knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from deid_platform.audit.nifti import altered_voxels, audit_file, text_left
from deid_platform.audit.risk import TextRisk
from deid_platform.formats.bids.keys import crossings_of_name, described_by_name, named_at, object_path
from deid_platform.formats.bids.naming import Named
from deid_platform.formats.nifti.cleaning import clean_volume
from deid_platform.formats.nifti.files import begin, image_bytes, opened, read_out, stored_compressed, written
from deid_platform.formats.nifti.header import Header, accepts, may_be_analyze
from deid_platform.formats.nifti.mrs import cleaned, extension_of
from deid_platform.formats.nifti.pair import is_pair
from deid_platform.formats.nifti.planes import open_stack, planes_of
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.heads.plans import ItemPlanes, StackPlan
from deid_platform.heads.stack import Stack
from deid_platform.identity import Identity
from deid_platform.model import Change, Finding, Masking, Outcome, PixelOutcome
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.pixels.identified import Known
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.scales import Net
from deid_platform.policy import Policy

_HEADER = re.compile(r"\.hdr(\.gz)?$", re.IGNORECASE)
_ENDING = re.compile(r"\.(nii|hdr)(\.gz)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Nifti:
    """NIfTI-1, NIfTI-2 and Analyze 7.5, plain or compressed; its subject is told by its name, after BIDS.

    A header that came without its image is taken, too, so that it is refused with that reason.
    """

    name: str = "nifti"
    suffix: str = ".nii"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        told = begin(head)
        return is_pair(head) or accepts(told) or (bool(_HEADER.search(name)) and may_be_analyze(told))

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return identity.token("study", *named_at(name, identity).study_key())

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with opened(source) as (header, file):
            for _ in image_bytes(file, header):
                pass
            read_out(file)
        suffix = f"{self.suffix}.gz" if stored_compressed(source) else self.suffix
        described = described_by_name(_ENDING.sub("", name) + suffix, identity)
        if described.path:
            return described
        described = described_by_name(name, identity)
        return replace(described, path=object_path(described, suffix))

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`.

        Raises
        ------
        UnsafeToRelease
            The site names its patients, and not this one.
        """
        identity.pseudonym(described_by_name(name, identity).subject)
        packed = stored_compressed(source)
        with opened(source) as (header, file), written(output, compressed=packed) as sink:
            kept = _mrs(file, header, policy)
            sink.write(header.clean(kept[0]))
            for piece in image_bytes(file, header):
                sink.write(piece)
        return Outcome((*_changes(header, kept[0]), *kept[1]))

    def series_text(self, scrubbed: Sequence[Path], net: Net) -> Mask | None:
        """Nothing: each file is a series of slices, and looked at as one."""
        return None

    def planes(self, scrubbed: Path, original: Path | None = None) -> ItemPlanes | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return planes_of(scrubbed)

    def open_stack(self, plan: StackPlan, paths: Mapping[str, Path]) -> AbstractContextManager[Stack]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return open_stack(plan, paths)

    def clean_pixels(self, scrubbed: Path, output: Path, work: PixelWork) -> PixelOutcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return clean_volume(scrubbed, output, work)

    def known(self, source: Path, policy: Policy, name: str = "") -> Known:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        label = Named.of(name).subject
        return Known(numbers=frozenset({label.lower()} if label else ()))

    def text_risk(self, output: Path, masking: Masking) -> TextRisk:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return TextRisk.LIKELY if masking.masked else TextRisk.ROUTINE

    def text_left(self, output: Path, policy: Policy) -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return text_left(output)

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return altered_voxels(source, output, masking)

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return audit_file(item, source, output, policy)

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        yield from crossings_of_name(name, identity)


def _mrs(file: BinaryIO, header: Header, policy: Policy) -> tuple[bytes, list[Change]]:
    """The cleaned extension of NIfTI-MRS; empty where the file is none that can stay one."""
    text = None if header.paired else extension_of(file, header)
    return (cleaned(text, header, policy) if text is not None else None) or (b"", [])


def _changes(header: Header, extension: bytes) -> list[Change]:
    """What was removed from the header, and behind it."""
    told = [name for name in header.told() if not (extension and name == "intent_name")]
    changes = [Change(name, "X", "texts of the NIfTI header are removed") for name in told]
    if header.offset > header.size + 4 and not extension and not header.paired:
        changes.append(Change("extensions", "X", "extensions of the NIfTI header are removed"))
    return changes
