"""Faces out of volumes and nothing else: the same search, removal and proof as in the stages, over a file or folder.

Headers stay as they are, so what is written still names its patient.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from deid_platform.errors import StoreError, UnsupportedFormat
from deid_platform.formats.nifti.cleaning import remove_head as remove_from_nifti
from deid_platform.formats.nifti.pair import is_pair
from deid_platform.formats.registry import HEAD_BYTES, format_named, format_of
from deid_platform.identity import Identity
from deid_platform.model import Entry, HeadRule, Masking, Reason, Stage, Status, StoredObject
from deid_platform.pixels.cleaning import HeadWork
from deid_platform.pixels.cleaning import remove_head as remove_from_dicom
from deid_platform.policy.heads import HeadOptions
from deid_platform.stages.heads import Heads, find_heads
from deid_platform.stages.heads_proof import Prove, prove_studies
from deid_platform.stages.task import Broken, guarded, landed_object, own_store, refuse
from deid_platform.store import keys
from deid_platform.store.folder import FolderStore
from deid_platform.store.landing import as_landing, named
from deid_platform.store.protocol import Store
from deid_platform.workers import Compute, Lost

_DICOM, _NIFTI = "dicom", "nifti"
_GROUPING = Identity(bytes(32), "local")
"""Makes the tokens by which files are sorted into studies and series. None of them is written anywhere."""
_SIDE, _WHOLE = "heads", "images"


class Result(StrEnum):
    """How a file came out."""

    PROVEN = "proven"
    """Written: the face is gone and the brain as it was, or there is no face, and the judge agrees."""
    UNPROVEN = "unproven"
    """Written only where that was asked for."""
    REFUSED = "refused"
    """Not written: not a volume, not readable, or a picture of a face that no mask fits."""


@dataclass(frozen=True, slots=True)
class DefaceOrder:
    """What is asked for: a file or folder ``source``, and ``output``, which must not exist.

    ``unproven`` writes also what nobody could prove; such a file claims nothing.
    """

    source: Path
    output: Path
    options: HeadOptions
    compute: Compute
    unproven: bool = False


@dataclass(frozen=True, slots=True)
class Defaced:
    """What became of one file: ``series`` numbers from 1 what belongs together, ``path`` is relative to the source."""

    path: str
    series: int
    modality: str
    rule: str
    result: Result
    reason: str = ""
    written: bool = False


def deface(order: DefaceOrder) -> list[Defaced]:
    """Take the faces out of what ``order.source`` holds.

    Raises
    ------
    StoreError
        A folder cannot be used.
    DeidError
        The model of heads is missing or changed.
    """
    _check_places(order)
    source = as_landing(FolderStore(str(order.source if order.source.is_dir() else order.source.parent)))
    found = _found(source, order.source)
    single = order.source.is_file() and [one.key for one in found] == [keys.from_name(order.source.name)]
    order.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=order.output.parent, prefix=".deface-") as scratch:
        work = FolderStore(scratch, sync_uploads=False)
        entries = _each(order.compute, Describe(source), [_row(one) for one in found])
        known = [entry for entry in entries if entry.passed]
        heads = find_heads(source, order.compute, replace(order.options, faces="remove"), known)
        pieces = list(_pieces(known, heads))
        rows = _each(order.compute, Remove(source, work), pieces)
        unproven = _unproven(order.compute, source, work, rows)
        if order.unproven:
            again = [piece for piece in pieces if piece.entry.item in unproven and piece.head.removes]
            anew = {row.item: row for row in _each(order.compute, Remove(source, work, claims=False), again)}
            rows = [anew.get(row.item, row) for row in rows]
        results = _told((*[one for one in entries if not one.passed], *rows), unproven)
        asked = (Result.PROVEN, Result.UNPROVEN) if order.unproven else (Result.PROVEN,)
        written = {one.path for one in results if one.result in asked}
        _move(Path(scratch, _WHOLE), written, order.output, single=single)
    return [replace(one, written=one.path in written) for one in results]


def _check_places(order: DefaceOrder) -> None:
    """Refuse to write over anything, or among the originals."""
    source, output = order.source.resolve(), order.output.resolve()
    if not source.exists():
        raise StoreError("INPUT does not exist.")
    if output.exists() and not (source.is_dir() and output.is_dir() and not any(output.iterdir())):
        raise StoreError("OUTPUT exists: choose another place, nothing is written over.")
    if source.is_dir() and source in (output, *output.parents):
        raise StoreError("OUTPUT lies inside INPUT: choose an OUTPUT elsewhere.")
    if source.is_file() and (source.suffix == ".gz") != (output.suffix == ".gz"):
        raise StoreError("OUTPUT is compressed where INPUT is: give both names the same ending.")


def _found(source: Store, place: Path) -> list[StoredObject]:
    """What is asked for: all of a folder or archive, or one file."""
    return list(source.list() if place.is_dir() else named(source, keys.from_name(place.name)))


def _row(found: StoredObject) -> Entry:
    return Entry(found.key, Status.PASSED, found.key, found.size, "")


@dataclass(frozen=True, slots=True)
class Describe:
    """The task that tells which volume a file belongs to."""

    source: Store

    def __call__(self, entry: Entry) -> Entry | Broken:
        """The row with format, study, series and modality."""
        return guarded(entry, Stage.RAW, lambda: self._described(entry))

    def _described(self, entry: Entry) -> Entry:
        head = self.source.head(entry.object, HEAD_BYTES)
        found = format_of(head, entry.object)
        if found is None or found.name not in (_DICOM, _NIFTI) or is_pair(head):
            raise UnsupportedFormat("Neither DICOM nor NIfTI in one file.")
        with landed_object(self.source, entry.object) as path:
            told = found.describe(path, _GROUPING, entry.object)
        return replace(entry, format=found.name, study=told.study, series=told.series, modality=told.modality)


@dataclass(frozen=True, slots=True)
class Piece:
    """One file and what goes of it."""

    entry: Entry
    head: HeadWork


def _pieces(entries: Iterable[Entry], heads: Heads) -> Iterator[Piece]:
    """What was decided on; the reason to refuse a file stands in its row."""
    for entry in entries:
        reason = heads.refused.get(entry.item)
        row = refuse(entry, Stage.PIXEL_CLEANED, str(reason)) if reason else entry
        yield Piece(row, heads.work.get(entry.item, HeadWork()))


@dataclass(frozen=True, slots=True)
class Remove:
    """The task that writes one file, with less of a head or as it was, and compares it with the original."""

    source: Store
    work: FolderStore
    claims: bool = True

    def __call__(self, piece: Piece) -> Entry | Broken:
        """The row with what was done; a file that was refused stays so."""
        if not piece.entry.passed:
            return piece.entry
        return guarded(piece.entry, Stage.PIXEL_CLEANED, lambda: self._written(piece))

    def _written(self, piece: Piece) -> Entry:
        entry, masking = piece.entry, Masking(head=piece.head.rule)
        key = f"{_WHOLE}/{entry.item}"
        with tempfile.TemporaryDirectory() as scratch, landed_object(self.source, entry.object) as path:
            output = path
            if piece.head.removes:
                output = Path(scratch, "output")
                masking = self._remove(entry.format)(path, output, piece.head)
                if next(iter(format_named(entry.format).altered_pixels(path, output, masking)), None):
                    return refuse(entry, Stage.RELEASED, str(Reason.PIXELS_ALTERED))
            with own_store():
                self.work.upload(output, key)
        return replace(entry, object=key, masking=masking)

    def _remove(self, name: str) -> Callable[[Path, Path, HeadWork], Masking]:
        return remove_from_nifti if name == _NIFTI else partial(remove_from_dicom, claims=self.claims)


def _each(compute: Compute, task: Callable[..., Entry | Broken], tasks: Iterable[Entry | Piece]) -> list[Entry]:
    """The rows a task gives, in the order of their items; lost ones are refused."""
    rows: list[Entry] = []
    with closing(compute.run(task, tasks)) as results:
        for given, result in results:
            if isinstance(result, Broken):
                raise StoreError(result.message)
            entry = given.entry if isinstance(given, Piece) else given
            rows.append(refuse(entry, Stage.RAW, str(result.reason)) if isinstance(result, Lost) else result)
    return sorted(rows, key=lambda entry: entry.item)


def _unproven(compute: Compute, source: Store, work: FolderStore, rows: Iterable[Entry]) -> set[str]:
    """Items that may show a face: the judge says so, or nobody looked, for they are no images in space."""
    rows = [entry for entry in rows if entry.passed]
    task = Prove(source, work, _SIDE, "0")
    _, findings = prove_studies(compute, task, {entry.item: entry.item for entry in rows}, rows)
    unseen = {entry.item for entry in rows if entry.masking.head in ("", HeadRule.NO_IMAGE_IN_SPACE)}
    return unseen | {finding.item for finding in findings}


def _told(rows: Iterable[Entry], unproven: set[str]) -> list[Defaced]:
    """What became of the files, the series numbered in the order of their first paths."""
    numbers: dict[tuple[str, str, str], int] = {}
    told = []
    for entry in sorted(rows, key=lambda entry: entry.item):
        key = (entry.study, entry.series, entry.item if entry.format != _DICOM else "")
        number = numbers.setdefault(key, len(numbers) + 1)
        result = Result.REFUSED if not entry.passed else Result.UNPROVEN if entry.item in unproven else Result.PROVEN
        seen = entry.masking.head not in ("", HeadRule.NO_IMAGE_IN_SPACE)
        why = Reason.FACE_NOT_PROVEN_GONE if seen else Reason.FACE_NOT_JUDGED
        reason = {Result.REFUSED: entry.reason, Result.UNPROVEN: str(why)}.get(result, "")
        told.append(Defaced(entry.item, number, entry.modality, entry.masking.head, result, reason))
    return told


def _move(made: Path, written: set[str], output: Path, *, single: bool) -> None:
    """Put what is to be written where it was asked for."""
    for key in sorted(written):
        name = Path(*map(keys.to_name, key.split("/")))
        place = output if single else output / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(made / name, place)
        except OSError as error:
            raise StoreError(f"OUTPUT cannot be written ({type(error).__name__}): look at its folder.") from None
