"""Spectroscopy of Siemens as a format of the platform: the header is written anew, the samples stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from deid_platform.audit.rda import altered_samples, audit_file
from deid_platform.errors import MalformedFile
from deid_platform.formats.pixelless import Pixelless
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.rda.cleaning import cleaned
from deid_platform.formats.rda.header import BEGIN, Header, parse, read_header
from deid_platform.formats.whose import crossing
from deid_platform.identity import Identity
from deid_platform.model import Finding, Masking, Outcome
from deid_platform.policy import Policy

_STUDY = ("PatientName", "PatientBirthDate", "StudyDate", "StudyTime", "StudyDescription")
_SERIES = ("SeriesNumber", "SeriesDate", "SeriesTime", "ProtocolName")
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Rda(Pixelless):
    """A single voxel or a grid of voxels; no face can be made of them."""

    name: str = "rda"
    suffix: str = ".rda"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return head.startswith(BEGIN)

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        try:
            header = parse(head)
        except MalformedFile:
            return None
        return identity.token("study", _study(header, identity, name)) if header else None

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        header = read_header(source)
        study = _study(header, identity, name)
        series = "\0".join((study, *(header.values.get(key, "") for key in _SERIES)))
        with source.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return Description(
            _subject(header, identity, name), identity.keyed_uid(study), identity.keyed_uid(f"series\0{series}"),
            identity.keyed_uid(f"rda\0{digest}"), modality="MR",
        )  # fmt: skip

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        header = read_header(source)
        written, changes = cleaned(header, policy, identity, _subject(header, identity, name))
        with source.open("rb") as file, output.open("wb") as sink:
            file.seek(header.offset)
            sink.write(written)
            while piece := file.read(_PIECE):
                sink.write(piece)
        return Outcome(tuple(changes))

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """Whether any sample differs."""
        return altered_samples(source, output)

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return audit_file(item, source, output, policy, identity)

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        header = read_header(source)
        yield from crossing(header.values.get("PatientID", ""), _subject(header, identity, name), identity)


def _study(header: Header, identity: Identity, name: str) -> str:
    """What all files of one examination have in common; of a file that tells nothing its own name."""
    told = [header.values.get(key, "") for key in ("PatientID", *_STUDY)]
    return "\0".join(("rda-study", identity.site, *(told if any(told) else [name])))


def _subject(header: Header, identity: Identity, name: str) -> str:
    """The patient by number, as in DICOM; without one each examination is a subject of its own."""
    return identity.subject(header.values.get("PatientID", ""), _study(header, identity, name))
