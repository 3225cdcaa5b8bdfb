"""The audit of one cleaned DICOM object against its original."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from deid_platform.audit import residual, tags
from deid_platform.audit.needles import collect_needles
from deid_platform.identity import Identity
from deid_platform.model import Finding
from deid_platform.policy import Policy

_BULK = 1 << 20


def audit_file(item: str, source: Path, output: Path, policy: Policy, identity: Identity) -> Iterator[Finding]:
    """What of ``source`` is left in ``output``, and what ``output`` holds that the policy forbids.

    Pixels are searched as bytes, never decoded.
    """
    with warnings.catch_warnings():
        # pydicom warns with values of elements; whatever it warns about, the checks below judge the result.
        warnings.simplefilter("ignore")
        original, _ = _read(source)
        cleaned, bulk_at = _read(output)
        if not _decodes(cleaned):
            yield Finding(item, "data set", "unreadable", "forbidden_content")
            return
        subject = identity.subject(str(original.get("PatientID") or ""), str(original.get("StudyInstanceUID") or ""))
        needles = collect_needles(original, policy, identity, subject)
        for where, kind in residual.search(needles, output, cleaned, bulk_at):
            yield Finding(item, where, kind, "residual_identifier")
        for where, kind in tags.check(cleaned, output, policy):
            yield Finding(item, where, kind, "forbidden_content")


def _read(path: Path) -> tuple[Dataset, int]:
    """All elements but the pixels, and where the pixels begin."""
    with path.open("rb") as file:
        data = pydicom.dcmread(file, stop_before_pixels=True, force=True, defer_size=None)
        return data, file.tell()


def _decodes(cleaned: Dataset) -> bool:
    """Whether every element of the output can be decoded by another reader."""
    try:
        cleaned.decode()
        for _ in cleaned.iterall():
            pass
    except Exception:  # noqa: BLE001 - whatever pydicom trips over, the object is not fit for release
        return False
    return True
