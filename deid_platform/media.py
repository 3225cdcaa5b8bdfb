"""Released objects as a DICOM File-set: copies under File IDs of PS3.10 section 8.2 with a fresh DICOMDIR.

A DICOMDIR that arrives is never cleaned: it indexes files by names that are gone. This one is made from released
objects alone, so it holds what they hold. It claims no application profile of PS3.11: transfer syntaxes stay.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BytesIO
from itertools import accumulate, groupby
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.fileset import DIRECTORY_RECORDERS
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from deid_platform.errors import DeidError, UnsafeToRelease
from deid_platform.formats.dicom.markers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from deid_platform.pixels.layout import quiet

FILE_SET_ID = "RELEASED"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
_LEVELS = ("PATIENT", "STUDY", "SERIES")
_ITEM_HEAD = 8
FILLED_IN = {
    "StudyDate": "19000101", "StudyTime": "000000", "StudyID": "0", "Modality": "OT", "SeriesNumber": "0",
    "InstanceNumber": "0", "ContentDate": "19000101", "ContentTime": "000000", "ContentLabel": "REMOVED",
    "PresentationCreationDate": "19000101", "PresentationCreationTime": "000000", "StructureSetLabel": "REMOVED",
    "RTPlanLabel": "REMOVED", "DoseSummationType": "PLAN",
}  # fmt: skip
"""What stands in a record for an attribute of Type 1 there (PS3.3 F.5) that de-identification emptied."""


@dataclass(frozen=True, slots=True)
class Media:
    """What was written: the number of objects, and of objects left out by why."""

    written: int
    left_out: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Member:
    """One object with its four records, highest first."""

    path: Path
    order: tuple[str, ...]
    records: tuple[Dataset, ...]


def write_media(released: Path, output: Path) -> Media:
    """Make a File-set in the new folder ``output`` of the objects under ``released``.

    Raises
    ------
    UnsafeToRelease
        An object was not written by this platform.
    DeidError
        There is nothing to write, or ``output`` is there already.
    """
    if output.exists():
        raise DeidError("The folder to write to is there already: give a new one.")
    members, left_out = _members(released)
    if not members:
        raise DeidError("There are no released objects: give the folder released/ that a run has made.")
    output.mkdir(parents=True)
    for member, file_id in zip(members, _file_ids(members), strict=True):
        target = output.joinpath(*file_id)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(member.path, target)
        member.records[-1].ReferencedFileID = list(file_id)
    with quiet():
        (output / "DICOMDIR").write_bytes(_dicomdir(members))
    return Media(len(members), left_out)


def _members(released: Path) -> tuple[list[_Member], dict[str, int]]:
    """Each object once, in the order of the records; and how many are left out, by why."""
    members: dict[str, _Member] = {}
    left_out: Counter[str] = Counter()
    for path in sorted(released.rglob("*.dcm")):
        member = _member(path)
        if isinstance(member, str):
            left_out[member] += 1
        elif members.setdefault(member.order[-1], member) is not member:
            left_out["it is there twice"] += 1
    return sorted(members.values(), key=lambda one: one.order), dict(left_out)


def _member(path: Path) -> _Member | str:
    """An object with its records, or why it has none."""
    with quiet():
        header = dcmread(path, stop_before_pixels=True)
        if header.file_meta.get("ImplementationClassUID") != IMPLEMENTATION_CLASS_UID:
            raise UnsafeToRelease("The folder holds an object that was not released by this platform.")
        kind = record_type(str(header.SOPClassUID), has_rows="Rows" in header)
        if kind is None:
            return f"no directory record is defined for {header.SOPClassUID.name}"
        for keyword, value in FILLED_IN.items():
            if header.get(keyword) in (None, ""):
                setattr(header, keyword, value)
        try:
            records = tuple(_record(level, header) for level in (*_LEVELS, kind))
        except ValueError:
            return f"what a record of type {kind} needs is missing"
    leaf = records[-1]
    leaf.ReferencedSOPClassUIDInFile = header.SOPClassUID
    leaf.ReferencedSOPInstanceUIDInFile = header.SOPInstanceUID
    leaf.ReferencedTransferSyntaxUIDInFile = header.file_meta.TransferSyntaxUID
    keys = (header.PatientID, header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)
    return _Member(path, tuple(map(str, keys)), records)


def record_type(sop_class: str, *, has_rows: bool) -> str | None:
    """The type of the record that refers to an object of a SOP class below its series; None where there is none."""
    tail = sop_class.removeprefix(_STORAGE)
    found = [prefix for prefix in _types() if tail == prefix or (prefix.endswith(".") and tail.startswith(prefix))]
    if tail != sop_class and found:
        return _types()[max(found, key=len)]
    return "IMAGE" if has_rows else None


@cache
def _types() -> dict[str, str]:
    text = resources.files("deid_platform").joinpath("data/directory_records.csv").read_text("utf-8")
    rows = (line.split(",") for line in text.splitlines() if line and not line.startswith("#"))
    return {prefix: kind for prefix, kind in rows}  # noqa: C416 - a row is a list of two


def _record(kind: str, header: Dataset) -> Dataset:
    record = DIRECTORY_RECORDERS[kind](header)
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = 0xFFFF
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    if header.get("SpecificCharacterSet"):
        record.SpecificCharacterSet = header.SpecificCharacterSet
    return record


def _file_ids(members: list[_Member]) -> Iterator[tuple[str, ...]]:
    """File IDs of four components, numbered within the one above."""
    counts: dict[tuple[str, ...], dict[str, int]] = {}
    for member in members:
        numbers = []
        for depth, prefix in enumerate(("PT", "ST", "SE", "IM")):
            known = counts.setdefault(member.order[:depth], {})
            numbers.append(f"{prefix}{known.setdefault(member.order[depth], len(known)):06d}")
        yield tuple(numbers)


def _dicomdir(members: list[_Member]) -> bytes:
    """The DICOMDIR: all records in one sequence, linked by offsets from the start of the file (PS3.3 F.3.2.2)."""
    records = list(_ordered(members, 0))
    directory = Dataset()
    directory.file_meta = _file_meta(members)
    directory.FileSetID = FILE_SET_ID
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    directory.FileSetConsistencyFlag = 0
    directory.DirectoryRecordSequence = [record for _, record in records]
    lengths = [_item_length(record) for _, record in records]
    begins = list(accumulate(lengths, initial=len(_written(directory)) - sum(lengths)))[:-1]
    _link(directory, records, begins)
    return _written(directory)


def _ordered(members: list[_Member], depth: int) -> Iterator[tuple[int, Dataset]]:
    """Every record once with its depth, each before those below it."""
    for _, group in groupby(members, key=lambda member: member.order[depth]):
        inside = list(group)
        yield depth, inside[0].records[depth]
        if depth < len(_LEVELS):
            yield from _ordered(inside, depth + 1)


def _link(directory: Dataset, records: list[tuple[int, Dataset]], begins: list[int]) -> None:
    """Let each record say where the next of its level and the first below it begin."""
    latest: dict[int, Dataset] = {}
    for (depth, record), begin in zip(records, begins, strict=True):
        if depth in latest:
            latest[depth].OffsetOfTheNextDirectoryRecord = begin
        elif depth:
            latest[depth - 1].OffsetOfReferencedLowerLevelDirectoryEntity = begin
        latest = {level: one for level, one in latest.items() if level < depth} | {depth: record}
        if not depth:
            directory.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = begin
    directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = begins[0]


def _file_meta(members: list[_Member]) -> FileMetaDataset:
    """A meta group with a UID made of those of the objects, so that the same objects give the same bytes."""
    digest = hashlib.sha256("\n".join(member.order[-1] for member in members).encode()).digest()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _item_length(record: Dataset) -> int:
    """Bytes of a record as an item of a sequence."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, record)
    return len(buffer.getvalue()) + _ITEM_HEAD


def _written(directory: Dataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, directory, enforce_file_format=True)
    return buffer.getvalue()
