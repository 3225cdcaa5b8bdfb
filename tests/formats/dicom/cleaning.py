"""What tests of DICOM cleaning share: objects to clean, cleaning them, and changing single elements."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from pydicom import uid as uids
from pydicom.uid import UID

from deid_platform.formats.dicom.dicom import Dicom
from deid_platform.identity import Identity
from deid_platform.model import Outcome
from deid_platform.policy import Policy, load_policy
from tests.builders.dicom import CLASSES, Person, encapsulated_pdf, encode, image, person, report, waveform
from tests.builders.elements import replaced

FORMAT = Dicom()
IDENTITY = Identity(bytes(range(32)), "site")
PROFILES = ("basic", "tcia")
RETAINED = {"basic": (), "tcia": ("station", "serial")}
"""What a profile keeps on purpose: 'tcia' retains device identity."""

SYNTAXES = (
    uids.ExplicitVRLittleEndian,
    uids.ImplicitVRLittleEndian,
    uids.ExplicitVRBigEndian,
    uids.DeflatedExplicitVRLittleEndian,
    uids.RLELossless,
    uids.JPEG2000Lossless,
    uids.JPEG2000,
    uids.JPEGLSLossless,
    uids.JPEGLSNearLossless,
    uids.JPEGBaseline8Bit,
)
small = partial(image, rows=8, columns=8)


def _in_syntax(syntax: UID) -> Callable[..., Any]:
    return partial(image, rows=32, columns=32, modality="US", transfer_syntax=syntax)


OBJECTS: dict[str, Callable[[Person], Any]] = {
    **{modality: partial(small, modality=modality) for modality in CLASSES},
    **{f"{modality} in frames": partial(small, modality=modality, frames=2) for modality in ("CT", "MR", "OT", "XA")},
    **{photometric: partial(small, modality="US", photometric=photometric)
       for photometric in ("MONOCHROME1", "RGB", "YBR_FULL", "YBR_FULL_422", "PALETTE COLOR")},
    **{syntax.name: _in_syntax(syntax) for syntax in SYNTAXES},
    "report": report,
    "document": encapsulated_pdf,
    "waveform": waveform,
}  # fmt: skip
"""Every kind of object the builders make, small."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """One object before and after cleaning."""

    source: Path
    output: Path
    outcome: Outcome
    person: Person
    policy: Policy

    @property
    def data(self) -> bytes:
        """The bytes of the output, inflated."""
        return inflated(self.output.read_bytes())


@dataclass(slots=True)
class Laboratory:
    """Cleans in a folder, every object of the builders once."""

    folder: Path
    _known: dict[tuple[str, int, str], Cleaned] = field(default_factory=dict)

    def built(self, name: str, profile: str = "tcia", number: int = 0) -> Cleaned:
        """One of :data:`OBJECTS`, of person ``number``."""
        key = (name, number, profile)
        if key not in self._known:
            who = person(number)
            self._known[key] = self.clean(encode(OBJECTS[name](who)), profile, who)
        return self._known[key]

    def clean(self, data: bytes, profile: str = "tcia", who: Person | None = None) -> Cleaned:
        """What becomes of a file of these bytes."""
        number = len(list(self.folder.iterdir()))
        source, output = self.folder / f"{number}.source", self.folder / f"{number}.output"
        source.write_bytes(data)
        policy = load_policy(profile)
        outcome = FORMAT.scrub(source, output, policy, IDENTITY)
        return Cleaned(source, output, outcome, who or person(0), policy)


@cache
def plain_image() -> bytes:
    """A small MR image of person 0, in Explicit VR Little Endian."""
    return encode(small(person(0), modality="MR"))


def with_elements(*elements: bytes) -> bytes:
    """:func:`plain_image` with encoded elements instead of its own of these tags."""
    return replaced(plain_image(), list(elements))


def inflated(data: bytes) -> bytes:
    """A file with its data set as it is before deflation."""
    start = 144 + int.from_bytes(data[140:144], "little")
    deflated = uids.DeflatedExplicitVRLittleEndian.encode() in data[:start]
    return data[:start] + zlib.decompress(data[start:], wbits=-zlib.MAX_WBITS) if deflated else data
