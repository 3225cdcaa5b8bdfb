"""The audit of one cleaned DICOM object against its original."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from deid_platform.audit import residual, tags
from deid_platform.audit.needles import collect_needles
from deid_platform.identity import Identity
from deid_platform.model import Finding
from deid_platform.pixels.layout import quiet
from deid_platform.policy import Policy

_PIECE = 1 << 20


class _OriginalUnreadable(Exception):
    """The original cannot be opened by pydicom."""


@dataclass(frozen=True, slots=True)
class _Object:
    """All elements but the pixels, the bytes they came from (inflated), and where in these the pixels begin."""

    elements: Dataset
    data: mmap
    bulk_at: int


def audit_file(item: str, source: Path, output: Path, policy: Policy, identity: Identity) -> Iterator[Finding]:
    """What of ``source`` is left in ``output``, and what ``output`` holds that the policy forbids.

    Pixels are searched as bytes, never decoded. What pydicom cannot read is itself a finding: in an unreadable original
    nobody knows what to look for, an unreadable output is of no use.
    """
    try:
        with quiet(), disable_value_validation():
            hits = sorted(set(_hits(source, output, policy, identity)))
    except _OriginalUnreadable:
        hits = [("original", "unreadable", "malformed")]
    except Exception:  # noqa: BLE001 - whatever pydicom trips over, the object is not fit for release
        hits = [("object", "unreadable", "forbidden_content")]
    for where, kind, rule in hits:
        yield Finding(item, where, kind, rule)


def _hits(source: Path, output: Path, policy: Policy, identity: Identity) -> Iterator[tuple[str, str, str]]:
    with _opened(output) as cleaned, _opened_original(source) as original:
        cleaned.elements.decode()  # Elements are decoded when asked for: now, so that what cannot be is noticed.
        subject = _subject(original.elements, identity)
        needles = collect_needles(original.elements, policy, identity.shift_days(subject))
        for where, kind in residual.search(needles, cleaned.data, cleaned.elements, cleaned.bulk_at):
            yield where, kind, "residual_identifier"
        for where, kind in tags.check(
            cleaned.elements, original.elements, cleaned.data, cleaned.bulk_at, policy, identity.pseudonym(subject)
        ):
            yield where, kind, "forbidden_content"


def _subject(original: Dataset, identity: Identity) -> str:
    issuer = _said(original, "IssuerOfPatientID")
    for item in original.get("IssuerOfPatientIDQualifiersSequence") or ():
        issuer = issuer or _said(item, "UniversalEntityID")
    return identity.subject(_said(original, "PatientID"), _said(original, "StudyInstanceUID"), issuer)


def _said(data: Dataset, keyword: str) -> str:
    value = data.get(keyword) or ""
    return value if isinstance(value, str) else "\\".join(map(str, value))


@contextmanager
def _opened_original(path: Path) -> Iterator[_Object]:
    """The original, whose sender is to blame when it cannot be opened."""
    with ExitStack() as stack:
        try:
            original = stack.enter_context(_opened(path))
        except Exception as error:
            raise _OriginalUnreadable from error
        yield original


@contextmanager
def _opened(path: Path) -> Iterator[_Object]:
    with path.open("rb") as file, _flat(file) as flat:
        flat.seek(0)
        elements = pydicom.dcmread(flat, stop_before_pixels=True, force=True)
        with mmap(flat.fileno(), 0, access=ACCESS_READ) as data:
            yield _Object(elements, data, flat.tell())


@contextmanager
def _flat(file: BinaryIO) -> Iterator[BinaryIO]:
    """The file itself, or what it is when not deflated (PS3.5 A.5), its transfer syntax overwritten."""
    read_preamble(file, force=True)
    meta = read_dataset(file, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    start = file.tell()
    file.seek(0)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        yield file
        return
    deflated = DeflatedExplicitVRLittleEndian.encode()
    with tempfile.TemporaryFile() as flat:
        flat.write(file.read(start).replace(deflated, ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0"), 1))
        _inflate(file, flat)
        flat.flush()
        yield flat


def _inflate(file: BinaryIO, flat: BinaryIO) -> None:
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    while not engine.eof:
        piece = engine.unconsumed_tail or file.read(_PIECE)
        inflated = engine.decompress(piece, _PIECE)
        if not piece and not inflated:
            raise EOFError("The deflated stream has no end.")
        flat.write(inflated)
