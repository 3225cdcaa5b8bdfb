"""Whether a DICOMDIR tells nothing but what the released objects beside it tell, read by pydicom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import is_conformant_file_id

from deid_platform.dictionary import tag_text
from deid_platform.formats.dicom.markers import IMPLEMENTATION_CLASS_UID
from deid_platform.pixels.layout import quiet

Hit = tuple[str, str]
Chain = tuple[Dataset, ...]
"""Records from the top of the directory down to an object."""
_DIRECTORY_GROUP = 0x0004
_OWN = frozenset((0x00041130, 0x00041200, 0x00041202, 0x00041212, 0x00041220))


def media_hits(folder: Path, filled_in: dict[str, str]) -> Iterator[Hit]:
    """What is wrong with the File-set in ``folder``: (place, kind).

    ``filled_in`` are the values that may stand where objects are silent, by keyword.
    """
    with quiet():
        directory = dcmread(folder / "DICOMDIR")
        ours = directory.file_meta.get("ImplementationClassUID") == IMPLEMENTATION_CLASS_UID
        if not ours or any(directory.preamble or b""):
            yield "DICOMDIR", "not_ours"
        yield from ((tag_text(int(one.tag)), "not_allowed") for one in directory if int(one.tag) not in _OWN)
        chains = list(_chains(directory))
        if len({id(record) for chain in chains for record in chain}) != len(directory.DirectoryRecordSequence):
            yield "(0004,1220)", "records_nobody_reaches"
        yield from _file_hits(folder, [chain[-1] for chain in chains])
        yield from _record_hits(folder, chains, filled_in)


def _chains(directory: Dataset) -> Iterator[Chain]:
    """The records from the top down to each object, by following offsets."""
    records = {record.seq_item_tell: record for record in directory.DirectoryRecordSequence}

    def below(at: int, above: Chain) -> Iterator[Chain]:
        while (record := records.pop(at, None)) is not None:
            chain = (*above, record)
            if "ReferencedFileID" in record:
                yield chain
            yield from below(record.OffsetOfReferencedLowerLevelDirectoryEntity, chain)
            at = record.OffsetOfTheNextDirectoryRecord

    return below(directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity, ())


def _file_hits(folder: Path, leaves: list[Dataset]) -> Iterator[Hit]:
    on_disk = {path for path in folder.rglob("*") if path.is_file() and path.name != "DICOMDIR"}
    if len(leaves) != len(on_disk) or {_file(folder, leaf) for leaf in leaves} != on_disk:
        yield "DICOMDIR", "lists_other_files"
    if not all(is_conformant_file_id(_file(Path(), leaf)) for leaf in leaves):
        yield "(0004,1500)", "not_conformant"


def _file(folder: Path, leaf: Dataset) -> Path:
    return folder.joinpath(*leaf.ReferencedFileID)


def _record_hits(folder: Path, chains: list[Chain], filled_in: dict[str, str]) -> Iterator[Hit]:
    """Values of a record that no object below it has."""
    foreign: dict[int, set[int]] = {}
    for chain in chains:
        header = dcmread(_file(folder, chain[-1]), stop_before_pixels=True)
        if header.SOPInstanceUID != chain[-1].ReferencedSOPInstanceUIDInFile:
            yield "(0004,1511)", "not_of_the_object"
        for record in chain:
            found = set(_foreign(record, header, filled_in))
            foreign[id(record)] = foreign.get(id(record), found) & found
    for tag in sorted(set().union(*foreign.values())):
        yield tag_text(tag), "not_of_the_object"


def _foreign(record: Dataset, header: Dataset, filled_in: dict[str, str]) -> Iterator[int]:
    """Tags of a record whose value an object does not have."""
    for element in record:
        own = header.get(element.keyword)
        silent = own in (None, "") and str(element.value) == filled_in.get(element.keyword)
        if element.tag.group != _DIRECTORY_GROUP and not silent and element.value not in (own, None, ""):
            yield int(element.tag)
