"""Siemens raw data as a format of the platform: edited in a copy of the same length, samples untouched."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from deid_platform.audit.twix import altered_samples, audit_file
from deid_platform.dates import shift_value
from deid_platform.errors import UnsupportedFormat
from deid_platform.formats.pixelless import Pixelless
from deid_platform.formats.protocol import Crossing, Description
from deid_platform.formats.twix.layout import ENTRIES, ENTRY, Measurement, Raw, accepts, buffers_of, read_raw
from deid_platform.formats.twix.lines import copy_lines
from deid_platform.formats.twix.texts import Texts
from deid_platform.formats.whose import crossing
from deid_platform.identity import Identity
from deid_platform.model import Change, Finding, Masking, Outcome, Reason
from deid_platform.policy import Option, Policy

_STRING = rb'<ParamString\."%s">\s*{\s*(?:<Visible>\s*"\w+"\s*)?"([^"]*)"'
_NOBODY = re.compile(r"[xX*\s]*")
_BUFFERS = frozenset("Config Dicom Meas MeasYaps Phoenix Spice".split())
_BIRTH = re.compile("birth", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Twix(Pixelless):
    """Raw data of VB, VD, VE and XA; all measurements of a file."""

    name: str = "twix"
    suffix: str = ".dat"

    def accepts(self, head: bytes, name: str = "") -> bool:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return accepts(head)

    def study_of(self, head: bytes, identity: Identity, name: str = "") -> str | None:
        """Nothing: the header with the study lies further behind."""
        return None

    def describe(self, source: Path, identity: Identity, name: str = "") -> Description:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with source.open("rb") as file:
            raw = read_raw(file)
            headers = [_header(file, measurement) for measurement in raw.measurements]
            told = _Told.of(headers)
            for header in headers:
                list(buffers_of(header))
            digest = identity.mac("raw-data", *(header.decode("latin-1") for header in headers)).hex()
        subject = identity.subject(told.patient, told.study or digest)
        return Description(
            subject, identity.keyed_uid(f"{subject} {told.study or digest}"), identity.keyed_uid(told.series or digest),
            identity.keyed_uid(digest), modality="MR",
        )  # fmt: skip

    def scrub(self, source: Path, output: Path, policy: Policy, identity: Identity, name: str = "") -> Outcome:
        """See :class:`~deid_platform.formats.protocol.Format`.

        Raises
        ------
        UnsupportedFormat
            With FACE_NOT_JUDGED, where the policy has faces looked for: what the raw data show nobody can see.
        UnsafeToRelease
            The site names its patients, and not this one.
        """
        if policy.heads.at(identity.site).looks:
            raise UnsupportedFormat("A face can be reconstructed from raw data.", Reason.FACE_NOT_JUDGED)
        with source.open("rb") as file, output.open("wb") as sink:
            raw = read_raw(file)
            sink.truncate(file.seek(0, 2))
            texts = _texts(_Told.of([_header(file, one) for one in raw.measurements]), policy, identity)
            _write_table(file, sink, raw)
            headers = [_clean_header(_header(file, one), texts) for one in raw.measurements]
            physiology = False
            for measurement, header in zip(raw.measurements, headers, strict=True):
                sink.seek(measurement.start)
                sink.write(_swept(header, texts))
                physiology |= copy_lines(file, sink, measurement, table=raw.table)
        changes = [Change("header", "X", "texts that no list knows are crossed out", texts.count),
                   Change("lines", "C", "times of day are counted from the first line", len(headers))]  # fmt: skip
        if physiology:
            changes.append(Change("lines", "X", "physiological traces are removed"))
        return Outcome(tuple(changes))

    def altered_pixels(self, source: Path, output: Path, masking: Masking) -> Iterator[tuple[str, str]]:
        """Whether any sample differs."""
        return altered_samples(source, output)

    def audit(
        self, item: str, source: Path, output: Path, policy: Policy, identity: Identity, name: str = ""
    ) -> Iterator[Finding]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        return audit_file(item, source, output, policy)

    def crosswalk(self, source: Path, identity: Identity, policy: Policy, name: str = "") -> Iterator[Crossing]:
        """See :class:`~deid_platform.formats.protocol.Format`."""
        with source.open("rb") as file:
            told = _Told.of([_header(file, one) for one in read_raw(file).measurements])
        yield from crossing(told.patient, identity.subject(told.patient, told.study), identity)


@dataclass(frozen=True, slots=True)
class _Told:
    """What the headers say of patient, study and series; empty where that was crossed out before."""

    patient: str
    study: str
    series: str

    @classmethod
    def of(cls, headers: list[bytes]) -> _Told:
        """Read the last header, that of the measurement itself: those before are adjustments."""
        values = (_first(headers, key) for key in (b"PatientID", b"StudyLOID", b"SeriesLOID"))
        return cls(*values)


def _first(headers: list[bytes], key: bytes) -> str:
    for header in reversed(headers):
        match = re.search(_STRING % key, header)
        value = match[1].decode("latin-1").strip() if match else ""
        if value and not _NOBODY.fullmatch(value):
            return value
    return ""


def _header(file: BinaryIO, measurement: Measurement) -> bytes:
    file.seek(measurement.start)
    return file.read(measurement.data - measurement.start)


def _texts(told: _Told, policy: Policy, identity: Identity) -> Texts:
    subject = identity.subject(told.patient, told.study)
    identity.pseudonym(subject)  # refuses whom the site does not name, although no pseudonym is written

    def date(key: str, value: str) -> str | None:
        if _BIRTH.search(key):
            return None
        if policy.dates == "keep":
            return value
        return shift_value(value, identity.shift_days(subject)) if policy.dates == "shift" else None

    keep = Option.RETAIN_PATIENT_CHARACTERISTICS in policy.options
    uid = str if Option.RETAIN_UIDS in policy.options else identity.uid
    return Texts(uid, date, keep)


def _write_table(file: BinaryIO, sink: BinaryIO, raw: Raw) -> None:
    """The table with offsets and lengths alone; numbers count from one."""
    if not raw.table:
        return
    file.seek(0)
    kind, count = struct.unpack("<II", file.read(8))
    entries = [ENTRY.unpack(file.read(ENTRY.size)) for _ in range(ENTRIES)][:count]
    sink.seek(0)
    sink.write(struct.pack("<II", kind, count))
    for number, (_, _, offset, length, _, _) in enumerate(entries, start=1):
        sink.write(ENTRY.pack(number, number, offset, length, bytes(64), bytes(64)))


def _clean_header(header: bytes, texts: Texts) -> bytearray:
    """The header with its texts cleaned, those nobody knows blanked, and zeros between and behind them."""
    cleaned = bytearray(len(header))
    cleaned[:8] = header[:8]
    for name, place in buffers_of(header):
        known = name in _BUFFERS
        label = name.encode("latin-1") if name.isascii() and name.isalnum() and len(name) < 16 else b"x" * len(name)
        start = place.start - len(label) - 5
        cleaned[start : start + len(label)] = label
        struct.pack_into("<I", cleaned, place.start - 4, place.stop - place.start)
        text = header[place]
        cleaned[place] = texts.clean(text) if known else b" " * len(text)
    return cleaned


def _swept(header: bytearray, texts: Texts) -> bytes:
    """The header without what was taken out of any header of the file."""
    for _, place in buffers_of(bytes(header)):
        header[place] = texts.sweep(bytes(header[place]))
    return bytes(header)
