"""The audit of one cleaned DICOM object against its original."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.uid import VLWholeSlideMicroscopyImageStorage

from deid_platform.audit import residual, tags
from deid_platform.audit.needles import collect_needles
from deid_platform.audit.opened import Opened, opened
from deid_platform.identity import Identity
from deid_platform.model import Finding
from deid_platform.pixels.layout import quiet
from deid_platform.policy import Policy


class _OriginalUnreadable(Exception):
    """The original cannot be opened by pydicom."""


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
    with opened(output) as cleaned, _opened_original(source) as original:
        cleaned.elements.decode()  # Elements are decoded when asked for: now, so that what cannot be is noticed.
        if _photographs_glass(cleaned.elements):
            yield "ImageType", "slide_label", "slide_label"
        subject = _subject(original.elements, identity)
        needles = collect_needles(original.elements, policy, identity.shift_days(subject))
        for where, kind in residual.search(needles, cleaned.data, cleaned.elements, cleaned.bulk_at):
            yield where, kind, "residual_identifier"
        for where, kind in tags.check(
            cleaned.elements, original.elements, cleaned.data, cleaned.bulk_at, policy, identity.pseudonym(subject)
        ):
            yield where, kind, "forbidden_content"


def _photographs_glass(cleaned: Dataset) -> bool:
    """Whether an image is one of a slide's label or of the whole glass (PS3.3 2026c C.8.12.4.1.1)."""
    kinds = {str(kind) for kind in cleaned.get("ImageType") or ()}
    slide = cleaned.get("SOPClassUID") == VLWholeSlideMicroscopyImageStorage
    return slide and bool(kinds & {"LABEL", "OVERVIEW"})


def _subject(original: Dataset, identity: Identity) -> str:
    issuer = _said(original, "IssuerOfPatientID")
    for item in original.get("IssuerOfPatientIDQualifiersSequence") or ():
        issuer = issuer or _said(item, "UniversalEntityID")
    return identity.subject(_said(original, "PatientID"), _said(original, "StudyInstanceUID"), issuer)


def _said(data: Dataset, keyword: str) -> str:
    value = data.get(keyword) or ""
    return value if isinstance(value, str) else "\\".join(map(str, value))


@contextmanager
def _opened_original(path: Path) -> Iterator[Opened]:
    """The original, whose sender is to blame when it cannot be opened."""
    with ExitStack() as stack:
        try:
            original = stack.enter_context(opened(path))
        except Exception as error:
            raise _OriginalUnreadable from error
        yield original
