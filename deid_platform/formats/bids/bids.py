"""The files beside the images of a BIDS dataset as a format of the platform: sidecars, tables, b-values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deid_platform.audit.bids import audit_file
from deid_platform.errors import MalformedFile, UnsupportedFormat
from deid_platform.formats.bids.keys import crossings_of_name, described_by_name, named_at
from deid_platform.formats.bids.naming import Named
from deid_platform.formats.bids.tables import Cleaner, numbers
from deid_platform.formats.dicom.identifiers import name_words, place_words
from deid_platform.formats.dicom.identifiers import numbers as own_numbers
from deid_platform.formats.dicom.protect import mover
from deid_platform.formats.pixelless import Pixelless
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.freetext import Identifiers, TextCleaner
from deid_platform.identity import Identity
from deid_platform.model import Change, Finding, Outcome, Reason
from deid_platform.policy import Policy

_LARGEST = 1 << 26
_SUFFIXES = (".json", ".tsv", ".bval", ".bvec")
_NAMES = frozenset("PatientName ReferringPhysicianName OperatorsName PerformingPhysicianName Authors".split())
_PLACES = frozenset("InstitutionName InstitutionAddress InstitutionalDepartmentName".split())
_NUMBERS = frozenset("PatientID AccessionNumber StudyID DeviceSerialNumber StationName".split())


@dataclass(frozen=True, slots=True)
class Bids(Pixelless):
    """What lies beside NIfTI images, told by its name: nothing else tells one table from another."""

    name: str = "bids"
    suffix: str = ".json"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return name.endswith(_SUFFIXES) and b"\0" not in head

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return identity.token("study", *named_at(name, identity).study_key())

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        if source.stat().st_size > _LARGEST:
            raise MalformedFile("A file beside images is larger than any of its kind.", Reason.TOO_LARGE)
        described = described_by_name(name, identity)
        if not described.path:
            raise UnsupportedFormat("BIDS knows no such file: it cannot be told what it holds.")
        return described

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        data, changes = source.read_bytes(), list[Change]()
        subject = described_by_name(name, identity).subject
        own = _own(data, named_at(name, identity))
        text = TextCleaner(own, mover(policy, identity.shift_days(subject)), identity.keyed_uid)
        cleaner = Cleaner(identity, text, partial(_days, policy, identity), name, changes)
        clean: dict[str, Callable[[bytes], bytes]] = {".json": cleaner.sidecar, ".tsv": cleaner.table}
        output.write_bytes(clean.get(Named.of(name).extension, numbers)(data))
        return Outcome(tuple(sorted(set(changes))))

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return audit_file(item, source, output, name, dates_kept=policy.dates == "keep")

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        yield from crossings_of_name(name, identity)


def _days(policy: Policy, identity: Identity, subject: str) -> int | None:
    """By how many days dates of a subject move; None where they are taken out."""
    return {"shift": identity.shift_days(subject), "keep": 0}.get(policy.dates)


def _own(data: bytes, named: Named) -> Identifiers:
    """What a sidecar and its name say of the subject."""
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        value = {}
    told = {key: str(one) for key, one in value.items()} if isinstance(value, dict) else {}
    names = {word for key in _NAMES & told.keys() for word in name_words(told[key])}
    places = {word for key in _PLACES & told.keys() for word in place_words(told[key])}
    counted = {number for key in _NUMBERS & told.keys() for number in own_numbers(told[key])}
    counted |= {number for text in (named.subject, named.number) for number in own_numbers(text)}
    return Identifiers(frozenset(names), frozenset(places), frozenset(counted), frozenset())
