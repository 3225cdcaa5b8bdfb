"""What every file format offers the platform. One folder per format implements it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deid_platform.audit.risk import TextRisk
from deid_platform.heads.plans import ItemPlanes, StackPlan
from deid_platform.heads.stack import Stack
from deid_platform.identity import Identity
from deid_platform.model import Finding, Masking, Outcome, PixelOutcome
from deid_platform.pixels.cleaning import PixelWork
from deid_platform.pixels.identified import Known
from deid_platform.pixels.masks import Mask
from deid_platform.pixels.scales import Net
from deid_platform.policy import Policy


@dataclass(frozen=True, slots=True)
class Description:
    """What the raw stage notes of an item: pseudonymous keys and technical terms, nothing that identifies.

    ``path`` is where it is released, pseudonyms only, for formats whose files belong into a layout of their own.
    """

    subject: str
    study: str
    series: str
    instance: str
    sop_class: str = ""
    modality: str = ""
    transfer_syntax: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Crossing:
    """A pair for the crosswalk: an original and what it became. PHI: only the vault may keep it.

    ``issuer`` is who issued a patient number, as far as issuers are told apart.
    """

    kind: str
    old: str
    new: str
    issuer: str = ""


class Format(Protocol):
    """One file format. Stateless; every method takes paths of local files and leaves them as they are.

    ``name`` is what an object was called where it landed (PHI): some formats tell their subject nowhere else.
    """

    @property
    def name(self) -> str:
        """How manifests call the format."""
        ...

    @property
    def suffix(self) -> str:
        """What names of released files end in, with its dot."""
        ...

    def accepts(self, head: bytes, name: str = "") -> bool:
        """Whether a file that begins with ``head`` (4096 bytes, or all of a shorter one) is of this format."""
        ...

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """The opaque study key if ``head`` (the first bytes of a file) already tells it."""
        ...

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """Read all of the item's structure. Raises MalformedFile when it cannot be understood to its end."""
        ...

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """Write a de-identified copy. Raises DeidError when no clean copy can be made; ``output`` is then void."""
        ...

    def series_text(self, scrubbed: Sequence[Path], net: Net) -> Mask | None:
        """What is written at the same place in all slices of a series; None when that is nothing."""
        ...

    def planes(self, scrubbed: Path, original: Path | None = None) -> ItemPlanes | None:
        """Where the frames of a scrubbed copy lie in the patient; None when it has no pixels.

        ``original`` tells what of this scrubbing took away; it is asked for where the copy left it open.
        """
        ...

    def open_stack(self, plan: StackPlan, paths: Mapping[str, Path]) -> AbstractContextManager[Stack]:
        """Open the slices of a stack; ``paths`` tells where its items lie."""
        ...

    def clean_pixels(self, scrubbed: Path, output: Path, work: PixelWork) -> PixelOutcome:
        """Mask text in the pixels of a scrubbed copy and take out what goes of a head; ``output`` only if any does.

        Raises UnsafeToRelease when the pixels cannot be looked at.
        """
        ...

    def known(self, source: Path, policy: Policy, name: str = "") -> Known:
        """What identifies the subject of an original, less what the policy keeps on purpose."""
        ...

    def text_risk(self, output: Path, masking: Masking) -> TextRisk:
        """How likely a cleaned copy carries text; ``masking`` is what was done to its pixels."""
        ...

    def text_left(self, output: Path, policy: Policy) -> bool:
        """Whether a reader that cleaned nothing finds text in the pixels. Raises DeidError when nobody can say."""
        ...

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """What differs from the source outside of the masked regions: (place, kind)."""
        ...

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """What of the source survived in the output, found by other code than that which cleaned it."""
        ...

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """Every identifier of the source that :meth:`scrub` replaces consistently."""
        ...
