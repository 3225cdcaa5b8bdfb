"""Clean outputs after somebody put something back, and what the audit says of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset

from deid_platform.model import Severity
from tests.builders.dicom import planted
from tests.formats.dicom.cleaning import FORMAT, IDENTITY, Cleaned

Hits = set[tuple[str, str, str]]
Change = Callable[[Dataset], object]


def audited(cleaned: Cleaned, output: Path | None = None) -> Hits:
    findings = list(FORMAT.audit("item", cleaned.source, output or cleaned.output, cleaned.policy, IDENTITY))
    assert {finding.item for finding in findings} <= {"item"}
    assert {finding.severity for finding in findings} <= {Severity.ITEM}
    assert not [token for token in planted(cleaned.person) if token in repr(findings)]
    return {(finding.where, finding.kind, finding.rule) for finding in findings}


def tampered(cleaned: Cleaned, folder: Path, change: Change) -> Hits:
    """What the audit says after ``change`` to the data set of the output."""
    ds = dcmread(cleaned.output)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change(ds)
        buffer = BytesIO()
        dcmwrite(buffer, ds)
    return patched(cleaned, folder, buffer.getvalue())


def patched(cleaned: Cleaned, folder: Path, data: bytes) -> Hits:
    output = folder / "tampered"
    output.write_bytes(data)
    return audited(cleaned, output)


def put(keyword: str, value: object) -> Change:
    return lambda ds: setattr(ds, keyword, value)


def put_meta(keyword: str, value: object) -> Change:
    return lambda ds: setattr(ds.file_meta, keyword, value)


def put_private(value: bytes, creator: str = "GEMS_PARM_01", group: int = 0x0043, number: int = 0x27) -> Change:
    return lambda ds: ds.private_block(group, creator, create=True).add_new(number, "OB", value)


def put_nested(text: str) -> Change:
    return lambda ds: setattr(ds.ReferencedStudySequence[0], "StudyDescription", text)
